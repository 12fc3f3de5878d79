package dispatch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"hookaido/internal/deliver"
	"hookaido/internal/queue"
)

func TestStopWaitsAndGivesBack(t *testing.T) {
	bubble(t, func(r *rig) {
		s := &server{takes: 8 * time.Millisecond}
		r.swap(4, s.target("t"))
		r.put(300, "t")
		pass(100 * time.Millisecond)
		s.set(5*time.Second, nil)
		pass(100 * time.Millisecond)
		if _, leased, _ := r.counts(); leased <= 4 {
			t.Fatalf("%d leased: nothing was leased ahead, so there is nothing to give back", leased)
		}
		if took := r.stop(time.Minute); took > 5*time.Second {
			t.Errorf("the stop took %v, longer than the attempts", took)
		}
		done := len(s.seen())
		r.wantCounts(300-done, 0, 0)
		for _, l := range r.rest() {
			if l.Attempt != 1 {
				t.Errorf("message %s has attempt %d after the stop, want 1", l.Payload, l.Attempt)
			}
		}
		if got := r.metric("hookaido_delivery_acked_total"); got != float64(done) {
			t.Errorf("%v acked of %d that were answered", got, done)
		}
	})
}

// rest leases all that is queued for target t.
func (r *rig) rest() []queue.Leased {
	r.Helper()
	list, err := r.queue.Dequeue(r.Context(), queue.DequeueRequest{Route: path, Max: 10_000, TTL: time.Hour})
	if err != nil {
		r.Fatal(err)
	}
	return list
}

func TestStopCutsOff(t *testing.T) {
	bubble(t, func(r *rig) {
		s := &server{takes: time.Hour}
		r.swap(4, s.target("t"))
		r.put(6, "t")
		pass(time.Second)
		if took := r.stop(20 * time.Second); took != 20*time.Second {
			t.Errorf("the stop took %v, want 20s", took)
		}
		r.wantCounts(6, 0, 0)
		numbers := map[int]int{}
		for _, l := range r.rest() {
			numbers[l.Attempt]++
		}
		if fmt.Sprint(numbers) != "map[1:2 2:4]" {
			t.Errorf("attempts %v: the four that were cut off count, the others don't", numbers)
		}
		for _, a := range r.attempts() {
			if a.Outcome != queue.OutcomeRetry || a.Error == "" {
				t.Errorf("record %+v of an attempt that was cut off", a)
			}
		}
	})
}

func TestStopTwiceAndSwapAfter(t *testing.T) {
	bubble(t, func(r *rig) {
		s := &server{takes: time.Second}
		r.swap(4, s.target("t"))
		r.put(1, "t")
		pass(time.Millisecond)
		first := make(chan struct{})
		go func() {
			r.stop(time.Minute)
			close(first)
		}()
		synctest.Wait()
		r.stop(time.Minute)
		select {
		case <-first:
		default:
			t.Error("the second stop did not wait for the first")
		}
		r.swap(4, s.target("t"))
		r.put(1, "t")
		pass(time.Minute)
		if len(s.seen()) != 1 {
			t.Error("something was delivered after the stop")
		}
	})
}

// TestStopAtOnce is for a queue that has failed: nobody is waited for.
func TestStopAtOnce(t *testing.T) {
	bubble(t, func(r *rig) {
		s := &server{takes: time.Hour}
		r.settles.fail = 1 << 30
		r.swap(4, s.target("t"))
		r.put(3, "t")
		pass(time.Second)
		if took := r.stop(0); took > time.Second {
			t.Errorf("the stop took %v", took)
		}
	})
}

// TestStopWithoutQueue ends although the queue takes nothing any more.
func TestStopWithoutQueue(t *testing.T) {
	bubble(t, func(r *rig) {
		s := &server{}
		r.settles.fail = 1 << 30
		r.swap(4, s.target("t"))
		r.put(3, "t")
		pass(time.Second)
		if took := r.stop(20 * time.Second); took > 20*time.Second {
			t.Errorf("the stop took %v", took)
		}
		if got := r.metric("hookaido_delivery_lease_lost_total"); got != 3 {
			t.Errorf("%v results lost, want 3", got)
		}
	})
}

