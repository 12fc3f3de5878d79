package pull

import (
	"context"
	"fmt"
	"time"

	"hookaido/internal/queue"
)

// DequeueRequest asks for messages.
type DequeueRequest struct {
	// Batch is the largest number wanted, at least 1; the limit of the
	// configuration lowers it silently.
	Batch int
	// LeaseTTL is at least [MinLeaseTTL], MaxWait at least 0. Both have
	// defaults and are lowered silently to the limits of the configuration.
	LeaseTTL, MaxWait Duration
}

// Dequeue leases messages that are due, waiting for a first one if asked to.
// None is an empty answer and no error. A broken rule gives an
// [*InvalidError]. When ctx ends, because the worker is gone, nothing stays
// leased and the error is that of ctx.
func (s *Service) Dequeue(ctx context.Context, e *Endpoint, req DequeueRequest) ([]queue.Leased, error) {
	q, err := e.dequeueRequest(req)
	if err != nil {
		s.Refused(e)
		return nil, err
	}
	began := s.clock.Monotonic()
	items, err := s.lease(ctx, q)
	switch {
	case ctx.Err() != nil:
		s.giveBack(ctx, items)
		return nil, ctx.Err()
	case err != nil:
		e.metrics.dequeueFailed.Inc()
		return nil, fmt.Errorf("dequeue from %s: %w", e.route, err)
	case len(items) == 0:
		e.metrics.dequeueEmpty.Inc()
		return nil, nil
	}
	e.metrics.dequeueServed.Inc()
	g := grant{route: e.metrics, now: s.clock.Monotonic(), ttl: q.TTL, wall: s.clock.Now()}
	e.metrics.seconds.Observe(g.latency(began, items).Seconds())
	s.ledger.lease(items, g)
	return items, nil
}

// latency is how long the worker waited for messages that were there: from when
// it asked, or when the first of them was due if that came later.
func (g *grant) latency(began time.Duration, items []queue.Leased) time.Duration {
	there := time.Duration(0)
	for i := range items {
		there = max(there, g.wall.Sub(items[i].Due))
	}
	return min(there, g.now-began)
}

// Refused counts a dequeue at e that could not be decoded.
func (*Service) Refused(e *Endpoint) { e.metrics.dequeueRefused.Inc() }

// dequeueRequest applies defaults and bounds.
func (e *Endpoint) dequeueRequest(req DequeueRequest) (queue.DequeueRequest, error) {
	l := &e.snapshot.limits
	if req.Batch < 1 {
		return queue.DequeueRequest{}, invalid("batch must be at least 1")
	}
	if err := req.LeaseTTL.check("lease_ttl", MinLeaseTTL); err != nil {
		return queue.DequeueRequest{}, err
	}
	if err := req.MaxWait.check("max_wait", 0); err != nil {
		return queue.DequeueRequest{}, err
	}
	ttl, wait := l.DefaultLeaseTTL, l.DefaultMaxWait
	if req.LeaseTTL.Set {
		ttl = req.LeaseTTL.Value
	}
	if req.MaxWait.Set {
		wait = req.MaxWait.Value
	}
	if l.MaxLeaseTTL > 0 {
		ttl = min(ttl, l.MaxLeaseTTL)
	}
	return queue.DequeueRequest{
		Route: e.route, Target: queue.PullTarget,
		Max: min(req.Batch, l.MaxBatch), TTL: ttl, Wait: min(wait, l.longestWait()),
		MaxDeliveries: e.maxDeliveries,
	}, nil
}

func (l *Limits) longestWait() time.Duration {
	if l.MaxWait > 0 {
		return l.MaxWait
	}
	return max(MaxWait, l.DefaultMaxWait)
}

// lease asks the queue. A drain during the wait makes an empty answer.
func (s *Service) lease(ctx context.Context, q queue.DequeueRequest) ([]queue.Leased, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if q.Wait <= 0 {
		return s.queue.Dequeue(ctx, q)
	}
	poll, stop, mayWait := s.startPoll(ctx)
	defer stop()
	if !mayWait {
		q.Wait = 0
	}
	items, err := s.queue.Dequeue(poll, q)
	if err != nil && poll.Err() != nil && ctx.Err() == nil {
		return nil, nil
	}
	return items, err
}

// giveBack returns what was leased in the moment in which the worker left. If
// that fails, the leases simply run out.
func (s *Service) giveBack(ctx context.Context, items []queue.Leased) {
	if len(items) == 0 {
		return
	}
	ids := make([]string, len(items))
	for i := range items {
		ids[i] = items[i].LeaseID
	}
	_, _ = s.queue.Settle(context.WithoutCancel(ctx), queue.SettleRequest{LeaseIDs: ids, Action: queue.Nack})
}
