package sqlite

import (
	"context"
	"slices"
	"sync"

	"hookaido/internal/queue"
)

// Bounds of one batch.
const (
	maxBatchOps    = 1024
	maxBatchWeight = 8 << 20 // octets, about what the transaction writes
)

// gate decides who works on the write connection, and with what. A caller that
// finds it idle, and seems to be alone, does the work itself, which saves two
// switches between goroutines; otherwise operations gather, and the store's
// goroutine takes them over in batches.
type gate struct {
	mu      sync.Mutex
	idle    sync.Cond // signals that nobody is busy or syncs
	pending []operation
	parked  map[string][]*leaseOp // by route, in order of arrival
	busy    bool
	syncing bool // callers wait for a sync; until it is done, nobody else may promise anything
	again   bool // time has passed: look again at leases and due messages
	last    int  // operations in the last batch that was not taken during a sync
	closed  bool
	kick    chan struct{} // hands busy over to the store's goroutine
}

func (g *gate) init() {
	g.idle.L = &g.mu
	g.parked = map[string][]*leaseOp{}
	g.kick = make(chan struct{}, 1)
}

// ready reports whether there is work that may be begun. The caller holds mu.
func (g *gate) ready() bool {
	if !g.syncing || g.again {
		return len(g.pending) > 0 || g.again
	}
	return slices.ContainsFunc(g.pending, unpromised)
}

// unpromised reports whether an operation may be worked on during a sync.
func unpromised(o operation) bool { return !o.base().synced }

// take removes the next batch from pending. The caller holds mu.
func (g *gate) take() []operation {
	g.again = false
	if g.syncing {
		return g.takeUnpromised()
	}
	n, weight := 0, 0
	for _, o := range g.pending {
		c := o.base()
		if n > 0 && (c.alone || n == maxBatchOps || weight+c.weight > maxBatchWeight) {
			break
		}
		weight += c.weight
		n++
		if c.alone {
			break
		}
	}
	batch := g.pending[:n:n]
	if n == len(g.pending) {
		g.pending = nil
	} else {
		g.pending = g.pending[n:]
	}
	g.last = n
	return batch
}

// takeUnpromised is take during a sync.
func (g *gate) takeUnpromised() []operation {
	var batch, rest []operation
	weight := 0
	for _, o := range g.pending {
		fits := len(batch) == 0 || !o.base().alone && !batch[0].base().alone &&
			len(batch) < maxBatchOps && weight+o.base().weight <= maxBatchWeight
		if unpromised(o) && fits {
			weight += o.base().weight
			batch = append(batch, o)
		} else {
			rest = append(rest, o)
		}
	}
	g.pending = rest
	return batch
}

// takeBatch is take, for who is busy. A timer that has fired is not set any
// more, whatever it was set for.
func (s *Store) takeBatch() []operation {
	if s.gate.again {
		s.w.wakeAt = 0
	}
	return s.gate.take()
}

// submit puts o into the queue. The operation is done, with its result or a
// refusal, once o's done channel has a value. If mayWork is set, the caller may
// find itself doing the work, for which no context is looked at.
func (s *Store) submit(o operation, mayWork bool) error {
	g := &s.gate
	g.mu.Lock()
	if err := s.refusal(); err != nil {
		g.mu.Unlock()
		return err
	}
	g.pending = append(g.pending, o)
	if g.busy || g.syncing && o.base().synced {
		g.mu.Unlock()
		return nil
	}
	g.busy = true
	// where others are about, the switch gives them time to join the batch
	if !mayWork || g.last > 1 && !g.syncing {
		g.kick <- struct{}{}
		g.mu.Unlock()
		return nil
	}
	batch := s.takeBatch()
	g.mu.Unlock()
	if !s.step(batch) {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ready() {
		g.kick <- struct{}{}
	} else {
		g.rest()
	}
	return nil
}

// refusal says why no operation is taken any more. The caller holds gate.mu.
func (s *Store) refusal() error {
	if s.gate.closed {
		return queue.ErrClosed
	}
	if err := s.Err(); err != nil {
		return &queue.UnavailableError{Cause: err}
	}
	return nil
}

// rest gives busy back. The caller holds mu.
func (g *gate) rest() {
	g.busy = false
	g.idle.Broadcast()
}

// workers is the number of the store's goroutines: while one syncs, the other
// works on what needs no sync.
const workers = 2

// work is one of the store's goroutines.
func (s *Store) work() {
	defer s.loops.Done()
	for {
		select {
		case <-s.stop:
			return
		case <-s.gate.kick:
			s.drain()
		case <-s.timer.C():
			s.tick()
		}
	}
}

// drain works until nothing waits. The caller has busy.
func (s *Store) drain() {
	g := &s.gate
	for {
		g.mu.Lock()
		if !g.ready() {
			g.rest()
			g.mu.Unlock()
			return
		}
		batch := s.takeBatch()
		g.mu.Unlock()
		if !s.step(batch) {
			return
		}
	}
}

// tick looks at what has come due.
func (s *Store) tick() {
	g := &s.gate
	g.mu.Lock()
	g.again = true
	busy := g.busy
	g.busy = true
	g.mu.Unlock()
	if !busy {
		s.drain()
	}
}

// await waits until o is done. When ctx ends before o was begun, it is taken
// back; when it is being worked on, its outcome is unknown.
func (s *Store) await(ctx context.Context, o operation) error { return s.awaitThen(ctx, o, nil) }

// awaitThen is await. It calls then, which may be nil, when nothing can come of
// o any more: after the return if ctx ends while o is being worked on.
func (s *Store) awaitThen(ctx context.Context, o operation, then func()) error {
	if then == nil {
		then = func() {}
	}
	c := o.base()
	select {
	case <-c.done:
		then()
		return c.err
	default:
	}
	select {
	case <-c.done:
		then()
		return c.err
	case <-ctx.Done():
		s.gate.mu.Lock()
		withdrawn := s.gate.withdraw(o)
		s.gate.mu.Unlock()
		if withdrawn {
			then()
		} else {
			go func() {
				<-c.done
				then()
			}()
		}
		return ctx.Err()
	}
}

// withdraw takes o out of pending, and reports whether it was still there. The
// caller holds mu.
func (g *gate) withdraw(o operation) bool {
	i := slices.Index(g.pending, o)
	if i >= 0 {
		g.pending = slices.Concat(g.pending[:i], g.pending[i+1:])
	}
	return i >= 0
}

// do submits o and waits for it.
func (s *Store) do(ctx context.Context, o operation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.submit(o, true); err != nil {
		return err
	}
	return s.await(ctx, o)
}

// shutGate refuses all operations, ends those that wait with err, and returns
// when nobody works on the connection any more.
func (s *Store) shutGate(err error) {
	g := &s.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	g.dismissAll(err)
	for g.busy || g.syncing {
		g.idle.Wait()
	}
	g.dismissAll(err) // those whom the last batch told to wait
}

// dismissAll ends everything that waits. The caller holds mu.
func (g *gate) dismissAll(err error) {
	for _, o := range g.pending {
		o.base().err = err
		o.base().done <- struct{}{}
	}
	g.pending = nil
	for _, list := range g.parked {
		for _, o := range list {
			o.err = err
			o.phase = phaseDone
			o.done <- struct{}{}
		}
	}
	clear(g.parked)
}
