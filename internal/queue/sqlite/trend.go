package sqlite

import (
	"context"
	"database/sql/driver"
	"slices"

	"hookaido/internal/queue"
)

// By rowid, which is the time.
const (
	sqlAddTrend   = `REPLACE INTO trend (at, queued, leased, dead, lanes) VALUES (?,?,?,?,?)`
	sqlPruneTrend = `DELETE FROM trend WHERE at IN (SELECT at FROM trend WHERE at < ? ORDER BY at LIMIT 100)`
	sqlTrend      = `SELECT at, queued, leased, dead FROM trend WHERE at >= ? AND at <= ? ORDER BY at DESC LIMIT ?`
	sqlLaneTrend  = `SELECT at, lanes FROM trend WHERE at >= ? AND at <= ? ORDER BY at DESC LIMIT ?`
)

// trendOp takes a sample of the counters.
type trendOp struct{ call }

// CaptureTrend keeps a sample of the backlog, and drops some that are older
// than [queue.TrendKept]. While the disk is full it does nothing: the sample is
// not worth the space that acknowledgements need.
func (s *Store) CaptureTrend(ctx context.Context) error {
	return s.do(ctx, &trendOp{newCall(rowWeight, false)})
}

func (o *trendOp) apply(w *writer) error {
	if w.tx.refuseNew || w.s.disk.low.Load() {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.expire(); err != nil {
		return err
	}
	if err := w.open(); err != nil {
		return err
	}
	w.tx.wrote = true
	c := w.lanes.total
	err := w.runOnce(sqlAddTrend, w.now, c[queue.StateQueued], c[queue.StateLeased], c[queue.StateDead], w.laneTrends())
	if err != nil {
		return err
	}
	return w.runOnce(sqlPruneTrend, w.now-int64(queue.TrendKept))
}

func (w *writer) runOnce(sql string, args ...driver.Value) error {
	st, err := w.c.prepare(sql)
	if err != nil {
		return err
	}
	defer w.c.drop(st)
	return st.run(args...)
}

// laneTrends is the stored form of the lanes that are not empty.
func (w *writer) laneTrends() []byte {
	var list []queue.LaneTrend
	for id, ln := range w.lanes.byID {
		l := queue.LaneTrend{
			Lane: uint64(id), Queued: int(ln.count[queue.StateQueued]), Leased: int(ln.count[queue.StateLeased]), //nolint:gosec // positive
			Dead: int(ln.count[queue.StateDead]),
		}
		if !l.Empty() {
			list = append(list, l)
		}
	}
	b := []byte{} // not null
	for _, l := range queue.LargestLanes(list) {
		b = queue.AppendLaneTrend(b, l)
	}
	return b
}

// findLanesOp finds the numbers of lanes.
type findLanesOp struct {
	call
	route, target string
	ids           map[uint64]bool
}

func (o *findLanesOp) apply(w *writer) error {
	o.ids = map[uint64]bool{}
	for id, ln := range w.lanes.byID {
		if (o.route == "" || o.route == ln.route) && (o.target == "" || o.target == ln.target) {
			o.ids[uint64(id)] = true //nolint:gosec // positive
		}
	}
	return nil
}

// Trend returns samples in the order of time. For lanes that were empty, or not
// among the largest, they have zeros.
func (s *Store) Trend(ctx context.Context, f queue.TrendFilter) ([]queue.TrendSample, error) {
	var list []queue.TrendSample
	sql, add := sqlTrend, func(v []driver.Value) error {
		list = append(list, queue.TrendSample{
			At: wallTime(v[0].(int64)), Queued: int(v[1].(int64)), Leased: int(v[2].(int64)), Dead: int(v[3].(int64)),
		})
		return nil
	}
	if f.Route != "" || f.Target != "" {
		o := &findLanesOp{call: newCall(0, false), route: f.Route, target: f.Target}
		if err := s.do(ctx, o); err != nil {
			return nil, err
		}
		sql, add = sqlLaneTrend, func(v []driver.Value) error {
			blob, _ := v[1].([]byte) // an empty one may come as null
			sample := sumLanes(blob, o.ids)
			sample.At = wallTime(v[0].(int64))
			list = append(list, sample)
			return nil
		}
	}
	err := s.read(ctx, func(r *reader) error {
		st, err := r.c.prepare(sql)
		if err != nil {
			return err
		}
		defer r.c.drop(st)
		return st.each(add, queue.Nanos(f.From), queue.Nanos(f.Until), int64(f.Max))
	})
	if err != nil {
		return nil, err
	}
	slices.Reverse(list)
	return list, nil
}

func sumLanes(blob []byte, ids map[uint64]bool) (sum queue.TrendSample) {
	for l, rest, ok := queue.CutLaneTrend(blob); ok; l, rest, ok = queue.CutLaneTrend(rest) {
		if ids[l.Lane] {
			sum.Queued, sum.Leased, sum.Dead = sum.Queued+l.Queued, sum.Leased+l.Leased, sum.Dead+l.Dead
		}
	}
	return sum
}
