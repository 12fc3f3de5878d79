package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"time"

	"hookaido/internal/queue"
)

// statsReach is how many messages of a lane, those due first, are looked at for
// the oldest one. In a longer lane a message that was put off behind all of
// these may be older.
const statsReach = 500

// lookOp lets a batch end the leases that have run out.
type lookOp struct{ call }

func (o *lookOp) apply(*writer) error { return nil }

// Stats returns the state of the queue after every operation that has returned.
// It costs a few reads per lane, whatever the depth.
func (s *Store) Stats(ctx context.Context) (queue.Stats, error) {
	if err := s.do(ctx, &lookOp{newCall(0, false)}); err != nil {
		return queue.Stats{}, err
	}
	var lanes []queue.LaneStats
	totals := map[queue.State]int{}
	err := s.read(ctx, func(r *reader) error {
		lanes = lanes[:0]
		clear(totals)
		if err := r.begin.step(); err != nil {
			return err
		}
		var err error
		lanes, err = r.readLanes(totals)
		return errors.Join(err, r.end.step())
	})
	if err != nil {
		return queue.Stats{}, err
	}
	return summarize(lanes, totals), nil
}

func summarize(lanes []queue.LaneStats, totals map[queue.State]int) queue.Stats {
	st := queue.Stats{ByState: totals}
	for _, l := range lanes {
		if !l.Empty() {
			st.Lanes = append(st.Lanes, l)
		}
		if l.Queued > 0 {
			st.OldestQueued = earlier(st.OldestQueued, l.OldestQueued)
			st.EarliestDue = earlier(st.EarliestDue, l.EarliestDue)
		}
	}
	slices.SortStableFunc(st.Lanes, func(a, b queue.LaneStats) int {
		return cmp.Or(cmp.Compare(b.Queued, a.Queued), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Target, b.Target))
	})
	return st
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// readLanes reads the counters of all lanes, adding to the totals, and the ages
// of those with messages queued.
func (r *reader) readLanes(totals map[queue.State]int) ([]queue.LaneStats, error) {
	var lanes []queue.LaneStats
	var ids []int64
	err := r.lanes.each(func(v []driver.Value) error {
		count := func(state queue.State) int { return int(v[3+int(state)].(int64)) }
		ids = append(ids, v[0].(int64))
		lanes = append(lanes, queue.LaneStats{
			Route: v[1].(string), Target: v[2].(string), Queued: count(queue.StateQueued),
			Leased: count(queue.StateLeased), Dead: count(queue.StateDead),
		})
		for _, state := range queue.States() {
			totals[state] += count(state)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range lanes {
		if lanes[i].Queued == 0 {
			continue
		}
		err := r.firstOfQueued.each(func(v []driver.Value) error {
			if received, ok := v[0].(int64); ok {
				lanes[i].OldestQueued, lanes[i].EarliestDue = wallTime(received), wallTime(v[1].(int64))
			}
			return nil
		}, ids[i], int64(statsReach))
		if err != nil {
			return nil, err
		}
	}
	for _, state := range queue.States() {
		totals[state] += 0 // a count for every state, also without lanes
	}
	return lanes, nil
}
