package queue

import (
	"cmp"
	"time"
)

// Conclusion ends one lease of a push delivery and keeps the record of its
// attempt, both in one transaction. Leases that are gone give a [Conflict]; the
// record is kept all the same, because the attempt was made.
type Conclusion struct {
	LeaseID string
	Action  Action
	// Delay is the wait before the next attempt, for Nack.
	Delay time.Duration
	// Due is that of the [Leased] message, for Release; zero means now.
	Due time.Time
	// Reason is kept with a dead letter, for Bury.
	Reason string
	// Attempt is the record; nil if nothing was sent.
	Attempt *Attempt
}

// Outcome is what an attempt came to.
type Outcome string

// The outcomes, as the admin API names them.
const (
	OutcomeAcked Outcome = "acked"
	OutcomeRetry Outcome = "retry"
	OutcomeDead  Outcome = "dead"
)

// Attempt is the record of one delivery that was tried.
type Attempt struct {
	// ID is assigned by the engine; later records have greater ids.
	ID                       string
	MessageID, Route, Target string
	// Number counts the attempts of the message, 1 for the first.
	Number int
	// StatusCode is that of the answer; 0 if there was none.
	StatusCode int
	// Error says what went wrong, in words without secrets; empty for nothing.
	Error      string
	Outcome    Outcome
	DeadReason string
	// At is when the attempt began, Latency how long it took.
	At      time.Time
	Latency time.Duration
}

// AttemptFilter selects records. Empty fields select all.
type AttemptFilter struct {
	MessageID, Route, Target string
	Outcome                  Outcome
	// Before is the end of the page before: records of an earlier time, and of
	// the same time with a smaller id; nil begins with the newest.
	Before *AttemptCursor
	// Max is the largest number of records wanted, at least 1.
	Max int
}

// AttemptCursor is the place of a record in the order of At and ID. An empty ID
// stands behind all of its time.
type AttemptCursor struct {
	At time.Time
	ID string
}

// Selects reports whether f selects a, apart from its bound.
func (f AttemptFilter) Selects(a *Attempt) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	if !is(f.MessageID, a.MessageID) || !is(f.Route, a.Route) || !is(f.Target, a.Target) || !is(string(f.Outcome), string(a.Outcome)) {
		return false
	}
	if f.Before == nil {
		return true
	}
	return NewestAttempt(&Attempt{At: f.Before.At, ID: f.Before.ID}, a) < 0
}

// NewestAttempt compares two records for the order of lists: the one that began
// last comes first, of two of the same time the one with the greater id.
func NewestAttempt(a, b *Attempt) int {
	return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID))
}
