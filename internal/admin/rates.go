package admin

import (
	"context"
	"sync"
	"time"

	"hookaido/internal/clock"
)

// Flow counts, since the process started, the webhooks that a route took and the
// messages that were delivered or acknowledged.
type Flow struct{ In, Out int64 }

// Rate is how fast messages came in and went out over the last minute, or since
// the process started.
type Rate struct {
	InPerSecond  float64 `json:"in_per_second"`
	OutPerSecond float64 `json:"out_per_second"`
}

// rateStep is the time between two samples, and rateSamples how many are kept:
// a minute of them.
const (
	rateStep    = 10 * time.Second
	rateSamples = 7
)

// Rates tells how fast messages flow through routes. It is safe for concurrent
// use.
type Rates struct {
	clock clock.Clock
	read  func() map[string]Flow

	mu      sync.Mutex
	samples []flowSample // the oldest first
}

// flowSample is what was counted by a time.
type flowSample struct {
	at    time.Duration // monotonic
	flows map[string]Flow
}

// NewRates makes a Rates whose first sample is that nothing was counted yet. read
// returns the counts by route.
func NewRates(c clock.Clock, read func() map[string]Flow) *Rates {
	return &Rates{clock: c, read: read, samples: []flowSample{{at: c.Monotonic()}}}
}

// Run takes samples until ctx ends.
func (r *Rates) Run(ctx context.Context) {
	timer := r.clock.NewTimer(rateStep)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C():
		}
		timer.Reset(rateStep)
		r.take()
	}
}

func (r *Rates) take() {
	next := flowSample{r.clock.Monotonic(), r.read()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples = append(r.samples, next)
	if n := len(r.samples) - rateSamples; n > 0 {
		r.samples = append(r.samples[:0:0], r.samples[n:]...)
	}
}

// Now returns the rates of the routes that have any count.
func (r *Rates) Now() map[string]Rate {
	now, at := r.read(), r.clock.Monotonic()
	r.mu.Lock()
	oldest := r.samples[0]
	r.mu.Unlock()
	seconds := (at - oldest.at).Seconds()
	rates := make(map[string]Rate, len(now))
	for route, flow := range now {
		if seconds <= 0 {
			rates[route] = Rate{}
			continue
		}
		before := oldest.flows[route]
		rates[route] = Rate{
			InPerSecond:  float64(max(0, flow.In-before.In)) / seconds,
			OutPerSecond: float64(max(0, flow.Out-before.Out)) / seconds,
		}
	}
	return rates
}
