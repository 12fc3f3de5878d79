// Package memory is the queue engine for development and tests: it keeps every
// message in the memory of the process and forgets all of them when it ends.
// It must never be used where a 202 is a promise.
//
// It behaves as the durable engines do and passes the same contract suite
// (queue/queuetest). One mutex guards everything; messages of a route and
// target are in heaps ordered by due time and by age, so that the cost of an
// operation grows with the logarithm of the depth at most.
package memory

import (
	"context"
	"math/rand/v2"
	"sync"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

// DefaultMaxBytes is the value of [Options.MaxBytes] when it is not set.
const DefaultMaxBytes = 256 << 20

// Options configure [Open].
type Options struct {
	Clock  clock.Clock
	Limits queue.Limits
	// MaxBytes bounds the memory held by messages in all states and by claims,
	// in bytes of payload and envelope plus a fixed share for bookkeeping; 0
	// means [DefaultMaxBytes]. Beyond it Enqueue returns [queue.ErrFull], under
	// either drop policy: only the depth makes old messages go.
	MaxBytes int64
}

// Store is a queue in memory. It is safe for concurrent use.
type Store struct {
	limits   queue.Limits
	maxBytes int64
	failed   chan struct{}
	stop     chan struct{}
	loop     sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	time    timeline
	timer   clock.Timer
	wakeAt  int64 // when the timer fires, in time of the line; never if unset
	tag     uint64
	lastSeq uint64
	salt    uint32
	items   map[uint64]*item // by seq, in every state
	chosen  map[string]*item // those whose id was chosen by the publisher
	routes  map[string]*route
	waiting map[*route]struct{} // routes with waiting consumers
	leases  ordered             // by the end of the lease
	queued  int
	claims  claimSet
	bytes   int64
	tally   tally
	// attempts are in the order of their ids
	attempts    []queue.Attempt
	lastAttempt uint64
	// what operators keep here
	mappings map[pair]queue.Mapping
	sealed   map[pair]queue.SealedSecret

	trend       trend
	laneNumbers map[pair]uint64

	retention queue.Retention
	pruneAt   int64 // when the next round of pruning is due
}

// Open returns an empty queue.
func Open(o Options) *Store {
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	s := &Store{
		limits:   o.Limits,
		maxBytes: o.MaxBytes,
		failed:   make(chan struct{}),
		stop:     make(chan struct{}),
		time:     newTimeline(o.Clock),
		timer:    o.Clock.NewTimer(longest),
		wakeAt:   never,
		pruneAt:  never,
		tag:      rand.Uint64() >> (64 - tagBits), //nolint:gosec // tells processes apart, guards nothing
		salt:     rand.Uint32(),                   //nolint:gosec // likewise
		items:    map[uint64]*item{},
		chosen:   map[string]*item{},
		routes:   map[string]*route{},
		waiting:  map[*route]struct{}{},
		leases:   ordered{before: endsBefore, slot: slotLease},
		claims:   newClaimSet(o.MaxBytes),
		tally:    tally{evictions: map[string]uint64{}},
		mappings: map[pair]queue.Mapping{},
		sealed:   map[pair]queue.SealedSecret{},

		laneNumbers: map[pair]uint64{},
	}
	s.timer.Stop()
	s.loop.Add(1)
	go s.watchTimer()
	return s
}

// Close releases waiting consumers with [queue.ErrClosed], as every later
// operation gets it, and frees the messages. It may be called more than once.
func (s *Store) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.stop)
		s.timer.Stop()
		for r := range s.waiting {
			r.release()
		}
		s.items, s.chosen, s.routes, s.waiting, s.leases.list = nil, nil, nil, nil, nil
		s.claims, s.attempts = newClaimSet(s.maxBytes), nil
	}
	s.mu.Unlock()
	s.loop.Wait()
	return nil
}

// Ping reports whether the queue takes operations.
func (s *Store) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return queue.ErrClosed
	}
	return nil
}

// Failed returns a channel that is never closed: memory does not fail by
// itself.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Err returns nil, see [Store.Failed].
func (s *Store) Err() error { return nil }

// enter locks the store for an operation and brings it up to the present,
// which it returns. After an error the store is not locked.
func (s *Store) enter(ctx context.Context) (now int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return 0, queue.ErrClosed
	}
	now = s.time.now()
	s.catchUp(now)
	return now, nil
}

// exit ends an operation that enter began: consumers that wait get what it made
// ready, and the timer is set for the next of them.
func (s *Store) exit(now int64) {
	next := s.nextWake()
	if next <= now {
		s.serveAll(now)
		next = s.nextWake()
	}
	s.arm(now, next)
	s.mu.Unlock()
}

func (s *Store) watchTimer() {
	defer s.loop.Done()
	for {
		select {
		case <-s.stop:
			return
		case <-s.timer.C():
			s.mu.Lock()
			if s.closed {
				s.mu.Unlock()
				return
			}
			now := s.time.now()
			s.catchUp(now)
			s.wakeAt = never // it fired, so it must be set anew
			s.exit(now)
		}
	}
}

// catchUp does what the passing of time asks for: it ends the leases that ran
// out, drops what is kept no longer and serves consumers that wait for a message that has come due.
func (s *Store) catchUp(now int64) {
	for it := s.leases.first(); it != nil && it.until <= now; it = s.leases.first() {
		s.expire(it, now)
	}
	if now >= s.pruneAt {
		s.prune(now)
	}
	if now >= s.wakeAt {
		s.serveAll(now)
	}
}

// nextWake returns the next moment at which a waiting consumer may be served,
// or never. Without one the timer rests: leases that run out are then noticed
// by the next operation.
func (s *Store) nextWake() int64 {
	next := int64(never)
	if len(s.waiting) == 0 {
		return next
	}
	if it := s.leases.first(); it != nil {
		next = it.until
	}
	for r := range s.waiting {
		next = min(next, r.nextDue())
	}
	return next
}

// arm sets the timer for the given moment.
func (s *Store) arm(now, next int64) {
	if next == s.wakeAt {
		return
	}
	s.wakeAt = next
	if next == never {
		s.timer.Stop()
		return
	}
	s.timer.Reset(durationUntil(now, next))
}
