package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"

	"hookaido/internal/queue"
)

const (
	// rowWeight is about what a message costs beside its payload and envelope.
	rowWeight = 128
	// largePayload is the size from which a payload gets a statement of its
	// own: a kept statement would hold its copy for good.
	largePayload = 64 << 10
	// seqBlock is how many keys are reserved at a time; so many can be skipped
	// by a crash.
	seqBlock = 1 << 14
)

// row is a message on its way into the tables.
type row struct {
	seq, lane, due, received int64
	since                    driver.Value // null for received
	chosen                   string
	envelope, payload        []byte
}

// enqueueOp stores the messages of one call.
type enqueueOp struct {
	call
	batch     queue.Batch
	envelopes [][]byte
	first     int64 // seq of the first message; the others follow
}

// Enqueue stores the messages of b, all or none, and returns their ids in the
// order of b. When it returns without an error they are on stable storage. It
// fails with [queue.ErrFull], [queue.ErrDiskFull], [queue.ErrDuplicateID],
// [queue.ErrClaimed], [queue.ErrClosed] or a [queue.UnavailableError].
func (s *Store) Enqueue(ctx context.Context, b queue.Batch) ([]string, error) {
	if len(b.Messages) == 0 {
		return nil, errors.New("enqueue: no messages")
	}
	o := &enqueueOp{batch: b, envelopes: make([][]byte, len(b.Messages))}
	weight := 0
	for i := range b.Messages {
		m := &b.Messages[i]
		o.envelopes[i] = m.Envelope.AppendBinary(make([]byte, 0, 512))
		weight += rowWeight + len(m.Payload) + len(o.envelopes[i])
	}
	o.call = newCall(weight, true)
	if err := s.do(ctx, o); err != nil {
		return nil, err
	}
	ids := make([]string, len(b.Messages))
	for i := range ids {
		if ids[i] = b.Messages[i].ID; ids[i] == "" {
			ids[i] = messageID(s.tag, o.first+int64(i))
		}
	}
	return ids, nil
}

func (o *enqueueOp) apply(w *writer) error {
	o.err = nil
	drop, err := o.admit(w)
	if err != nil || o.err != nil {
		return err
	}
	if err := w.open(); err != nil {
		return err
	}
	if drop > 0 {
		if err := w.dropOldest(drop); err != nil {
			return err
		}
	}
	if err := w.reserve(len(o.batch.Messages)); err != nil {
		return err
	}
	o.first = w.nextSeq
	for i := range o.batch.Messages {
		if err := w.add(&o.batch.Messages[i], o.envelopes[i]); err != nil {
			return err
		}
	}
	for _, c := range o.batch.Claims {
		w.tx.claims.add(c)
	}
	w.tx.wrote = true
	return nil
}

// admit decides whether the messages may come in; a refusal goes into o.err.
func (o *enqueueOp) admit(w *writer) (drop int, err error) {
	if w.tx.refuseNew {
		o.err = queue.ErrDiskFull
		return 0, nil
	}
	for i := range o.batch.Claims {
		if w.claimed(o.batch.Claims[i].Key) {
			o.err = &queue.ClaimedError{Index: i}
			return 0, nil
		}
	}
	total := w.lanes.total
	drop, o.err = w.s.limits.Load().Admit(int(total[queue.StateQueued]), int(total[queue.StateLeased]), len(o.batch.Messages))
	if o.err != nil {
		return 0, nil
	}
	if err := o.checkIDs(w); err != nil || o.err != nil {
		return 0, err
	}
	refusal, err := w.takeSpace(o.weight)
	o.err = refusal
	return drop, err
}

// checkIDs refuses chosen ids that are taken or could be given out.
func (o *enqueueOp) checkIDs(w *writer) error {
	var chosen map[string]bool
	for i := range o.batch.Messages {
		id := o.batch.Messages[i].ID
		if id == "" {
			continue
		}
		if chosen == nil {
			chosen = map[string]bool{}
			// ids of this batch count too, so they must be in the table
			if err := w.flush(); err != nil {
				return err
			}
		}
		taken := chosen[id] || ours(w.s.tag, id)
		if !taken {
			err := w.sql.findChosen.each(func([]driver.Value) error { taken = true; return nil }, id)
			if err != nil {
				return err
			}
		}
		if taken {
			o.err = &queue.DuplicateError{Index: i}
			return nil
		}
		chosen[id] = true
	}
	return nil
}

