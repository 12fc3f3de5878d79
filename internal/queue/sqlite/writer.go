package sqlite

import (
	"errors"
	"fmt"

	"go.uber.org/zap"

	"hookaido/internal/queue"
)

// writer is the write connection with what is known about the database in
// memory. Only the holder of the gate's busy touches it.
type writer struct {
	s   *Store
	c   *conn
	sql statements

	lanes       laneSet
	pauses      pauses
	lastLane    int64
	claims      claimSet
	loose       []looseRow
	nextSeq     int64 // of the next message
	mark        int64 // as synced: above every seq given out, also after a crash
	salt        int64
	lastAttempt int64 // id of the last record of an attempt
	oldest      int64 // no queued message has a smaller seq
	nextEnd     int64 // no lease ends sooner
	offset      int64 // wall minus monotonic time at the last batch
	wakeAt      int64 // when the store's timer fires; never if it is not set
	logPages    int64 // pages in the WAL after the last commit
	logFile     int64 // size of the WAL's file, in octets, if we grew it
	behind      int64 // of these, pages not yet in the database
	guessed     int64 // of both, pages that nobody counted
	room        roomReading

	now int64 // of the batch
	tx  transaction
}

// transaction is what belongs to the open batch only.
type transaction struct {
	open   bool
	done   bool // it was committed
	synced bool // the batch promises durability
	wrote  bool
	weight int // of all operations
	// refuseNew turns enqueues away, because a first try filled the disk.
	refuseNew bool
	rows      []row // messages not yet inserted
	// values of the writer before the batch
	loose  []looseRow
	pauses pauses
	claims claimBatch
	space  space
	beaten bool
	served []*leaseOp // parked consumers that got something
}

// process runs a batch in one transaction and commits it. It answers all that
// needs no sync: everything if the batch failed; else consumers, who get their
// messages while those who stored something wait for the sync. If somebody does,
// it returns what is to be synced.
func (s *Store) process(batch []operation) (c promises, waits bool) {
	w := s.w
	w.boundLog()
	if len(batch) == 1 && batch[0].base().alone {
		w.answer(batch, batch[0].apply(w))
		return c, false
	}
	w.now = queue.Nanos(s.clock.Now())
	began := s.clock.Monotonic()
	err := w.followClock()
	if err == nil {
		err = w.reserveKeys(batch)
	}
	if err == nil {
		err = w.attempt(batch, false)
	}
	if classify(err) == faultFull {
		s.metrics.retries.inc()
		err = w.squeeze(batch, err)
	}
	c = promises{batch: batch, began: began, committed: err == nil && w.tx.done, wrote: w.tx.wrote}
	if err == nil && w.tx.synced {
		w.answer(batch, nil)
		return c, true
	}
	s.metrics.batchDone(c, s.clock.Monotonic()-began, err)
	if err == nil {
		err = s.files.checkAt(s.clock.Monotonic())
	}
	w.answer(batch, err)
	return c, false
}

// squeeze runs a batch for which there was no space again, without the new
// messages. The space of the ballast goes to the database first: with the WAL
// written back, the batch can take the place of what was in it.
func (w *writer) squeeze(batch []operation, cause error) error {
	d := w.s.disk
	if d.low.CompareAndSwap(false, true) {
		w.s.log.Warn("the disk is full: new messages are refused, consumers go on", zap.Error(cause))
	}
	d.spend()
	if err := w.s.checkpoint(w.c, "RESTART"); classify(err) == faultFatal {
		return err
	}
	return w.attempt(batch, true)
}

// attempt runs the batch in a transaction and commits it. After an error
// everything is as before.
func (w *writer) attempt(batch []operation, refuseNew bool) error {
	w.clear()
	w.tx.refuseNew = refuseNew
	for _, o := range batch {
		w.tx.synced = w.tx.synced || o.base().synced
		w.tx.weight += o.base().weight
	}
	err := w.apply(batch)
	if err == nil {
		err = w.commit()
	}
	if err != nil {
		return errors.Join(err, w.rollback())
	}
	w.lanes.committed()
	w.claims.add(&w.tx.claims)
	return nil
}

// clear makes ready for a batch.
func (w *writer) clear() {
	w.tx = transaction{loose: w.loose, pauses: w.pauses, rows: w.tx.rows[:0], served: w.tx.served[:0]}
}

// apply carries out the operations: first those that may make messages ready,
// then the consumers that wait for them, then those that just came.
func (w *writer) apply(batch []operation) error {
	for _, o := range batch {
		if _, leases := o.(*leaseOp); leases {
			continue
		}
		if err := o.apply(w); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.expire(); err != nil {
		return err
	}
	if err := w.serveParked(); err != nil {
		return err
	}
	for _, o := range batch {
		if l, leases := o.(*leaseOp); leases {
			if err := l.apply(w); err != nil {
				return err
			}
		}
	}
	return w.pruneClaims()
}

// open begins the transaction, if that is not done yet.
func (w *writer) open() error {
	if w.tx.open {
		return nil
	}
	if err := w.sql.begin.step(); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	w.tx.open = true
	return nil
}

func (w *writer) commit() error {
	if !w.tx.open {
		return nil
	}
	if err := w.saveLanes(); err != nil {
		return err
	}
	if err := w.saveClaims(); err != nil {
		return err
	}
	if err := w.sql.commit.step(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	w.tx.open, w.tx.done = false, true
	w.s.metrics.commits.inc()
	w.committed()
	return nil
}

// rollback undoes the batch on disk and in memory.
func (w *writer) rollback() error {
	var err error
	if w.tx.open && !w.c.c.AutoCommit() {
		err = w.c.exec("ROLLBACK")
		w.s.metrics.rollbacks.inc()
	}
	w.tx.open = false
	w.loose, w.pauses = w.tx.loose, w.tx.pauses
	w.nextEnd, w.oldest = -never, 0 // may have been raised by what is undone
	w.lanes.restore()
	w.putBack(w.tx.served, true)
	return err
}

// answer makes the outcome of a batch known: to the consumers that it served, to
// those that have to wait on, and to its callers, but for those who wait for a
// sync.
func (w *writer) answer(batch []operation, err error) {
	s := w.s
	if err != nil {
		err = s.unavailable(err)
	}
	g := &s.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		for _, l := range w.tx.served {
			s.finish(l)
		}
	}
	w.tx.served = w.tx.served[:0]
	for _, o := range batch {
		if err != nil || !o.base().synced {
			w.answerOne(o, err)
		}
	}
	if s.Err() != nil {
		g.dismissAll(&queue.UnavailableError{Cause: s.failure})
		return
	}
	w.arm()
}

// answerOne ends or parks one operation. The caller holds gate.mu.
func (w *writer) answerOne(o operation, err error) {
	c := o.base()
	if err != nil {
		c.err = err
	}
	l, leases := o.(*leaseOp)
	switch {
	case !leases:
		c.done <- struct{}{}
	case err == nil && len(l.rows) == 0 && l.mayPark():
		w.s.gate.park(l)
	default:
		w.s.finish(l)
	}
}
