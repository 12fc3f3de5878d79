package pull

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"hookaido/internal/auth"
	"hookaido/internal/clock"
	"hookaido/internal/queue"
	"hookaido/internal/queue/memory"
	"hookaido/internal/secret"
)

var start = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

func tokens(text ...string) *auth.Tokens {
	var values []secret.Value
	for _, s := range text {
		values = append(values, secret.New([]byte(s)))
	}
	return auth.NewTokens(values)
}

func bearer(token string) []string { return []string{"Bearer " + token} }

var defaults = Limits{MaxBatch: 100, MaxLeaseBatch: 100, DefaultLeaseTTL: 30 * time.Second}

// fixture is a service on a real queue in memory, with the routes /a and /b at
// the endpoints of the same name.
type fixture struct {
	*Service
	t     *testing.T
	clock *clock.Manual
	store *memory.Store
	reg   *prometheus.Registry
	a, b  *Endpoint
}

func newFixture(t *testing.T, ownTokens *auth.Tokens) *fixture {
	t.Helper()
	f := &fixture{t: t, clock: clock.NewManual(start), reg: prometheus.NewRegistry()}
	f.store = memory.Open(memory.Options{Clock: f.clock})
	t.Cleanup(func() { _ = f.store.Close() })
	var err error
	if f.Service, err = New(Options{Queue: f.store, Clock: f.clock, Registerer: f.reg}); err != nil {
		t.Fatal(err)
	}
	f.Swap(f.Snapshot(Settings{
		Routes: []Route{{Endpoint: "/a", Path: "/hooks/a"}, {Endpoint: "/b", Path: "/hooks/b", Tokens: ownTokens}},
		Tokens: tokens("global"), Limits: defaults,
	}))
	f.a = f.endpoint("/a", "global")
	own := "global"
	if ownTokens != nil {
		own = "own"
	}
	f.b = f.endpoint("/b", own)
	return f
}

func (f *fixture) endpoint(path, token string) *Endpoint {
	f.t.Helper()
	e, err := f.Authorize(path, bearer(token))
	if err != nil {
		f.t.Fatal(err)
	}
	return e
}

// lease puts n messages into the route of e and takes them out again.
func (f *fixture) lease(e *Endpoint, n int) []string {
	f.t.Helper()
	for range n {
		f.enqueue(e)
	}
	items, err := f.Dequeue(f.t.Context(), e, DequeueRequest{Batch: n})
	if err != nil || len(items) != n {
		f.t.Fatalf("dequeued %d of %d: %v", len(items), n, err)
	}
	ids := make([]string, n)
	for i := range items {
		ids[i] = items[i].LeaseID
	}
	return ids
}

func (f *fixture) enqueue(e *Endpoint) {
	f.t.Helper()
	_, err := f.store.Enqueue(f.t.Context(), queue.Batch{Messages: []queue.NewMessage{
		{Route: e.Route(), Target: queue.PullTarget, ReceivedAt: f.clock.Now(), Payload: []byte("x")},
	}})
	if err != nil {
		f.t.Fatal(err)
	}
}

// settle returns the number done and the conflicts as "id reason".
func (f *fixture) settle(e *Endpoint, action queue.Action, ids ...string) (int, []string) {
	f.t.Helper()
	result, err := f.Settle(f.t.Context(), e, SettleRequest{LeaseIDs: ids, Action: action})
	if err != nil {
		f.t.Fatal(err)
	}
	var conflicts []string
	for _, c := range result.Conflicts {
		conflicts = append(conflicts, c.LeaseID+" "+c.Err.Error())
	}
	return result.Done, conflicts
}

func (f *fixture) want(done, wantDone int, conflicts []string, wantConflicts ...string) {
	f.t.Helper()
	if diff := cmp.Diff(wantConflicts, conflicts); diff != "" || done != wantDone {
		f.t.Errorf("%d done, want %d; conflicts: %s", done, wantDone, diff)
	}
}

func (f *fixture) metric(name, route string, labels ...string) float64 {
	f.t.Helper()
	families, err := f.reg.Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	want := "route=" + route + " " + strings.Join(labels, " ")
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var text []string
			for _, l := range m.GetLabel() {
				text = append(text, l.GetName()+"="+l.GetValue())
			}
			if family.GetName() == name && strings.Join(text, " ") == strings.TrimSpace(want) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	f.t.Errorf("there is no %s{%s}", name, want)
	return -1
}

