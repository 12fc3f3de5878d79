package dispatch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"hookaido/internal/clock"
	"hookaido/internal/deliver"
	"hookaido/internal/queue"
	"hookaido/internal/queue/memory"
)

const path = "/push"

// retry is a schedule without chance.
var retry = queue.Retry{Max: 2, Base: time.Second, Cap: time.Minute}

// rig is a dispatcher on a queue in memory, in a bubble of synctest.
type rig struct {
	*testing.T
	queue    *memory.Store
	settles  *flaky
	d        *Dispatcher
	registry *prometheus.Registry
	logs     *observer.ObservedLogs
}

// flaky is a queue that may refuse to settle.
type flaky struct {
	*memory.Store
	mu   sync.Mutex
	fail int // how many calls of Conclude are yet to fail
}

func (f *flaky) Conclude(ctx context.Context, list []queue.Conclusion) ([]queue.Conflict, error) {
	f.mu.Lock()
	refuse := f.fail > 0
	f.fail--
	f.mu.Unlock()
	if refuse {
		return nil, &queue.UnavailableError{Cause: errors.New("no disk")}
	}
	return f.Store.Conclude(ctx, list)
}

func bubble(t *testing.T, run func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		r := &rig{T: t, queue: memory.Open(memory.Options{Clock: clock.System{}}), registry: newRegistry(), logs: logs}
		r.settles = &flaky{Store: r.queue}
		d, err := New(t.Context(), Options{
			Queue: r.settles, Clock: clock.System{}, Logger: zap.New(core), Metrics: r.registry, Random: func() float64 { return 0 },
		})
		if err != nil {
			t.Fatal(err)
		}
		r.d = d
		defer func() { // also after a test that failed, or its goroutines stay
			r.stop(time.Minute)
			if err := r.queue.Close(); err != nil {
				t.Error(err)
			}
		}()
		run(r)
	})
}

// stop stops the dispatcher and returns how long that took.
func (r *rig) stop(within time.Duration) time.Duration {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	begin := time.Now()
	r.d.Stop(ctx)
	return time.Since(begin)
}

// put enqueues n messages for each target, numbered from 0.
func (r *rig) put(n int, targets ...string) {
	r.Helper()
	for i := range n {
		var b queue.Batch
		for _, target := range targets {
			b.Messages = append(b.Messages, queue.NewMessage{
				Route: path, Target: target, ReceivedAt: time.Now(), Payload: fmt.Append(nil, i),
			})
		}
		if _, err := r.queue.Enqueue(r.Context(), b); err != nil {
			r.Fatal(err)
		}
	}
}

func (r *rig) counts() (queued, leased, dead int) {
	r.Helper()
	s, err := r.queue.Stats(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return s.ByState[queue.StateQueued], s.ByState[queue.StateLeased], s.ByState[queue.StateDead]
}

func (r *rig) wantCounts(queued, leased, dead int) {
	r.Helper()
	synctest.Wait()
	if q, l, d := r.counts(); q != queued || l != leased || d != dead {
		r.Fatalf("%d queued, %d leased, %d dead; want %d, %d, %d", q, l, d, queued, leased, dead)
	}
}

// attempts are the records, the oldest first.
func (r *rig) attempts() []queue.Attempt {
	r.Helper()
	list, err := r.queue.Attempts(r.Context(), queue.AttemptFilter{Max: 10_000})
	if err != nil {
		r.Fatal(err)
	}
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

// metric is the sum of a family.
func (r *rig) metric(name string) float64 {
	r.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		r.Fatal(err)
	}
	sum, found := 0.0, false
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum, found = sum+m.GetCounter().GetValue()+m.GetGauge().GetValue()+float64(m.GetHistogram().GetSampleCount()), true
			}
		}
	}
	if !found {
		r.Errorf("no metric %s", name)
	}
	return sum
}

// server is a target. It answers what behave says after the time it takes.
type server struct {
	mu      sync.Mutex
	takes   time.Duration
	behave  func(m *queue.Leased, call int) deliver.Result
	calls   []string // the payloads, at the begin of each attempt
	running int
	most    int
}

