package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"hookaido/internal/queue"
)

// Stats describes the queue at this moment. Its cost grows with the number of
// routes, not of messages.
func (s *Store) Stats(ctx context.Context) (queue.Stats, error) {
	now, err := s.enter(ctx)
	if err != nil {
		return queue.Stats{}, err
	}
	defer s.exit(now)
	stats := queue.Stats{ByState: map[queue.State]int{}}
	for _, state := range queue.States() {
		stats.ByState[state] = 0
	}
	for _, r := range s.routes {
		for _, l := range r.lanes {
			lane := s.laneStats(l)
			stats.ByState[queue.StateQueued] += lane.Queued
			stats.ByState[queue.StateLeased] += lane.Leased
			for state, n := range l.ended {
				stats.ByState[queue.State(state)] += n //nolint:gosec // a small number
			}
			if !lane.Empty() {
				stats.Lanes = append(stats.Lanes, lane)
			}
			if lane.Queued > 0 {
				stats.OldestQueued = earlier(stats.OldestQueued, lane.OldestQueued)
				stats.EarliestDue = earlier(stats.EarliestDue, lane.EarliestDue)
			}
		}
	}
	slices.SortFunc(stats.Lanes, func(a, b queue.LaneStats) int {
		return cmp.Or(cmp.Compare(b.Queued, a.Queued), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Target, b.Target))
	})
	return stats, nil
}

func (s *Store) laneStats(l *lane) queue.LaneStats {
	stats := queue.LaneStats{
		Route: l.route.name, Target: l.target,
		Queued: l.ready.len(), Leased: l.leased, Dead: l.ended[queue.StateDead],
		Delivered: l.ended[queue.StateDelivered], Canceled: l.ended[queue.StateCanceled],
	}
	if stats.Queued > 0 {
		stats.OldestQueued = l.age.first().receivedAt
		stats.EarliestDue = s.time.wall(l.ready.first().due)
	}
	return stats
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
