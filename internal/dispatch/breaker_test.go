package dispatch

import (
	"errors"
	"slices"
	"testing"
	"time"

	"hookaido/internal/deliver"
	"hookaido/internal/queue"
)

func TestJudge(t *testing.T) {
	for _, test := range []struct {
		result deliver.Result
		want   verdict
	}{
		{deliver.Result{Class: deliver.Done, Status: 200}, alive},
		{deliver.Result{Class: deliver.Done}, alive}, // a program
		{deliver.Result{Class: deliver.GiveUp, Status: 404}, alive},
		{deliver.Result{Class: deliver.GiveUp, Status: 410, Reason: deliver.ReasonGone}, alive},
		{deliver.Result{Class: deliver.RetryAfter, Status: 429}, alive},
		{deliver.Result{Class: deliver.Retry, Status: 500}, failing},
		{deliver.Result{Class: deliver.RetryAfter, Status: 503}, failing},
		{deliver.Result{Class: deliver.Retry, Reason: deliver.ReasonTimeout}, failing},
		{deliver.Result{Class: deliver.Retry, Reason: deliver.ReasonConnect}, failing},
		{deliver.Result{Class: deliver.Retry, Reason: deliver.ReasonDNS}, failing},
		{deliver.Result{Class: deliver.Retry, Reason: deliver.ReasonSigning}, nothing},
		{deliver.Result{Class: deliver.Retry, Reason: deliver.ReasonStopped}, nothing},
		{deliver.Result{Class: deliver.GiveUp, Reason: deliver.ReasonEgress}, nothing},
		{deliver.Result{Class: deliver.GiveUp, Status: 302, Reason: deliver.ReasonEgress}, nothing},
	} {
		if got := judge(&test.result); got != test.want {
			t.Errorf("%+v: verdict %d, want %d", test.result, got, test.want)
		}
	}
}

func TestBreakerRests(t *testing.T) {
	bubble(t, func(r *rig) {
		var at []time.Duration
		begin := time.Now()
		s := &server{}
		s.behave = func(*queue.Leased, int) deliver.Result {
			s.mu.Lock()
			at = append(at, time.Since(begin))
			s.mu.Unlock()
			return deliver.Result{Class: deliver.Retry, Status: 503, Reason: "status_503", Cause: errors.New("down")}
		}
		target := s.target("t")
		target.Retry = queue.Retry{Max: 100, Base: time.Millisecond, Cap: time.Millisecond}
		r.swap(1, target)
		r.put(3, "t")
		pass(5 * time.Minute)
		// five at once or after a millisecond, then probes after 1 s, 2 s, … 60 s
		if len(at) < 5+9 || at[4] > time.Second {
			t.Fatalf("attempts at %v", at)
		}
		var waits []time.Duration
		for i := 5; i < len(at); i++ {
			waits = append(waits, (at[i] - at[i-1]).Round(100*time.Millisecond))
		}
		want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60}
		for i := range want {
			want[i] *= time.Second
		}
		if !slices.Equal(waits[:len(want)], want) {
			t.Errorf("probes after %v, want %v", waits, want)
		}
		r.wantCounts(3, 0, 0)
		if got := r.metric("hookaido_delivery_breaker_state"); got != float64(open) {
			t.Errorf("state %v in the metrics, want open", got)
		}
		status := r.d.Status()
		if len(status) != 1 || status[0].Breaker != "open" || status[0].Reason != "status_503" || status[0].Failures != len(at) || status[0].Probe <= 0 {
			t.Errorf("status %+v after %d failures", status, len(at))
		}
		if n := r.logs.FilterMessage("delivery_breaker_open").Len(); n != len(at)-4 {
			t.Errorf("%d lines for %d times that it opened", n, len(at)-4)
		}
	})
}

// TestBreakerKeepsAttempts has messages wait for a target that is down for an
// hour: they lose no attempt, and go out when it comes back.
func TestBreakerKeepsAttempts(t *testing.T) {
	bubble(t, func(r *rig) {
		s := &server{takes: time.Millisecond, behave: answers(deliver.Retry, 0, deliver.ReasonConnect)}
		target := s.target("t")
		target.Retry.Max = 200
		r.swap(20, target)
		r.put(500, "t")
		pass(time.Hour)
		if queued, leased, dead := r.counts(); queued+leased != 500 || dead != 0 || leased > 1 {
			t.Fatalf("%d queued, %d leased, %d dead", queued, leased, dead)
		}
		s.set(time.Millisecond, nil)
		pass(2 * time.Minute)
		r.wantCounts(0, 0, 0)
		first := 0
		for _, a := range r.attempts() {
			if a.Outcome == queue.OutcomeAcked && a.Number == 1 {
				first++
			}
		}
		if first < 400 {
			t.Errorf("%d of 500 messages were delivered at their first attempt", first)
		}
		if n := r.logs.FilterMessage("delivery_breaker_closed").Len(); n != 1 {
			t.Errorf("%d lines that the breaker closed, want 1", n)
		}
		if got := r.metric("hookaido_delivery_breaker_state"); got != float64(closed) {
			t.Errorf("state %v in the metrics, want closed", got)
		}
	})
}

func TestBreakerIsOfOneTarget(t *testing.T) {
	bubble(t, func(r *rig) {
		down := &server{behave: answers(deliver.Retry, 0, deliver.ReasonConnect)}
		up := &server{takes: time.Millisecond}
		r.swap(4, down.target("down"), up.target("up"))
		r.put(200, "down", "up")
		pass(5 * time.Second)
		if len(up.seen()) != 200 || len(down.seen()) > 20 {
			t.Errorf("%d attempts at the target that is up, %d at the other", len(up.seen()), len(down.seen()))
		}
	})
}

// TestRefusalsDontOpen delivers bad messages among good ones.
func TestRefusalsDontOpen(t *testing.T) {
	bubble(t, func(r *rig) {
		s := &server{behave: func(_ *queue.Leased, call int) deliver.Result {
			switch {
			case call%6 < 4:
				return deliver.Result{Class: deliver.Retry, Status: 500}
			case call%6 == 4:
				return deliver.Result{Class: deliver.GiveUp, Status: 400}
			}
			return deliver.Result{Class: deliver.Done, Status: 200}
		}}
		r.swap(1, s.target("t"))
		r.put(60, "t")
		pass(time.Second)
		if n := r.logs.FilterMessage("delivery_breaker_open").Len(); n != 0 {
			t.Errorf("the breaker opened %d times without five failures in a row", n)
		}
	})
}

// TestReloadTriesAChangedTarget does not wait for the end of a pause when the
// operator has put the target right.
func TestReloadTriesAChangedTarget(t *testing.T) {
	bubble(t, func(r *rig) {
		wrong := &server{behave: answers(deliver.Retry, 0, deliver.ReasonDNS)}
		right := &server{}
		r.swap(2, wrong.target("t"))
		r.put(20, "t")
		pass(40 * time.Second) // amid a pause of 32 s
		tries := len(wrong.seen())
		r.swap(2, wrong.target("t"))
		pass(time.Second)
		if len(wrong.seen()) != tries {
			t.Error("a reload that changed nothing cut the pause")
		}
		r.swap(2, right.target("t"))
		pass(time.Second)
		if len(right.seen()) == 0 {
			t.Error("nothing was tried at the new target")
		}
	})
}