func (s *server) Attempt(ctx context.Context, m *queue.Leased) deliver.Result {
	s.mu.Lock()
	s.calls = append(s.calls, string(m.Payload))
	call := len(s.calls)
	s.running++
	s.most = max(s.most, s.running)
	takes, behave := s.takes, s.behave
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.running--
		s.mu.Unlock()
	}()
	if takes > 0 {
		timer := time.NewTimer(takes)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return deliver.Result{Class: deliver.Retry, Reason: deliver.ReasonStopped, Cause: errors.New("stopped"), Latency: takes}
		}
	}
	result := deliver.Result{Class: deliver.Done, Status: 200}
	if behave != nil {
		result = behave(m, call)
	}
	result.Latency = takes
	return result
}

func (s *server) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.calls...)
}

func (s *server) set(takes time.Duration, behave func(m *queue.Leased, call int) deliver.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes, s.behave = takes, behave
}

func answers(class deliver.Class, status int, reason deliver.Reason) func(*queue.Leased, int) deliver.Result {
	return func(*queue.Leased, int) deliver.Result {
		return deliver.Result{Class: class, Status: status, Reason: reason, Cause: errors.New("because")}
	}
}

func (s *server) target(name string) Target {
	return Target{Name: name, Timeout: 10 * time.Second, Retry: retry, Deliver: s}
}

func (r *rig) swap(concurrency int, targets ...Target) {
	r.d.Swap([]Route{{Path: path, Concurrency: concurrency, Targets: targets}})
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestDeliversAll(t *testing.T) {
	bubble(t, func(r *rig) {
		a, b := &server{takes: time.Millisecond}, &server{takes: time.Millisecond}
		r.swap(8, a.target("https://a.example/x?token=secret"), b.target("https://b.example/"))
		r.put(500, "https://a.example/x?token=secret", "https://b.example/")
		pass(5 * time.Second)
		r.wantCounts(0, 0, 0)
		if len(a.seen()) != 500 || len(b.seen()) != 500 {
			t.Errorf("%d and %d attempts, want 500 each", len(a.seen()), len(b.seen()))
		}
		if a.most+b.most > 8+7 || a.most > 8 || b.most > 8 {
			t.Errorf("up to %d and %d attempts at a time on 8 permits", a.most, b.most)
		}
		for name, want := range map[string]float64{
			"hookaido_delivery_attempts_total": 1000, "hookaido_delivery_acked_total": 1000, "hookaido_delivery_dead_total": 0,
			"hookaido_delivery_attempt_seconds": 1000, "hookaido_delivery_running": 0, "hookaido_delivery_lease_lost_total": 0,
		} {
			if got := r.metric(name); got != want {
				t.Errorf("%s %v, want %v", name, got, want)
			}
		}
		if n := r.logs.FilterMessage("delivery_ok").FilterField(zap.String("target", "https://a.example/x")).Len(); n != 500 {
			t.Errorf("%d lines delivery_ok for the target without its query, want 500", n)
		}
	})
}

func TestOutcomes(t *testing.T) {
	for name, test := range map[string]struct {
		class   deliver.Class
		status  int
		reason  deliver.Reason
		tries   int
		outcome queue.Outcome
		dead    string
	}{
		"delivered":              {deliver.Done, 204, "", 1, queue.OutcomeAcked, ""},
		"refused":                {deliver.GiveUp, 404, "status_404", 1, queue.OutcomeDead, "no_retry"},
		"C67: redirected":        {deliver.GiveUp, 301, deliver.ReasonRedirect, 1, queue.OutcomeDead, "no_retry"},
		"C73: gone":              {deliver.GiveUp, 410, deliver.ReasonGone, 1, queue.OutcomeDead, "gone"},
		"not let out":            {deliver.GiveUp, 0, deliver.ReasonEgress, 1, queue.OutcomeDead, "policy_denied"},
		"no program":             {deliver.GiveUp, 0, deliver.ReasonProgramMissing, 1, queue.OutcomeDead, "policy_denied"},
		"unavailable for ever":   {deliver.Retry, 503, "status_503", 3, queue.OutcomeDead, "max_retries"},
		"C73: too many requests": {deliver.Retry, 429, "status_429", 3, queue.OutcomeDead, "max_retries"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				s := &server{behave: answers(test.class, test.status, test.reason)}
				r.swap(4, s.target("t"))
				r.put(1, "t")
				pass(time.Minute)
				all := r.attempts()
				if len(all) != test.tries {
					t.Fatalf("%d attempts, want %d", len(all), test.tries)
				}
				last := all[len(all)-1]
				if last.Outcome != test.outcome || last.DeadReason != test.dead || last.StatusCode != test.status || last.Number != test.tries {
					t.Errorf("last attempt %+v", last)
				}
				for i, a := range all[:len(all)-1] {
					if a.Outcome != queue.OutcomeRetry || a.Number != i+1 || a.Error != "because" {
						t.Errorf("attempt %d: %+v", i, a)
					}
				}
				dead := 0
				if test.outcome == queue.OutcomeDead {
					dead = 1
				}
				r.wantCounts(0, 0, dead)
				if got := r.metric("hookaido_delivery_dead_by_reason_total"); got != float64(dead) {
					t.Errorf("dead by reason %v, want %d", got, dead)
				}
			})
		})
	}
}

