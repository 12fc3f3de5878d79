package queue

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"
)

// MaxList bounds the messages of one list, and of one change by a filter.
const MaxList = 1000

// ReasonMaxDeliveries is the reason of dead letters that were handed out as
// often as their route allows, see [DequeueRequest].
const ReasonMaxDeliveries = "max_deliveries"

// ReasonBodyLost is the reason of dead letters whose payload an engine can't
// find or read any more, because its file is missing or damaged.
const ReasonBodyLost = "body_lost"

// SchemaVersion is the version of the stored form of messages, as the APIs
// show it.
const SchemaVersion = 1

// Message is a stored message as operators see it.
type Message struct {
	ID, Route, Target string
	State             State
	ReceivedAt        time.Time
	// Attempt counts the leases since the message came in or was requeued.
	Attempt int
	// Due is the earliest delivery of a queued message, and that of a canceled
	// one should it be resumed.
	Due time.Time
	// LeaseUntil is the end of the lease of a leased message.
	LeaseUntil time.Time
	// Since is when the present life of the message began: when it was
	// requeued, resumed, canceled, delivered or died; until then it is what
	// [NewMessage.AgeFrom] says. Retention counts from here.
	Since time.Time
	// Reason is why the message is dead.
	Reason string
	// Size is the length of the payload in octets.
	Size int
	// Envelope and Payload are there only if they were asked for. PayloadLost
	// says that the payload was, and can't be read any more.
	Envelope    Envelope
	Payload     []byte
	PayloadLost bool
	// Place is where the message stands in lists.
	Place Cursor
}

// NextRunAt is the one time that the admin API shows: the earliest delivery of a
// queued message, the end of a lease, for all others the time of the change.
func (m *Message) NextRunAt() time.Time {
	switch m.State {
	case StateQueued:
		return m.Due
	case StateLeased:
		return m.LeaseUntil
	default:
		return m.Since
	}
}

// longAgo is from when on a message that comes in counts as old.
const longAgo = time.Minute

// AgeFrom returns from when the age of a message counts that is stored now: from
// when it was received; from now if that was long ago, because a publisher who
// replays an old message wants it delivered; from its due time if it is put off.
func (m *NewMessage) AgeFrom(now time.Time) time.Time {
	at := m.ReceivedAt
	if now.Sub(at) > longAgo {
		at = now
	}
	if m.Due.After(at) {
		at = m.Due
	}
	return at
}

// Cursor is the place of a message in the order of lists: by ReceivedAt, then
// by Seq, which is unique and grows in the order of arrival.
type Cursor struct {
	ReceivedAt time.Time
	Seq        uint64
}

// Compare returns -1 if c was received before d, and +1 if after.
func (c Cursor) Compare(d Cursor) int {
	return cmp.Or(c.ReceivedAt.Compare(d.ReceivedAt), cmp.Compare(c.Seq, d.Seq))
}

const cursorLen = 16

// String returns the text of the cursor for a client, which should read nothing
// into it.
func (c Cursor) String() string {
	var raw [cursorLen]byte
	binary.BigEndian.PutUint64(raw[:], uint64(Nanos(c.ReceivedAt))) //nolint:gosec // a round trip
	binary.BigEndian.PutUint64(raw[8:], c.Seq)
	return hex.EncodeToString(raw[:])
}

var errCursor = errors.New("not the cursor of a page: 32 hexadecimal digits are expected, as the page before gave them")

// ParseCursor reads what [Cursor.String] wrote.
func ParseCursor(text string) (Cursor, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != cursorLen {
		return Cursor{}, errCursor
	}
	at := int64(binary.BigEndian.Uint64(raw)) //nolint:gosec // a round trip
	return Cursor{time.Unix(0, at).UTC(), binary.BigEndian.Uint64(raw[8:])}, nil
}

// Filter selects messages. The zero value selects all.
type Filter struct {
	// Route and Target are exact; empty is any.
	Route, Target string
	// States are those wanted; none is any.
	States []State
	// Before leaves out what was received at this time or later, unless it is
	// zero.
	Before time.Time
	// After is the place of the last message of the page before, in the same
	// order; nil begins with the first page.
	After *Cursor
	// OldestFirst turns the order around: without it the message that was
	// received last comes first.
	OldestFirst bool
	// Limit is the largest number of messages, up to [MaxList]; below 1 nothing
	// is selected.
	Limit int
}

// Wants reports whether f selects messages of this state.
func (f *Filter) Wants(s State) bool {
	for _, want := range f.States {
		if want == s {
			return true
		}
	}
	return len(f.States) == 0
}

