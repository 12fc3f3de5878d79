package auth

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"hookaido/internal/clock"
)

// TestGate bounds those inside, those waiting, and how long these wait.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(clock.System{}, 2)
		var mu sync.Mutex
		entered, turnedAway := 0, 0
		var all sync.WaitGroup
		for range 2 + maxWaiting + 7 {
			all.Go(func() {
				in := g.enter(t.Context())
				mu.Lock()
				defer mu.Unlock()
				if in {
					entered++
				} else {
					turnedAway++
				}
			})
		}
		synctest.Wait()
		if entered != 2 || turnedAway != 7 {
			t.Fatalf("%d entered, %d were turned away", entered, turnedAway)
		}
		g.leave()
		synctest.Wait()
		if entered != 3 {
			t.Fatalf("%d entered after one left", entered)
		}
		c := clock.System{}
		began := c.Monotonic()
		all.Wait()
		if entered != 3 || turnedAway != 7+maxWaiting-1 {
			t.Errorf("%d entered, %d were turned away", entered, turnedAway)
		}
		if waited := c.Monotonic() - began; waited != maxWait {
			t.Errorf("they waited %s", waited)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		began = c.Monotonic()
		if g.enter(gone) || c.Monotonic() != began {
			t.Error("who is gone entered a full gate, or waited")
		}
		g.leave()
		if !g.enter(t.Context()) || g.waiting.Load() != 0 {
			t.Error("the gate is not as before")
		}
	})
}
