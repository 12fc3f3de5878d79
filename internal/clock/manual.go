package clock

import (
	"sync"
	"time"
)

// Manual is a clock that moves only when told to, for tests.
type Manual struct {
	mu     sync.Mutex
	wall   time.Time
	mono   time.Duration
	timers map[*manualTimer]struct{}
	armed  chan struct{} // closed and replaced whenever a timer is set
}

// NewManual returns a clock that shows start.
func NewManual(start time.Time) *Manual {
	return &Manual{
		wall:   start.UTC().Round(0),
		timers: map[*manualTimer]struct{}{},
		armed:  make(chan struct{}),
	}
}

// Now implements [Clock].
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.wall
}

// Monotonic implements [Clock].
func (m *Manual) Monotonic() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mono
}

// Advance lets d pass: wall and monotonic time move, and timers that come due
// fire.
func (m *Manual) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wall = m.wall.Add(d)
	m.mono += d
	for t := range m.timers {
		if t.due <= m.mono {
			delete(m.timers, t)
			t.c <- m.wall
		}
	}
}

// Step sets the wall clock forward or back by d, as an administrator would.
// No monotonic time passes and no timer fires.
func (m *Manual) Step(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wall = m.wall.Add(d)
}

// AwaitTimers blocks until at least n timers are set, so that a test can
// advance the clock only when the code under test really waits.
func (m *Manual) AwaitTimers(n int) {
	for {
		m.mu.Lock()
		enough, armed := len(m.timers) >= n, m.armed
		m.mu.Unlock()
		if enough {
			return
		}
		<-armed
	}
}

// NewTimer implements [Clock].
func (m *Manual) NewTimer(d time.Duration) Timer {
	t := &manualTimer{clock: m, c: make(chan time.Time, 1)}
	t.Reset(d)
	return t
}

type manualTimer struct {
	clock *Manual
	c     chan time.Time
	due   time.Duration
}

func (t *manualTimer) C() <-chan time.Time { return t.c }

func (t *manualTimer) Reset(d time.Duration) {
	m := t.clock
	m.mu.Lock()
	defer m.mu.Unlock()
	t.drain()
	if d <= 0 {
		delete(m.timers, t)
		t.c <- m.wall
		return
	}
	t.due = m.mono + d
	m.timers[t] = struct{}{}
	close(m.armed)
	m.armed = make(chan struct{})
}

func (t *manualTimer) Stop() {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	delete(t.clock.timers, t)
	t.drain()
}

func (t *manualTimer) drain() {
	select {
	case <-t.c:
	default:
	}
}
