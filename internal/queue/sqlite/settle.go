package sqlite

import (
	"context"
	"database/sql/driver"

	"hookaido/internal/queue"
)

// held is a row as a settle finds it.
type held struct {
	seq, salt, due int64
	state          queue.State
	lane           *lane
}

// find returns the rows with these keys.
func (w *writer) find(seqs []int64) (map[int64]held, error) {
	if err := w.open(); err != nil {
		return nil, err
	}
	found := make(map[int64]held, len(seqs))
	err := w.sql.byKey.eachKey(seqs, func(v []driver.Value) error {
		h := held{
			seq: v[0].(int64), state: queue.State(v[1].(int64)), //nolint:gosec // a small number
			lane: w.lanes.byID[v[2].(int64)], due: v[3].(int64), salt: v[4].(int64),
		}
		found[h.seq] = h
		return nil
	})
	return found, err
}

// leaseKey is a parsed lease id.
type leaseKey struct {
	seq, salt int64
	ok        bool
}

// settleOp ends leases.
type settleOp struct {
	call
	route     string // of the leases; empty allows any
	list      []queue.Conclusion
	keys      []leaseKey
	conflicts []queue.Conflict
}

// Settle ends the leases of r. It returns those that could not be, in the order
// of r; the others are settled, durably.
func (s *Store) Settle(ctx context.Context, r queue.SettleRequest) ([]queue.Conflict, error) {
	list := make([]queue.Conclusion, len(r.LeaseIDs))
	for i, id := range r.LeaseIDs {
		list[i] = queue.Conclusion{LeaseID: id, Action: r.Action, Delay: r.Delay, Reason: r.Reason}
	}
	return s.settle(ctx, r.Route, list)
}

// Conclude ends the leases of deliveries and keeps the records of their
// attempts, durably. It returns the leases that could not be ended, in the
// order of list.
func (s *Store) Conclude(ctx context.Context, list []queue.Conclusion) ([]queue.Conflict, error) {
	return s.settle(ctx, "", list)
}

func (s *Store) settle(ctx context.Context, route string, list []queue.Conclusion) ([]queue.Conflict, error) {
	o := &settleOp{route: route, list: list, keys: make([]leaseKey, len(list))}
	weight := 0
	for i := range list {
		c, k := &list[i], &o.keys[i]
		k.seq, k.salt, k.ok = parseLease(c.LeaseID)
		weight += rowWeight + len(c.Reason)
		if c.Attempt != nil {
			weight += rowWeight + len(c.Attempt.Error)
		}
	}
	o.call = newCall(weight, true)
	if err := s.do(ctx, o); err != nil {
		return nil, err
	}
	return o.conflicts, nil
}

func (o *settleOp) apply(w *writer) error {
	o.conflicts = nil
	seqs := make([]int64, 0, len(o.keys))
	for _, k := range o.keys {
		if k.ok {
			seqs = append(seqs, k.seq)
		}
	}
	found, err := w.find(seqs)
	if err != nil {
		return err
	}
	var acked []int64
	for i, k := range o.keys {
		h := found[k.seq]
		refusal, err := w.check(k, h, o.route)
		if err != nil {
			return err
		}
		// a lease that is named twice is unknown the second time
		delete(found, k.seq)
		if refusal != nil {
			o.conflicts = append(o.conflicts, queue.Conflict{LeaseID: o.list[i].LeaseID, Err: refusal})
			if refusal == queue.ErrLeaseNotFound && h.lane != nil { //nolint:errorlint // as check returns it
				found[k.seq] = h // a wrong id must not hide a right one
			}
			continue
		}
		if o.list[i].Action == queue.Ack && !w.keepsDelivered() {
			acked = append(acked, h.seq)
			w.lanes.count(h.lane, queue.StateLeased, -1)
			w.tx.wrote = true
			continue
		}
		if err := w.give(&o.list[i], h); err != nil {
			return err
		}
	}
	if err := w.remove(acked); err != nil {
		return err
	}
	return w.record(o.list)
}

// give nacks, releases or buries one message, or keeps it as delivered.
func (w *writer) give(c *queue.Conclusion, h held) error {
	w.tx.wrote = true
	switch c.Action {
	case queue.Ack:
		w.lanes.move(h.lane, queue.StateLeased, queue.StateDelivered)
		return w.sql.deliver.run(w.now, h.seq)
	case queue.Bury:
		w.lanes.move(h.lane, queue.StateLeased, queue.StateDead)
		return w.sql.bury.run(w.now, c.Reason, h.seq)
	case queue.Release:
		due := w.now
		if !c.Due.IsZero() {
			due = min(due, queue.Nanos(c.Due)) // later only if the clock was set
		}
		w.requeued(h.lane, h.seq, due)
		return w.sql.takeBack.run(due, h.seq)
	default:
		due := queue.Later(w.now, max(0, c.Delay))
		w.requeued(h.lane, h.seq, due)
		return w.sql.requeue.run(due, int64(0), h.seq)
	}
}

// check says whether the lease k holds the message h, which may be the zero
// value for none. A lease that ran out is told apart once; then it is unknown,
// as any other. The message is put back at once.
func (w *writer) check(k leaseKey, h held, route string) (refusal, err error) {
	if !k.ok || h.lane == nil || h.salt != k.salt || route != "" && route != h.lane.route {
		return queue.ErrLeaseNotFound, nil
	}
	switch {
	case h.state == queue.StateQueued:
		w.tx.wrote = true
		return queue.ErrLeaseExpired, w.sql.forget.run(h.seq)
	case h.state != queue.StateLeased:
		return queue.ErrLeaseNotFound, nil
	case h.due <= w.now:
		w.requeued(h.lane, h.seq, w.now)
		return queue.ErrLeaseExpired, w.sql.requeue.run(w.now, int64(0), h.seq)
	}
	return nil, nil
}

// extendOp moves the end of a lease.
type extendOp struct {
	call
	request queue.ExtendRequest
	key     leaseKey
}

// Extend moves the end of a lease. It fails with [queue.ErrLeaseNotFound] or
// [queue.ErrLeaseExpired].
func (s *Store) Extend(ctx context.Context, r queue.ExtendRequest) error {
	o := &extendOp{call: newCall(rowWeight, false), request: r}
	o.key.seq, o.key.salt, o.key.ok = parseLease(r.LeaseID)
	return s.do(ctx, o)
}

func (o *extendOp) apply(w *writer) error {
	o.err = queue.ErrLeaseNotFound
	if !o.key.ok {
		return nil
	}
	found, err := w.find([]int64{o.key.seq})
	if err != nil {
		return err
	}
	h := found[o.key.seq]
	refusal, err := w.check(o.key, h, o.request.Route)
	if o.err = refusal; err != nil || refusal != nil {
		return err
	}
	w.tx.wrote = true
	return w.sql.extend.run(queue.Later(h.due, o.request.By), h.seq)
}
