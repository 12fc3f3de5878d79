package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// listed is a message as lists show it.
type listed struct {
	ID, Route, Target, State string
	ReceivedAt               time.Time `json:"received_at"`
	NextRunAt                time.Time `json:"next_run_at"`
	Attempt                  int
	DeadReason               string `json:"dead_reason"`
	PayloadBytes             int    `json:"payload_bytes"`
	Payload                  []byte `json:"payload_b64"`
	Headers, Trace           map[string]string
}

// page asks for a page of a list of messages.
func (d *daemon) page(path string) (list []listed, next string) {
	d.t.Helper()
	a := d.operate("GET", path, "")
	if a.status != http.StatusOK {
		d.t.Fatalf("GET %s: %d %s", path, a.status, a.body)
	}
	var got struct {
		Items     []listed
		NextAfter string `json:"next_after"`
	}
	must(d.t, json.Unmarshal(a.body, &got))
	if got.Items == nil {
		d.t.Errorf("GET %s: items is no list: %s", path, a.body)
	}
	return got.Items, got.NextAfter
}

// ids are those of a list, in its order, with the states.
func (d *daemon) ids(path string) string {
	d.t.Helper()
	list, _ := d.page(path)
	var texts []string
	for i := range list {
		texts = append(texts, list[i].ID+":"+list[i].State)
	}
	return strings.Join(texts, " ")
}

// publish puts messages in whose received times are the same.
func (d *daemon) publish(path, route string, ids ...string) {
	d.t.Helper()
	var list []string
	for _, id := range ids {
		it := map[string]any{"id": id, "payload_b64": []byte(id), "received_at": "2026-01-01T00:00:00Z",
			"headers": map[string]string{"K": id}, "trace": map[string]string{"t": id}}
		if route != "" {
			it["route"] = route
		}
		b, err := json.Marshal(it)
		must(d.t, err)
		list = append(list, string(b))
	}
	if a := d.operate("POST", path, items(list...), because("setup")...); a.status != http.StatusOK {
		d.t.Fatalf("publish: %d %s", a.status, a.body)
	}
}

const messagesRoutes = `/in { pull { path /in } }
/other { pull { path /other } }
`

const managedRoutes = messagesRoutes + "/l { application shop endpoint_name orders pull { path /l } }\n"

