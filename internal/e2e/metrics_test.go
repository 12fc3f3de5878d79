package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// scraped is a page of metrics.
type scraped struct {
	text   []byte
	types  map[string]string  // by family
	values map[string]float64 // by sample, as it is written
}

// pageOf reads a page and checks its form.
func pageOf(t testing.TB, a answer) *scraped {
	t.Helper()
	if kind := a.header.Get("Content-Type"); a.status != http.StatusOK || !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
		t.Fatalf("scrape: %d, %q", a.status, kind)
	}
	s := &scraped{text: a.body, types: map[string]string{}, values: map[string]float64{}}
	for line := range strings.Lines(string(a.body)) {
		fields := strings.Fields(line)
		if strings.HasPrefix(line, "# TYPE ") {
			s.types[fields[2]] = fields[3]
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64)
		if err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		s.values[line[:i]] = value
	}
	return s
}

// lint judges the page as Prometheus does.
func (s *scraped) lint(t testing.TB) {
	t.Helper()
	problems, err := promlint.New(bytes.NewReader(s.text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		// gauges by the names that 2.11 gave them
		if p.Metric != "hookaido_store_memory_retained_bytes_total" && p.Metric != "hookaido_queue_total" {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// want compares samples.
func (s *scraped) want(t testing.TB, samples map[string]float64) {
	t.Helper()
	for name, want := range samples {
		if got, there := s.values[name]; !there || got != want {
			t.Errorf("%s is %v (%v), want %v", name, got, there, want)
		}
	}
}

// newMeasured is a daemon with every kind of traffic behind it.
func newMeasured(t *testing.T) (d *daemon, address string) {
	t.Helper()
	rec := receive(t, func(_ http.ResponseWriter, r *http.Request, _ string) int {
		if r.URL.Path == "/gone" {
			return http.StatusGone
		}
		return http.StatusOK
	})
	address = freeAddress(t)
	d = newManaged(t, here+strings.ReplaceAll(`observability { metrics { listen ADDRESS prefix /numbers } }
secrets { secret hook { value raw:measured-secret valid_from 2020-01-01T00:00:00Z valid_until 2100-01-01T00:00:00Z } }
/pull { max_body 100b auth hmac { provider github secret_ref hook } pull { path /pull } }
/hs { handshake meta token raw:meatyhamhock pull { path /hs } }
/fine { deliver TARGET/fine { } }
/bad { deliver TARGET/gone { } }
`, "ADDRESS", address))
	b, err := os.ReadFile(d.path("Hookaidofile"))
	must(t, err)
	d.configure(strings.ReplaceAll(string(b), "TARGET", rec.server.URL))
	d.start()
	d.traffic()
	return d, address
}

func (d *daemon) traffic() {
	t := d.t
	t.Helper()
	sent := func(path, body string, want int) {
		t.Helper()
		a := post(t, "http://"+d.ingress+path, []byte(body), "X-Hub-Signature-256", githubSignature("measured-secret", []byte(body)))
		if a.status != want {
			t.Fatalf("POST %s: %d, want %d", path, a.status, want)
		}
	}
	for i := range 4 {
		sent("/pull", fmt.Sprint("message ", i), http.StatusAccepted)
	}
	sent("/fine", "x", http.StatusAccepted)
	sent("/bad", "x", http.StatusAccepted)
	sent("/none", "x", http.StatusNotFound)
	sent("/none/2", "x", http.StatusNotFound)
	sent("/pull", strings.Repeat("x", 200), http.StatusRequestEntityTooLarge)
	if status := d.get("http://" + d.ingress + "/hs?hub.mode=subscribe&hub.challenge=1&hub.verify_token=meatyhamhock"); status != http.StatusOK {
		t.Fatalf("handshake: %d", status)
	}
	if a := post(t, "http://"+d.ingress+"/pull", nil); a.status != http.StatusUnauthorized {
		t.Fatalf("unsigned: %d", a.status)
	}

	if a := d.call("/pull/dequeue", `{"batch":0}`); a.status != http.StatusBadRequest {
		t.Fatalf("a bad dequeue: %d", a.status)
	}
	got := d.dequeue("/pull", `{"batch":4,"lease_ttl":"1h"}`)
	for i, call := range []struct{ operation, rest string }{{"ack", ""}, {"nack", `,"delay":"1h"`}, {"nack", `,"dead":true,"reason":"r"`}} {
		if a := d.call("/pull/"+call.operation, `{"lease_id":"`+got[i].LeaseID+`"`+call.rest+`}`); a.status != http.StatusNoContent {
			t.Fatalf("%s: %d %s", call.operation, a.status, a.body)
		}
	}
	if a := d.call("/pull/ack", `{"lease_id":"`+got[1].LeaseID+`"}`); a.status != http.StatusConflict {
		t.Fatalf("an ack after a nack: %d", a.status)
	}
	if n := len(d.dequeue("/pull", `{"batch":4}`)); n != 0 {
		t.Fatalf("%d messages are left", n)
	}
	for body, want := range map[string]int{
		items(`{"id":"p1","route":"/pull","next_run_at":"2100-01-01T00:00:00Z"}`): http.StatusOK,
		items(`{"route":"/pull"}`): http.StatusBadRequest,
	} {
		if a := d.operate(http.MethodPost, "/messages/publish", body, because("test")...); a.status != want {
			t.Fatalf("publish: %d %s", a.status, a.body)
		}
	}
}

// TestMetricsAfterTraffic holds each figure to what was done.
func TestMetricsAfterTraffic(t *testing.T) {
	d, address := newMeasured(t)
	read := func() *scraped {
		return pageOf(t, d.ask(http.DefaultClient, http.MethodGet, "http://"+address+"/numbers", ""))
	}
	d.eventually("delivered", func() bool {
		v := read().values
		return v["hookaido_delivery_acked_total"] == 1 && v["hookaido_delivery_dead_total"] == 1 && v[`hookaido_queue_depth{state="dead"}`] == 2
	})
	s := read()
	s.lint(t)
	s.want(t, map[string]float64{
		"hookaido_up": 1, "hookaido_ingress_accepted_total": 6, "hookaido_ingress_rejected_total": 4, "hookaido_ingress_enqueued_total": 6,
		`hookaido_ingress_rejected_by_reason_total{reason="not_found",status="404"}`:  2,
		`hookaido_ingress_rejected_by_reason_total{reason="policy",status="413"}`:     1,
		`hookaido_ingress_rejected_by_reason_total{reason="auth",status="401"}`:       1,
		`hookaido_ingress_rejected_by_reason_total{reason="queue_full",status="503"}`: 0,
		`hookaido_ingress_requests_total{outcome="accepted",route="/pull"}`:           4,
		`hookaido_ingress_requests_total{outcome="auth",route="/pull"}`:               1,
		`hookaido_ingress_requests_total{outcome="policy",route="/pull"}`:             1,
		`hookaido_ingress_requests_total{outcome="not_found",route="unmatched"}`:      2,
		`hookaido_ingress_requests_total{outcome="handshake",route="/hs"}`:            1,
		`hookaido_ingress_handshakes_total{outcome="answered",provider="meta"}`:       1,
		`hookaido_ingress_request_seconds_count{route="/pull"}`:                       4,
		`hookaido_ingress_signature_failures_total{class="missing"}`:                  1,

		`hookaido_pull_dequeue_total{route="/pull",status="200"}`: 1, `hookaido_pull_dequeue_total{route="/pull",status="204"}`: 1,
		`hookaido_pull_dequeue_total{route="/pull",status="4xx"}`: 1, `hookaido_pull_acked_total{route="/pull"}`: 1,
		`hookaido_pull_nacked_total{route="/pull"}`: 2, `hookaido_pull_ack_conflict_total{route="/pull"}`: 1,
		`hookaido_pull_lease_active{route="/pull"}`: 1, `hookaido_pull_dequeue_seconds_count{route="/pull"}`: 1,
		`hookaido_pull_end_to_end_seconds_count{route="/pull"}`: 1,

		"hookaido_delivery_attempts_total": 2, "hookaido_delivery_acked_total": 1, "hookaido_delivery_dead_total": 1,
		`hookaido_delivery_dead_by_reason_total{reason="gone"}`: 1,

		`hookaido_queue_depth{state="queued"}`: 2, `hookaido_queue_depth{state="leased"}`: 1, `hookaido_queue_depth{state="dead"}`: 2,
		"hookaido_queue_total": 5, "hookaido_queue_ready_lag_seconds": 0, "hookaido_queue_orphaned_messages": 0,
		`hookaido_queue_messages{route="/pull",state="queued",target="pull"}`: 2,
		`hookaido_queue_messages{route="/pull",state="dead",target="pull"}`:   1,
		`hookaido_queue_lane_paused{route="/pull",target="pull"}`:             0,

		"hookaido_publish_accepted_total": 1, "hookaido_publish_rejected_total": 1, "hookaido_publish_rejected_validation_total": 1,
		"hookaido_config_generation": 1, "hookaido_config_last_reload_successful": 1, "hookaido_store_disk_low": 0,
		"hookaido_queue_limit_messages":                    10000,
		`hookaido_secret_not_after_seconds{secret="hook"}`: 4102444800,
	})
	if s.values["hookaido_store_sqlite_write_seconds_count"] < 6 || s.values["hookaido_store_disk_free_bytes"] <= 0 ||
		s.values["hookaido_queue_oldest_queued_age_seconds"] <= 0 {
		t.Errorf("the store: %s", s.text)
	}

	// fresh at each scrape, and the same on the admin API
	post(t, "http://"+d.ingress+"/fine", nil)
	if got := read().values["hookaido_ingress_accepted_total"]; got != 7 {
		t.Errorf("the next scrape has %v accepted", got)
	}
	if a := d.ask(http.DefaultClient, http.MethodGet, "http://"+d.admin+"/metrics", ""); a.status != http.StatusUnauthorized {
		t.Errorf("the admin API without a token: %d", a.status)
	}
	pageOf(t, d.operate(http.MethodGet, "/metrics", "")).want(t, map[string]float64{"hookaido_ingress_accepted_total": 7})
	pageOf(t, d.operateLocally(http.MethodGet, "/metrics", "")).want(t, map[string]float64{"hookaido_ingress_accepted_total": 7})
}

// newMeasuredMemory is a daemon with the parts that newMeasured doesn't have: the
// memory engine, and TLS.
func newMeasuredMemory(t *testing.T) *scraped {
	t.Helper()
	a := newAuthority(t)
	d := newTLSDaemon(t, a, "")
	b, err := os.ReadFile(d.path("Hookaidofile"))
	must(t, err)
	d.configure(strings.NewReplacer("queue sqlite", "queue memory", "max_depth 1000000", "max_depth 2 drop_policy drop_oldest").Replace(string(b)))
	d.start()
	c := httpsClient(t, a.trust(""), true)
	for range 3 {
		if status, _, text := send(t, c, "https://"+d.ingress+"/in", "x"); status != http.StatusAccepted {
			t.Fatalf("%d %s", status, text)
		}
	}
	if d.get("https://"+d.ingress+"/in") != 0 { // its authority is unknown here
		t.Fatal("a client that trusts nobody got an answer")
	}
	var s *scraped
	d.eventually("told of the handshake", func() bool {
		s = pageOf(t, d.operateLocally(http.MethodGet, "/metrics", ""))
		return s.types["hookaido_tls_handshake_failures_total"] != ""
	})
	s.lint(t)
	s.want(t, map[string]float64{
		`hookaido_store_memory_items{state="queued"}`: 2, `hookaido_store_memory_items{state="dead"}`: 0,
		`hookaido_store_operation_total{backend="memory",operation="evict"}`: 1,
		`hookaido_store_memory_evictions_total{reason="drop_oldest"}`:        1,
	})
	if s.values[`hookaido_tls_certificate_not_after_seconds{listener="ingress"}`] <= 0 || s.values["hookaido_store_memory_retained_bytes_total"] <= 0 {
		t.Errorf("%s", s.text)
	}
	return s
}

// ourMetric matches the name of a metric, manualRow its entry in the manual page.
var (
	ourMetric = regexp.MustCompile(`\bhookaido_[a-z0-9_]+`)
	manualRow = regexp.MustCompile("(?m)^`(hookaido_[a-z0-9_]+)(?:\\{[a-z,]+\\})?` ([a-z]+)$")
)

// TestMetricsAreDocumented holds that the manual page has every family with its
// type and no other, and that the alerts and the dashboard ask for none that
// isn't there.
func TestMetricsAreDocumented(t *testing.T) {
	d, _ := newMeasured(t)
	types := pageOf(t, d.operateLocally(http.MethodGet, "/metrics", "")).types
	for name, kind := range newMeasuredMemory(t).types {
		types[name] = kind
	}
	manual, err := os.ReadFile("../../packaging/man/hookaido-metrics.7.md")
	must(t, err)
	documented := map[string]string{}
	for _, row := range manualRow.FindAllStringSubmatch(string(manual), -1) {
		if documented[row[1]] != "" {
			t.Errorf("%s is in the manual twice", row[1])
		}
		documented[row[1]] = row[2]
	}
	for name, kind := range types {
		if strings.HasPrefix(name, "hookaido_") && documented[name] != kind {
			t.Errorf("%s is a %s, in the manual %q", name, kind, documented[name])
		}
	}
	delete(documented, "hookaido_runtime_secret_gc_pruned_total") // is there when a sweep found something
	for name := range documented {
		if types[name] == "" {
			t.Errorf("%s is in the manual, and not there", name)
		}
	}
	for _, file := range []string{"prometheus-alerts.yml", "grafana-dashboard.json"} {
		text, err := os.ReadFile(examples + file)
		must(t, err)
		asked := ourMetric.FindAllString(string(text), -1)
		if len(asked) == 0 {
			t.Errorf("%s asks for nothing", file)
		}
		slices.Sort(asked)
		for _, name := range slices.Compact(asked) {
			family := name
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				if base := strings.TrimSuffix(name, suffix); types[base] == "histogram" {
					family = base
				}
			}
			if types[family] == "" {
				t.Errorf("%s asks for %s, which is not there", file, name)
			}
		}
	}
}

// TestEndOfRuntimeSecrets holds that a pool ends with the last of its versions,
// and never with one that has no end.
func TestEndOfRuntimeSecrets(t *testing.T) {
	d := sealed(t, secretRoutes, 1).start()
	const name = `hookaido_secret_not_after_seconds{secret="live"}`
	end := func() (float64, bool) {
		v, there := pageOf(t, d.operateLocally(http.MethodGet, "/metrics", "")).values[name]
		return v, there
	}
	if _, there := end(); there {
		t.Error("a pool without versions has an end")
	}
	d.addSecret("live", `{"value":"first-secret-of-the-provider","not_before":"2026-01-01T00:00:00Z","not_after":"2100-01-01T00:00:00Z"}`)
	d.addSecret("live", `{"value":"second-secret-of-the-provider","not_before":"2026-01-01T00:00:00Z","not_after":"2090-01-01T00:00:00Z"}`)
	if v, _ := end(); v != 4102444800 {
		t.Errorf("the end is %v, want that of the last version", v)
	}
	d.stop()
	d = sealed(t, secretRoutes, 1).start()
	d.addSecret("live", `{"value":"first-secret-of-the-provider","not_before":"2026-01-01T00:00:00Z","not_after":"2100-01-01T00:00:00Z"}`)
	d.addSecret("live", `{"value":"second-secret-of-the-provider","not_before":"2026-02-01T00:00:00Z"}`)
	if v, there := end(); there {
		t.Errorf("a pool with a version that has no end ends at %v", v)
	}
}

// TestInheritedMetricsSocket holds that the socket of systemd is served without a
// word in the Hookaidofile, and not against one.
func TestInheritedMetricsSocket(t *testing.T) {
	for text, served := range map[string]bool{
		"": true, "observability { metrics off }": false, "observability { metrics { listen 127.0.0.1:9900 prefix /metrics } }": true,
	} {
		t.Run(text, func(t *testing.T) {
			d := newDaemon(t, "/a { pull { path /a } }\n"+text+"\n")
			f, address := listenFile(t, "tcp", "127.0.0.1:0")
			d.passing([]string{"LISTEN_PID=self", "LISTEN_FDS=1", "LISTEN_FDNAMES=metrics"}, f)
			must(t, f.Close())
			d.untilReady()
			if served {
				if status := d.get("http://" + address + "/metrics"); status != http.StatusOK {
					t.Errorf("%d, want the metrics", status)
				}
			}
			d.stop() // then the log is whole
			if !served && !strings.Contains(d.log.String(), `"msg":"socket_not_served"`) {
				t.Error("nobody was told that the socket is not served")
			}
		})
	}
}

// TestFiguresAreWholeFromTheStart holds that nothing asks for figures before
// they can be had.
func TestFiguresAreWholeFromTheStart(t *testing.T) {
	d := newDaemon(t, openIn)
	d.start()
	d.stop()
	if strings.Contains(d.log.String(), "metrics_incomplete") {
		t.Error("the first look at the metrics failed")
	}
}
