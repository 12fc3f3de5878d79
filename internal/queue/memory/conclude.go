package memory

import (
	"context"
	"slices"

	"hookaido/internal/queue"
)

// maxAttempts is how many records of attempts are kept, the newest.
const maxAttempts = 10_000

// Conclude ends the leases of deliveries and keeps the records of their
// attempts. It returns the leases that could not be ended, in the order of list.
func (s *Store) Conclude(ctx context.Context, list []queue.Conclusion) ([]queue.Conflict, error) {
	now, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer s.exit(now)
	var conflicts []queue.Conflict
	for i := range list {
		c := &list[i]
		s.record(c.Attempt)
		it, err := s.held(c.LeaseID, "")
		if err != nil {
			conflicts = append(conflicts, queue.Conflict{LeaseID: c.LeaseID, Err: err})
			continue
		}
		if c.Action != queue.Release {
			s.settle(it, queue.SettleRequest{Action: c.Action, Delay: c.Delay, Reason: c.Reason}, now)
			continue
		}
		s.unlease(it)
		it.salt = 0
		it.attempt--
		due := now
		if !c.Due.IsZero() {
			due = min(now, s.time.at(c.Due)) // later only if the clock was set
		}
		s.enqueue(it, due)
	}
	return conflicts, nil
}

func (s *Store) record(a *queue.Attempt) {
	if a == nil {
		return
	}
	s.lastAttempt++
	kept := *a
	kept.ID = queue.FormatID(queue.AttemptPrefix, s.lastAttempt)
	kept.At = kept.At.UTC().Round(0)
	if len(s.attempts) == maxAttempts {
		s.attempts = slices.Delete(s.attempts, 0, maxAttempts/10)
	}
	s.attempts = append(s.attempts, kept)
}

// Attempts returns the records that f selects, the newest first.
func (s *Store) Attempts(ctx context.Context, f queue.AttemptFilter) ([]queue.Attempt, error) {
	now, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer s.exit(now)
	var found []queue.Attempt
	for i := range s.attempts {
		if f.Selects(&s.attempts[i]) {
			found = append(found, s.attempts[i])
		}
	}
	slices.SortFunc(found, func(a, b queue.Attempt) int { return queue.NewestAttempt(&a, &b) })
	return found[:min(len(found), f.Max)], nil
}
