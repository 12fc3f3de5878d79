package memory

import (
	"context"

	"hookaido/internal/queue"
)

// waiter is a consumer that waits for a message. The store's mutex guards it.
type waiter struct {
	request queue.DequeueRequest
	route   *route
	done    chan struct{} // closed when leases is set or the store is closed
	leases  []queue.Leased
}

// Dequeue leases up to r.Max messages of r.Route that are due, those due first
// first. If there is none it waits up to r.Wait, after the consumers that came
// before; then it returns none, without an error. When ctx ends, or the store
// is closed, it leases nothing and returns the error.
func (s *Store) Dequeue(ctx context.Context, r queue.DequeueRequest) ([]queue.Leased, error) {
	leases, w, err := s.takeOrWait(ctx, r)
	if err != nil || w == nil {
		return leases, err
	}
	timeout := s.time.clock.NewTimer(r.Wait)
	defer timeout.Stop()
	select {
	case <-w.done:
	case <-ctx.Done():
	case <-timeout.C():
	}
	return s.leave(ctx, w)
}

func (s *Store) takeOrWait(ctx context.Context, r queue.DequeueRequest) ([]queue.Leased, *waiter, error) {
	now, err := s.enter(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer s.exit(now)
	if r.Wait <= 0 && s.routes[r.Route] == nil {
		return nil, nil, nil // nothing to remember about a route without messages
	}
	from := s.route(r.Route)
	leases := s.take(from, r, now)
	if len(leases) > 0 || r.Wait <= 0 {
		return leases, nil, nil
	}
	w := &waiter{request: r, route: from, done: make(chan struct{})}
	from.waiters = append(from.waiters, w)
	s.waiting[from] = struct{}{}
	return nil, w, nil
}

// leave ends the wait of w. A consumer that is gone by now gives back what it
// was served.
func (s *Store) leave(ctx context.Context, w *waiter) ([]queue.Leased, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, queue.ErrClosed
	}
	now := s.time.now()
	defer s.exit(now)
	s.dismiss(w)
	err := ctx.Err()
	if err == nil {
		return w.leases, nil
	}
	for i := range w.leases {
		s.takeBack(&w.leases[i])
	}
	return nil, err
}

// dismiss takes w off the list of its route, if it is still there.
func (s *Store) dismiss(w *waiter) {
	for i, other := range w.route.waiters {
		if other == w {
			w.route.waiters = append(w.route.waiters[:i], w.route.waiters[i+1:]...)
			break
		}
	}
	if len(w.route.waiters) == 0 {
		delete(s.waiting, w.route)
	}
}

// release sends all waiting consumers of the route away.
func (r *route) release() {
	for _, w := range r.waiters {
		close(w.done)
	}
	r.waiters = nil
}

// serveAll hands the messages that are due to the consumers that wait for them.
func (s *Store) serveAll(now int64) {
	for r := range s.waiting {
		s.serve(r, now)
	}
}

// serve is serveAll for one route, first come first served.
func (s *Store) serve(r *route, now int64) {
	left := r.waiters[:0]
	for _, w := range r.waiters {
		if w.leases = s.take(r, w.request, now); len(w.leases) > 0 {
			close(w.done)
		} else {
			left = append(left, w)
		}
	}
	clear(r.waiters[len(left):])
	r.waiters = left
	if len(left) == 0 {
		delete(s.waiting, r)
	}
}

// take leases what is due, within the bounds of the request.
func (s *Store) take(r *route, req queue.DequeueRequest, now int64) []queue.Leased {
	var leases []queue.Leased
	bytes := 0
	for len(leases) < req.Max {
		it := r.first(req.Target)
		if it == nil || it.due > now {
			break
		}
		if req.MaxDeliveries > 0 && it.attempt >= req.MaxDeliveries {
			s.takeOut(it)
			s.end(it, queue.StateDead, queue.ReasonMaxDeliveries, now)
			continue
		}
		bytes += len(it.payload)
		if len(leases) > 0 && bytes > queue.MaxBatchBytes {
			break
		}
		leases = append(leases, s.lease(it, queue.Later(now, req.TTL)))
	}
	return leases
}

func (s *Store) lease(it *item, until int64) queue.Leased {
	s.dequeue(it)
	it.state, it.until, it.salt = queue.StateLeased, until, s.nextSalt()
	it.attempt++
	it.lane.leased++
	s.tally.bytes[queue.StateLeased] += it.cost
	s.leases.push(it)
	return queue.Leased{
		ID: it.id, LeaseID: leaseID(it.seq, it.salt), Route: it.lane.route.name, Target: it.lane.target,
		ReceivedAt: it.receivedAt, Due: s.time.wall(it.due), Attempt: it.attempt, LeaseUntil: s.time.wall(until),
		Envelope: it.envelope, Payload: it.payload,
	}
}

// unlease takes it out of the leased messages; the caller gives it a new state.
func (s *Store) unlease(it *item) {
	s.leases.remove(it)
	it.lane.leased--
	s.tally.bytes[queue.StateLeased] -= it.cost
}

// expire puts it back into the queue. It keeps the salt, so that the holder of
// the lease learns why it is gone.
func (s *Store) expire(it *item, now int64) {
	s.unlease(it)
	s.enqueue(it, now)
}

// takeBack undoes a lease that never reached its consumer.
func (s *Store) takeBack(l *queue.Leased) {
	seq, salt, _ := parseLease(l.LeaseID)
	it := s.items[seq]
	if it == nil || it.salt != salt || it.state != queue.StateLeased {
		return
	}
	s.unlease(it)
	it.attempt--
	it.salt = 0
	s.enqueue(it, it.due)
}
