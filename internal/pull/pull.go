// Package pull is the lease service for workers: it has the rules of dequeue,
// ack, nack and extend (defaults, bounds, who may settle which lease) on top
// of a queue. The packages pullapi and, later, the gRPC API decode a request,
// call it and encode the answer.
//
// What a reload may change is in a [Snapshot]; [Service.Authorize] picks the
// current one, and the [Endpoint] that it returns stays with that snapshot
// until the request is answered.
//
// The service remembers for a while which leases were settled, so that a
// worker whose answer was lost may repeat its ack or nack. That memory is of
// this process only.
package pull

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

// Queue is what the service needs of a queue engine.
type Queue interface {
	// Dequeue leases messages. When ctx ends it leases nothing and returns the
	// error of ctx.
	Dequeue(ctx context.Context, req queue.DequeueRequest) ([]queue.Leased, error)
	// Settle ends leases and returns those that it could not.
	Settle(ctx context.Context, req queue.SettleRequest) ([]queue.Conflict, error)
	// Extend moves the end of one lease.
	Extend(ctx context.Context, req queue.ExtendRequest) error
}

// The refusals of [Service.Authorize].
var (
	ErrUnauthorized = errors.New("request is not authorized")
	ErrNoEndpoint   = errors.New("pull endpoint is not configured")
)

// InvalidError is a request that breaks a rule; the text says which.
type InvalidError struct{ Detail string }

// Error implements error.
func (e *InvalidError) Error() string { return e.Detail }

func invalid(detail string) error { return &InvalidError{detail} }

// Options are what a [Service] is made of.
type Options struct {
	Queue Queue
	Clock clock.Clock
	// Registerer takes the metrics; nil keeps them to ourselves.
	Registerer prometheus.Registerer
}

// Service is the lease service. It is safe for concurrent use.
type Service struct {
	queue   Queue
	clock   clock.Clock
	metrics *metrics
	ledger  *ledger
	current atomic.Pointer[Snapshot]

	mu       sync.Mutex
	draining bool
	polls    map[*context.CancelFunc]struct{} // of the dequeues that may wait
}

// New makes a service that has no endpoint yet. It fails if the metrics are
// registered already.
func New(o Options) (*Service, error) {
	s := &Service{
		queue: o.Queue, clock: o.Clock, ledger: newLedger(),
		polls: map[*context.CancelFunc]struct{}{},
	}
	s.metrics = newMetrics(func() map[*routeMetrics]int { return s.ledger.active(s.clock.Monotonic()) })
	if o.Registerer != nil {
		if err := s.metrics.register(o.Registerer); err != nil {
			return nil, err
		}
	}
	s.current.Store(s.Snapshot(Settings{}))
	return s, nil
}

// Drain ends the waits of all long polls, which return empty, and makes later
// dequeues not wait. It is for shutdown and may be called more than once.
func (s *Service) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	for cancel := range s.polls {
		(*cancel)()
	}
}

// startPoll returns a context that Drain ends too, and whether waiting is
// allowed at all. The caller calls stop when it is done.
func (s *Service) startPoll(parent context.Context) (ctx context.Context, stop func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return parent, func() {}, false
	}
	ctx, cancel := context.WithCancel(parent)
	s.polls[&cancel] = struct{}{}
	return ctx, func() {
		s.mu.Lock()
		delete(s.polls, &cancel)
		s.mu.Unlock()
		cancel()
	}, true
}