// Selects reports whether f selects the message, apart from its bound.
func (f *Filter) Selects(m *Message) bool {
	if f.Route != "" && f.Route != m.Route || f.Target != "" && f.Target != m.Target || !f.Wants(m.State) {
		return false
	}
	if !f.Before.IsZero() && !m.ReceivedAt.Before(f.Before) {
		return false
	}
	return f.After == nil || f.Order(*f.After, m.Place) < 0
}

// Order compares two places: the smaller one comes first.
func (f *Filter) Order(a, b Cursor) int {
	if f.OldestFirst {
		return a.Compare(b)
	}
	return b.Compare(a)
}

// ListRequest asks for the messages that a filter selects.
type ListRequest struct {
	Filter
	// Envelope and Payload say which of the large parts are wanted. With Payload
	// a list ends before it has more than [MaxBatchBytes] of them.
	Envelope, Payload bool
}

// Change is what an operator does with messages.
type Change uint8

// The changes of [ChangeRequest].
const (
	// Cancel takes queued, leased and dead messages out. The holder of a lease
	// is told that it is unknown.
	Cancel Change = iota + 1
	// Requeue sends dead and canceled messages again, now, with the attempts
	// counted anew.
	Requeue
	// Resume puts canceled messages back as they were: due at the time that
	// they had when they were canceled.
	Resume
	// Delete removes dead and canceled messages for good.
	Delete
	// Move gives messages that are not leased another route and target.
	Move
)

// Allows reports whether the change may be done to a message in state s.
func (c Change) Allows(s State) bool {
	ok := false
	switch c {
	case Cancel:
		_, ok = s.Next(EventCancel)
	case Requeue:
		_, ok = s.Next(EventRequeue)
	case Resume:
		_, ok = s.Next(EventResume)
	case Delete:
		ok = s == StateDead || s == StateCanceled
	case Move:
		ok = s == StateQueued || s == StateDead || s == StateCanceled
	}
	return ok
}

// ChangeRequest asks for a change of several messages, all in one transaction.
// Those in a state that the change does not allow are left as they are.
type ChangeRequest struct {
	Change Change
	// IDs names the messages; those that don't exist are passed over. If it is
	// nil, Filter selects them, in its order and up to its limit.
	IDs []string
	// Filter limits the messages. With IDs only its States count.
	Filter Filter
	// Preview changes nothing and only counts.
	Preview bool
	// Route and Target are where messages go, for Move.
	Route, Target string
}

// Takes reports whether the request is for messages in state s.
func (r *ChangeRequest) Takes(s State) bool { return r.Change.Allows(s) && r.Filter.Wants(s) }

// Selection returns the filter narrowed to the states that the request is for,
// and false if there are none.
func (r *ChangeRequest) Selection() (Filter, bool) {
	f := r.Filter
	f.States = nil
	for _, s := range States() {
		if r.Takes(s) {
			f.States = append(f.States, s)
		}
	}
	return f, len(f.States) > 0
}

// ChangeResult counts the messages that could be changed, and those that were.
type ChangeResult struct{ Matched, Changed int }

// WithinBytes returns the first of list whose payloads are not more than
// [MaxBatchBytes] together by their Size, but one at least.
func WithinBytes(list []Message) []Message {
	size := 0
	for i := range list {
		if size += list[i].Size; i > 0 && size > MaxBatchBytes {
			return list[:i]
		}
	}
	return list
}

// Pause stops the delivery of a route, or with a Target of that only. It is
// kept over restarts; messages that come in meanwhile wait.
type Pause struct {
	Route, Target string
	// Since is when it was paused.
	Since time.Time
}

// Retention says how long messages and records are kept. Zero is no bound, but
// without Delivered no delivered message is kept at all.
type Retention struct {
	// Queued is the age at which queued messages are dropped. It counts from
	// [Message].Since, as all ages do.
	Queued time.Duration
	// Delivered is how long acknowledged messages are kept.
	Delivered time.Duration
	// Dead is the age at which dead and canceled messages are dropped.
	Dead time.Duration
	// DeadDepth is the largest number of dead messages; those that died first
	// are dropped.
	DeadDepth int
	// AttemptAge and AttemptRows bound the records of attempts.
	AttemptAge  time.Duration
	AttemptRows int
	// Interval is the time from one round of pruning to the next; 0 is never.
	Interval time.Duration
}

// Age returns the age at which messages in state s are dropped; 0 is never.
func (r *Retention) Age(s State) time.Duration {
	switch s {
	case StateQueued:
		return r.Queued
	case StateDelivered:
		return r.Delivered
	case StateDead, StateCanceled:
		return r.Dead
	default:
		return 0
	}
}
