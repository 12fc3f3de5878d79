package admin

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/queue/memory"
)

var start = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

// store is a queue whose answers a test can spoil.
type store struct {
	Store
	ping  func(context.Context) error
	stats error
	full  bool
}

func (s *store) Ping(ctx context.Context) error {
	if s.ping != nil {
		return s.ping(ctx)
	}
	return s.Store.Ping(ctx)
}

func (s *store) Stats(ctx context.Context) (queue.Stats, error) {
	if s.stats != nil {
		return queue.Stats{}, s.stats
	}
	stats, err := s.Store.Stats(ctx)
	stats.DiskLow = s.full
	return stats, err
}

type reloader func(context.Context) (ReloadResult, error)

func (r reloader) Reload(ctx context.Context) (ReloadResult, error) { return r(ctx) }

type fixture struct {
	*Service
	clock *clock.Manual
	queue *memory.Store
	store *store
}

func newFixture(t *testing.T, r reloader) *fixture {
	t.Helper()
	f := &fixture{clock: clock.NewManual(start)}
	f.queue = memory.Open(memory.Options{Clock: f.clock})
	t.Cleanup(func() { _ = f.queue.Close() })
	f.store = &store{Store: f.queue}
	f.Service = New(Options{
		Store: f.store, Reloader: r, Clock: f.clock, Version: "1.2.3", PID: 42,
		Listeners: []Listener{{"admin", "unix:/run/hookaido/admin.sock", Inherited}},
	})
	f.SetPhase(Ready)
	f.SetConfig(&config.Config{
		Path: "/etc/hookaido/Hookaidofile", Fingerprint: "f1",
		PullAPI: config.PullAPI{Prefix: "/pull"},
		Defaults: config.Defaults{TrendSignals: config.TrendSignals{
			Window: 15 * time.Minute, ExpectedCaptureInterval: time.Minute, StaleGraceFactor: 3,
			QueuedPressureMinTotal: 3, QueuedPressurePercent: 75, QueuedPressureLeasedMultiplier: 2,
			RecentSurgeMinTotal: 100, DeadShareHighMinTotal: 100,
		}},
		Routes: []config.Route{
			{Path: "/a", Queue: config.SQLite, Pull: &config.Pull{Path: "/jobs"}},
			{Path: "/b", Queue: config.SQLite},
		},
	}, 3)
	return f
}

func (f *fixture) enqueue(t *testing.T, route, target string) {
	t.Helper()
	_, err := f.queue.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{
		{Route: route, Target: target, ReceivedAt: f.clock.Now()},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestReadyFollowsThePhase(t *testing.T) {
	f := newFixture(t, nil)
	for _, test := range []struct {
		phase Phase
		want  string
	}{{Starting, "the daemon is starting"}, {Ready, ""}, {Draining, "the daemon is stopping"}} {
		f.SetPhase(test.phase)
		got := ""
		if err := f.Ready(t.Context()); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.phase, got, test.want)
		}
		if err := f.Healthy(t.Context()); err != nil {
			t.Errorf("%s: the store is fine, but %v", test.phase, err)
		}
	}
}

func TestFullDiskIsNotReady(t *testing.T) { // badinput 101
	f := newFixture(t, nil)
	f.store.full = true
	var not *NotReadyError
	if err := f.Ready(t.Context()); !errors.As(err, &not) || not.Code != "disk_full" || !strings.Contains(not.Error(), "disk is full") {
		t.Errorf("Ready: %v", err)
	}
	if err := f.Healthy(t.Context()); err != nil {
		t.Errorf("Healthy: %v", err)
	}
}

