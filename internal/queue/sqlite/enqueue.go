package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"hookaido/internal/queue"
	"hookaido/internal/queue/bodylog"
)

const (
	// rowWeight is about what a message costs beside its payload and envelope.
	rowWeight = 128
	// seqBlock is how many keys are reserved at a time; so many can be skipped
	// by a crash.
	seqBlock = 1 << 14
)

// enqueueOp stores the messages of one call.
type enqueueOp struct {
	call
	batch     queue.Batch
	envelopes [][]byte
	places    []*bodylog.Place // of payloads that are in the log of bodies; nil for none
	first     int64            // seq of the first message; the others follow
}

// Enqueue stores the messages of b, all or none, and returns their ids in the
// order of b. When it returns without an error they are on stable storage. It
// fails with [queue.ErrFull], [queue.ErrDiskFull], [queue.ErrDuplicateID],
// [queue.ErrClaimed], [queue.ErrClosed] or a [queue.UnavailableError].
func (s *Store) Enqueue(ctx context.Context, b queue.Batch) ([]string, error) {
	if len(b.Messages) == 0 {
		return nil, errors.New("enqueue: no messages")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o := &enqueueOp{batch: b, envelopes: make([][]byte, len(b.Messages))}
	large := o.arriving(s.rules.min)
	s.arriving.Add(large)
	defer s.arriving.Add(-large)
	release, err := s.offload(o)
	if err != nil {
		return nil, err
	}
	o.call = newCall(o.encode(), true)
	if err := s.submit(o, true); err != nil {
		release()
		return nil, err
	}
	if err := s.awaitThen(ctx, o, release); err != nil {
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

// arriving is how many octets of large payloads the call has.
func (o *enqueueOp) arriving(min int) (octets int64) {
	for i := range o.batch.Messages {
		if n := len(o.batch.Messages[i].Payload); n >= min {
			octets += int64(n)
		}
	}
	return octets
}

// encode prepares the envelopes and returns the weight.
func (o *enqueueOp) encode() (weight int) {
	for i := range o.batch.Messages {
		m := &o.batch.Messages[i]
		o.envelopes[i] = m.Envelope.AppendBinary(make([]byte, 0, 512))
		weight += rowWeight + len(o.envelopes[i])
		if o.placeOf(i) == nil {
			weight += len(m.Payload)
		}
	}
	return weight
}

func (o *enqueueOp) placeOf(i int) *bodylog.Place {
	if o.places == nil {
		return nil
	}
	return o.places[i]
}

func (o *enqueueOp) apply(w *writer) error {
	o.err = nil
	drop, err := o.admit(w)
	w.s.full.Store(errors.Is(o.err, queue.ErrFull))
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
	o.first = w.nextSeq
	for i := range o.batch.Messages {
		if err := w.add(&o.batch.Messages[i], o.envelopes[i], o.placeOf(i)); err != nil {
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

// reserveKeys sees to it, before a batch begins, that its new messages get keys
// that are never given out again, also after a power cut: a consumer may see
// their ids before the sync of the batch.
func (w *writer) reserveKeys(batch []operation) error {
	n := 0
	for _, o := range batch {
		if e, ok := o.(*enqueueOp); ok {
			n += len(e.batch.Messages)
		}
	}
	if n == 0 || w.nextSeq+int64(n) <= w.mark {
		return nil
	}
	mark := w.nextSeq + int64(n) + seqBlock
	if err := w.sql.nextSeq.run(mark); err != nil {
		return fmt.Errorf("reserve keys: %w", err)
	}
	if err := w.s.walFile.sync(); err != nil {
		return err
	}
	w.mark = mark
	return nil
}

// add puts a message into the batch.
func (w *writer) add(m *queue.NewMessage, envelope []byte, place *bodylog.Place) error {
	ln, err := w.lane(m.Route, m.Target)
	if err != nil {
		return err
	}
	r := row{
		seq: w.nextSeq, lane: ln.id, received: queue.Nanos(m.ReceivedAt), chosen: m.ID,
		envelope: envelope, payload: m.Payload, place: place,
	}
	if r.due = r.received; !m.Due.IsZero() {
		r.due = queue.Nanos(m.Due)
	}
	if from := m.AgeFrom(wallTime(w.now)); !from.Equal(m.ReceivedAt) {
		r.since = queue.Nanos(from)
	}
	if r.payload == nil || place != nil {
		r.payload = []byte{}
	}
	w.nextSeq++
	w.lanes.count(ln, queue.StateQueued, 1)
	ln.sooner(r.due)
	w.tx.rows = append(w.tx.rows, r)
	return nil
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
