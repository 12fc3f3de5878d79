package dispatch

import (
	"time"

	"hookaido/internal/deliver"
)

const (
	// breakAfter is the run of failures that opens a breaker.
	breakAfter = 5
	// The pause before a probe doubles from the first to the last.
	firstPause, lastPause = time.Second, time.Minute
)

// breakerState is where a breaker is. The numbers are those of the metric.
type breakerState int

const (
	closed breakerState = iota
	halfOpen
	open
)

func (s breakerState) String() string {
	return [...]string{"closed", "half_open", "open"}[s]
}

// breaker keeps messages from a target that fails. The zero value is closed.
// Times are monotonic.
type breaker struct {
	state    breakerState
	failures int // in a row
	reason   deliver.Reason
	pause    time.Duration // the last one; 0 if it did not open since a success
	until    time.Duration // the end of the pause, while open
	probing  bool          // an attempt runs that decides
}

// verdict is what an attempt says about its target.
type verdict uint8

const (
	nothing verdict = iota // the message or we were at fault
	alive
	failing
)

// judge tells the target's part in a result.
func judge(r *deliver.Result) verdict {
	switch r.Reason {
	case deliver.ReasonEgress, deliver.ReasonSigning, deliver.ReasonStopped,
		deliver.ReasonProgramMissing, deliver.ReasonProgramRefused:
		return nothing
	}
	if r.Class == deliver.Done || r.Status > 0 && r.Status < 500 {
		return alive // also one that refuses, or asks for time
	}
	return failing
}

// note takes a verdict in and reports whether the state changed. Probe is set
// for the attempt that decides.
func (b *breaker) note(v verdict, reason deliver.Reason, probe bool, now time.Duration) bool {
	before := b.state
	if probe {
		b.probing = false
	}
	switch {
	case v == alive:
		*b = breaker{}
	case v == failing && b.state == closed:
		b.failures++
		b.reason = reason
		if b.failures >= breakAfter {
			b.open(now)
		}
	case probe && b.state == halfOpen:
		// an attempt that says nothing is no reason to go on
		if v == failing {
			b.failures++
			b.reason = reason
		}
		b.open(now)
	}
	return b.state != before
}

func (b *breaker) open(now time.Duration) {
	b.state = open
	b.pause = min(max(2*b.pause, firstPause), lastPause)
	b.until = now + b.pause
}

// ready makes an open breaker half open when its pause is over.
func (b *breaker) ready(now time.Duration) bool {
	if b.state != open || now < b.until {
		return false
	}
	b.state, b.probing = halfOpen, false
	return true
}
