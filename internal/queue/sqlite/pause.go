package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"maps"
	"slices"

	"hookaido/internal/queue"
)

// The table is small; its statements are not kept.
const (
	sqlPauses = `SELECT route, target, since FROM pause`
	sqlPause  = `INSERT INTO pause (route, target, since) VALUES (?,?,?)`
	sqlGoOn   = `DELETE FROM pause WHERE route = ? AND target = ?`
)

// pauses has what is paused, by route and target; an empty target stands for the
// whole route. It is replaced as a whole, so that a batch that fails can put the
// old one back.
type pauses map[laneKey]int64

func (p pauses) holds(ln *lane) bool {
	if len(p) == 0 {
		return false
	}
	_, one := p[laneKey{ln.route, ln.target}]
	_, all := p[laneKey{ln.route, ""}]
	return one || all
}

func (w *writer) loadPauses() error {
	st, err := w.c.prepare(sqlPauses)
	if err != nil {
		return err
	}
	defer w.c.drop(st)
	w.pauses = pauses{}
	return st.each(func(v []driver.Value) error {
		w.pauses[laneKey{v[0].(string), v[1].(string)}] = v[2].(int64)
		return nil
	})
}

// pauseOp sets or ends a pause.
type pauseOp struct {
	call
	key    laneKey
	paused bool
}

// SetPaused stops the delivery of a route, or only to target if that is not
// empty, or lets it go on. It lasts over restarts.
func (s *Store) SetPaused(ctx context.Context, route, target string, paused bool) error {
	return s.do(ctx, &pauseOp{newCall(rowWeight, true), laneKey{route, target}, paused})
}

func (o *pauseOp) apply(w *writer) error {
	if _, was := w.pauses[o.key]; was == o.paused {
		return nil
	}
	if err := w.open(); err != nil {
		return err
	}
	w.tx.wrote = true
	changed := maps.Clone(w.pauses)
	sql, args := sqlGoOn, []driver.Value{o.key.route, o.key.target}
	if o.paused {
		changed[o.key] = w.now
		sql, args = sqlPause, append(args, w.now)
	} else {
		delete(changed, o.key)
	}
	st, err := w.c.prepare(sql)
	if err != nil {
		return err
	}
	defer w.c.drop(st)
	w.pauses = changed
	return st.run(args...)
}

// pausesOp tells what is paused.
type pausesOp struct {
	call
	list []queue.Pause
}

// Paused returns what is paused, sorted by route and target.
func (s *Store) Paused(ctx context.Context) ([]queue.Pause, error) {
	o := &pausesOp{call: newCall(0, false)}
	if err := s.do(ctx, o); err != nil {
		return nil, err
	}
	return o.list, nil
}

func (o *pausesOp) apply(w *writer) error {
	o.list = nil
	for key, since := range w.pauses {
		o.list = append(o.list, queue.Pause{Route: key.route, Target: key.target, Since: wallTime(since)})
	}
	slices.SortFunc(o.list, func(a, b queue.Pause) int {
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.Target, b.Target))
	})
	return nil
}