func TestListMessages(t *testing.T) {
	d := newManaged(t, managedRoutes).start()
	var all []string
	for i := range 25 {
		all = append(all, fmt.Sprintf("m%02d", i))
	}
	d.publish("/messages/publish", "/in", all...)
	d.publish("/applications/shop/endpoints/orders/messages/publish", "", "l1")
	slices.Reverse(all)

	var got []string // all have the same time, and none is skipped or repeated
	next := ""
	for pages := 0; ; pages++ {
		list, after := d.page("/messages?route=/in&limit=10&after=" + next)
		for i := range list {
			got = append(got, list[i].ID)
		}
		if next = after; next == "" || pages > 5 {
			break
		}
		d.publish("/messages/publish", "/in", fmt.Sprintf("new%d", pages)) // in front of what was seen
	}
	if diff := cmp.Diff(all, got); diff != "" {
		t.Error(diff)
	}

	list, _ := d.page("/messages?application=shop&endpoint_name=orders&include_payload=1&include_headers=on&include_trace=yes")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	want := []listed{{ID: "l1", Route: "/l", Target: "pull", State: "queued", ReceivedAt: at, NextRunAt: list[0].NextRunAt,
		PayloadBytes: 2, Payload: []byte("l1"), Headers: map[string]string{"K": "l1"}, Trace: map[string]string{"t": "l1"}}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
	if a := d.operate("GET", "/messages?route=/l", ""); strings.Contains(string(a.body), "payload_b64") || strings.Contains(string(a.body), "headers") {
		t.Errorf("%s has what was not asked for", a.body)
	}
	for query, want := range map[string]string{
		"/messages?route=/l&limit=1": "l1:queued", "/messages?route=/l&state=DEAD": "", "/messages?route=/l&target=other": "",
		"/messages?route=/l&before=2026-01-01T01:00:00%2B01:00": "", "/messages?route=/l&before=2026-01-01T00:00:00.1Z": "l1:queued",
		"/messages?route=/l&limit=1000000000": "l1:queued", "/messages?route=/l&unknown=1": "l1:queued", // badinput 99
		"/messages?route=/l&limit=99999999999999999999":  "l1:queued",
		"/applications/shop/endpoints/orders/messages":   "l1:queued",
		"/applications/shop/endpoints/orders/messages/?": "l1:queued", "/dlq": "",
	} {
		if got := d.ids(query); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}

func TestListRefusals(t *testing.T) {
	d := newManaged(t, managedRoutes).start()
	for path, want := range map[string]string{
		"/messages?limit=0": "400 invalid_query limit", "/messages?limit=-1": "400 invalid_query limit", // badinput 99
		"/messages?limit=x": "400 invalid_query limit", "/dlq?limit=1.5": "400 invalid_query limit", "/attempts?limit=0": "400 invalid_query limit",
		"/messages?state=lost": "400 invalid_query state", "/messages?before=today": "400 invalid_query before",
		"/messages?after=zz": "400 invalid_query after", "/attempts?after=zz": "400 invalid_query after", "/attempts?before=1": "400 invalid_query before",
		"/messages?route=in": "400 invalid_query route", "/messages?include_payload=maybe": "400 invalid_query include_payload",
		"/attempts?outcome=lost": "400 invalid_query outcome", "/messages?application=shop": "400 selector_scope_mismatch application",
		"/messages?application=shop&endpoint_name=orders&route=/l":   "400 selector_scope_mismatch route",
		"/messages?application=shop&endpoint_name=none":              "404 managed_endpoint_not_found endpoint_name",
		"/messages?application=sh%20op&endpoint_name=x":              "400 invalid_body application",
		"/applications/shop/endpoints/orders/messages?route=/l":      "400 selector_scope_forbidden route",
		"/applications/shop/endpoints/none/messages":                 "404 managed_endpoint_not_found none",
		"/applications/shop/endpoints/orders/messages/cancel":        "404 not_found nothing",
		"/attempts?application=shop&endpoint_name=orders&route=/oth": "400 selector_scope_mismatch route",
	} {
		a := d.operate("GET", path, "")
		i := strings.LastIndexByte(want, ' ')
		if got := a.outcome(); got != want[:i] || !strings.Contains(string(a.body), want[i+1:]) {
			t.Errorf("%s: got %s %s, want %s", path, got, a.body, want)
		}
	}
	for _, path := range []string{"/messages", "/dlq", "/attempts"} {
		if got := d.operate("HEAD", path, ""); got.status != http.StatusMethodNotAllowed {
			t.Errorf("HEAD %s: %d", path, got.status)
		}
		if got := ask(t, http.DefaultClient, "GET", "http://"+d.admin+path); got.status != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", path, got.status)
		}
		if got := d.operateLocally("GET", path, ""); got.status != http.StatusOK {
			t.Errorf("%s over the Unix socket: %d", path, got.status)
		}
	}
}

func (d *daemon) change(t testing.TB, path, body, want string) {
	t.Helper()
	a := d.operate("POST", path, body, because("r")...)
	if got := strings.TrimSpace(string(a.body)); a.status != http.StatusOK || got != want {
		t.Errorf("%s %s: %d %s, want %s", path, body, a.status, got, want)
	}
}

func TestChangeByIDs(t *testing.T) {
	d := newManaged(t, messagesRoutes).start()
	const audit = `,"audit":{"reason":"r"}}`
	d.publish("/messages/publish", "/in", "a", "b", "c")
	leased := d.dequeue("/in", `{"batch":1,"lease_ttl":"60s"}`)[0]
	d.change(t, "/messages/cancel", `{"ids":["`+leased.ID+`"," `+leased.ID+` ","none"]}`, `{"canceled":1`+audit)
	d.change(t, "/messages/cancel", `{"ids":["`+leased.ID+`"]}`, `{"canceled":0`+audit) // again changes nothing
	if a := d.call("/in/ack", `{"lease_id":"`+leased.LeaseID+`"}`); a.status != http.StatusConflict {
		t.Errorf("ack of a canceled message: %d", a.status)
	}
	d.change(t, "/messages/resume", `{"ids":["`+leased.ID+`"]}`, `{"resumed":1`+audit)
	for _, it := range d.dequeue("/in", `{"batch":3}`) {
		body := `{"lease_id":"` + it.LeaseID + `"}`
		if it.ID == leased.ID {
			body = `{"lease_id":"` + it.LeaseID + `","dead":true,"reason":"bad"}`
			if it.Attempt != 2 {
				t.Errorf("attempt %d after resume, want 2", it.Attempt)
			}
		}
		if a := d.call("/in/nack", body); a.status != http.StatusNoContent {
			t.Errorf("nack: %d %s", a.status, a.body)
		}
	}
	dead, _ := d.page("/dlq?route=/in&limit=5")
	if len(dead) != 1 || dead[0].ID != leased.ID || dead[0].DeadReason != "bad" {
		t.Errorf("dead letters %+v", dead)
	}
	d.change(t, "/dlq/requeue", `{"ids":["a","b","c"]}`, `{"requeued":1`+audit)
	if list := d.ids("/dlq"); list != "" {
		t.Errorf("dead letters %s", list)
	}
	requeued := d.dequeue("/in", `{"batch":3}`)
	for _, it := range requeued {
		if it.ID == leased.ID && it.Attempt != 1 {
			t.Errorf("attempt %d after requeue, want 1", it.Attempt)
		}
		d.call("/in/nack", `{"lease_id":"`+it.LeaseID+`","dead":true}`)
	}
	d.change(t, "/messages/cancel", `{"ids":["a"]}`, `{"canceled":1`+audit)
	d.change(t, "/dlq/requeue", `{"ids":["a"]}`, `{"requeued":0`+audit)
	d.change(t, "/dlq/delete", `{"ids":["a","b"]}`, `{"deleted":1`+audit) // a is no dead letter any more
	d.change(t, "/messages/requeue", `{"ids":["a","b","c"]}`, `{"requeued":2`+audit)
	if got := d.ids("/messages"); got != "c:queued a:queued" {
		t.Errorf("left %s", got)
	}
	line := d.logLine(`"dlq_delete"`)
	if line["msg"] != "admin_management_mutation" && line["message"] != "admin_management_mutation" || line["changed"] != 1.0 || line["matched"] != 2.0 {
		t.Errorf("logged %v", line)
	}

	many := make([]string, 1001)
	for i := range many {
		many[i] = "x"
	}
	tooMany, err := json.Marshal(map[string]any{"ids": many})
	must(t, err)
	for _, path := range []string{"/messages/cancel", "/messages/requeue", "/messages/resume", "/dlq/requeue", "/dlq/delete"} {
		for body, want := range map[string]string{
			`{}`: "400 invalid_body", `{"ids":[]}`: "400 invalid_body", `{"ids":["a"," "]}`: "400 invalid_body", `{"ids":"a"}`: "400 invalid_body",
			`{"id":["a"]}`: "400 invalid_body", string(tooMany): "400 invalid_body", `{"ids":["a"]} x`: "400 invalid_body",
		} {
			if got := d.operate("POST", path, body, because("r")...).outcome(); got != want {
				t.Errorf("%s %.40s: %s, want %s", path, body, got, want)
			}
		}
		if got := d.operate("POST", path, `{"ids":["a"]}`, "Content-Type", "application/json").outcome(); got != "400 audit_reason_required" {
			t.Errorf("%s without a reason: %s", path, got)
		}
		if got := d.operate("POST", path, `{"ids":["`+strings.Repeat("x", 1<<20)+`"]}`, because("r")...).outcome(); got != "413 payload_too_large" {
			t.Errorf("%s with a large body: %s", path, got)
		}
	}
}

func TestChangeByFilter(t *testing.T) {
	d := newManaged(t, messagesRoutes).start()
	const audit = `"audit":{"reason":"r"}}`
	d.publish("/messages/publish", "/in", "a", "b", "c")
	d.publish("/messages/publish", "/other", "o")
	d.change(t, "/messages/cancel_by_filter", `{"route":"/in","preview_only":true}`, `{"matched":3,"preview_only":true,`+audit)
	if got := d.ids("/messages?state=canceled"); got != "" {
		t.Errorf("a preview changed %s", got)
	}
	d.change(t, "/messages/cancel_by_filter", `{"route":"/in","limit":2}`, `{"matched":2,"canceled":2,"preview_only":false,`+audit)
	if got := d.ids("/messages"); got != "o:queued c:canceled b:canceled a:queued" {
		t.Errorf("after cancel: %s", got)
	}
	d.change(t, "/messages/resume_by_filter", `{"target":"pull","limit":1,"state":"canceled"}`, `{"matched":1,"resumed":1,"preview_only":false,`+audit)
	d.change(t, "/messages/requeue_by_filter", `{"before":"2026-01-01T00:00:01Z"}`, `{"matched":1,"requeued":1,"preview_only":false,`+audit)
	d.change(t, "/messages/requeue_by_filter", `{"before":"2026-01-01T00:00:01Z"}`, `{"matched":0,"preview_only":false,`+audit)
	d.change(t, "/messages/cancel_by_filter", `{"all":true}`, `{"matched":4,"canceled":4,"preview_only":false,`+audit)
	line := d.logLine(`"cancel_by_filter"`, `"preview_only":true`)
	if line["route"] != "/in" || line["matched"] != 3.0 || line["changed"] != 0.0 || line["limit"] != 100.0 {
		t.Errorf("logged %v", line)
	}
	for body, want := range map[string]string{
		`{}`:               "400 invalid_body all", // badinput 94
		`{"limit":5}`:      "400 invalid_body all",
		`{"all":false}`:    "400 invalid_body all",
		`{"state":" "}`:    "400 invalid_body all",
		`{"state":"lost"}`: "400 invalid_body state", `{"state":"delivered"}`: "400 invalid_body state", `{"route":"in"}`: "400 invalid_body route",
		`{"route":"/in","before":"x"}`: "400 invalid_body before", `{"route":"/in","limit":-1}`: "400 invalid_body limit",
		`{"route":"/in","application":"a","endpoint_name":"b"}`: "400 selector_scope_mismatch route",
		`{"application":"a","endpoint_name":"b"}`:               "404 managed_endpoint_not_found application", `{"x":1}`: "400 invalid_body x",
		`{"route":"/in","limit":"1"}`: "400 invalid_body limit",
	} {
		for _, path := range []string{"/messages/cancel_by_filter", "/messages/requeue_by_filter", "/messages/resume_by_filter"} {
			a := d.operate("POST", path, body, because("r")...)
			i := strings.LastIndexByte(want, ' ')
			if got := a.outcome(); got != want[:i] || !strings.Contains(string(a.body), want[i+1:]) {
				t.Errorf("%s %s: got %s %s, want %s", path, body, got, a.body, want)
			}
		}
	}
	if got := d.operate("POST", "/messages/cancel_by_filter", `{"all":true}`, "Content-Type", "application/json").outcome(); got != "400 audit_reason_required" {
		t.Errorf("without a reason: %s", got)
	}
}

func TestChangeOfEndpoints(t *testing.T) {
	const policy = "defaults { publish_policy { require_request_id on actor_allow ada } }\n"
	d := newManaged(t, policy+managedRoutes).start()
	ada := because("r", "X-Hookaido-Audit-Actor", "ada", "X-Request-ID", "1")
	eve := because("r", "X-Hookaido-Audit-Actor", "eve", "X-Request-ID", "1")
	const scoped = "/applications/shop/endpoints/orders/messages/"
	put := func(path, body string) {
		t.Helper()
		if a := d.operate("POST", path, body, ada...); a.status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
	}
	put(scoped+"publish", items(`{"id":"l"}`))
	put("/messages/publish", items(`{"id":"i","route":"/in"}`))
	const byLabels = `{"application":"shop","endpoint_name":"orders"}`
	for name, test := range map[string]struct {
		path, body string
		headers    []string
		want       string
	}{
		"route with labels":        {"/messages/cancel_by_filter", `{"route":"/l"}`, ada, "400 managed_selector_required"},
		"all":                      {"/messages/cancel_by_filter", `{"all":true}`, ada, "400 managed_selector_required"},
		"target alone":             {"/messages/cancel_by_filter", `{"target":"pull"}`, ada, "400 managed_selector_required"},
		"labels, wrong actor":      {"/messages/cancel_by_filter", byLabels, eve, "400 audit_actor_not_allowed"},
		"labels, no request id":    {"/messages/cancel_by_filter", byLabels, because("r"), "400 audit_request_id_required"},
		"path, wrong actor":        {scoped + "cancel_by_filter", `{}`, eve, "400 audit_actor_not_allowed"},
		"path and labels":          {scoped + "cancel_by_filter", byLabels, ada, "400 selector_scope_forbidden"},
		"path and route":           {scoped + "resume_by_filter", `{"route":"/l"}`, ada, "400 selector_scope_forbidden"},
		"unknown endpoint":         {"/applications/shop/endpoints/x/messages/cancel_by_filter", `{`, ada, "404 managed_endpoint_not_found"},
		"id of an endpoint":        {"/messages/cancel", `{"ids":["i","l"]}`, eve, "400 audit_actor_not_allowed"},
		"id of an endpoint, no id": {"/messages/cancel", `{"ids":["l"]}`, because("r"), "400 audit_request_id_required"},
		"not eligible":             {"/messages/requeue", `{"ids":["l"]}`, because("r"), "200"},
		"preview by labels":        {"/messages/cancel_by_filter", `{"application":"shop","endpoint_name":"orders","preview_only":true}`, ada, "200"},
	} {
		if got := d.operate("POST", test.path, test.body, test.headers...).outcome(); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
	if got := d.ids("/messages"); got != "i:queued l:queued" {
		t.Errorf("refused changes left %s", got)
	}
	d.operate("POST", scoped+"cancel_by_filter", `{}`, ada...).same(t, http.StatusOK, `{"matched":1,"canceled":1,"preview_only":false,
		"scope":{"application":"shop","endpoint_name":"orders","route":"/l"},"audit":{"reason":"r","actor":"ada","request_id":"1"}}`)
	if got := d.operate("POST", "/messages/cancel", `{"ids":["i"]}`, because("r")...).outcome(); got != "200" { // no endpoint, no policy
		t.Errorf("cancel of another message: %s", got)
	}
	if got := d.ids("/messages"); got != "i:canceled l:canceled" {
		t.Errorf("left %s", got)
	}
}

// TestOperatorsStory is issue E, done when 2, over HTTP: a target is down, its
// messages die, the operator sees why, repairs it and sends them again.
func TestOperatorsStory(t *testing.T) {
	broken := make(chan struct{})
	rec := receive(t, func(http.ResponseWriter, *http.Request, string) int {
		select {
		case <-broken:
			return http.StatusOK
		default:
			return http.StatusInternalServerError
		}
	})
	d := newManaged(t, here+"/push { deliver "+rec.url("/in")+" { retry exponential max 1 base 1ms cap 1ms } }\n").start()
	d.acceptAll("/push", 2)
	d.eventually("dead", func() bool { return strings.Count(d.ids("/dlq"), ":dead") == 2 })
	dead, _ := d.page("/dlq")
	if dead[0].DeadReason != "max_retries" || dead[0].Target != rec.url("/in") {
		t.Errorf("dead letter %+v", dead[0])
	}
	type attempt struct {
		ID, Outcome string
		EventID     string `json:"event_id"`
		DeadReason  string `json:"dead_reason"`
		Status      int    `json:"status_code"`
		Attempt     int
	}
	attempts := func(query string) (list []attempt) {
		t.Helper()
		var page struct {
			Items []attempt
			Next  string `json:"next_after"`
		}
		seen := map[string]bool{}
		for next := ""; ; next = page.Next {
			a := d.operate("GET", "/attempts?limit=1&"+query+"&after="+next, "")
			page.Items, page.Next = nil, ""
			must(t, json.Unmarshal(a.body, &page))
			for _, it := range page.Items {
				if seen[it.ID] {
					t.Fatalf("%s is there twice", it.ID)
				}
				seen[it.ID] = true
				list = append(list, it)
			}
			if page.Next == "" {
				return list
			}
		}
	}
	for _, it := range dead {
		got := attempts("event_id=" + it.ID)
		if len(got) != 2 || got[0].Outcome != "dead" || got[0].DeadReason != "max_retries" || got[0].Attempt != 2 ||
			got[1].Outcome != "retry" || got[1].Status != 500 || got[1].EventID != it.ID {
			t.Errorf("attempts %+v", got)
		}
	}
	close(broken)
	d.change(t, "/messages/requeue_by_filter", `{"route":"/push","state":"dead"}`, `{"matched":2,"requeued":2,"preview_only":false,"audit":{"reason":"r"}}`)
	d.eventually("delivered", func() bool { _, done, _ := rec.counts(); return done == 2 })
	d.eventually("recorded", func() bool { return len(attempts("outcome=ACKED&route=/push")) == 2 })
	if got := attempts("target=" + url.QueryEscape(rec.url("/in"))); len(got) != 6 {
		t.Errorf("%d attempts at the target, want 6", len(got))
	}
	if got := attempts("target=other"); len(got) != 0 {
		t.Errorf("%d attempts at another target", len(got))
	}
	if got := d.ids("/dlq"); got != "" {
		t.Errorf("dead letters %s", got)
	}
}
