// Package clock is the only source of time in the program.
//
// Wall time is for what is stored and shown; it may jump when an administrator
// or NTP steps it. Monotonic time is for measuring and waiting; it never goes
// back. A component that compares the two can notice a step (see queue/sqlite).
// Tests inject a [Manual] clock, so that no test waits for real time.
package clock

import "time"

// Clock tells the time and makes timers. Implementations are safe for
// concurrent use.
type Clock interface {
	// Now returns the wall time in UTC, without a monotonic reading.
	Now() time.Time
	// Monotonic returns the time since an arbitrary fixed origin. It is not
	// affected by steps of the wall clock.
	Monotonic() time.Duration
	// NewTimer returns a timer that fires once, d from now in monotonic time.
	NewTimer(d time.Duration) Timer
}

// Timer is a single-shot timer, as [time.Timer]: after Stop or Reset no value
// of an earlier setting is received from C.
type Timer interface {
	C() <-chan time.Time
	Reset(d time.Duration)
	Stop()
}

// System is the machine's clock. The zero value is ready to use.
type System struct{}

var origin = time.Now()

// Now implements [Clock].
func (System) Now() time.Time { return time.Now().UTC().Round(0) }

// Monotonic implements [Clock].
func (System) Monotonic() time.Duration { return time.Since(origin) }

// NewTimer implements [Clock].
func (System) NewTimer(d time.Duration) Timer { return systemTimer{time.NewTimer(d)} }

type systemTimer struct{ t *time.Timer }

func (s systemTimer) C() <-chan time.Time   { return s.t.C }
func (s systemTimer) Reset(d time.Duration) { s.t.Reset(d) }
func (s systemTimer) Stop()                 { s.t.Stop() }