func TestBrokenStoreIsTold(t *testing.T) { // badinput 101
	f := newFixture(t, nil)
	cause := errors.New("disk I/O error")
	f.store.ping = func(context.Context) error { return cause }
	for name, err := range map[string]error{"Healthy": f.Healthy(t.Context()), "Ready": f.Ready(t.Context())} {
		var not *NotReadyError
		if !errors.As(err, &not) || not.Code != "store_unavailable" || !errors.Is(err, cause) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if h := f.Health(t.Context()); h.OK || h.Diagnostics.Queue.OK || h.Diagnostics.Queue.Error != "disk I/O error" {
		t.Errorf("details say %+v", h)
	}
	if s := f.Status(t.Context()); s.Store.OK || s.Store.Error != "disk I/O error" || len(s.Routes) != 2 {
		t.Errorf("status says %+v", s)
	}
	f.store.ping, f.store.stats = nil, errors.New("no such table")
	if h := f.Health(t.Context()); !h.OK || h.Diagnostics.Queue.OK || h.Diagnostics.Queue.Error != "no such table" {
		t.Errorf("details without statistics say %+v", h)
	}
	if s := f.Status(t.Context()); s.Store.OK || s.Store.Error != "no such table" {
		t.Errorf("status without statistics says %+v", s)
	}
}

func TestHangingStoreIsTold(t *testing.T) { // within a second, even if it ignores its context
	f := newFixture(t, nil)
	release, ended := make(chan struct{}), make(chan error, 1)
	f.store.ping = func(ctx context.Context) error {
		<-release
		ended <- context.Cause(ctx)
		return nil
	}
	answer := make(chan error, 1)
	go func() { answer <- f.Healthy(t.Context()) }()
	f.clock.AwaitTimers(1)
	f.clock.Advance(time.Second)
	if err := <-answer; !errors.Is(err, errSlow) {
		t.Errorf("Healthy = %v", err)
	}
	close(release)
	if cause := <-ended; !errors.Is(cause, errSlow) {
		t.Errorf("the store was told %v", cause)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.store.ping = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	if err := f.Healthy(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("after the prober left: %v", err)
	}
}

func TestHealthDetails(t *testing.T) {
	f := newFixture(t, nil)
	f.enqueue(t, "/a", "pull")
	f.clock.Advance(90*time.Second + time.Millisecond)
	f.enqueue(t, "/b", "https://x")
	f.enqueue(t, "/b", "https://x")
	b, err := json.Marshal(f.Health(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	const text = `{
		"ok": true, "time": "2026-01-05T08:01:30.001Z", "version": "1.2.3", "uptime_seconds": 90,
		"diagnostics": {
			"config": {"fingerprint": "f1", "generation": 3, "loaded_at": "2026-01-05T08:00:00Z"},
			"queue": {
				"ok": true, "total": 3,
				"by_state": {"queued": 3, "leased": 0, "delivered": 0, "dead": 0, "canceled": 0},
				"oldest_queued_received_at": "2026-01-05T08:00:00Z", "oldest_queued_age_seconds": 90,
				"earliest_queued_next_run_at": "2026-01-05T08:00:00Z", "ready_lag_seconds": 90,
				"top_queued": [
					{"route": "/b", "target": "https://x", "queued": 2,
						"oldest_queued_received_at": "2026-01-05T08:01:30.001Z", "oldest_queued_age_seconds": 0,
						"earliest_queued_next_run_at": "2026-01-05T08:01:30.001Z", "ready_lag_seconds": 0},
					{"route": "/a", "target": "pull", "queued": 1,
						"oldest_queued_received_at": "2026-01-05T08:00:00Z", "oldest_queued_age_seconds": 90,
						"earliest_queued_next_run_at": "2026-01-05T08:00:00Z", "ready_lag_seconds": 90}
				]
			},
			"listeners": [{"name": "admin", "address": "unix:/run/hookaido/admin.sock", "source": "inherited"}]
		}
	}`
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	// what was counted, and the trend, have tests of their own
	parts := got.(map[string]any)["diagnostics"].(map[string]any)
	for _, name := range []string{"ingress", "delivery", "publish", "pull", "tracing"} {
		if parts[name] == nil {
			t.Errorf("%s is missing", name)
		}
		delete(parts, name)
	}
	signals, _ := parts["queue"].(map[string]any)["trend_signals"].(map[string]any)
	if signals["status"] != "warn" || signals["sampling_stale"] != true || signals["window"] != "15m0s" {
		t.Errorf("trend_signals %v", signals)
	}
	delete(parts["queue"].(map[string]any), "trend_signals")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTopQueuedHasTen(t *testing.T) {
	f := newFixture(t, nil)
	for i := range 12 {
		f.enqueue(t, "/r"+string(rune('a'+i)), "pull")
	}
	if top := f.Health(t.Context()).Diagnostics.Queue.TopQueued; len(top) != 10 || top[9].Route != "/rj" {
		t.Errorf("%d entries: %+v", len(top), top)
	}
}

func TestStatus(t *testing.T) {
	f := newFixture(t, nil)
	f.enqueue(t, "/a", "pull")
	f.clock.Advance(time.Minute)
	f.enqueue(t, "/a", "other")
	f.enqueue(t, "/a", "pull")
	f.enqueue(t, "/gone", "pull")
	f.clock.Advance(-time.Hour) // the wall clock may step back
	got := f.Status(t.Context())
	received, due := start, start
	later := start.Add(time.Minute)
	zero := int64(0)
	ages := func(at, due *time.Time) Ages { return Ages{at, &zero, due, &zero} }
	want := Status{
		Version: "1.2.3", PID: 42, StartedAt: start, Phase: Ready,
		Config: ConfigStatus{Path: "/etc/hookaido/Hookaidofile", ConfigInfo: ConfigInfo{"f1", 3, start}},
		Store: StoreStatus{Backend: "sqlite", OK: true, Total: 4,
			ByState: map[string]int{"queued": 4, "leased": 0, "delivered": 0, "dead": 0, "canceled": 0}},
		Listeners:  []Listener{{"admin", "unix:/run/hookaido/admin.sock", Inherited}},
		Deliveries: []Delivery{},
		Routes: []RouteStatus{
			{Route: "/a", Configured: true, Pull: "/pull/jobs", Queued: 3, Ages: ages(&received, &due)},
			{Route: "/b", Configured: true},
			{Route: "/gone", Queued: 1, Ages: ages(&later, &later)},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStatusBeforeAnyConfig(t *testing.T) {
	clk := clock.NewManual(start)
	q := memory.Open(memory.Options{Clock: clk})
	defer q.Close() //nolint:errcheck // a test
	s := New(Options{Store: q, Clock: clk})
	if got := s.Status(t.Context()); got.Phase != Starting || got.Store.Backend != "" || got.Routes == nil {
		t.Errorf("got %+v", got)
	}
}

func TestReload(t *testing.T) {
	var err error
	f := newFixture(t, nil)
	f.reloader = reloader(func(ctx context.Context) (ReloadResult, error) {
		if ctx.Err() != nil {
			t.Error("a reload must not stop half-way because its caller left")
		}
		return ReloadResult{Generation: 4, Fingerprint: "f2"}, err
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	result, got := f.Reload(ctx)
	if got != nil || result.Generation != 4 || result.Changes == nil {
		t.Errorf("Reload = %+v, %v", result, got)
	}
	err = &ReloadError{Code: CodeConfigInvalid, Detail: "Hookaidofile:3:1: unknown directive"}
	f.clock.Advance(time.Minute)
	if result, got = f.Reload(ctx); !errors.Is(got, err) || result.Generation != 0 {
		t.Errorf("Reload = %+v, %v", result, got)
	}
	want := &ReloadFailure{start.Add(time.Minute), "Hookaidofile:3:1: unknown directive"}
	if diff := cmp.Diff(want, f.Status(t.Context()).Config.LastReloadError); diff != "" {
		t.Error(diff)
	}
	err = nil
	if _, got = f.Reload(ctx); got != nil || f.Status(t.Context()).Config.LastReloadError != nil {
		t.Errorf("after a good reload: %v, %+v", got, f.Status(t.Context()).Config)
	}
	for _, phase := range []Phase{Starting, Draining} {
		f.SetPhase(phase)
		var refused *ReloadError
		if _, got = f.Reload(ctx); !errors.As(got, &refused) || refused.Code != CodeNotReady {
			t.Errorf("reload while %s: %v", phase, got)
		}
	}
}

func TestReloadsDoNotOverlap(t *testing.T) {
	running, release := make(chan struct{}), make(chan struct{})
	f := newFixture(t, func(context.Context) (ReloadResult, error) {
		running <- struct{}{}
		<-release
		return ReloadResult{}, nil
	})
	done := make(chan struct{})
	for range 2 {
		go func() {
			if _, err := f.Reload(t.Context()); err != nil {
				t.Error(err)
			}
			done <- struct{}{}
		}()
	}
	<-running
	select {
	case <-running:
		t.Fatal("two reloads run at the same time")
	default:
	}
	release <- struct{}{}
	<-done
	<-running
	release <- struct{}{}
	<-done
}
