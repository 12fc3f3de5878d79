// Package queue has the rules of the message queue: what a message is, the
// states it can be in, which transitions exist, when a queue is full. It is
// pure: it does no I/O and imports nothing of ours.
//
// Engines (queue/sqlite, queue/memory) carry the rules out. They export
// concrete types with the operations that queue/queuetest lists, and the
// packages that use a queue declare the one or two methods they need.
//
// The promise of every durable engine: when Enqueue returns without an error,
// the messages are on stable storage, and each is handed out at least once.
package queue

import "time"

// PullTarget is the target of messages that workers take over the pull API.
// Push routes use the delivery URL or command instead.
const PullTarget = "pull"

// NewMessage is a message on its way into the queue.
type NewMessage struct {
	// ID is the id chosen by a publisher; empty lets the engine assign one.
	ID string
	// Route is the configured path of the route, Target one of its targets.
	Route, Target string
	// ReceivedAt is the wall time at which the message came in.
	ReceivedAt time.Time
	// Due is the earliest time of delivery; zero means ReceivedAt.
	Due time.Time
	// Envelope is the request around the payload.
	Envelope Envelope
	// Payload is the body, octet for octet; it may be empty. Engines keep the
	// slice, so the caller must not change it afterwards.
	Payload []byte
}

// Batch is what one Enqueue stores: all of it or nothing, in one transaction.
type Batch struct {
	// Messages holds at least one, for a fan-out one per target.
	Messages []NewMessage
	// Claims are made together with the insert. If one of them is taken
	// already, nothing is stored and the error is a [*ClaimedError], for the
	// first of those taken.
	Claims []Claim
}

// Claim is something that may be used once until a time: a nonce, a signature.
// An engine keeps it, over restarts if it is durable, until Until has passed.
type Claim struct {
	Key   [16]byte // a digest of what is claimed, with its route and kind
	Until time.Time
}

// Leased is a message in the hands of a consumer until LeaseUntil.
type Leased struct {
	ID, LeaseID   string
	Route, Target string
	ReceivedAt    time.Time
	// Due is when the message was due, before this lease; see [Release].
	Due time.Time
	// Attempt counts the leases of this message, 1 for the first, without those
	// that were released.
	Attempt int
	// LeaseUntil is the wall time at which the lease ends.
	LeaseUntil time.Time
	Envelope   Envelope
	Payload    []byte
}

// DequeueRequest asks for up to Max messages of a route that are due.
type DequeueRequest struct {
	// Route is the route to take from. Target narrows it to one target; empty
	// takes any.
	Route, Target string
	// Max is the largest number of messages wanted, at least 1. An engine may
	// return fewer so that one answer stays within [MaxBatchBytes].
	Max int
	// TTL is how long the leases last, greater than 0.
	TTL time.Duration
	// Wait is how long to wait for a first message when none is due; 0 means
	// not at all. The answer never waits to fill up.
	Wait time.Duration
	// MaxDeliveries is how often a message may be handed out; one that was is
	// made a dead letter with [ReasonMaxDeliveries] when it would be handed out
	// again. 0 is no limit.
	MaxDeliveries int
}

// MaxBatchBytes bounds the payload bytes of one dequeue. The first message is
// always returned, whatever its size.
const MaxBatchBytes = 64 << 20

// Action is what a consumer does with a leased message.
type Action uint8

// The actions of [SettleRequest] and [Conclusion].
const (
	Ack  Action = iota + 1 // done: remove
	Nack                   // back to the queue, due after Delay
	Bury                   // to the dead letters, with Reason
	// Release gives a message back as if it had not been leased: due as before,
	// in its old place and with one attempt less. It is for consumers that have
	// not begun to work on it, and is an action of [Conclusion] alone.
	Release
)

// SettleRequest ends leases, all with the same action. Each lease succeeds or
// fails on its own; those that succeed are committed together.
type SettleRequest struct {
	LeaseIDs []string
	// Route is the only route whose leases may be settled; empty allows any. A
	// lease of another route counts as unknown.
	Route  string
	Action Action
	// Delay is the wait before the next delivery, for Nack; 0 is at once.
	Delay time.Duration
	// Reason is kept with a dead letter, for Bury; it may be empty.
	Reason string
}

// ExtendRequest moves the end of a lease: By, greater than 0, is added to the
// present deadline. Route is as in [SettleRequest].
type ExtendRequest struct {
	LeaseID, Route string
	By             time.Duration
}

// Conflict is a lease that could not be settled; Err is [ErrLeaseNotFound] or
// [ErrLeaseExpired].
type Conflict struct {
	LeaseID string
	Err     error
}

// Stats describes the queue at one moment.
type Stats struct {
	// ByState has a count for every state.
	ByState map[State]int
	// OldestQueued is when the oldest queued message came in, and EarliestDue
	// when the first queued message is due; both are zero when none is queued.
	OldestQueued, EarliestDue time.Time
	// DiskLow is set while new messages are refused for want of disk space.
	DiskLow bool
	// Lanes are the route and target pairs with messages in any state, those
	// with most queued first.
	Lanes []LaneStats
}

// LaneStats is the part of [Stats] of one route and target. The times are zero
// when none is queued.
type LaneStats struct {
	Route, Target             string
	Queued, Leased, Dead      int
	Delivered, Canceled       int
	OldestQueued, EarliestDue time.Time
}

// Empty reports whether the lane has nothing to show.
func (l LaneStats) Empty() bool {
	return l.Queued == 0 && l.Leased == 0 && l.Dead == 0 && l.Delivered == 0 && l.Canceled == 0
}

// Total returns the number of messages in all states.
func (s Stats) Total() int {
	n := 0
	for _, c := range s.ByState {
		n += c
	}
	return n
}
