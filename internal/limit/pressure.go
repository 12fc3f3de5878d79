package limit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

const (
	// freshFor is how long a reading of the backlog is as good as new.
	freshFor = 250 * time.Millisecond
	// usableFor is how long an older one decides while a new one is being read.
	usableFor = 5 * time.Second
	// readTimeout bounds a reading.
	readTimeout = 2 * time.Second
)

// Backlog is how much waits in the queue, over all routes.
type Backlog struct {
	Queued, Leased, Dead int
	// OldestQueued is when the oldest queued message came in, EarliestDue when
	// the first of them is due; both are zero if none is queued.
	OldestQueued, EarliestDue time.Time
}

// Thresholds say what backlog is too much. They are tried in the order of the
// fields.
type Thresholds struct {
	// MinTotal is the number of queued and leased messages below which nothing
	// else counts.
	MinTotal int
	// QueuedPercent bounds the share of queued messages among those, rounded.
	QueuedPercent int
	// ReadyLag bounds how long ago the first message was due.
	ReadyLag time.Duration
	// OldestQueuedAge bounds how long ago the oldest one came in.
	OldestQueuedAge time.Duration
	// Growth refuses while the backlog grows; nil does not ask.
	Growth *Growth
}

// Reason is why a request is refused, as metrics name it.
type Reason string

// The reasons.
const (
	Admitted        Reason = ""
	QueuedPressure  Reason = "queued_pressure"
	ReadyLag        Reason = "ready_lag"
	OldestQueuedAge Reason = "oldest_queued_age"
	SustainedGrowth Reason = "sustained_growth"
)

// PressureOptions describe a [Pressure].
type PressureOptions struct {
	Clock clock.Clock
	// Read reads the backlog. One call runs at a time; its context ends after
	// two seconds.
	Read func(ctx context.Context) (Backlog, error)
}

// Pressure refuses requests while the backlog is too much, so that consumers
// can catch up. It is safe for concurrent use.
//
// Checks don't wait for the queue: they use the last reading, and one that is
// older than 250 ms asks for a new one. Only the first reading of all is waited
// for. If the queue can't be read, or has not been for five seconds, everybody
// is admitted; a full queue then refuses by itself.
type Pressure struct {
	options PressureOptions
	stale   chan struct{} // asks Run for a reading
	reading sync.Mutex    // held while the backlog is read
	latest  atomic.Pointer[reading]
	// samples are in their order, for reading only.
	samples atomic.Pointer[[]queue.TrendSample]
}

// reading is a backlog at a monotonic time. It is not ok if it failed.
type reading struct {
	Backlog
	at time.Duration
	ok bool
}

// NewPressure makes a Pressure. It follows the backlog while Run runs.
func NewPressure(o PressureOptions) *Pressure {
	p := &Pressure{options: o, stale: make(chan struct{}, 1)}
	p.samples.Store(new([]queue.TrendSample))
	return p
}

// SetSamples replaces the samples that tell where the backlog is heading, the
// latest last. They must not be changed afterwards.
func (p *Pressure) SetSamples(list []queue.TrendSample) { p.samples.Store(&list) }

// Run reads the backlog when checks need it, and once at the begin, until ctx
// ends.
func (p *Pressure) Run(ctx context.Context) {
	p.read(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.stale:
			if p.age(p.latest.Load()) >= freshFor {
				p.read(ctx)
			}
		}
	}
}

// read takes a reading. It may be called from several goroutines.
func (p *Pressure) read(ctx context.Context) *reading {
	p.reading.Lock()
	defer p.reading.Unlock()
	return p.readLocked(ctx)
}

func (p *Pressure) readLocked(ctx context.Context) *reading {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	// the time before the call: a slow answer is an old one
	r := &reading{at: p.options.Clock.Monotonic()}
	var err error
	r.Backlog, err = p.options.Read(ctx)
	r.ok = err == nil
	p.latest.Store(r)
	return r
}

func (p *Pressure) age(r *reading) time.Duration { return p.options.Clock.Monotonic() - r.at }

// current returns the reading to decide by.
func (p *Pressure) current(ctx context.Context) *reading {
	r := p.latest.Load()
	if r == nil {
		return p.first(ctx)
	}
	if p.age(r) >= freshFor {
		select {
		case p.stale <- struct{}{}:
		default: // somebody asked already
		}
	}
	return r
}

// first takes the first reading, for all that come at that time.
func (p *Pressure) first(ctx context.Context) *reading {
	p.reading.Lock()
	defer p.reading.Unlock()
	if r := p.latest.Load(); r != nil {
		return r
	}
	// others decide by it too, so a client that goes away must not spoil it
	return p.readLocked(context.WithoutCancel(ctx))
}

// Check returns the first of the thresholds that the backlog has reached. Nil
// thresholds admit everybody and read nothing.
func (p *Pressure) Check(ctx context.Context, t *Thresholds) Reason {
	if t == nil {
		return Admitted
	}
	r := p.current(ctx)
	if !r.ok || p.age(r) >= usableFor {
		return Admitted
	}
	total := r.Queued + r.Leased
	if total < t.MinTotal || total == 0 {
		return Admitted
	}
	now := p.options.Clock.Now()
	switch {
	case (200*r.Queued+total)/(2*total) >= t.QueuedPercent:
		return QueuedPressure
	case passed(r.EarliestDue, now, t.ReadyLag):
		return ReadyLag
	case passed(r.OldestQueued, now, t.OldestQueuedAge):
		return OldestQueuedAge
	case t.Growth != nil && t.Growth.grows(*p.samples.Load(), now):
		return SustainedGrowth
	}
	return Admitted
}

// passed reports whether then, if there is one, is at least d ago.
func passed(then, now time.Time, d time.Duration) bool {
	return !then.IsZero() && now.Sub(then) >= d
}
