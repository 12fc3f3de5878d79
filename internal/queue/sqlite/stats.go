package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"slices"
	"time"

	"hookaido/internal/queue"
)

// statsReach is how many messages of a lane, those due first, are looked at for
// the oldest one. In a longer lane a message that was put off behind all of
// these may be older.
const statsReach = 500

// countOp copies the counters, after ending the leases that have run out.
type countOp struct {
	call
	ids   []int64
	lanes []queue.LaneStats
	total counts
}

func (o *countOp) apply(w *writer) error {
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.expire(); err != nil {
		return err
	}
	o.ids, o.lanes, o.total = nil, nil, w.lanes.total
	at := make(map[int64]int, len(w.lanes.byID))
	for id, ln := range w.lanes.byID {
		at[id] = len(o.ids)
		o.ids = append(o.ids, id)
		o.lanes = append(o.lanes, queue.LaneStats{
			Route: ln.route, Target: ln.target, Queued: int(ln.count[queue.StateQueued]),
			Leased: int(ln.count[queue.StateLeased]), Dead: int(ln.count[queue.StateDead]),
			Delivered: int(ln.count[queue.StateDelivered]), Canceled: int(ln.count[queue.StateCanceled]),
		})
	}
	for i := range w.loose { // which no reader finds
		r := &w.loose[i]
		see(&o.lanes[at[r.lane]], wallTime(r.received), wallTime(r.due))
	}
	return nil
}

// Stats returns the state of the queue after every operation that has returned.
// It costs a few reads per lane, whatever the depth.
func (s *Store) Stats(ctx context.Context) (queue.Stats, error) {
	o := &countOp{call: newCall(0, false)}
	if err := s.do(ctx, o); err != nil {
		return queue.Stats{}, err
	}
	if err := s.read(ctx, func(r *reader) error { return r.readAges(o.ids, o.lanes) }); err != nil {
		return queue.Stats{}, err
	}
	totals := map[queue.State]int{}
	for _, state := range queue.States() {
		totals[state] = int(o.total[state])
	}
	st := summarize(o.lanes, totals)
	st.DiskLow = s.disk.low.Load()
	return st, nil
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

// see counts the times of queued messages in.
func see(l *queue.LaneStats, oldest, due time.Time) {
	l.OldestQueued, l.EarliestDue = earlier(l.OldestQueued, oldest), earlier(l.EarliestDue, due)
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// readAges adds the times of the lanes with messages queued. A lane that was
// drained meanwhile has none.
func (r *reader) readAges(ids []int64, lanes []queue.LaneStats) error {
	for i := range lanes {
		if lanes[i].Queued == 0 {
			continue
		}
		err := r.firstOfQueued.each(func(v []driver.Value) error {
			if received, ok := v[0].(int64); ok {
				see(&lanes[i], wallTime(received), wallTime(v[1].(int64)))
			}
			return nil
		}, ids[i], int64(statsReach))
		if err != nil {
			return err
		}
	}
	return nil
}
