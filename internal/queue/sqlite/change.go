package sqlite

import (
	"context"

	"hookaido/internal/queue"
)

// By rowid.
const (
	sqlCancel    = `UPDATE message SET state = 4, since = ?, due = ?, lease = 0, reason = NULL WHERE seq = ?`
	sqlRestart   = `UPDATE message SET state = 0, since = ?, due = ?, attempt = ?, lease = 0, reason = NULL WHERE seq = ?`
	sqlMove      = `UPDATE message SET lane = ?, lease = 0 WHERE seq = ?`
	changeWeight = 2 * rowWeight
)

// changeOp is what an operator does.
type changeOp struct {
	call
	request queue.ChangeRequest
	result  queue.ChangeResult
}

// Change changes messages, durably; see [queue.ChangeRequest].
func (s *Store) Change(ctx context.Context, r queue.ChangeRequest) (queue.ChangeResult, error) {
	n := len(r.IDs)
	if r.IDs == nil {
		n = r.Filter.Limit
	}
	o := &changeOp{call: newCall(n*changeWeight, true), request: r}
	if err := s.do(ctx, o); err != nil {
		return queue.ChangeResult{}, err
	}
	return o.result, nil
}

func (o *changeOp) apply(w *writer) error {
	o.result = queue.ChangeResult{}
	if err := w.present(); err != nil {
		return err
	}
	rows, err := o.find(w)
	if err != nil {
		return err
	}
	var chosen []stored
	for i := range rows {
		if o.request.Takes(rows[i].state) {
			chosen = append(chosen, rows[i])
		}
	}
	o.result.Matched = len(chosen)
	if o.request.Preview || len(chosen) == 0 {
		return nil
	}
	if err := w.open(); err != nil {
		return err
	}
	w.tx.wrote = true
	o.result.Changed = len(chosen)
	switch o.request.Change {
	case queue.Cancel:
		return w.cancel(chosen)
	case queue.Delete:
		return w.drop(chosen)
	case queue.Move:
		return w.relocate(chosen, o.request.Route, o.request.Target)
	default:
		return w.restart(chosen, o.request.Change == queue.Requeue)
	}
}

// find returns the rows that the request names or selects.
func (o *changeOp) find(w *writer) ([]stored, error) {
	if o.request.IDs != nil {
		return findNamed(w.c, w.s.tag, o.request.IDs)
	}
	f, some := o.request.Selection()
	if !some {
		return nil, nil
	}
	return findStored(w.c, w.views(), f)
}

func (w *writer) cancel(rows []stored) error {
	st, err := w.c.prepare(sqlCancel)
	if err != nil {
		return err
	}
	defer w.c.drop(st)
	for i := range rows {
		r := &rows[i]
		due := w.now
		if r.state == queue.StateQueued {
			due = r.due // for a resume
		}
		if err := st.run(w.now, due, r.seq); err != nil {
			return err
		}
		w.lanes.move(w.lanes.byID[r.lane], r.state, queue.StateCanceled)
	}
	return nil
}

// drop deletes messages that are not leased.
func (w *writer) drop(rows []stored) error {
	seqs := make([]int64, len(rows))
	for i := range rows {
		seqs[i] = rows[i].seq
		w.lanes.count(w.lanes.byID[rows[i].lane], rows[i].state, -1)
	}
	w.tx.wrote = true
	return w.remove(seqs)
}

// restart puts messages back into the queue: fresh ones now and as if they had
// never been tried, others as they were.
func (w *writer) restart(rows []stored, fresh bool) error {
	st, err := w.c.prepare(sqlRestart)
	if err != nil {
		return err
	}
	defer w.c.drop(st)
	for i := range rows {
		r := &rows[i]
		due, attempt := r.due, r.attempt
		if fresh {
			due, attempt = w.now, 0
		}
		if err := st.run(w.now, due, attempt, r.seq); err != nil {
			return err
		}
		ln := w.lanes.byID[r.lane]
		w.lanes.move(ln, r.state, queue.StateQueued)
		ln.sooner(due)
		w.oldest = min(w.oldest, r.seq)
	}
	return nil
}

// relocate gives messages another lane.
func (w *writer) relocate(rows []stored, route, target string) error {
	to, err := w.lane(route, target)
	if err != nil {
		return err
	}
	st, err := w.c.prepare(sqlMove)
	if err != nil {
		return err
	}
	defer w.c.drop(st)
	for i := range rows {
		r := &rows[i]
		if err := st.run(to.id, r.seq); err != nil {
			return err
		}
		w.lanes.count(w.lanes.byID[r.lane], r.state, -1)
		w.lanes.count(to, r.state, 1)
		if r.state == queue.StateQueued {
			to.sooner(r.due)
		}
	}
	return nil
}
