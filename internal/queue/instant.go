package queue

import "time"

// Engines keep times as nanoseconds since 1970 in 64 bits, which reach from
// 1678 to 2262. Never is a time that doesn't come; Dawn lies before all others.
const (
	Never int64 = 1<<63 - 1
	Dawn  int64 = -1 << 63
)

// Nanos returns the Unix time of t, limited to what 64 bits can hold.
func Nanos(t time.Time) int64 {
	switch year := t.Year(); {
	case year > 2261:
		return Never - 1
	case year < 1678:
		return Dawn
	}
	return t.UnixNano()
}

// Later returns the time d after at. It stops short of Never instead of
// wrapping around, so that a huge delay is not an instant one.
func Later(at int64, d time.Duration) int64 {
	sum := at + int64(d)
	switch {
	case d > 0 && (sum < at || sum == Never):
		return Never - 1
	case d < 0 && sum > at:
		return Dawn
	}
	return sum
}
