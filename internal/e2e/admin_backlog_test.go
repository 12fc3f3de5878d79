package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// document is a JSON object, of which a path such as a.b.0.c takes a part out.
type document map[string]any

func (d document) at(path string) any {
	var here any = map[string]any(d)
	for name := range strings.SplitSeq(path, ".") {
		switch v := here.(type) {
		case map[string]any:
			here = v[name]
		case []any:
			n := 0
			if _, err := fmt.Sscan(name, &n); err != nil || n >= len(v) {
				return nil
			}
			here = v[n]
		default:
			return nil
		}
	}
	return here
}

// look asks for an object that must come with this status.
func (d *daemon) look(path string, status int) document {
	d.t.Helper()
	a := d.operate("GET", path, "")
	var doc document
	if err := json.Unmarshal(a.body, &doc); err != nil || a.status != status || a.header.Get("Content-Type") != "application/json" {
		d.t.Fatalf("GET %s: %d %s: %v", path, a.status, a.body, err)
	}
	return doc
}

// shows compares parts of an object.
func (d document) shows(t testing.TB, want map[string]any) {
	t.Helper()
	for path, value := range want {
		if diff := cmp.Diff(value, d.at(path)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestBacklog(t *testing.T) {
	d := newManaged(t, managedRoutes).start()
	var trends document // a sample is taken at the start
	d.eventually("a sample", func() bool { trends = d.look("/backlog/trends", 200); return trends.at("sample_count") == 1.0 })
	d.publish("/messages/publish", "/in", "a", "b", "c") // received in January
	d.publish("/messages/publish", "/other", "o")
	d.accept("/in", "now")
	d.dequeue("/in", `{"batch":1,"lease_ttl":"60s"}`)
	lease := d.dequeue("/other", `{"batch":1,"lease_ttl":"60s"}`)[0]
	if a := d.call("/other/nack", `{"lease_id":"`+lease.LeaseID+`","dead":true,"reason":"bad"}`); a.status != http.StatusNoContent {
		t.Fatalf("nack: %d %s", a.status, a.body)
	}
	const january = "2026-01-01T00:00:00Z"
	d.look("/backlog/top_queued?limit=1", 200).shows(t, map[string]any{
		"queue_total": 5.0, "queued_total": 3.0, "limit": 1.0, "truncated": false, "source_bounded": false, "oldest_queued_received_at": january,
		"items.0.route": "/in", "items.0.target": "pull", "items.0.queued": 3.0, "items.0.oldest_queued_received_at": january, "items.1": nil,
	})
	d.look("/backlog/oldest_queued?route=/in&limit=2", 200).shows(t, map[string]any{
		"returned": 2.0, "truncated": true, "selector.route": "/in", "selector.target": nil, "items.0.received_at": january, "items.0.id": "b",
		"items.1.id": "c", "items.2": nil, "queue_total": 5.0,
	})
	d.look("/backlog/oldest_queued?route=/none", 200).shows(t, map[string]any{"returned": 0.0, "truncated": false, "items": []any{}})
	d.look("/backlog/aging_summary", 200).shows(t, map[string]any{
		"states": []any{"queued", "leased", "dead"}, "scanned": 5.0, "bucket_count": 2.0, "age_sample_count": 5.0, "truncated": false,
		"age_windows.gt_6h": 4.0, "age_windows.le_5m": 1.0, "state_scan.leased.scanned": 1.0, "items.0.route": "/in", "items.0.state_counts.leased": 1.0,
		"items.0.queued_observed": 3.0, "items.1.dead_observed": 1.0, "items.1.oldest_queued_received_at": january,
	})
	d.look("/backlog/aging_summary?states=dead&route=/other&target=pull&limit=5", 200).shows(t, map[string]any{
		"states": []any{"dead"}, "scanned": 1.0, "selector.target": "pull", "limit": 5.0, "state_scan.queued": nil,
	})
	trends.shows(t, map[string]any{
		"window": "1h0m0s", "step": "5m0s", "point_count": 12.0, "non_empty_point_count": 1.0, "truncated": false, "latest_total": 0.0, "max_total": 0.0,
		"items.11.sample_count": 1.0, "items.0.sample_count": 0.0, "signals.status": "ok", "signals.sample_count": 1.0, "signals.window": "1h0m0s",
	})
	d.stop()
	d.start()
	d.eventually("another sample", func() bool {
		trends = d.look("/backlog/trends?route=/in", 200)
		return trends.at("sample_count") == 2.0
	})
	trends.shows(t, map[string]any{"latest_total": 4.0, "max_total": 4.0, "items.11.queued_last": 3.0, "items.11.leased_last": 1.0, "selector.route": "/in"})
	d.look("/healthz?details=1", 200).shows(t, map[string]any{
		"diagnostics.queue.trend_signals.status": "ok", "diagnostics.queue.trend_signals.window": "15m0s",
		"diagnostics.queue.trend_signals.sample_count": 2.0, "diagnostics.queue.trend_signals.latest_dead": 1.0,
	})
}

func TestBacklogRefusals(t *testing.T) {
	d := newManaged(t, managedRoutes).start()
	for path, want := range map[string]string{
		"/backlog/top_queued?limit=0": "limit", "/backlog/top_queued?route=in": "route", "/backlog/oldest_queued?limit=x": "limit",
		"/backlog/aging_summary?states=lost": "states", "/backlog/aging_summary?limit=-1": "limit", "/backlog/trends?window=0s": "window",
		"/backlog/trends?window=200h": "window", "/backlog/trends?window=long": "window", "/backlog/trends?step=1s": "step", "/backlog/trends?step=2h": "step",
		"/backlog/trends?window=168h": "step", "/backlog/trends?until=today": "until", "/backlog/trends?window=10m&step=20m": "step",
	} {
		a := d.operate("GET", path, "")
		if got := a.outcome(); got != "400 invalid_query" || !strings.Contains(string(a.body), `"detail":"`+want) {
			t.Errorf("%s: %s %s", path, got, a.body)
		}
	}
	for _, path := range []string{"/backlog/top_queued", "/backlog/oldest_queued", "/backlog/aging_summary", "/backlog/trends", "/routes", "/paused"} {
		if got := d.operate("POST", path, "", because("r")...); got.outcome() != "405 method_not_allowed" {
			t.Errorf("POST %s: %s", path, got.outcome())
		}
		if got := post(t, "http://"+d.admin+path, nil); got.status != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", path, got.status)
		}
		if got := d.operateLocally("GET", path, ""); got.status != http.StatusOK {
			t.Errorf("%s over the Unix socket: %d %s", path, got.status, got.body)
		}
	}
}

// TestGrowthFromKeptSamples: backpressure and health judge samples that were
// taken before the start.
func TestGrowthFromKeptSamples(t *testing.T) {
	routes := "defaults {\n  adaptive_backpressure { enabled on min_total 1 queued_percent 100 ready_lag 1h oldest_queued_age 1h }\n" +
		"  trend_signals { sustained_growth_consecutive 2 sustained_growth_min_samples 100 recent_surge_min_total 2 queued_pressure_min_total 1 }\n}\n" +
		"/in { pull { path /in } }\n/guarded { auth basic u \"pw\" pull { path /guarded } }\n"
	d := newManaged(t, routes).start()
	sampled := func(n float64) func() bool {
		return func() bool { return d.look("/backlog/trends", 200).at("sample_count") == n }
	}
	d.eventually("a sample", sampled(1))
	d.accept("/in", "leased")
	d.dequeue("/in", `{"batch":1,"lease_ttl":"10m"}`) // less than all is queued from now on
	for i := range 2 {
		d.stop()
		d.start()
		d.eventually("a sample of each start", sampled(float64(i+2)))
		if i == 0 {
			d.accept("/in", "queued")
		}
	}
	d.eventually("webhooks are refused, before they are asked for a password", func() bool {
		a := post(t, "http://"+d.ingress+"/guarded", []byte("x"))
		return a.status == http.StatusServiceUnavailable && strings.Contains(string(a.body), `"backpressure"`)
	})
	d.look("/healthz?details=1", 200).shows(t, map[string]any{
		"diagnostics.queue.trend_signals.sustained_growth":                     true,
		"diagnostics.queue.trend_signals.active_alerts":                        []any{"sustained_growth"},
		"diagnostics.queue.trend_signals.operator_actions.0.id":                "backlog_growth_triage",
		"diagnostics.queue.trend_signals.operator_actions.0.severity":          "warn",
		"diagnostics.queue.trend_signals.operator_actions.0.alert_routing_key": "hookaido.backlog.sustained_growth",
	})
}

func TestHealthDetails(t *testing.T) {
	target := receive(t, func(_ http.ResponseWriter, r *http.Request, body string) int {
		if body == "bad" {
			return http.StatusNotFound
		}
		return http.StatusOK
	})
	d := newManaged(t, here+managedRoutes+fmt.Sprintf("/p { auth basic u \"pw\" deliver %s { } }\n", target.url("/"))).start()
	basic := []string{"Authorization", "Basic dTpwdw=="}
	for _, body := range []string{"good", "bad"} {
		if a := post(t, "http://"+d.ingress+"/p", []byte(body), basic...); a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	post(t, "http://"+d.ingress+"/p", []byte("x"))
	post(t, "http://"+d.ingress+"/lost", []byte("x"))
	d.publish("/messages/publish", "/in", "a", "b")
	d.publish("/applications/shop/endpoints/orders/messages/publish", "", "l")
	d.operate("POST", "/messages/publish", items(`{"id":"x","route":"/lost"}`), because("r")...)
	d.operate("POST", "/messages/publish", items(`{"id":"a","route":"/in"}`), because("r")...)
	lease := d.dequeue("/in", `{"batch":1}`)[0]
	for range 2 {
		d.call("/in/ack", `{"lease_id":"`+lease.LeaseID+`"}`)
	}
	d.call("/in/ack", `{"lease_id":"none"}`)
	d.dequeue("/in", `{"batch":1}`)
	d.dequeue("/in", `{"batch":1}`)
	var h document
	d.eventually("both attempts are counted", func() bool {
		h = d.look("/healthz?details=1", 200)
		return h.at("diagnostics.delivery.attempt_total") == 2.0
	})
	h.shows(t, map[string]any{
		"ok": true, "diagnostics.queue.ok": true, "diagnostics.queue.by_state.dead": 1.0, "diagnostics.config.generation": 1.0,
		"diagnostics.ingress.accepted_total": 2.0, "diagnostics.ingress.rejected_total": 2.0, "diagnostics.ingress.enqueued_total": 2.0,
		"diagnostics.ingress.rejected_by_reason": map[string]any{
			"memory_pressure": 0.0, "queue_full": 0.0, "adaptive_backpressure": 0.0, "rate_limit": 0.0, "auth": 1.0, "not_found": 1.0, "policy": 0.0, "other": 0.0,
		},
		"diagnostics.ingress.adaptive_backpressure_applied_total":             0.0,
		"diagnostics.ingress.adaptive_backpressure_by_reason.queued_pressure": 0.0,
		"diagnostics.delivery.acked_total":                                    1.0, "diagnostics.delivery.dead_total": 1.0,
		"diagnostics.delivery.dead_by_reason.no_retry": 1.0, "diagnostics.delivery.dead_by_reason.max_retries": 0.0,
		"diagnostics.publish.accepted_total": 3.0, "diagnostics.publish.scoped_accepted_total": 1.0, "diagnostics.publish.rejected_total": 2.0,
		"diagnostics.publish.rejected_conflict_total": 1.0, "diagnostics.publish.rejected_managed_target_mismatch_total": 0.0,
		"diagnostics.pull.by_route": map[string]any{"/in": h.at("diagnostics.pull.total")}, "diagnostics.pull.total.lease_active": 1.0,
		"diagnostics.pull.total.dequeue_total": map[string]any{"200": 2.0, "204": 1.0, "4xx": 0.0, "5xx": 0.0},
		"diagnostics.pull.total.acked_total":   1.0, "diagnostics.tracing.enabled": false, "diagnostics.store": nil,
		"diagnostics.queue.top_queued.0.route": "/l",
	})
	if a := d.operate("GET", "/healthz?details=maybe", ""); a.outcome() != "400 invalid_query" {
		t.Errorf("details=maybe: %s", a.outcome())
	}
}

func TestHealthOfMemory(t *testing.T) {
	d := newManaged(t, "/m { queue { backend memory } pull { path /m } }\n").start()
	d.accept("/m", "x")
	h := d.look("/healthz?details=1", 200)
	h.shows(t, map[string]any{
		"diagnostics.store.backend": "memory", "diagnostics.store.items_by_state.queued": 1.0, "diagnostics.store.memory_pressure.active": false,
		"diagnostics.store.memory_pressure.reason": "", "diagnostics.store.memory_pressure.retained_items": 1.0, "diagnostics.store.evictions_total": map[string]any{},
	})
	if n, _ := h.at("diagnostics.store.retained_bytes_total").(float64); n <= 0 {
		t.Errorf("retained_bytes_total %v", n)
	}
}

// TestHealthWithoutDatabase is badinput 101: the files of the queue are deleted.
func TestHealthWithoutDatabase(t *testing.T) {
	d := newManaged(t, messagesRoutes).start()
	files, err := filepath.Glob(d.path("data/*"))
	must(t, err)
	for _, f := range files {
		must(t, os.Remove(f))
	}
	var a answer
	d.eventually("health fails", func() bool {
		if !d.running() {
			return true // it leaves soon after
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.admin+"/healthz?details=1", http.NoBody)
		must(t, err)
		req.Header.Set("Authorization", "Bearer "+adminToken)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		a.status = res.StatusCode
		must(t, json.NewDecoder(res.Body).Decode(new(document)))
		return res.Body.Close() == nil && a.status == http.StatusServiceUnavailable
	})
	if a.status != http.StatusServiceUnavailable {
		t.Errorf("the last answer was %d", a.status)
	}
	d.eventually("it leaves", func() bool { return !d.running() })
	if code := d.wait(); code == 0 {
		t.Error("exit code 0")
	}
}

// TestViewsUnderLoad asks for every view while webhooks come in.
func TestViewsUnderLoad(t *testing.T) {
	d := newManaged(t, managedRoutes).start()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 300 {
			if a, err := tryPost(t, "http://"+d.ingress+"/in", []byte(fmt.Sprint(i))); err != nil || a.status != http.StatusAccepted {
				t.Errorf("webhook %d: %d, %v", i, a.status, err)
				return
			}
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		for _, path := range []string{"/healthz?details=1", "/routes", "/backlog/oldest_queued", "/backlog/aging_summary", "/messages?limit=5"} {
			d.look(path, 200)
		}
	}
	d.look("/backlog/oldest_queued?limit=1", 200).shows(t, map[string]any{"queued_total": 300.0})
}
