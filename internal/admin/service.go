// Package admin is the service for operators: is the daemon healthy, what is in
// the queue, take the new Hookaidofile. The package adminapi puts it on HTTP;
// the wire types are here, because operator commands read them too.
package admin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
)

// Store is what the service needs of a queue engine.
type Store interface {
	// Ping returns nil only if the store can commit now.
	Ping(ctx context.Context) error
	Stats(ctx context.Context) (queue.Stats, error)
	Paused(ctx context.Context) ([]queue.Pause, error)
	Trend(ctx context.Context, f queue.TrendFilter) ([]queue.TrendSample, error)
}

// Reloader takes the Hookaidofile anew.
type Reloader interface {
	// Reload returns when the new configuration is in force, or an error, best
	// a [*ReloadError], when the old one still is.
	Reload(ctx context.Context) (ReloadResult, error)
}

// storeDeadline is how long the store may take to prove itself.
const storeDeadline = time.Second

var errSlow = errors.New("the store did not commit within a second")

// Phase is where the daemon is in its life.
type Phase string

// The phases, in their order.
const (
	Starting Phase = "starting"
	Ready    Phase = "ready"
	Draining Phase = "draining"
)

// Options are what a [Service] is made of.
type Options struct {
	Store    Store
	Reloader Reloader
	Clock    clock.Clock
	Version  string
	PID      int
	// Listeners are all that the daemon serves.
	Listeners []Listener
	// Deliveries describes the targets of push routes; nil for none.
	Deliveries func() []Delivery
	// Counters are what was counted since the start; nil for none.
	Counters func() Counters
	// Rates tells how fast messages flow, by route; nil for not at all.
	Rates func() map[string]Rate
}

// Service is the operators' service. It is safe for concurrent use.
type Service struct {
	store     Store
	reloader  Reloader
	clock     clock.Clock
	version   string
	pid       int
	listeners []Listener
	targets   func() []Delivery
	rates     func() map[string]Rate
	counters  func() Counters
	startedAt time.Time
	started   time.Duration // monotonic

	phase  atomic.Value // Phase
	loaded atomic.Pointer[loaded]
	labels labels

	mu         sync.Mutex // held while a reload runs
	lastReload atomic.Pointer[ReloadFailure]
}

// loaded is a configuration, with the endpoints of the database, and when it
// came into force.
type loaded struct {
	config *config.Config
	info   ConfigInfo
}

// New makes the service of a daemon that is starting.
func New(o Options) *Service {
	s := &Service{
		store: o.Store, reloader: o.Reloader, clock: o.Clock, version: o.Version, pid: o.PID,
		listeners: o.Listeners, startedAt: o.Clock.Now(), started: o.Clock.Monotonic(),
	}
	if s.targets = o.Deliveries; s.targets == nil {
		s.targets = func() []Delivery { return []Delivery{} }
	}
	if s.counters = o.Counters; s.counters == nil {
		s.counters = func() Counters { return Counters{} }
	}
	if s.rates = o.Rates; s.rates == nil {
		s.rates = func() map[string]Rate { return nil }
	}
	s.phase.Store(Starting)
	s.labels.file = &config.Config{}
	s.loaded.Store(&loaded{config: s.labels.file})
	return s
}

// SetPhase tells where the daemon is in its life.
func (s *Service) SetPhase(p Phase) { s.phase.Store(p) }

// SetConfig tells which configuration is in force from now on, and its
// generation.
func (s *Service) SetConfig(c *config.Config, generation int64) {
	s.labels.mu.Lock()
	defer s.labels.mu.Unlock()
	s.labels.file = c
	s.loaded.Store(&loaded{s.labels.apply(), ConfigInfo{Fingerprint: c.Fingerprint, Generation: generation, LoadedAt: s.clock.Now()}})
}

// diskFull is the code of a daemon that takes no webhook for want of disk space.
const diskFull = "disk_full"

// NotReadyError says why the daemon should get no requests now.
type NotReadyError struct {
	// Code is starting, draining, store_unavailable or disk_full.
	Code  string
	cause error
}

// Error implements error.
func (e *NotReadyError) Error() string {
	switch e.Code {
	case string(Starting):
		return "the daemon is starting"
	case string(Draining):
		return "the daemon is stopping"
	case diskFull:
		return "webhooks are refused, since the disk is full; workers are served"
	}
	return "the queue can't store messages right now"
}

// Unwrap returns what the store said.
func (e *NotReadyError) Unwrap() error { return e.cause }

// Healthy returns nil if the store can commit, which it must prove within a
// second, and a [*NotReadyError] otherwise.
func (s *Service) Healthy(ctx context.Context) error {
	if err := s.ping(ctx); err != nil {
		return &NotReadyError{"store_unavailable", err}
	}
	return nil
}

// Ready returns nil if the daemon is there for requests, webhooks among them, and
// a [*NotReadyError] otherwise.
func (s *Service) Ready(ctx context.Context) error {
	if p := s.currentPhase(); p != Ready {
		return &NotReadyError{Code: string(p)}
	}
	if err := s.Healthy(ctx); err != nil {
		return err
	}
	switch stats, err := s.stats(ctx); {
	case err != nil:
		return &NotReadyError{"store_unavailable", err}
	case stats.DiskLow:
		return &NotReadyError{Code: diskFull}
	}
	return nil
}

func (s *Service) currentPhase() Phase {
	p, _ := s.phase.Load().(Phase) // New stored one
	return p
}

// ping asks the store, and does not rely on it to keep the deadline: a store
// that hangs is what this is for.
func (s *Service) ping(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := s.clock.NewTimer(storeDeadline)
	answer := make(chan error, 1)
	go func() { answer <- s.store.Ping(ctx) }()
	defer timer.Stop()
	defer cancel(nil)
	select {
	case err := <-answer:
		return err
	case <-timer.C():
		cancel(errSlow)
		return errSlow
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Reload takes the Hookaidofile anew and returns when that is done or refused,
// one call at a time. That the caller leaves does not stop it. Every reload
// goes through here, also one by signal, so that Status knows of the last.
func (s *Service) Reload(ctx context.Context) (ReloadResult, error) {
	if p := s.currentPhase(); p != Ready {
		return ReloadResult{}, &ReloadError{Code: CodeNotReady,
			Detail: fmt.Sprintf("the daemon is %s; ask again when it is ready", p)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	result, err := s.reloader.Reload(context.WithoutCancel(ctx))
	if err != nil {
		s.lastReload.Store(&ReloadFailure{At: s.clock.Now(), Detail: err.Error()})
		return ReloadResult{}, err
	}
	s.lastReload.Store(nil)
	if result.Changes == nil {
		result.Changes = []string{}
	}
	return result, nil
}
