package dispatch

import (
	"sync/atomic"
	"testing"
	"time"

	"hookaido/internal/deliver"
	"hookaido/internal/queue"
)

// rate delivers a backlog to a target for a while and returns how many messages
// it got, with or without one beside it that takes 10 s for each.
func rate(t *testing.T, permits int, takes time.Duration, withSlow bool) (n int) {
	bubble(t, func(r *rig) {
		fast := &server{takes: takes}
		targets := []Target{fast.target("fast")}
		r.put(11_000, "fast")
		if withSlow {
			slow := &server{takes: 9999 * time.Millisecond}
			targets = append(targets, slow.target("slow"))
			r.put(200, "slow")
			defer func() {
				if len(slow.seen()) == 0 {
					t.Error("the slow target got nothing")
				}
			}()
		}
		r.swap(permits, targets...)
		pass(30 * time.Second)
		n = len(fast.seen())
		if queued, _, _ := r.counts(); queued == 0 {
			t.Error("the backlog was too small to measure a rate")
		}
	})
	return n
}

// TestSlowTargetLeavesTheFastItsRate is the figure of the issue: beside a target
// that takes 10 s per call a fast one keeps at least 90 % of its rate alone.
func TestSlowTargetLeavesTheFastItsRate(t *testing.T) {
	for _, permits := range []int{20, 64} {
		takes := time.Duration(permits) * 3 * time.Millisecond
		alone, beside := rate(t, permits, takes, false), rate(t, permits, takes, true)
		t.Logf("%d permits: %d messages in 30 s alone, %d beside a slow target (%.1f%%)", permits, alone, beside, 100*float64(beside)/float64(alone))
		if 10*beside < 9*alone {
			t.Errorf("%d permits: %d messages beside a slow target, alone %d", permits, beside, alone)
		}
	}
}

// TestHungTargetDelaysNoOther has a target that gets no answer at all, for longer
// than messages of the other may wait.
func TestHungTargetDelaysNoOther(t *testing.T) {
	for _, permits := range []int{2, 3, 20} {
		bubble(t, func(r *rig) {
			hung := &server{takes: 10 * time.Second, behave: answers(deliver.Retry, 0, deliver.ReasonTimeout)}
			quick := &server{takes: time.Millisecond}
			r.swap(permits, hung.target("hung"), quick.target("quick"))
			for range 100 {
				r.put(10, "hung", "quick")
				pass(100 * time.Millisecond)
				if got, want := len(quick.seen()), 10; got < want || got%want != 0 {
					t.Fatalf("%d permits: the quick target has %d messages, and all were due 100 ms ago", permits, got)
				}
			}
		})
	}
}

// TestQuickTargetThatHangs has a target that was quick and so has most permits
// when it stops to answer.
func TestQuickTargetThatHangs(t *testing.T) {
	bubble(t, func(r *rig) {
		a, b := &server{takes: time.Millisecond}, &server{takes: time.Millisecond}
		r.swap(20, a.target("a"), b.target("b"))
		r.put(5000, "a", "b")
		pass(100 * time.Millisecond)
		a.set(10*time.Second, answers(deliver.Retry, 0, deliver.ReasonTimeout))
		before := len(b.seen())
		pass(time.Second)
		if got := len(b.seen()) - before; got < 4900-before {
			t.Errorf("the other target got %d messages in a second", got)
		}
	})
}

func TestLoneTargetMayUseAll(t *testing.T) {
	bubble(t, func(r *rig) {
		a, b := &server{takes: 50 * time.Millisecond}, &server{}
		r.swap(20, a.target("a"), b.target("b"))
		r.put(2000, "a")
		pass(2 * time.Second)
		if a.most != 19 {
			t.Errorf("up to %d attempts at a time, want all permits but one", a.most)
		}
	})
}

// TestMoreTargetsThanPermits gives each of many targets its turn.
func TestMoreTargetsThanPermits(t *testing.T) {
	for _, permits := range []int{1, 2} {
		bubble(t, func(r *rig) {
			servers := map[string]*server{}
			var targets []Target
			var names []string
			for _, name := range []string{"a", "b", "c", "d", "e"} {
				servers[name] = &server{takes: 10 * time.Millisecond}
				targets = append(targets, servers[name].target(name))
				names = append(names, name)
			}
			r.swap(permits, targets...)
			r.put(100, names...)
			pass(time.Second)
			for name, s := range servers {
				if n := len(s.seen()); n < 100*permits/5-4 || n > 100*permits/5+4 {
					t.Errorf("%d permits: target %s got %d messages, a fifth were %d", permits, name, n, 100*permits/5)
				}
			}
		})
	}
}

// TestLeavesToTheQueueWhatItCantBegin leases nothing ahead for a slow target.
func TestLeavesToTheQueueWhatItCantBegin(t *testing.T) {
	bubble(t, func(r *rig) {
		s := &server{takes: 2 * time.Second}
		r.swap(4, s.target("t"))
		r.put(100, "t")
		pass(9 * time.Second)
		if _, leased, _ := r.counts(); leased != 4 {
			t.Errorf("%d messages leased, want those that run", leased)
		}
	})
}

// TestAheadIsBounded does not fill the memory with large messages.
func TestAheadIsBounded(t *testing.T) {
	l := &lane{pace: pace{time.Millisecond, true}}
	if n := l.ahead(20); n != maxAhead {
		t.Errorf("%d small messages ahead, want %d", n, maxAhead)
	}
	l.size = 2 << 20
	if n := l.ahead(20); n != 2 {
		t.Errorf("%d messages of 2 MiB ahead, want 2", n)
	}
	l.pace.mean = 50 * time.Millisecond
	if l.size = 0; l.ahead(20) != 40 {
		t.Errorf("%d ahead at 50 ms, want 40", l.ahead(20))
	}
}

// TestHerd is C71: ten thousand messages have failed at once; when the target
// comes back, they are spread.
func TestHerd(t *testing.T) {
	bubble(t, func(r *rig) {
		var up atomic.Bool
		perSecond := map[int64]int{}
		s := &server{takes: 20 * time.Millisecond}
		s.behave = func(*queue.Leased, int) deliver.Result {
			if !up.Load() {
				return deliver.Result{Class: deliver.Retry, Status: 503}
			}
			s.mu.Lock()
			perSecond[time.Now().Unix()]++
			s.mu.Unlock()
			return deliver.Result{Class: deliver.Done, Status: 200}
		}
		r.swap(20, s.target("t"))
		r.put(10_000, "t")
		pass(time.Minute)
		if tries := len(s.seen()); tries > 60 {
			t.Errorf("%d attempts in a minute at a target that is down", tries)
		}
		up.Store(true)
		pass(10 * time.Minute)
		total, most := 0, 0
		for _, n := range perSecond {
			total, most = total+n, max(most, n)
		}
		if total != 10_000 || most > 3*total/len(perSecond) || s.most > 20 {
			t.Errorf("%d delivered in %d seconds, %d in one of them; %d at a time", total, len(perSecond), most, s.most)
		}
	})
}
