package queuetest

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"hookaido/internal/queue"
)

// model is a queue as plain as can be: a list that is searched from end to end.
// It is what an engine's answers are compared with.
type model struct {
	limits   queue.Limits
	messages []*modelMessage // in the order of arrival
	claims   map[[16]byte]time.Time
	keep     queue.Retention
	pruneAt  time.Time
	paused   map[[2]string]time.Time // by route and target
	arrivals int
}

type modelMessage struct {
	queue.NewMessage
	state   queue.State
	due     time.Time
	attempt int
	lease   string // kept when it runs out, until told
	until   time.Time
	since   time.Time
	reason  string
	arrived int // the number of messages before
}

// pass ends the leases that have run out and drops what is kept no longer.
func (m *model) pass(now time.Time) {
	for _, msg := range m.messages {
		if msg.state == queue.StateLeased && !now.Before(msg.until) {
			msg.state, msg.due = queue.StateQueued, now
		}
	}
	if m.keep.Interval > 0 && !now.Before(m.pruneAt) {
		m.prune(now)
	}
}

func (m *model) count(s queue.State) int {
	n := 0
	for _, msg := range m.messages {
		if msg.state == s {
			n++
		}
	}
	return n
}

// objections returns every error that an engine may refuse the batch with. Which
// of several is free.
func (m *model) objections(b queue.Batch, now time.Time) []error {
	var list []error
	for _, c := range b.Claims {
		if until, taken := m.claims[c.Key]; taken && now.Before(until) {
			list = append(list, queue.ErrClaimed)
		}
	}
	ids := map[string]bool{}
	for _, msg := range m.messages {
		ids[msg.ID] = true
	}
	for _, msg := range b.Messages {
		if msg.ID != "" && ids[msg.ID] {
			list = append(list, queue.ErrDuplicateID)
		}
		ids[msg.ID] = true
	}
	if _, err := m.limits.Admit(m.count(queue.StateQueued), m.count(queue.StateLeased), len(b.Messages)); err != nil {
		list = append(list, queue.ErrFull)
	}
	return list
}

// enqueue stores the batch, to which there are no objections, under the ids
// that the engine gave.
func (m *model) enqueue(b queue.Batch, ids []string) {
	drop, _ := m.limits.Admit(m.count(queue.StateQueued), m.count(queue.StateLeased), len(b.Messages))
	m.messages = slices.DeleteFunc(m.messages, func(msg *modelMessage) bool {
		if msg.state != queue.StateQueued || drop == 0 {
			return false
		}
		drop--
		return true
	})
	for i, msg := range b.Messages {
		msg.ID = ids[i]
		kept := &modelMessage{NewMessage: msg, due: cmp.Or(msg.Due, msg.ReceivedAt), since: msg.AgeFrom(msg.ReceivedAt), arrived: m.arrivals}
		m.arrivals++
		m.messages = append(m.messages, kept)
	}
	for _, c := range b.Claims {
		m.claims[c.Key] = c.Until
	}
}

// dequeue leases what the request is owed; the ids of the leases are to come.
func (m *model) dequeue(req queue.DequeueRequest, now time.Time) []*modelMessage {
	var ready []*modelMessage
	for _, msg := range m.messages {
		if msg.state == queue.StateQueued && msg.Route == req.Route && !msg.due.After(now) &&
			(req.Target == "" || msg.Target == req.Target) && !m.isPaused(msg) {
			ready = append(ready, msg)
		}
	}
	slices.SortStableFunc(ready, func(a, b *modelMessage) int { return a.due.Compare(b.due) })
	ready = m.buryExhausted(ready, req, now)
	ready = ready[:min(len(ready), req.Max)]
	for _, msg := range ready {
		msg.state, msg.until = queue.StateLeased, now.Add(req.TTL)
		msg.attempt++
	}
	return ready
}

// held returns the message under a lease, or why there is none.
func (m *model) held(lease, route string) (*modelMessage, error) {
	for _, msg := range m.messages {
		if lease == "" || msg.lease != lease || route != "" && route != msg.Route {
			continue
		}
		if msg.state == queue.StateLeased {
			return msg, nil
		}
		msg.lease = ""
		return nil, queue.ErrLeaseExpired
	}
	return nil, queue.ErrLeaseNotFound
}

func (m *model) settle(req queue.SettleRequest, now time.Time) []queue.Conflict {
	var conflicts []queue.Conflict
	for _, id := range req.LeaseIDs {
		msg, err := m.held(id, req.Route)
		if err != nil {
			conflicts = append(conflicts, queue.Conflict{LeaseID: id, Err: err})
			continue
		}
		msg.lease = ""
		switch req.Action {
		case queue.Ack:
			if m.keep.Delivered == 0 {
				m.remove(msg)
			}
			msg.state, msg.since = queue.StateDelivered, now
		case queue.Nack:
			msg.state, msg.due = queue.StateQueued, now.Add(req.Delay)
		case queue.Bury:
			msg.state, msg.since, msg.reason = queue.StateDead, now, req.Reason
		}
	}
	return conflicts
}

func (m *model) extend(req queue.ExtendRequest) error {
	msg, err := m.held(req.LeaseID, req.Route)
	if err == nil {
		msg.until = msg.until.Add(req.By)
	}
	return err
}

func (m *model) stats() queue.Stats {
	s := queue.Stats{ByState: byState(counts{})}
	lanes := map[[2]string]*queue.LaneStats{}
	for _, msg := range m.messages {
		s.ByState[msg.state]++
		key := [2]string{msg.Route, msg.Target}
		lane := lanes[key]
		if lane == nil {
			lane = &queue.LaneStats{Route: msg.Route, Target: msg.Target}
			lanes[key] = lane
		}
		switch msg.state {
		case queue.StateQueued:
			lane.Queued++
			s.OldestQueued = firstOf(s.OldestQueued, msg.ReceivedAt)
			s.EarliestDue = firstOf(s.EarliestDue, msg.due)
			lane.OldestQueued = firstOf(lane.OldestQueued, msg.ReceivedAt)
			lane.EarliestDue = firstOf(lane.EarliestDue, msg.due)
		case queue.StateLeased:
			lane.Leased++
		case queue.StateDead:
			lane.Dead++
		case queue.StateDelivered:
			lane.Delivered++
		case queue.StateCanceled:
			lane.Canceled++
		}
	}
	for _, lane := range lanes {
		if !lane.Empty() {
			s.Lanes = append(s.Lanes, *lane)
		}
	}
	return s
}

func firstOf(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func anyIs(err error, list []error) bool {
	return slices.ContainsFunc(list, func(want error) bool { return errors.Is(err, want) })
}
