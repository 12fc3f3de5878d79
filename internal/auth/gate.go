package auth

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"hookaido/internal/clock"
)

const (
	// maxWaiting is how many checks wait at a gate at most.
	maxWaiting = 64
	// maxWait is how long one waits.
	maxWait = 5 * time.Second
)

// Gate bounds how many password hashes are computed at a time, so that a flood
// of guesses takes a part of the processor and not all of it. All routes share
// one, which outlives reloads. It is safe for concurrent use.
type Gate struct {
	clock   clock.Clock
	slots   chan struct{}
	waiting atomic.Int64
}

// NewGate makes a gate that lets half of the processors compute hashes, and at
// least one.
func NewGate(c clock.Clock) *Gate { return newGate(c, max(1, runtime.GOMAXPROCS(0)/2)) }

func newGate(c clock.Clock, slots int) *Gate {
	return &Gate{clock: c, slots: make(chan struct{}, slots)}
}

// enter waits for a slot, first come first served, and reports whether it got
// one. Whoever did calls leave.
func (g *Gate) enter(ctx context.Context) bool {
	select {
	case g.slots <- struct{}{}:
		return true
	default:
	}
	if g.waiting.Add(1) > maxWaiting {
		g.waiting.Add(-1)
		return false
	}
	defer g.waiting.Add(-1)
	timer := g.clock.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case g.slots <- struct{}{}:
		return true
	case <-timer.C():
	case <-ctx.Done():
	}
	return false
}

func (g *Gate) leave() { <-g.slots }
