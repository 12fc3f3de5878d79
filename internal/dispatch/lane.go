package dispatch

import (
	"context"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/observe"
	"hookaido/internal/queue"
)

const (
	// leaseMargin is what leases last beyond the timeout of an attempt.
	leaseMargin = 30 * time.Second
	// beginMargin is what must be left of it when the attempt begins, for the
	// result to be settled.
	beginMargin = 10 * time.Second
	// longPoll is how long a consumer waits at the queue before it asks again.
	longPoll = time.Minute
	// The pause after a dequeue that failed doubles from the first to the last.
	firstRepair, lastRepair = 200 * time.Millisecond, 5 * time.Second
	// maxFetch bounds what is leased in one transaction of the queue.
	maxFetch = 500
	// maxUnsettled bounds results that the queue could not take yet, per permit.
	maxUnsettled = 16
)

// job is a message that has been leased.
type job struct {
	leased queue.Leased
	until  time.Duration // the end of the lease, in monotonic time
	probe  bool
}

// lane delivers to one target of a route. Its fields are guarded by the route's
// mutex.
type lane struct {
	route *route
	name  string // the target in the queue
	label string // the same for people
	gauge *laneMetrics

	target  Target
	retired bool
	looping bool // its consumer runs

	ready     []job
	size      int // of payloads lately
	running   int
	unsettled int
	turn      uint64 // of its last start, counted over the route

	started   bool
	lastStart time.Duration
	short     bool
	shortAt   time.Duration
	pace      pace
	breaker   breaker
	ramp      int // the limit while the target recovers; 0 for none

	wake        chan struct{} // told when there may be something to do
	cancelFetch context.CancelFunc
}

func (l *lane) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// loop leases messages as long as the lane is in force.
func (l *lane) loop(ctx context.Context) {
	defer l.route.d.work.Done()
	timer := l.route.d.clock.NewTimer(longPoll)
	defer timer.Stop()
	var repair time.Duration
	for {
		n, wait, goOn := l.want()
		if !goOn {
			return
		}
		if n > 0 {
			err := l.fetch(ctx, n)
			if err == nil {
				repair = 0
				continue
			}
			if repair == 0 {
				l.route.d.logger.Warn("dispatcher_dequeue_failed", zap.String("route", l.route.path), zap.String("target", l.label), observe.Err(err))
			}
			repair = min(max(2*repair, firstRepair), lastRepair)
			wait = repair
		}
		timer.Reset(wait)
		select {
		case <-l.wake:
		case <-timer.C():
		}
	}
}

// want says how many messages to lease now, or how long to wait before asking
// again unless the lane is roused. It ends the consumer of a retired lane.
func (l *lane) want() (n int, wait time.Duration, goOn bool) {
	r := l.route
	now := r.d.clock.Monotonic()
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.retired {
		l.looping = false
		r.tidy()
		return 0, 0, false
	}
	if l.breaker.ready(now) {
		l.showBreaker()
	}
	switch l.breaker.state {
	case open:
		return 0, l.breaker.until - now, true
	case halfOpen:
		if l.breaker.probing {
			return 0, longPoll, true
		}
		return 1, 0, true
	}
	limit := r.limit(l, now)
	if l.running >= limit {
		r.noteShort(l, now)
	}
	ahead := l.ahead(limit)
	room := limit + ahead - len(l.ready) - l.running
	if room <= 0 || len(l.ready) > ahead/2 || l.unsettled > maxUnsettled*r.permits {
		// limits of other lanes change with time
		return 0, recently, true
	}
	return min(room, maxFetch), 0, true
}

// fetch leases up to n messages and lets them be delivered.
func (l *lane) fetch(ctx context.Context, n int) error {
	d := l.route.d
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ttl, probe, ok := l.beginFetch(cancel)
	if !ok {
		return nil
	}
	leases, err := d.queue.Dequeue(ctx, queue.DequeueRequest{Route: l.route.path, Target: l.name, Max: n, TTL: ttl, Wait: longPoll})
	if err != nil && ctx.Err() != nil {
		err = nil // we broke it off
	}
	now, wall := d.clock.Monotonic(), d.clock.Now()
	jobs := make([]job, len(leases))
	for i := range leases {
		jobs[i] = job{leased: leases[i], until: now + leases[i].LeaseUntil.Sub(wall), probe: probe}
	}
	l.accept(jobs, probe)
	return err
}

// beginFetch notes how to break the dequeue off.
func (l *lane) beginFetch(cancel context.CancelFunc) (ttl time.Duration, probe, ok bool) {
	l.route.mu.Lock()
	defer l.route.mu.Unlock()
	if l.retired || l.breaker.state == open {
		return 0, false, false
	}
	l.cancelFetch = cancel
	return l.target.Timeout + leaseMargin, l.breaker.state == halfOpen, true
}

// accept takes leased messages in, unless the lane has been closed meanwhile.
func (l *lane) accept(jobs []job, probe bool) {
	r := l.route
	r.mu.Lock()
	defer r.mu.Unlock()
	l.cancelFetch = nil
	if l.retired || l.breaker.state == open || l.breaker.state == halfOpen && !probe {
		r.release(l, jobs)
		return
	}
	if l.breaker.state == halfOpen && len(jobs) > 0 {
		l.breaker.probing = true
	}
	for i := range jobs {
		l.size += (len(jobs[i].leased.Payload) - l.size) / 8
	}
	l.ready = append(l.ready, jobs...)
	r.pump()
}

// pop takes the first message that is ready.
func (l *lane) pop() job {
	j := l.ready[0]
	l.ready[0] = job{}
	l.ready = l.ready[1:]
	if len(l.ready) == 0 {
		l.ready = nil
	}
	return j
}

// halt stops the lane's consumer and gives back what has not begun. The caller
// holds the route's mutex.
func (l *lane) halt() {
	if l.cancelFetch != nil {
		l.cancelFetch()
	}
	l.route.release(l, l.ready)
	l.ready = nil
	l.rouse()
}
