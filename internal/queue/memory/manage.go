package memory

import (
	"context"
	"slices"

	"hookaido/internal/queue"
)

// List returns the messages that r selects, in its order. It looks at every
// message: an engine for development need not be quick here.
func (s *Store) List(ctx context.Context, r queue.ListRequest) ([]queue.Message, error) {
	now, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer s.exit(now)
	found := s.find(r.Filter)
	list := make([]queue.Message, len(found))
	for i, it := range found {
		list[i] = s.message(it)
		if r.Envelope {
			list[i].Envelope = it.envelope
		}
		if r.Payload {
			list[i].Payload = it.payload
		}
	}
	if r.Payload {
		list = queue.WithinBytes(list)
	}
	return list, nil
}

// Get returns the messages with these ids, whole and in the order of ids. Those
// that don't exist are left out.
func (s *Store) Get(ctx context.Context, ids []string) ([]queue.Message, error) {
	now, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer s.exit(now)
	var list []queue.Message
	for _, it := range s.named(ids) {
		m := s.message(it)
		m.Envelope, m.Payload = it.envelope, it.payload
		list = append(list, m)
	}
	return queue.WithinBytes(list), nil
}

// Change changes messages, see [queue.ChangeRequest].
func (s *Store) Change(ctx context.Context, r queue.ChangeRequest) (queue.ChangeResult, error) {
	now, err := s.enter(ctx)
	if err != nil {
		return queue.ChangeResult{}, err
	}
	defer s.exit(now)
	list := s.named(r.IDs)
	if f, some := r.Selection(); r.IDs == nil && some {
		list = s.find(f)
	}
	var result queue.ChangeResult
	for _, it := range list {
		if !r.Takes(it.state) {
			continue
		}
		result.Matched++
		if !r.Preview {
			s.change(it, &r, now)
			result.Changed++
		}
	}
	return result, nil
}

func (s *Store) change(it *item, r *queue.ChangeRequest, now int64) {
	state := it.state
	s.takeOut(it)
	switch r.Change {
	case queue.Cancel:
		if state != queue.StateQueued {
			it.due = now
		}
		s.end(it, queue.StateCanceled, "", now)
	case queue.Requeue:
		it.attempt = 0
		s.restart(it, now, now)
	case queue.Resume:
		s.restart(it, it.due, now)
	case queue.Delete:
		s.forget(it)
	case queue.Move:
		it.lane = s.route(r.Route).lane(r.Target)
		if state == queue.StateQueued {
			s.enqueue(it, it.due)
		} else {
			s.rest(it, state)
		}
	}
}

// takeOut takes it out of its state; the caller gives it a new one.
func (s *Store) takeOut(it *item) {
	switch it.state {
	case queue.StateQueued:
		s.dequeue(it)
	case queue.StateLeased:
		s.unlease(it)
	default:
		it.lane.ended[it.state]--
		s.tally.bytes[it.state] -= it.cost
	}
	it.salt = 0
}

// end gives it a state in which it rests.
func (s *Store) end(it *item, state queue.State, reason string, now int64) {
	it.state, it.reason, it.since = state, reason, s.time.wall(now)
	s.rest(it, state)
}

// rest counts it among those that rest in a state.
func (s *Store) rest(it *item, state queue.State) {
	it.lane.ended[state]++
	s.tally.bytes[state] += it.cost
}

// restart puts it into the queue, with a new age.
func (s *Store) restart(it *item, due, now int64) {
	it.reason, it.since = "", s.time.wall(now)
	s.enqueue(it, due)
}

// find returns the messages that f selects.
func (s *Store) find(f queue.Filter) []*item {
	var found []*item
	for _, it := range s.items {
		if m := s.message(it); f.Selects(&m) {
			found = append(found, it)
		}
	}
	slices.SortFunc(found, func(a, b *item) int { return f.Order(a.place(), b.place()) })
	return found[:min(len(found), max(f.Limit, 0))]
}

// named returns the messages that exist of ids, each once.
func (s *Store) named(ids []string) []*item {
	var list []*item
	seen := map[*item]bool{}
	for _, id := range ids {
		it := s.chosen[id]
		if n, ok := queue.ParseID(queue.MessagePrefix, id); it == nil && ok && n>>(64-tagBits) == s.tag {
			it = s.items[n&(1<<(64-tagBits)-1)]
			if it != nil && it.id != id {
				it = nil // it has a chosen id
			}
		}
		if it != nil && !seen[it] {
			seen[it] = true
			list = append(list, it)
		}
	}
	return list
}

func (it *item) place() queue.Cursor { return queue.Cursor{ReceivedAt: it.receivedAt, Seq: it.seq} }

func (s *Store) message(it *item) queue.Message {
	m := queue.Message{
		ID: it.id, Route: it.lane.route.name, Target: it.lane.target, State: it.state,
		ReceivedAt: it.receivedAt, Attempt: it.attempt, Since: it.since, Reason: it.reason,
		Size: len(it.payload), Place: it.place(),
	}
	switch it.state {
	case queue.StateQueued, queue.StateCanceled:
		m.Due = s.time.wall(it.due)
	case queue.StateLeased:
		m.LeaseUntil = s.time.wall(it.until)
	}
	return m
}