// TestRetryIsOnTime has a queue that wakes the consumer when the wait is over.
func TestRetryIsOnTime(t *testing.T) {
	bubble(t, func(r *rig) {
		s := &server{behave: func(_ *queue.Leased, call int) deliver.Result {
			if call == 2 {
				return deliver.Result{Class: deliver.RetryAfter, Status: 429, RetryAfter: 30 * time.Second, Cause: errors.New("busy")}
			}
			return deliver.Result{Class: deliver.Retry, Status: 500, Cause: errors.New("broken")}
		}}
		r.swap(4, s.target("t"))
		r.put(1, "t")
		pass(time.Minute)
		all := r.attempts()
		if len(all) != 3 {
			t.Fatalf("%d attempts, want 3", len(all))
		}
		if d := all[1].At.Sub(all[0].At); d != time.Second {
			t.Errorf("second attempt after %v, want 1s", d)
		}
		if d := all[2].At.Sub(all[1].At); d != 30*time.Second {
			t.Errorf("third attempt after %v, want the 30s that the target asked for", d)
		}
	})
}

func TestSettlingIsTriedAgain(t *testing.T) {
	bubble(t, func(r *rig) {
		s := &server{}
		r.settles.fail = 5
		r.swap(4, s.target("t"))
		r.put(3, "t")
		pass(20 * time.Second)
		r.wantCounts(0, 0, 0)
		if len(s.seen()) != 3 {
			t.Errorf("%d attempts, want one for each message", len(s.seen()))
		}
		if n := r.logs.FilterMessage("delivery_settle_failed").Len(); n < 1 || n > 2 {
			t.Errorf("%d lines about settling, want one for each batch", n)
		}
	})
}

func TestOrderWithOnePermit(t *testing.T) {
	bubble(t, func(r *rig) {
		s := &server{takes: time.Millisecond, behave: func(m *queue.Leased, _ int) deliver.Result {
			if string(m.Payload) == "3" && m.Attempt == 1 {
				return deliver.Result{Class: deliver.Retry, Status: 500, Cause: errors.New("once")}
			}
			return deliver.Result{Class: deliver.Done, Status: 200}
		}}
		r.settles.fail = 1
		r.swap(1, s.target("t"))
		r.put(6, "t")
		pass(10 * time.Second)
		if got := fmt.Sprint(s.seen()); got != "[0 1 2 3 4 5 3]" {
			t.Errorf("messages came as %s; only the one that failed may come late", got)
		}
		if s.most != 1 {
			t.Errorf("%d attempts at a time", s.most)
		}
	})
}

func newRegistry() *prometheus.Registry { return prometheus.NewRegistry() }

// TestDenialsAreCountedByRule is rule 12 of ssrf.md.
func TestDenialsAreCountedByRule(t *testing.T) {
	bubble(t, func(r *rig) {
		s := &server{behave: func(*queue.Leased, int) deliver.Result {
			return deliver.Result{Class: deliver.GiveUp, Reason: deliver.ReasonEgress, Cause: fmt.Errorf("refused: %w", &deliver.Denial{Rule: deliver.RuleMetadata})}
		}}
		r.swap(4, s.target("t"))
		r.put(3, "t")
		pass(time.Second)
		r.wantCounts(0, 0, 3)
		families, err := r.registry.Gather()
		if err != nil {
			r.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if f.GetName() == "hookaido_delivery_denied_by_rule_total" {
					got[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
				}
			}
		}
		want := map[string]float64{}
		for _, rule := range deliver.Rules() {
			want[string(rule)] = 0
		}
		want["metadata"] = 3
		if !maps.Equal(got, want) {
			t.Errorf("counted %v, want %v", got, want)
		}
	})
}
