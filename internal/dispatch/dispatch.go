// Package dispatch delivers the messages of push routes: it leases them, has
// each attempt made, and settles it together with its record.
//
// # Lanes
//
// Each target of a route is a lane with a consumer of its own at the queue, so
// that a target never waits behind the messages of another. What the lanes of a
// route share are its permits: the number of attempts that may run at a time.
// They are shared out by what attempts have taken lately (see share.go), so
// that a target whose attempts take seconds can't hold those that a quick one
// needs.
//
// A lane leases what it can begin soon. Messages that it has leased and not
// begun when it ends, or when its breaker opens, are released: they go back to
// their place and no attempt is counted.
//
// # Order
//
// A lane begins messages in the order of the queue. With one permit the next
// attempt of the route begins when the one before has been settled, so that a
// target gets messages in the order in which they came in. A message that is to
// be tried again takes the place of its new due time: later ones are delivered
// meanwhile, because a message that fails for minutes must not stop the rest.
//
// # Breakers
//
// After a run of failures that are the target's a lane rests: its messages wait
// in the queue, unleased, and lose no attempt. After a pause, which grows from
// time to time, one message probes; when it gets through, the lane goes on, with
// one attempt at a time first and more with each success.
package dispatch

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/deliver"
	"hookaido/internal/queue"
)

// Queue is what deliveries need of a queue engine.
type Queue interface {
	Dequeue(ctx context.Context, r queue.DequeueRequest) ([]queue.Leased, error)
	Conclude(ctx context.Context, list []queue.Conclusion) ([]queue.Conflict, error)
}

// Attempter makes one attempt. A [deliver.Target] is one; it must end soon after
// ctx does.
type Attempter interface {
	Attempt(ctx context.Context, m *queue.Leased) deliver.Result
}

// Target is where messages of a route go.
type Target struct {
	// Name is the target of the messages in the queue.
	Name string
	// Timeout bounds an attempt.
	Timeout time.Duration
	Retry   queue.Retry
	// Deliver makes the attempts. A reload that leaves a target as it was hands
	// in the same pointer.
	Deliver Attempter
}

// Route is a route that delivers its messages.
type Route struct {
	Path string
	// Concurrency is the number of attempts that may run at a time, at least 1.
	Concurrency int
	Targets     []Target
}

// Options are what a [Dispatcher] is made of.
type Options struct {
	Queue  Queue
	Clock  clock.Clock
	Logger *zap.Logger
	// Metrics is where the families are registered.
	Metrics prometheus.Registerer
	// Random places a wait within its jitter: numbers from -1 to 1. Nil is
	// random.
	Random func() float64
}

// Dispatcher delivers. It is safe for concurrent use.
type Dispatcher struct {
	queue   Queue
	clock   clock.Clock
	logger  *zap.Logger
	random  func() float64
	metrics *metrics
	settler *settler

	// attempts is the context of every attempt, cut ends it.
	attempts context.Context
	cut      context.CancelFunc
	// work counts the consumers and the attempts that run.
	work sync.WaitGroup

	mu      sync.Mutex
	stopped bool
	routes  map[string]*route
	ended   chan struct{} // closed when Stop is done
}

// New makes a dispatcher without routes. It runs until [Dispatcher.Stop],
// whether or not ctx ends before.
func New(ctx context.Context, o Options) (*Dispatcher, error) {
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, err
	}
	if o.Random == nil {
		o.Random = func() float64 { return 2*rand.Float64() - 1 } //nolint:gosec // spreads load, guards nothing
	}
	d := &Dispatcher{
		queue: o.Queue, clock: o.Clock, logger: o.Logger, random: o.Random, metrics: m,
		routes: map[string]*route{}, ended: make(chan struct{}),
	}
	d.attempts, d.cut = context.WithCancel(context.WithoutCancel(ctx))
	d.settler = newSettler(context.WithoutCancel(ctx), d)
	return d, nil
}

// Swap puts routes in force. Lanes that stay go on as they are: an attempt that
// runs ends under the settings that it began with, the next one has the new
// ones. Lanes that are gone begin nothing more; their messages stay queued.
func (d *Dispatcher) Swap(routes []Route) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped {
		return
	}
	kept := map[string]bool{}
	for i := range routes {
		r := &routes[i]
		kept[r.Path] = true
		if d.routes[r.Path] == nil {
			d.routes[r.Path] = &route{d: d, path: r.Path}
		}
		d.routes[r.Path].use(r)
	}
	for path, r := range d.routes {
		if !kept[path] {
			// it stays in the map, so that what still runs counts if it returns
			r.use(&Route{Path: path, Concurrency: 1})
		}
	}
}

const (
	drainMargin        = 5 * time.Second
	minDrain, maxDrain = 15 * time.Second, 60 * time.Second
	lastSettle         = 10 * time.Second
)

// DrainTime is how long attempts that run may take to end by themselves.
func (d *Dispatcher) DrainTime() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	var longest time.Duration
	for _, r := range d.routes {
		longest = max(longest, r.longestTimeout())
	}
	return min(max(longest+drainMargin, minDrain), maxDrain)
}

// errCutOff is told to attempts that ran for too long after a stop.
var errCutOff = errors.New("the daemon stops")

// Stop begins no more attempts, gives back what is leased and not begun, and
// waits for those that run. When ctx ends it breaks them off; their messages go
// back to the queue with the attempt counted. It returns when all is settled.
// With a ctx that has ended already it does not insist on that either, for a
// queue that has failed. Later calls wait for the first.
func (d *Dispatcher) Stop(ctx context.Context) {
	d.mu.Lock()
	first := !d.stopped
	d.stopped = true
	routes := d.sorted()
	d.mu.Unlock()
	if !first {
		<-d.ended
		return
	}
	for _, r := range routes {
		r.use(&Route{Path: r.path, Concurrency: 1})
	}
	patience := lastSettle
	if ctx.Err() != nil {
		patience = firstSettlePause
	}
	idle := make(chan struct{})
	go func() {
		d.work.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-ctx.Done():
		d.logger.Warn("deliveries_cut_off", zap.Error(errCutOff), zap.Int("attempts", d.running(routes)))
		d.cut()
		<-idle
	}
	d.cut()
	d.settler.stop(patience)
	close(d.ended)
}

// sorted lists the routes by path. The caller holds d.mu.
func (d *Dispatcher) sorted() []*route {
	all := make([]*route, 0, len(d.routes))
	for _, r := range d.routes {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *route) int {
		if a.path < b.path {
			return -1
		}
		return 1
	})
	return all
}

func (d *Dispatcher) running(routes []*route) int {
	n := 0
	for _, r := range routes {
		r.mu.Lock()
		n += r.running
		r.mu.Unlock()
	}
	return n
}

// LaneStatus describes the delivery to one target.
type LaneStatus struct {
	Route string
	// Name is the target of the messages in the queue.
	Name string
	// Target is the target's name without what may be secret in it.
	Target string
	// Breaker is closed, open or half_open.
	Breaker string
	// Failures counts the failures in a row. Reason is that of the last, and
	// Probe how long it is to the next attempt, while the breaker is open.
	Failures int
	Reason   string
	Probe    time.Duration
	// Running counts the attempts that run.
	Running int
}

// Status describes all lanes, by route and in the order of its targets.
func (d *Dispatcher) Status() []LaneStatus {
	d.mu.Lock()
	routes := d.sorted()
	d.mu.Unlock()
	var all []LaneStatus
	for _, r := range routes {
		all = append(all, r.status(d.clock.Monotonic())...)
	}
	return all
}
