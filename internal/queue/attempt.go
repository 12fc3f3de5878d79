package queue

import "time"

// Conclusion ends one lease of a push delivery and keeps the record of its
// attempt, both in one transaction. Leases that are gone give a [Conflict]; the
// record is kept all the same, because the attempt was made.
type Conclusion struct {
	LeaseID string
	Action  Action
	// Delay is the wait before the next attempt, for Nack.
	Delay time.Duration
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
	// ID is assigned by the engine.
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
