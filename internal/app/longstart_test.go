package app

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hookaido/internal/clock"
)

// A step of five minutes is never without time that was asked for (C89).
func TestLongStartOverALongStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			mu       sync.Mutex
			deadline time.Time
			asked    int
			told     []string
		)
		p := newLongStart(clock.System{}, func(d time.Duration, progress string) {
			mu.Lock()
			defer mu.Unlock()
			if now := time.Now(); asked > 0 && !now.Before(deadline) {
				t.Errorf("asked at %v, after the deadline %v", now, deadline)
			}
			deadline = time.Now().Add(d)
			asked++
			if progress != "" {
				told = append(told, progress)
			}
		})
		pass := func(d time.Duration) { <-clock.System{}.NewTimer(d).C() }
		pass(time.Hour)
		if asked != 0 {
			t.Fatalf("asked %d times before there was progress", asked)
		}
		p.report("migrating")
		pass(5 * time.Minute)
		p.report("migrating more")
		pass(10 * time.Second)
		mu.Lock()
		if left := time.Until(deadline); left < startGrace/2 {
			t.Errorf("%v are left, want more than half of %v", left, startGrace)
		}
		if asked < 5 || len(told) != 2 {
			t.Errorf("asked %d times and told %q", asked, told)
		}
		mu.Unlock()
		p.end()
		before := asked
		pass(time.Hour)
		if asked != before {
			t.Error("asked after the end")
		}
	})
}

// A step that hangs is left to systemd at last.
func TestLongStartEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last time.Time
		p := newLongStart(clock.System{}, func(time.Duration, string) { last = time.Now() })
		began := time.Now()
		p.report("hanging")
		<-clock.System{}.NewTimer(24 * time.Hour).C()
		p.end()
		if asked := last.Sub(began); asked != longestStart {
			t.Errorf("asked for %v, want %v", asked, longestStart)
		}
	})
}

// Without any progress there is nothing to end.
func TestLongStartUnused(_ *testing.T) {
	newLongStart(clock.System{}, nil).end()
}
