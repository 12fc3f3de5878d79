package memory

import (
	"cmp"
	"slices"

	"hookaido/internal/queue"
)

// SetRetention replaces the bounds of age and number. A round of pruning takes
// place at once and whenever the interval has passed since the last.
func (s *Store) SetRetention(r queue.Retention) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retention, s.pruneAt = r, never
	if r.Interval > 0 {
		s.pruneAt = queue.Dawn // at the next operation
	}
}

// prune does one round. Its cost grows with the number of messages.
func (s *Store) prune(now int64) {
	r := &s.retention
	s.pruneAt = queue.Later(now, r.Interval)
	wall := s.time.wall(now)
	var dead []*item
	for _, it := range s.items {
		age := r.Age(it.state)
		if age > 0 && !it.since.Add(age).After(wall) {
			s.tally.aged(it.state)
			s.takeOut(it)
			s.forget(it)
		} else if it.state == queue.StateDead {
			dead = append(dead, it)
		}
	}
	if r.DeadDepth > 0 && len(dead) > r.DeadDepth {
		slices.SortFunc(dead, func(a, b *item) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.seq, b.seq)) })
		for _, it := range dead[:len(dead)-r.DeadDepth] {
			s.tally.evictions[evictedDeadDepth]++
			s.takeOut(it)
			s.forget(it)
		}
	}
	s.pruneAttempts(now)
}

// pruneAttempts drops records by their age and number.
func (s *Store) pruneAttempts(now int64) {
	r := &s.retention
	if r.AttemptAge > 0 {
		until := s.time.wall(now).Add(-r.AttemptAge)
		s.attempts = slices.DeleteFunc(s.attempts, func(a queue.Attempt) bool { return !a.At.After(until) })
	}
	if over := len(s.attempts) - r.AttemptRows; r.AttemptRows > 0 && over > 0 {
		s.attempts = slices.Delete(s.attempts, 0, over)
	}
}
