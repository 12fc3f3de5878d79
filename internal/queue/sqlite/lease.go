package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"slices"
	"time"

	"hookaido/internal/queue"
)

// phase is how far a leaseOp has come. The gate's mutex guards it.
type phase uint8

const (
	phaseNew    phase = iota // pending, or being worked on
	phaseParked              // waits for a message
	phaseDone
)

// leaseOp is one Dequeue.
type leaseOp struct {
	call
	request queue.DequeueRequest
	rows    []leasedRow
	parked  chan struct{} // gets a value when the consumer begins to wait; nil if it may not

	// guarded by the gate's mutex
	phase     phase
	noWait    bool // the time to wait is over
	abandoned bool // nobody takes the result: give it back
}

// leasedRow is a message that was leased.
type leasedRow struct {
	seq, salt, until, received int64
	due                        int64 // before the lease
	attempt                    int64
	size                       int64
	oldSalt                    int64
	chosen                     string
	lane                       *lane
}

// Dequeue leases up to r.Max messages of r.Route that are due, those due first
// first. If there is none it waits up to r.Wait, after the consumers that came
// before; then it returns none, without an error. When ctx ends it leases
// nothing.
func (s *Store) Dequeue(ctx context.Context, r queue.DequeueRequest) ([]queue.Leased, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o := &leaseOp{call: newCall(rowWeight*max(r.Max, 1), false), request: r}
	if r.Wait > 0 {
		o.parked = make(chan struct{}, 1)
	}
	if err := s.submit(o, true); err != nil {
		return nil, err
	}
	if err := s.awaitLease(ctx, o); err != nil {
		return nil, err
	}
	if len(o.rows) == 0 {
		return nil, nil
	}
	leased, err := s.readBodies(ctx, o.rows)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		s.takeBack(o.rows)
		return nil, err
	}
	return leased, nil
}

// awaitLease waits for the outcome of o, and for a message if o was parked.
func (s *Store) awaitLease(ctx context.Context, o *leaseOp) error {
	for parked := o.parked; ; {
		select {
		case <-o.done:
			return o.err
		case <-ctx.Done():
			s.abandon(o)
			return ctx.Err()
		case <-parked:
			return s.awaitMessage(ctx, o)
		}
	}
}

func (s *Store) awaitMessage(ctx context.Context, o *leaseOp) error {
	timer := s.clock.NewTimer(o.request.Wait)
	defer timer.Stop()
	timeout := timer.C()
	for {
		select {
		case <-o.done:
			return o.err
		case <-ctx.Done():
			s.abandon(o)
			return ctx.Err()
		case <-timeout:
			if s.stopWaiting(o) {
				return nil
			}
			timeout = nil // it is being served, or not: the answer comes now
		}
	}
}

// stopWaiting ends the wait of o. It reports false when o is just being worked
// on, so that its outcome is still to come.
func (s *Store) stopWaiting(o *leaseOp) bool {
	g := &s.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	o.noWait = true
	if o.phase != phaseParked {
		return false
	}
	return g.unpark(o)
}

// abandon makes sure that o leases nothing for good.
func (s *Store) abandon(o *leaseOp) {
	g := &s.gate
	g.mu.Lock()
	o.abandoned = true
	g.withdraw(o)
	g.unpark(o)
	done := o.phase == phaseDone
	g.mu.Unlock()
	if done {
		s.takeBack(o.rows)
	}
}

// takeBack undoes leases that never reached their consumer.
func (s *Store) takeBack(rows []leasedRow) {
	if len(rows) > 0 {
		// a refusal means that the store is closed or gone; then they run out
		_ = s.submit(newTakeBack(rows), false)
	}
}

// apply leases what is due, within the bounds of the request.
func (o *leaseOp) apply(w *writer) error {
	o.rows, o.err = nil, nil
	var lanes []*lane
	for _, ln := range w.lanes.byRoute[o.request.Route] {
		if o.wants(ln) && ln.mayBeDue(w.now) && !w.pauses.holds(ln) {
			lanes = append(lanes, ln)
		}
	}
	if len(lanes) == 0 {
		return nil
	}
	if err := w.open(); err != nil {
		return err
	}
	if err := w.file(); err != nil {
		return err
	}
	rows, err := w.findLive(lanes, &o.request)
	if err != nil {
		return err
	}
	until := queue.Later(w.now, o.request.TTL)
	for i := range rows {
		if err := w.lease(&rows[i], until); err != nil {
			return err
		}
	}
	for _, ln := range lanes {
		if err := w.lookAhead(ln); err != nil {
			return err
		}
	}
	o.rows = rows
	return nil
}

// wants reports whether the request is for messages of the lane.
func (o *leaseOp) wants(ln *lane) bool {
	return o.request.Target == "" || o.request.Target == ln.target
}