func TestReloadIsNotNoticed(t *testing.T) {
	bubble(t, func(r *rig) {
		s := &server{takes: 10 * time.Millisecond}
		r.swap(5, s.target("t"))
		r.put(1000, "t")
		for range 100 {
			pass(7 * time.Millisecond)
			r.swap(5, s.target("t"))
		}
		pass(1300 * time.Millisecond) // with 10 ms for each, five at a time, 2 s in all
		if n := len(s.seen()); n != 1000 {
			t.Errorf("%d attempts, want 1000: the reloads cost time or delivered again", n)
		}
		r.wantCounts(0, 0, 0)
	})
}

func TestReloadChangesALane(t *testing.T) {
	bubble(t, func(r *rig) {
		old, next := &server{takes: 10 * time.Second}, &server{}
		r.swap(2, old.target("t"))
		r.put(20, "t")
		pass(time.Second)
		r.swap(2, next.target("t"))
		pass(10 * time.Second)
		if len(old.seen()) != 2 || len(next.seen()) != 18 {
			t.Errorf("%d attempts at the old target, %d at the new one; want those that ran, and the rest", len(old.seen()), len(next.seen()))
		}
		r.wantCounts(0, 0, 0)
	})
}

func TestReloadTakesALaneAway(t *testing.T) {
	bubble(t, func(r *rig) {
		gone, stays := &server{takes: 5 * time.Second}, &server{}
		r.swap(2, gone.target("gone"), stays.target("stays"))
		r.put(10, "gone", "stays")
		pass(time.Second)
		r.swap(2, stays.target("stays"))
		pass(10 * time.Second)
		running := len(gone.seen())
		r.wantCounts(10-running, 0, 0)
		if len(stays.seen()) != 10 {
			t.Errorf("%d messages at the other target, want 10", len(stays.seen()))
		}
		if n := len(r.d.Status()); n != 1 {
			t.Errorf("%d lanes in the status, want 1", n)
		}
		r.d.Swap(nil)
		pass(time.Second)
		r.swap(2, gone.target("gone"))
		pass(time.Minute)
		r.wantCounts(0, 0, 0)
	})
}

// TestLaneComesBackWhileItEnds does not let a route exceed its permits by
// taking a target away and giving it back.
func TestLaneComesBackWhileItEnds(t *testing.T) {
	bubble(t, func(r *rig) {
		s := &server{takes: 5 * time.Second}
		r.swap(2, s.target("t"))
		r.put(10, "t")
		for range 20 {
			pass(300 * time.Millisecond)
			r.d.Swap(nil)
			r.swap(2, s.target("t"))
		}
		pass(time.Minute)
		if s.most > 2 {
			t.Errorf("%d attempts at a time on 2 permits", s.most)
		}
		if len(s.seen()) != 10 {
			t.Errorf("%d attempts for 10 messages", len(s.seen()))
		}
		r.wantCounts(0, 0, 0)
	})
}

func TestDrainTime(t *testing.T) {
	bubble(t, func(r *rig) {
		s := &server{}
		for timeout, want := range map[time.Duration]time.Duration{
			time.Second: 15 * time.Second, 20 * time.Second: 25 * time.Second, time.Hour: time.Minute,
		} {
			target := s.target("t")
			target.Timeout = timeout
			r.swap(2, target)
			if got := r.d.DrainTime(); got != want {
				t.Errorf("drain time %v for a timeout of %v, want %v", got, timeout, want)
			}
		}
	})
}

// TestLeaseThatIsTooShort is given back unbegun: the attempt could last longer.
func TestLeaseThatIsTooShort(t *testing.T) {
	bubble(t, func(r *rig) {
		s := &server{takes: 8 * time.Millisecond}
		r.swap(1, s.target("t"))
		r.put(50, "t")
		pass(40 * time.Millisecond) // quick by now, so that some are leased ahead
		s.set(25*time.Second, nil)
		pass(2 * time.Minute)
		for _, a := range r.attempts() {
			if a.Number != 1 {
				t.Errorf("attempt %d of a message that has one only", a.Number)
			}
		}
		if got := r.metric("hookaido_delivery_lease_lost_total"); got != 0 {
			t.Errorf("%v leases lost", got)
		}
	})
}

func TestLabels(t *testing.T) {
	for name, want := range map[string]string{
		"https://user:pass@x.example/a?token=1#f": "https://x.example/a",
		"https://x.example/":                      "https://x.example/",
		"/usr/local/bin/handle":                   "/usr/local/bin/handle",
		"https://x.example/%zz":                   "malformed",
	} {
		if got := Label(name); got != want {
			t.Errorf("Label(%q) = %q, want %q", name, got, want)
		}
	}
	bubble(t, func(r *rig) {
		s := &server{}
		r.swap(4, s.target("https://x/?a"), s.target("https://x/?b"))
		status := r.d.Status()
		if len(status) != 2 || status[0].Target != "https://x/" || status[1].Target != "https://x/#2" {
			t.Errorf("status %+v", status)
		}
	})
}

