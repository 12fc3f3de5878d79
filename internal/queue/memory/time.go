package memory

import (
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

const (
	never = queue.Never
	// longest bounds a timer: further deadlines are looked at again then.
	longest = 24 * time.Hour
	// step is the smallest difference between wall and monotonic time that
	// counts as a step of the wall clock.
	step = time.Second
)

// timeline is the time that the engine reckons with, in nanoseconds. It runs
// as the wall clock does but takes no part in its steps, so that a lease lasts
// as long as was asked for and a waiting message is not held up, whatever an
// administrator or NTP does to the wall clock. It is not safe for concurrent
// use.
type timeline struct {
	clock  clock.Clock
	offset int64 // wall minus monotonic time, as last accepted
	skew   int64 // the sum of all steps: wall minus this line
}

func newTimeline(c clock.Clock) timeline {
	return timeline{clock: c, offset: c.Now().UnixNano() - int64(c.Monotonic())}
}

// now returns the present, and notices a step.
func (l *timeline) now() int64 {
	wall := l.clock.Now().UnixNano()
	offset := wall - int64(l.clock.Monotonic())
	if moved := offset - l.offset; time.Duration(moved).Abs() > step {
		l.offset = offset
		l.skew += moved
	}
	return wall - l.skew
}

// at returns the point of the line for a wall time.
func (l *timeline) at(t time.Time) int64 { return queue.Later(queue.Nanos(t), time.Duration(-l.skew)) }

// wall returns the wall time for a point of the line.
func (l *timeline) wall(at int64) time.Time {
	return time.Unix(0, queue.Later(at, time.Duration(l.skew))).UTC()
}

// durationUntil returns how long a timer set at now for the point at may run.
func durationUntil(now, at int64) time.Duration {
	if at <= now {
		return 0
	}
	d := at - now
	if d < 0 || d > int64(longest) {
		return longest
	}
	return time.Duration(d)
}