// findDue returns the first limit messages of the lanes that are due.
func (w *writer) findDue(lanes []*lane, limit int) ([]leasedRow, error) {
	rows := make([]leasedRow, 0, min(limit, 128))
	for _, ln := range lanes {
		err := w.sql.ready.each(func(v []driver.Value) error {
			r := leasedRow{
				seq: v[0].(int64), due: v[1].(int64), received: v[2].(int64),
				attempt: v[3].(int64), size: v[4].(int64), oldSalt: v[5].(int64), lane: ln,
			}
			r.chosen, _ = v[6].(string)
			rows = append(rows, r)
			return nil
		}, ln.id, w.now, int64(limit))
		if err != nil {
			return nil, err
		}
	}
	if len(lanes) > 1 {
		slices.SortFunc(rows, func(a, b leasedRow) int {
			return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.seq, b.seq))
		})
	}
	rows = rows[:min(limit, len(rows))]
	size := int64(0)
	for i := range rows {
		if size += rows[i].size; i > 0 && size > queue.MaxBatchBytes {
			return rows[:i], nil
		}
	}
	return rows, nil
}

// rounds bounds how often a consumer looks for messages that may still be
// handed out.
const rounds = 20

// findLive is findDue without the messages that were handed out often enough.
// These are buried.
func (w *writer) findLive(lanes []*lane, req *queue.DequeueRequest) ([]leasedRow, error) {
	for round := 1; ; round++ {
		rows, err := w.findDue(lanes, req.Max)
		if err != nil || req.MaxDeliveries == 0 {
			return rows, err
		}
		live := make([]leasedRow, 0, len(rows))
		for i := range rows {
			r := &rows[i]
			if r.attempt < int64(req.MaxDeliveries) {
				live = append(live, *r)
				continue
			}
			if err := w.sql.bury.run(w.now, queue.ReasonMaxDeliveries, r.seq); err != nil {
				return nil, err
			}
			w.lanes.move(r.lane, queue.StateQueued, queue.StateDead)
			w.tx.wrote = true
		}
		if len(live) == len(rows) || round == rounds {
			return live, nil
		}
	}
}

func (w *writer) lease(r *leasedRow, until int64) error {
	r.attempt++
	r.until = until
	r.salt = w.nextSalt(r.oldSalt)
	if err := w.sql.lease.run(until, r.attempt, r.salt, r.seq); err != nil {
		return err
	}
	w.lanes.move(r.lane, queue.StateQueued, queue.StateLeased)
	w.nextEnd = min(w.nextEnd, until)
	w.tx.wrote = true
	return nil
}

// lookAhead sets nextDue of a lane from its first queued message.
func (w *writer) lookAhead(ln *lane) error {
	w.lanes.touch(ln) // so that a rollback forgets the hint
	ln.nextDue = never
	if ln.count[queue.StateQueued] == 0 {
		return nil
	}
	return w.sql.firstDue.each(func(v []driver.Value) error {
		ln.nextDue = v[0].(int64)
		return nil
	}, ln.id)
}

// sweepStep bounds the leases that one batch ends.
const sweepStep = 500

// expire ends the leases that have run out. Their rows keep the salt, so that
// the holder of one learns why it is gone.
func (w *writer) expire() error {
	if w.nextEnd > w.now || w.lanes.total[queue.StateLeased] == 0 {
		return nil
	}
	if err := w.open(); err != nil {
		return err
	}
	type ended struct{ seq, lane int64 }
	var rows []ended
	err := w.sql.expired.each(func(v []driver.Value) error {
		rows = append(rows, ended{v[0].(int64), v[1].(int64)})
		return nil
	}, w.now, int64(sweepStep))
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := w.sql.sweep.run(w.now, r.seq); err != nil {
			return err
		}
		w.requeued(w.lanes.byID[r.lane], r.seq, w.now)
	}
	w.nextEnd = never
	return w.sql.firstEnd.each(func(v []driver.Value) error {
		w.nextEnd = v[0].(int64)
		return nil
	})
}

// requeued notes that a leased message is queued again.
func (w *writer) requeued(ln *lane, seq, due int64) {
	w.lanes.move(ln, queue.StateLeased, queue.StateQueued)
	ln.sooner(due)
	w.oldest = min(w.oldest, seq)
	w.tx.wrote = true
}

// takeBackOp returns messages to where they were before their lease.
type takeBackOp struct {
	call
	rows []leasedRow
}

func newTakeBack(rows []leasedRow) *takeBackOp {
	return &takeBackOp{newCall(rowWeight*len(rows), false), rows}
}

func (o *takeBackOp) apply(w *writer) error {
	for i := range o.rows {
		r := &o.rows[i]
		held, err := w.find([]int64{r.seq})
		if err != nil {
			return err
		}
		if h, ok := held[r.seq]; !ok || h.state != queue.StateLeased || h.salt != r.salt {
			continue
		}
		if err := w.sql.takeBack.run(r.due, r.seq); err != nil {
			return err
		}
		w.requeued(r.lane, r.seq, r.due)
	}
	return nil
}

// untilWait returns how long the timer may run for a time to come.
func untilWait(now, at int64) time.Duration {
	const longest = int64(24 * time.Hour)
	switch {
	case at <= now:
		return 0
	case at-now < 0, at-now > longest:
		return time.Duration(longest)
	}
	return time.Duration(at - now)
}
