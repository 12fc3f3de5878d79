package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/observe"
	"hookaido/internal/queue"
)

const (
	// settleBatch bounds one call to the queue.
	settleBatch = 256
	// The pause after a call that failed doubles from the first to the last.
	firstSettlePause, lastSettlePause = 100 * time.Millisecond, 2 * time.Second
)

// entry is a lease that is to end.
type entry struct {
	queue.Conclusion
	lane   *lane
	until  time.Duration // the end of the lease, in monotonic time
	permit bool          // the route's permit is held until it is settled
}

// settler ends leases: all that have come together while the queue was busy
// with those before, in one call. One that the queue can't take is tried again
// until its lease is over.
type settler struct {
	d      *Dispatcher
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	wake   chan struct{}

	mu       sync.Mutex
	pending  []entry
	stopping bool
}

func newSettler(ctx context.Context, d *Dispatcher) *settler {
	s := &settler{d: d, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	s.ctx, s.cancel = context.WithCancel(ctx)
	go s.run()
	return s
}

func (s *settler) put(e entry) {
	s.mu.Lock()
	s.pending = append(s.pending, e)
	s.mu.Unlock()
	s.rouse()
}

func (s *settler) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// stop settles what is there and ends. What the queue doesn't take within the
// time is left to the end of its lease.
func (s *settler) stop(within time.Duration) {
	timer := s.d.clock.NewTimer(within)
	defer timer.Stop()
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	s.rouse()
	select {
	case <-s.done:
	case <-timer.C():
		s.cancel()
		<-s.done
	}
	s.cancel()
}

// take returns what is to be settled next; more is false at the end.
func (s *settler) take() (batch []entry, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.pending), settleBatch)
	batch = s.pending[:n:n]
	if s.pending = s.pending[n:]; len(s.pending) == 0 {
		s.pending = nil
	}
	return batch, n > 0 || !s.stopping
}

func (s *settler) run() {
	defer close(s.done)
	for {
		batch, more := s.take()
		switch {
		case len(batch) > 0:
			s.settle(batch)
		case !more:
			return
		default:
			<-s.wake
		}
	}
}

// settle ends the leases of a batch, however long that takes.
func (s *settler) settle(batch []entry) {
	list := make([]queue.Conclusion, len(batch))
	for i := range batch {
		list[i] = batch[i].Conclusion
	}
	conflicts, err := s.d.queue.Conclude(s.ctx, list)
	for pause := firstSettlePause; err != nil; pause = min(2*pause, lastSettlePause) {
		if pause == firstSettlePause {
			s.d.logger.Error("delivery_settle_failed", zap.Int("results", len(list)), observe.Err(err))
		}
		if errors.Is(err, queue.ErrClosed) || !s.wait(pause) || s.allOver(batch) {
			s.d.metrics.leaseLost.Add(float64(len(batch)))
			break
		}
		conflicts, err = s.d.queue.Conclude(s.ctx, list)
	}
	for _, c := range conflicts {
		s.d.metrics.leaseLost.Inc()
		s.d.logger.Warn("delivery_lease_lost", zap.String("lease", c.LeaseID), observe.Err(c.Err))
	}
	for i := range batch {
		batch[i].lane.route.settled(batch[i].lane, batch[i].permit)
	}
}

// wait reports false when the settler is out of time.
func (s *settler) wait(d time.Duration) bool {
	timer := s.d.clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
		return true
	case <-s.ctx.Done():
		return false
	}
}

// allOver reports whether every lease of the batch has ended by itself.
func (s *settler) allOver(batch []entry) bool {
	now := s.d.clock.Monotonic()
	for i := range batch {
		if batch[i].until > now {
			return false
		}
	}
	return true
}