func TestAuthorize(t *testing.T) {
	f := newFixture(t, tokens("own"))
	tests := []struct {
		name, path, token string
		want              error
	}{
		{"token of the API", "/a", "global", nil},
		{"own token", "/b", "own", nil},
		{"badinput 77: the API's token where the route has its own", "/b", "global", ErrUnauthorized},
		{"badinput 77: another route's token", "/a", "own", ErrUnauthorized},
		{"badinput 77: wrong token", "/a", "wrong", ErrUnauthorized},
		{"unknown endpoint", "/c", "global", ErrNoEndpoint},
		{"unknown endpoint for a stranger", "/c", "own", ErrUnauthorized},
		{"below an endpoint", "/a/x", "global", ErrNoEndpoint},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, err := f.Authorize(test.path, bearer(test.token))
			if !errors.Is(err, test.want) || (err == nil) != (e != nil) {
				t.Errorf("Authorize = %v, %v; want %v", e, err, test.want)
			}
		})
	}
	if _, err := f.Authorize("/a", nil); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("without a header: %v", err)
	}
}

func TestSwapKeepsRunningRequestsOnTheirSnapshot(t *testing.T) {
	f := newFixture(t, nil)
	old := f.a
	f.Swap(f.Snapshot(Settings{
		Routes: []Route{{Endpoint: "/a", Path: "/hooks/other"}}, Tokens: tokens("new"), Limits: defaults,
	}))
	if old.Route() != "/hooks/a" {
		t.Error("an endpoint changed under a request")
	}
	if _, err := f.Authorize("/a", bearer("global")); !errors.Is(err, ErrUnauthorized) {
		t.Error("the old token still opens the door")
	}
	if f.endpoint("/a", "new").Route() != "/hooks/other" {
		t.Error("the new route is not in force")
	}
}

// recorder is a queue that remembers what it was asked.
type recorder struct {
	Queue
	got queue.DequeueRequest
}

func (r *recorder) Dequeue(_ context.Context, req queue.DequeueRequest) ([]queue.Leased, error) {
	r.got = req
	return nil, nil
}