// TestRenamedSeries leaves no series behind when the label of a lane changes,
// and takes what runs along; the numbers follow the configuration.
func TestRenamedSeries(t *testing.T) {
	const a, b, c = "https://x/?a", "https://x/?b", "https://x/?c"
	bubble(t, func(r *rig) {
		s := &server{takes: 5 * time.Second}
		want := func(when string, want map[string]float64) {
			r.Helper()
			for _, family := range []string{"hookaido_delivery_running", "hookaido_delivery_breaker_state", "hookaido_delivery_attempt_seconds"} {
				got := r.byTarget(family)
				if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
					r.Errorf("%s: %s has %v, want the targets of %v", when, family, got, want)
				}
				if family == "hookaido_delivery_running" && !maps.Equal(got, want) {
					r.Errorf("%s: %v run, want %v", when, got, want)
				}
			}
		}
		r.swap(4, s.target(a), s.target(b))
		r.put(1, a, b)
		pass(time.Second)
		want("at first", map[string]float64{"https://x/": 1, "https://x/#2": 1})
		r.swap(4, s.target(b))
		want("while the first ends", map[string]float64{"https://x/": 2})
		pass(time.Minute)
		want("after its end", map[string]float64{"https://x/": 0})
		r.swap(4, s.target(c), s.target(b))
		r.put(1, c)
		pass(time.Second)
		want("with one before", map[string]float64{"https://x/": 1, "https://x/#2": 0})
		if status := r.d.Status(); status[0].Name != c || status[0].Target != "https://x/" || status[1].Target != "https://x/#2" {
			r.Errorf("status %+v", status)
		}
		r.swap(4, s.target(b), s.target(c))
		want("in another order", map[string]float64{"https://x/": 0, "https://x/#2": 1})
		r.wantCounts(0, 1, 0)
		r.d.Swap(nil)
		pass(time.Minute)
		want("without targets", map[string]float64{})
	})
}

// TestRetiredLaneShowsNoBreaker has the label of a lane that ended with its
// breaker open go to another lane.
func TestRetiredLaneShowsNoBreaker(t *testing.T) {
	const a, b = "https://x/?a", "https://x/?b"
	bubble(t, func(r *rig) {
		bad, good := &server{}, &server{}
		bad.set(0, func(_ *queue.Leased, call int) deliver.Result {
			if call == breakAfter-1 {
				bad.set(5*time.Second, bad.behave) // the one that opens the breaker runs on
			}
			return deliver.Result{Class: deliver.Retry, Reason: deliver.ReasonTimeout, Cause: errors.New("because")}
		})
		r.swap(1, bad.target(a), good.target(b))
		r.put(20, a)
		pass(time.Second)
		if got := len(bad.seen()); got != breakAfter {
			r.Fatalf("%d attempts before the reload, want %d", got, breakAfter)
		}
		r.swap(1, good.target(b))
		pass(10 * time.Second)
		if n := r.logs.FilterMessage("delivery_breaker_open").Len(); n != 1 {
			r.Fatalf("the breaker opened %d times, want once", n)
		}
		if got := r.byTarget("hookaido_delivery_breaker_state"); !maps.Equal(got, map[string]float64{"https://x/": 0}) {
			r.Errorf("breakers %v", got)
		}
	})
}

// byTarget are the values of a family by the label target.
func (r *rig) byTarget(family string) map[string]float64 {
	r.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		r.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == family && l.GetName() == "target" {
					out[l.GetValue()] = m.GetGauge().GetValue()
				}
			}
		}
	}
	return out
}

func TestContextOfNewMayEnd(t *testing.T) {
	bubble(t, func(r *rig) {
		ctx, cancel := context.WithCancel(r.Context())
		d, err := New(ctx, Options{Queue: r.settles, Clock: r.d.clock, Logger: r.d.logger, Metrics: newRegistry()})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		s := &server{behave: answers(deliver.Done, 200, "")}
		d.Swap([]Route{{Path: path, Concurrency: 1, Targets: []Target{s.target("t")}}})
		r.put(1, "t")
		pass(time.Second)
		d.Stop(r.Context())
		r.wantCounts(0, 0, 0)
	})
}