// reserve sees to it that n more keys are never given out again, whatever
// happens.
func (w *writer) reserve(n int) error {
	if w.nextSeq+int64(n) <= w.mark {
		return nil
	}
	mark := w.nextSeq + int64(n) + seqBlock
	if err := w.sql.nextSeq.run(mark); err != nil {
		return err
	}
	w.mark = mark
	return nil
}

// add puts a message into the batch.
func (w *writer) add(m *queue.NewMessage, envelope []byte) error {
	ln, err := w.lane(m.Route, m.Target)
	if err != nil {
		return err
	}
	r := row{
		seq: w.nextSeq, lane: ln.id, received: queue.Nanos(m.ReceivedAt), chosen: m.ID,
		envelope: envelope, payload: m.Payload,
	}
	if r.due = r.received; !m.Due.IsZero() {
		r.due = queue.Nanos(m.Due)
	}
	if from := m.AgeFrom(wallTime(w.now)); !from.Equal(m.ReceivedAt) {
		r.since = queue.Nanos(from)
	}
	if r.payload == nil {
		r.payload = []byte{}
	}
	w.nextSeq++
	w.lanes.count(ln, queue.StateQueued, 1)
	ln.sooner(r.due)
	w.tx.rows = append(w.tx.rows, r)
	return nil
}

// flush inserts the messages that were added.
func (w *writer) flush() error {
	rows := w.tx.rows
	if len(rows) == 0 {
		return nil
	}
	w.tx.rows = rows[:0]
	defer clear(rows) // payloads must not be held by the spare room
	for from := 0; from < len(rows); {
		to := from
		for to < len(rows) && !rows[to].odd() {
			to++
		}
		if err := w.insert(rows[from:to]); err != nil {
			return err
		}
		w.loosen(rows[from:to])
		if to < len(rows) {
			if err := w.insertOdd(&rows[to]); err != nil {
				return err
			}
			to++
		}
		from = to
	}
	if len(w.loose) <= looseMax {
		return nil
	}
	return w.file()
}

// odd reports whether the row needs statements of its own.
func (r *row) odd() bool { return r.chosen != "" || len(r.payload) >= largePayload }

func (w *writer) insert(rows []row) error {
	return w.sql.insertBody.chunks(len(rows), func(st *stmt, from, size int) error {
		a := st.args
		for i := range size {
			r := &rows[from+i]
			r.bind(a[6*i : 6*i+6])
		}
		return st.step()
	})
}

// bind sets the arguments for a row of the table body.
func (r *row) bind(a []driver.NamedValue) {
	a[0].Value, a[1].Value, a[2].Value, a[3].Value = r.seq, r.lane, r.received, nil
	if r.due != r.received {
		a[3].Value = r.due
	}
	a[4].Value, a[5].Value = r.envelope, r.payload
}

// insertOdd inserts a row that is odd. A chosen id is in the table message at
// once, where it is found.
func (w *writer) insertOdd(r *row) error {
	st, err := w.c.prepare(sqlInsertBody + bodyRow)
	if err != nil {
		return err
	}
	defer w.c.drop(st)
	r.bind(st.args)
	if err := st.step(); err != nil {
		return err
	}
	if r.chosen == "" {
		w.loosen([]row{*r})
		return nil
	}
	if err := w.file(); err != nil {
		return err
	}
	return w.sql.insertChosen.run(r.seq, r.lane, r.due, r.received, int64(len(r.payload)), r.since, r.chosen)
}

// dropOldest deletes the n queued messages that came in first.
func (w *writer) dropOldest(n int) error {
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.file(); err != nil {
		return err
	}
	var seqs []int64
	err := w.sql.oldest.each(func(row []driver.Value) error {
		seqs = append(seqs, row[0].(int64))
		w.lanes.count(w.lanes.byID[row[1].(int64)], queue.StateQueued, -1)
		return nil
	}, w.oldest, int64(n))
	if err != nil {
		return err
	}
	if len(seqs) > 0 {
		w.oldest = seqs[len(seqs)-1]
	}
	return w.remove(seqs)
}

// remove deletes messages with their bodies. The caller counts.
func (w *writer) remove(seqs []int64) error {
	if err := w.sql.delete.keys(seqs); err != nil {
		return err
	}
	return w.sql.deleteBody.keys(seqs)
}