func TestDequeueDefaultsAndBounds(t *testing.T) {
	set := func(d time.Duration) Duration { return Duration{d, true} }
	const s, m, h = time.Second, time.Minute, time.Hour
	tests := []struct {
		name   string
		limits Limits
		req    DequeueRequest
		max    int
		ttl    time.Duration
		wait   time.Duration
		err    string
	}{
		{"defaults", Limits{MaxBatch: 100, DefaultLeaseTTL: 30 * s, DefaultMaxWait: 5 * s}, DequeueRequest{Batch: 1}, 1, 30 * s, 5 * s, ""},
		{"explicit", Limits{MaxBatch: 100, DefaultLeaseTTL: 30 * s, DefaultMaxWait: 5 * s},
			DequeueRequest{Batch: 7, LeaseTTL: set(45 * s), MaxWait: set(2 * s)}, 7, 45 * s, 2 * s, ""},
		{"a wait of 0 beats the default", Limits{MaxBatch: 100, DefaultLeaseTTL: 30 * s, DefaultMaxWait: 5 * s},
			DequeueRequest{Batch: 1, MaxWait: set(0)}, 1, 30 * s, 0, ""},
		{"badinput 80: batch is capped", Limits{MaxBatch: 100, DefaultLeaseTTL: 30 * s}, DequeueRequest{Batch: 101}, 100, 30 * s, 0, ""},
		{"lease is capped", Limits{MaxBatch: 1, DefaultLeaseTTL: 30 * s, MaxLeaseTTL: 5 * m},
			DequeueRequest{Batch: 1, LeaseTTL: set(h)}, 1, 5 * m, 0, ""},
		{"default lease is capped", Limits{MaxBatch: 1, DefaultLeaseTTL: 30 * s, MaxLeaseTTL: 5 * s}, DequeueRequest{Batch: 1}, 1, 5 * s, 0, ""},
		{"wait is capped", Limits{MaxBatch: 1, DefaultLeaseTTL: 30 * s, MaxWait: 20 * s},
			DequeueRequest{Batch: 1, MaxWait: set(h)}, 1, 30 * s, 20 * s, ""},
		{"a cap above a minute holds", Limits{MaxBatch: 1, DefaultLeaseTTL: 30 * s, MaxWait: 10 * m},
			DequeueRequest{Batch: 1, MaxWait: set(h)}, 1, 30 * s, 10 * m, ""},
		{"badinput 84: wait without a cap", Limits{MaxBatch: 1, DefaultLeaseTTL: 30 * s},
			DequeueRequest{Batch: 1, MaxWait: set(1000 * h)}, 1, 30 * s, m, ""},
		{"a long default without a cap", Limits{MaxBatch: 1, DefaultLeaseTTL: 30 * s, DefaultMaxWait: 5 * m},
			DequeueRequest{Batch: 1}, 1, 30 * s, 5 * m, ""},
		{"badinput 78: batch 0", defaults, DequeueRequest{}, 0, 0, 0, "batch must be at least 1"},
		{"badinput 78: batch -1", defaults, DequeueRequest{Batch: -1}, 0, 0, 0, "batch must be at least 1"},
		{"badinput 81: lease -1s", defaults, DequeueRequest{Batch: 1, LeaseTTL: set(-s)}, 0, 0, 0, "lease_ttl must be at least 1s"},
		{"badinput 81: lease 0s", defaults, DequeueRequest{Batch: 1, LeaseTTL: set(0)}, 0, 0, 0, "lease_ttl must be at least 1s"},
		{"badinput 82: lease 1ns", defaults, DequeueRequest{Batch: 1, LeaseTTL: set(1)}, 0, 0, 0, "lease_ttl must be at least 1s"},
		{"lease of a century", defaults, DequeueRequest{Batch: 1, LeaseTTL: set(100 * 365 * 24 * h)}, 0, 0, 0, "lease_ttl must be at most 8760h0m0s"},
		{"negative wait", defaults, DequeueRequest{Batch: 1, MaxWait: set(-s)}, 0, 0, 0, "max_wait must not be negative"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q := &recorder{}
			s, err := New(Options{Queue: q, Clock: clock.NewManual(start)})
			if err != nil {
				t.Fatal(err)
			}
			s.Swap(s.Snapshot(Settings{Routes: []Route{{Endpoint: "/a", Path: "/r"}}, Tokens: tokens("t"), Limits: test.limits}))
			e, err := s.Authorize("/a", bearer("t"))
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Dequeue(t.Context(), e, test.req)
			var broken *InvalidError
			switch {
			case test.err != "" && (!errors.As(err, &broken) || broken.Detail != test.err):
				t.Errorf("error %v, want %q", err, test.err)
			case test.err == "" && err != nil:
				t.Error(err)
			case test.err != "":
				test.max = 0
				if q.got != (queue.DequeueRequest{}) {
					t.Errorf("the queue was asked for %+v", q.got)
				}
			default:
				want := queue.DequeueRequest{Route: "/r", Target: "pull", Max: test.max, TTL: test.ttl, Wait: test.wait}
				if q.got != want {
					t.Errorf("the queue was asked for %+v, want %+v", q.got, want)
				}
			}
		})
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]Duration{
		"": {}, "30s": {30 * time.Second, true}, "1m30s": {90 * time.Second, true}, "0": {0, true},
		"-5s": {-5 * time.Second, true}, "1.5h": {90 * time.Minute, true}, "100µs": {100 * time.Microsecond, true},
	} {
		if got, err := ParseDuration("f", text); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v", text, got, err)
		}
	}
	// badinput 83
	for _, text := range []string{"9999999h", "30", "1d", "s", " 1s", "1 s", "forever"} {
		_, err := ParseDuration("lease_ttl", text)
		if err == nil || !strings.HasPrefix(err.Error(), "lease_ttl must be a valid duration, such as") {
			t.Errorf("ParseDuration(%q) gives %v, want the field and the form", text, err)
		}
	}
}

func TestMetricsCanBeRegisteredOnce(t *testing.T) {
	f := newFixture(t, nil)
	if _, err := New(Options{Queue: f.store, Clock: f.clock, Registerer: f.reg}); err == nil {
		t.Error("a second service on the same registry must fail")
	}
	if _, err := New(Options{Queue: f.store, Clock: f.clock, Registerer: prometheus.NewRegistry()}); err != nil {
		t.Errorf("two services in one process: %v", err)
	}
}

func leaseIDsOf(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("lease_%016x", i)
	}
	return ids
}
