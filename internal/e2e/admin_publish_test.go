package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// published has a route of every kind that matters to publishing. The target
// is where TARGET stands.
const published = here + `
/in { max_body 8b max_headers 64b pull { path /in } }
/labeled { application shop endpoint_name order.paid pull { path /labeled } }
/closed { publish off pull { path /closed } }
/nodirect { publish { direct off } pull { path /nodirect } }
/nomanaged { application shop endpoint_name closed publish.managed off pull { path /nomanaged } }
/fan { deliver TARGET/one?key=secret { } deliver TARGET/two { } }
outbound /out { deliver TARGET/out { } }
internal /jobs { pull { path /jobs } }
`

func publishedTo(url string) string { return strings.ReplaceAll(published, "TARGET", url) }

func items(list ...string) string { return `{"items":[` + strings.Join(list, ",") + `]}` }

func TestPublishRefusals(t *testing.T) {
	rec := receive(t, nil)
	d := newManaged(t, publishedTo(rec.server.URL)).start()
	const global, scoped, closed = "/messages/publish", "/applications/shop/endpoints/order.paid/messages/publish",
		"/applications/shop/endpoints/closed/messages/publish"
	fine := `{"id":"x","route":"/in"}`
	with := func(member string) string { return items(strings.Replace(fine, "}", ","+member+"}", 1)) }
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprintf(`{"id":"m%d","route":"/in"}`, i)
	}
	tests := []struct{ name, path, body, want string }{
		{"no items", global, `{}`, "400 invalid_body"},
		{"null", global, `null`, "400 invalid_body"},
		{"empty list", global, `{"items":[]}`, "400 invalid_body"},
		{"1001 items", global, items(many...), "400 invalid_body"},
		{"no JSON", global, `{"items":`, "400 invalid_body"},
		{"item is no object", global, items(`"x"`), "400 invalid_body"},
		{"unknown field", global, with(`"prio":1`), "400 invalid_body"},
		{"upper case", global, items(`{"ID":"x","route":"/in"}`), "400 invalid_body"},
		{"member twice", global, items(`{"id":"x","id":"y","route":"/in"}`), "400 invalid_body"},
		{"header twice", global, with(`"headers":{"a":"1","a":"2"}`), "400 invalid_body"},
		{"header is a number", global, with(`"headers":{"a":1}`), "400 invalid_body"},
		{"no id", global, items(`{"route":"/in"}`), "400 invalid_body 0"},
		{"blank id", global, items(`{"id":" ","route":"/in"}`), "400 invalid_body 0"},
		{"long id", global, items(`{"id":"` + strings.Repeat("i", 257) + `","route":"/in"}`), "400 invalid_body 0"},
		{"control in id", global, items(`{"id":"a\u0000b","route":"/in"}`), "400 invalid_body 0"},
		{"badinput 98: id twice", global, items(fine, fine), "400 invalid_body 1"},
		{"no route", global, items(`{"id":"x"}`), "400 invalid_body 0"},
		{"relative route", global, items(`{"id":"x","route":"in"}`), "400 invalid_body 0"},
		{"unknown route", global, items(fine, `{"id":"y","route":"/other"}`), "400 route_not_found 1"},
		{"below a route", global, items(`{"id":"y","route":"/in/x"}`), "400 route_not_found 0"},
		{"route with labels", global, items(`{"id":"x","route":"/labeled"}`), "400 managed_selector_required 0"},
		{"labels in an item", global, items(`{"id":"x","application":"shop","endpoint_name":"order.paid"}`), "400 scoped_publish_required 0"},
		{"publish off", global, items(`{"id":"x","route":"/closed"}`), "403 route_publish_disabled 0"},
		{"direct off", global, items(`{"id":"x","route":"/nodirect"}`), "403 route_publish_disabled 0"},
		{"two targets", global, items(`{"id":"x","route":"/fan"}`), "400 target_unresolvable 0"},
		{"unknown target", global, with(`"target":"push"`), "400 target_unresolvable 0"},
		{"bad received_at", global, with(`"received_at":"yesterday"`), "400 invalid_received_at 0"},
		{"badinput 97: year 9999", global, with(`"next_run_at":"9999-12-31T00:00:00Z"`), "400 invalid_next_run_at 0"},
		{"year 1969", global, with(`"received_at":"1969-12-31T23:59:59Z"`), "400 invalid_received_at 0"},
		{"badinput 98: base64", global, with(`"payload_b64":"e30"`), "400 invalid_payload_b64 0"},
		{"url alphabet", global, with(`"payload_b64":"-_-_"`), "400 invalid_payload_b64 0"},
		{"large payload", global, with(`"payload_b64":"MTIzNDU2Nzg5"`), "413 payload_too_large 0"},
		{"badinput 98: line break in a header", global, with(`"headers":{"A":"b\r\nC: d"}`), "400 invalid_header 0"},
		{"bad name of a header", global, with(`"headers":{"A b":"c"}`), "400 invalid_header 0"},
		{"header in two spellings", global, with(`"headers":{"a":"1","A":"2"}`), "400 invalid_header 0"},
		{"large headers", global, with(`"headers":{"A":"` + strings.Repeat("x", 64) + `"}`), "413 headers_too_large 0"},
		{"unknown endpoint", "/applications/shop/endpoints/none/messages/publish", items(fine), "404 managed_endpoint_not_found"},
		{"bad label", "/applications/sh%20op/endpoints/none/messages/publish", items(fine), "400 invalid_body"},
		{"managed off", closed, items(`{"id":"x"}`), "403 route_publish_disabled"},
		{"route in a scoped item", scoped, items(`{"id":"x","route":"/labeled"}`), "400 selector_scope_forbidden 0"},
		{"labels in a scoped item", scoped, items(`{"id":"w"}`, `{"id":"x","application":"shop"}`), "400 selector_scope_forbidden 1"},
		{"no such path", "/applications/shop/messages/publish", items(fine), "404 not_found"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := d.operate("POST", test.path, test.body, because("a test")...).outcome(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	for name, test := range map[string]struct {
		method  string
		headers []string
		want    string
	}{
		"no reason":               {"POST", []string{"Content-Type", "application/json"}, "400 audit_reason_required"},
		"blank reason":            {"POST", because(" "), "400 audit_reason_required"},
		"long reason":             {"POST", because(strings.Repeat("r", 513)), "400 audit_reason_required"},
		"long actor":              {"POST", because("r", "X-Hookaido-Audit-Actor", strings.Repeat("a", 257)), "400 audit_reason_required"},
		"badinput 96: text":       {"POST", []string{"X-Hookaido-Audit-Reason", "r", "Content-Type", "text/plain"}, "415 unsupported_media_type"},
		"badinput 95: cross-site": {"POST", because("r", "Sec-Fetch-Site", "cross-site"), "403 forbidden"},
		"GET":                     {"GET", because("r"), "405 method_not_allowed"},
	} {
		if got := d.operate(test.method, global, items(fine), test.headers...).outcome(); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
	if got := post(t, "http://"+d.admin+global, []byte(items(fine)), because("r")...).outcome(); got != "401 unauthorized" {
		t.Errorf("without a token: %s", got)
	}
	if got := d.operate("POST", global, `{"items":"`+strings.Repeat("x", 17<<20), because("r")...).outcome(); got != "413 payload_too_large" {
		t.Errorf("17 MB: %s", got)
	}
	if n := d.queueCounts()["queued"]; n != 0 {
		t.Errorf("%d messages are there after refusals alone", n)
	}
	line := d.logLine("admin_management_refused", "route_not_found")
	if line["operation"] != "publish_messages" || line["reason"] != "a test" || line["client"] == nil {
		t.Errorf("logged %v", line)
	}
	if strings.Contains(d.log.String(), "key=secret") {
		t.Error("the log has the query of a target")
	}
}

func TestPublish(t *testing.T) { // by path, to a pull route
	d := newManaged(t, publishedTo("http://127.0.0.1:9")).start()
	body := items(
		`{"id":"'; DROP TABLE messages; --","route":"/in","target":"pull","payload_b64":"e30=","headers":{"content-type":"application/json"},"trace":{"k":"v"}}`,
		`{"id":"b","route":"/in","received_at":"2026-01-01T00:00:00+01:00"}`)
	a := d.operate("POST", "/messages/publish", body,
		because(" replay ", "X-Hookaido-Audit-Actor", "ada", "X-Request-ID", "r-1")...)
	a.same(t, http.StatusOK, `{"published":2,"audit":{"reason":"replay","actor":"ada","request_id":"r-1"}}`)
	got := map[string]item{}
	for _, it := range d.dequeue("/in", `{"batch":10,"lease_ttl":"60s"}`) {
		it.LeaseID = ""
		got[it.ID] = it
	}
	want := map[string]item{
		"'; DROP TABLE messages; --": {ID: "'; DROP TABLE messages; --", Attempt: 1, Route: "/in", Payload: []byte("{}"), // badinput 100
			Headers: map[string]string{"Content-Type": "application/json"}, Trace: map[string]string{"k": "v"}},
		"b": {ID: "b", Attempt: 1, Route: "/in", Payload: []byte{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	line := d.logLine(`"admin_management_mutation"`)
	for name, want := range map[string]any{"operation": "publish_messages", "reason": "replay", "actor": "ada", "request_id": "r-1",
		"route": "/in", "target": "pull", "matched": 2.0, "changed": 2.0} {
		if line[name] != want {
			t.Errorf("logged %s %v, want %v", name, line[name], want)
		}
	}

	// a taken id refuses all of a batch, also that of a leased message
	for i, list := range []string{items(`{"id":"c","route":"/in"}`, `{"id":"b","route":"/jobs"}`)} {
		a := d.operate("POST", "/messages/publish", list, because("again")...)
		if got := a.outcome(); got != "409 duplicate_id 1" {
			t.Errorf("%d: %s", i, got)
		}
	}
	if n := d.queueCounts()["queued"]; n != 0 {
		t.Errorf("%d messages of refused batches are there", n)
	}
}

func TestPublishLater(t *testing.T) { // in a moment, not before
	d := newManaged(t, openRoute).start()
	at := time.Now().Add(1500 * time.Millisecond)
	a := d.operate("POST", "/messages/publish", items(`{"id":"x","route":"/in","next_run_at":"`+at.Format(time.RFC3339Nano)+`"}`), because("r")...)
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	d.stop() // the time is kept
	d.start()
	if got := d.dequeue("/in", `{"batch":1,"max_wait":"10s"}`); len(got) != 1 || time.Now().Before(at) {
		t.Errorf("%d messages at %v, due at %v", len(got), time.Now(), at)
	}
}

func TestPublishToEndpoint(t *testing.T) {
	d := newManaged(t, publishedTo("http://127.0.0.1:9")).start()
	const path = "/applications/shop/endpoints/order.paid/messages/publish"
	d.operate("POST", path, items(`{"id":"a"}`), because("r")...).same(t, http.StatusOK, `{"published":1,
		"scope":{"application":"shop","endpoint_name":"order.paid","route":"/labeled"},"audit":{"reason":"r"}}`)
	doubled := strings.Replace(path, "order.paid", "order%252Epaid", 1) // encoded twice
	if a := d.operate("POST", "//"+doubled[1:]+"/", items(`{"id":"b"}`), because("r")...); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	if seen := d.dequeue("/labeled", `{"batch":9}`); len(seen) != 2 {
		t.Errorf("%d messages, want 2", len(seen))
	}
	if line := d.logLine(`"admin_management_mutation"`); line["application"] != "shop" || line["endpoint_name"] != "order.paid" {
		t.Errorf("logged %v", line)
	}
}

func TestPublishLocally(t *testing.T) { // over the Unix socket, without a token
	d := newManaged(t, openRoute).start()
	a := d.operateLocally("POST", "/messages/publish", items(`{"id":"x","route":"/in"}`), because("r")...)
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	line := d.logLine(`"admin_management_mutation"`)
	if line["uid"] == nil || line["pid"] == nil || line["client"] != nil {
		t.Errorf("logged %v, want the process that asked", line)
	}
}

// TestChannels is issue D, item 6: what is published to an outbound route is
// delivered, to an internal one pulled, and neither takes webhooks.
func TestChannels(t *testing.T) {
	rec := receive(t, nil)
	d := newManaged(t, publishedTo(rec.server.URL)).start()
	a := d.operate("POST", "/messages/publish", items(
		`{"id":"o","route":"/out","payload_b64":"b3V0","headers":{"X-Kind":"k"}}`, `{"id":"j","route":"/jobs","payload_b64":"am9i"}`,
		`{"id":"f","route":"/fan","target":"`+rec.url("/two")+`","payload_b64":"dHdv"}`), because("r")...)
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	d.eventually("delivered", func() bool { _, done, _ := rec.counts(); return done == 2 })
	if jobs := d.drain("/jobs"); jobs["job"] != 1 || len(jobs) != 1 {
		t.Errorf("pulled %v", jobs)
	}
	for _, path := range []string{"/out", "/jobs"} {
		if a := post(t, "http://"+d.ingress+path, []byte("x")); a.status != http.StatusNotFound {
			t.Errorf("POST %s at the ingress: %d, want 404", path, a.status)
		}
	}
}

func TestPublishPolicies(t *testing.T) {
	tests := []struct{ name, policy, path, item, want string }{
		{"direct off", "direct off", "/messages/publish", `{"id":"x","route":"/in"}`, "403 global_publish_disabled"},
		{"managed off", "managed off", "/applications/a/endpoints/e/messages/publish", `{"id":"x"}`, "403 scoped_publish_disabled"},
		{"no pull routes", "allow_pull_routes off", "/messages/publish", `{"id":"x","route":"/in"}`, "403 pull_route_publish_disabled 0"},
		{"no pull endpoints", "allow_pull_routes off", "/applications/a/endpoints/e/messages/publish", `{"id":"x"}`, "403 pull_route_publish_disabled"},
		{"no deliver routes", "allow_deliver_routes off", "/messages/publish", `{"id":"x","route":"/out"}`, "403 deliver_route_publish_disabled 0"},
		{"actor", "require_actor on", "/messages/publish", `{"id":"x","route":"/in"}`, "400 audit_actor_required"},
		{"request id", "require_request_id on", "/messages/publish", `{"id":"x","route":"/in"}`, "400 audit_request_id_required"},
		{"no actor", "actor_allow ada", "/applications/a/endpoints/e/messages/publish", `{"id":"x"}`, "400 audit_actor_required"},
		{"global without an actor", "actor_allow ada", "/messages/publish", `{"id":"x","route":"/in"}`, "200"},
	}
	d := newManaged(t, openRoute)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d.manage(here[:len(here)-2] + "publish_policy { " + test.policy + " } }\n/in { pull { path /in } }\n" +
				"/l { application a endpoint_name e pull { path /l } }\noutbound /out { deliver http://127.0.0.1:9/x { } }\n")
			d.start()
			defer d.stop()
			if got := d.operate("POST", test.path, items(test.item), because("r")...).outcome(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	t.Run("actors", func(t *testing.T) {
		d.manage("defaults { publish_policy { actor_allow ada actor_prefix bot- } }\n/l { application a endpoint_name e pull { path /l } }\n")
		d.start()
		defer d.stop()
		for actor, want := range map[string]string{"ada": "200", "bot-7": "200", "eve": "400 audit_actor_not_allowed"} {
			body, err := json.Marshal(map[string]any{"items": []map[string]string{{"id": actor}}})
			must(t, err)
			a := d.operate("POST", "/applications/a/endpoints/e/messages/publish", string(body), because("r", "X-Hookaido-Audit-Actor", actor)...)
			if got := a.outcome(); got != want {
				t.Errorf("%s: got %s, want %s", actor, got, want)
			}
		}
	})
}

// TestPublishFull is cases C: a full queue refuses all of a batch.
func TestPublishFull(t *testing.T) {
	d := newManaged(t, "queue_limits { max_depth 2 }\n/in { pull { path /in } }\n").start()
	a := d.operate("POST", "/messages/publish", items(`{"id":"a","route":"/in"}`, `{"id":"b","route":"/in"}`, `{"id":"c","route":"/in"}`), because("r")...)
	if got := a.outcome(); got != "503 queue_full" || a.header.Get("Retry-After") == "" {
		t.Errorf("got %s, Retry-After %q", got, a.header.Get("Retry-After"))
	}
	if n := d.queueCounts()["queued"]; n != 0 {
		t.Errorf("%d messages of a refused batch are there", n)
	}
}
