package observe

import (
	"sync"
	"time"

	"hookaido/internal/clock"
)

// heldLines counts refusals of one kind that weren't logged one by one.
type heldLines struct {
	component, reason string
	count             uint64
}

// kind is what refusals are told apart by.
type kind struct{ component, reason string }

// maxKinds bounds the kinds of one second, whatever callers pass.
const maxKinds = 256

// refusals thins out the lines of refused requests, so that a flood of them
// doesn't push other lines out of the log: of each kind the first of a second
// pass, the others become one count at its end.
type refusals struct {
	limit uint64 // lines of a kind per second
	clk   clock.Clock
	emit  func(heldLines)

	closed chan struct{}
	timing sync.WaitGroup

	mu    sync.Mutex
	since time.Duration // when the second began, monotonic
	seen  map[kind]uint64
	armed bool // a goroutine waits for the end of the second
	ended bool
}

func newRefusals(limit int, clk clock.Clock, emit func(heldLines)) *refusals {
	return &refusals{limit: uint64(limit), clk: clk, emit: emit, closed: make(chan struct{}), seen: map[kind]uint64{}}
}

// admit reports whether this refusal gets its line.
func (r *refusals) admit(component, reason string) bool {
	k := kind{component, reason}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clk.Monotonic()
	if now-r.since >= time.Second {
		r.settle()
		r.since = now
	}
	count, known := r.seen[k]
	if !known && len(r.seen) >= maxKinds {
		k = kind{"any", "other"}
		count = r.seen[k]
	}
	r.seen[k] = count + 1
	if count < r.limit {
		return true
	}
	if !r.armed && !r.ended {
		r.armed = true
		timer := r.clk.NewTimer(time.Second - (now - r.since))
		r.timing.Go(func() { r.atEnd(timer) })
	}
	return false
}

// atEnd tells what was held when the second is over, also if no refusal
// follows. If one did and began a new second, it waits for the end of that.
func (r *refusals) atEnd(timer clock.Timer) {
	defer timer.Stop()
	for {
		closing := false
		select {
		case <-timer.C():
		case <-r.closed:
			closing = true
		}
		r.mu.Lock()
		left := time.Second - (r.clk.Monotonic() - r.since)
		if closing || left <= 0 {
			r.armed = false
			r.settle()
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		timer.Reset(left)
	}
}

// settle emits the counts and forgets them. The caller holds the lock.
func (r *refusals) settle() {
	for k, n := range r.seen {
		if n > r.limit {
			r.emit(heldLines{k.component, k.reason, n - r.limit})
		}
	}
	clear(r.seen)
}

// close emits what is held now.
func (r *refusals) close() {
	r.mu.Lock()
	if !r.ended {
		r.ended = true
		close(r.closed)
	}
	r.mu.Unlock()
	r.timing.Wait()
}
