package memory

import (
	"context"
	"fmt"
	"time"

	"hookaido/internal/queue"
)

// Enqueue stores all messages of b or none and returns their ids in order. It
// fails with [queue.ErrClaimed], [queue.ErrDuplicateID], [queue.ErrFull] or
// [queue.ErrClosed].
func (s *Store) Enqueue(ctx context.Context, b queue.Batch) ([]string, error) {
	now, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer s.exit(now)
	wall := s.time.wall(now)
	s.bytes -= int64(s.claims.prune(wall)) * claimCost
	if err := s.checkBatch(b, wall); err != nil {
		return nil, err
	}
	victims, err := s.makeRoom(b)
	if err != nil {
		return nil, err
	}
	for _, it := range victims {
		s.dequeue(it)
		s.forget(it)
		s.tally.evictions[evictedOldest]++
	}
	ids := make([]string, len(b.Messages))
	for i := range b.Messages {
		ids[i] = s.insert(&b.Messages[i], now)
	}
	for _, c := range b.Claims {
		s.bytes += int64(s.claims.add(c, wall)) * claimCost
	}
	return ids, nil
}

func (s *Store) checkBatch(b queue.Batch, wall time.Time) error {
	for i := range b.Claims {
		if s.claims.taken(b.Claims[i].Key, wall) {
			return &queue.ClaimedError{Index: i}
		}
	}
	for i := range b.Messages {
		id := b.Messages[i].ID
		if id == "" {
			continue
		}
		if s.taken(id) {
			return &queue.DuplicateError{Index: i}
		}
		for j := range i {
			if b.Messages[j].ID == id {
				return &queue.DuplicateError{Index: i}
			}
		}
	}
	return nil
}

// makeRoom returns the messages to delete so that b fits, or [queue.ErrFull].
// It changes nothing.
func (s *Store) makeRoom(b queue.Batch) ([]*item, error) {
	drop, err := s.limits.Admit(s.queued, s.leases.len(), len(b.Messages))
	if err != nil {
		return nil, err
	}
	bytes := s.bytes + int64(len(b.Claims))*claimCost
	for i := range b.Messages {
		bytes += cost(&b.Messages[i])
	}
	if drop == 0 && bytes <= s.maxBytes {
		return nil, nil
	}
	victims := s.oldest(drop)
	for _, it := range victims {
		bytes -= it.cost
	}
	if bytes > s.maxBytes {
		s.tally.refused++
		return nil, fmt.Errorf("%w: its messages would take %d of %d bytes of memory", queue.ErrFull, bytes, s.maxBytes)
	}
	return victims, nil
}

// oldest returns the n queued messages that came in first, over all routes.
func (s *Store) oldest(n int) []*item {
	if n == 0 {
		return nil
	}
	// Taking them out of the heaps and putting them back keeps this at n log
	// depth; n is 1 but for a fan-out.
	victims := make([]*item, 0, n)
	for range n {
		var first *item
		for _, r := range s.routes {
			for _, l := range r.lanes {
				if it := l.age.first(); it != nil && (first == nil || olderThan(it, first)) {
					first = it
				}
			}
		}
		first.lane.age.remove(first)
		victims = append(victims, first)
	}
	for _, it := range victims {
		it.lane.age.push(it)
	}
	return victims
}

func (s *Store) insert(m *queue.NewMessage, now int64) string {
	s.lastSeq++
	it := &item{
		seq: s.lastSeq, id: m.ID, lane: s.route(m.Route).lane(m.Target), cost: cost(m),
		receivedAt: m.ReceivedAt.UTC().Round(0), envelope: m.Envelope, payload: m.Payload,
	}
	if it.id == "" {
		it.id = messageID(s.tag, it.seq)
	} else {
		s.chosen[it.id] = it
	}
	due := m.Due
	if due.IsZero() {
		due = m.ReceivedAt
	}
	it.since = m.AgeFrom(s.time.wall(now)).UTC().Round(0)
	s.items[it.seq] = it
	s.bytes += it.cost
	s.enqueue(it, s.time.at(due))
	return it.id
}
