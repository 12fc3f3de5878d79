package queue

import (
	"math"
	"time"
)

// Retry is how often and when a failed delivery is tried again.
type Retry struct {
	// Max is the number of attempts after the first.
	Max int
	// Base is the wait after the first attempt; each further one is twice as
	// long, up to Cap.
	Base, Cap time.Duration
	// Jitter is the share, from 0 to 1, by which a wait varies to either side.
	Jitter float64
}

// Spent reports whether attempt number n, counted from 1, was the last.
func (r Retry) Spent(n int) bool { return n > r.Max }

// Delay returns the wait after the failed attempt number n, counted from 1. The
// number u from -1 to 1 places it within the jitter. The result is never
// shorter than what the target asked for, which is 0 for nothing.
func (r Retry) Delay(n int, asked time.Duration, u float64) time.Duration {
	// as a float the power can't wrap around, only become infinite
	wait := min(float64(r.Base)*math.Pow(2, float64(max(n, 1)-1)), float64(r.Cap))
	wait *= 1 + r.Jitter*u
	if wait >= math.MaxInt64 {
		return math.MaxInt64
	}
	return max(time.Duration(wait), asked, 0)
}
