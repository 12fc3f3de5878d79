package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// lane is a target of a route as GET /routes shows it.
type lane struct {
	Route, Target, Mode     string
	Orphaned, Paused        bool
	Queued, Leased, Dead    int
	Delivered, Canceled     int
	OldestQueuedAgeSeconds  *int64 `json:"oldest_queued_age_seconds"`
	PausedSince             string `json:"paused_since"`
	Application             string
	EndpointName            string `json:"endpoint_name"`
	Delivery                *struct{ Breaker string }
	EarliestQueuedNextRunAt string `json:"earliest_queued_next_run_at"`
	OldestQueuedReceivedAt  string `json:"oldest_queued_received_at"`
	ReadyLagSeconds         *int64 `json:"ready_lag_seconds"`
}

func (d *daemon) lanes() map[string]lane {
	d.t.Helper()
	a := d.operateLocally("GET", "/routes", "")
	var list struct{ Items []lane }
	if err := json.Unmarshal(a.body, &list); err != nil || a.status != http.StatusOK {
		d.t.Fatalf("GET /routes: %d %s: %v", a.status, a.body, err)
	}
	byName := map[string]lane{}
	for _, l := range list.Items {
		byName[l.Route+" "+l.Target] = l
	}
	return byName
}

// do makes a change over the Unix socket that must succeed.
func (d *daemon) do(path, body string) answer {
	d.t.Helper()
	a := d.operateLocally("POST", path, body, because("r")...)
	if a.status != http.StatusOK {
		d.t.Fatalf("POST %s %s: %d %s", path, body, a.status, a.body)
	}
	return a
}

func TestPausePull(t *testing.T) {
	d := newManaged(t, managedRoutes).start()
	d.publish("/messages/publish", "/in", "a")
	d.publish("/messages/publish", "/other", "o")
	d.do("/pause", `{"route":"/in"}`).same(t, 200, `{"route":"/in","paused":true,"changed":true,"audit":{"reason":"r"}}`)
	d.do("/pause", `{"route":"/in"}`).same(t, 200, `{"route":"/in","paused":true,"changed":false,"audit":{"reason":"r"}}`)
	d.do("/pause", `{"application":"shop","endpoint_name":"orders","target":"pull"}`).same(t, 200, `{"route":"/l","target":"pull","paused":true,`+
		`"changed":true,"scope":{"application":"shop","endpoint_name":"orders","route":"/l"},"audit":{"reason":"r"}}`)
	d.logLine(`"admin_management_mutation"`, `"pause"`, `"route":"/in"`, `"changed":true`)
	if a := post(t, "http://"+d.ingress+"/in", []byte("x")); a.status != http.StatusAccepted {
		t.Errorf("a webhook for a paused route: %d", a.status)
	}
	for range 2 { // the second time after a restart
		if got := d.dequeue("/in", `{"batch":9,"max_wait":"50ms"}`); len(got) != 0 {
			t.Errorf("a paused route handed %v out", got)
		}
		var list struct{ Items []map[string]any }
		must(t, json.Unmarshal(d.operate("GET", "/paused", "").body, &list))
		if len(list.Items) != 2 || list.Items[0]["route"] != "/in" || list.Items[1]["target"] != "pull" || list.Items[0]["since"] == nil {
			t.Errorf("paused: %v", list.Items)
		}
		if l := d.lanes()["/in pull"]; !l.Paused || l.PausedSince == "" || l.Queued != 2 || l.Mode != "pull" || l.OldestQueuedAgeSeconds == nil {
			t.Errorf("lane %+v", l)
		}
		if l := d.lanes()["/l pull"]; !l.Paused || l.Application != "shop" || l.EndpointName != "orders" {
			t.Errorf("lane %+v", l)
		}
		if a := d.operate("GET", "/status", ""); strings.Count(string(a.body), `"paused":true`) != 2 {
			t.Errorf("status: %s", a.body)
		}
		d.stop()
		d.start()
	}
	if got := d.dequeue("/other", `{"batch":9}`); len(got) != 1 || d.lanes()["/other pull"].Paused {
		t.Errorf("the other route gave %v", got)
	}
	waiting := make(chan int)
	go func() { waiting <- len(d.dequeue("/in", `{"batch":9,"max_wait":"30s"}`)) }()
	d.do("/resume", `{"route":"/in"}`).same(t, 200, `{"route":"/in","paused":false,"changed":true,"audit":{"reason":"r"}}`)
	if got := <-waiting; got != 2 {
		t.Errorf("%d messages when the route went on, want 2", got)
	}
	d.do("/resume", `{"route":"/in"}`).same(t, 200, `{"route":"/in","paused":false,"changed":false,"audit":{"reason":"r"}}`)
	// a route that is gone may go on, and is listed as orphaned until then
	d.manage("/in { pull { path /in } }\n")
	if a := d.operateLocally("POST", "/reload", "", "Content-Type", "application/json"); a.status != http.StatusOK {
		t.Fatalf("reload: %d %s", a.status, a.body)
	}
	if a := d.operate("GET", "/paused", ""); !strings.Contains(string(a.body), `"orphaned":true`) {
		t.Errorf("paused: %s", a.body)
	}
	d.do("/resume", `{"route":"/l","target":"pull"}`)
	d.operate("GET", "/paused", "").same(t, 200, `{"items":[]}`)
}

func TestPausePush(t *testing.T) {
	hold := make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	slow := receive(t, func(_ http.ResponseWriter, _ *http.Request, body string) int {
		if !strings.HasPrefix(body, "warm") {
			<-hold
		}
		return http.StatusOK
	})
	defer release()
	quick := receive(t, nil)
	d := newManaged(t, here+fmt.Sprintf("/p { deliver %s { timeout 5m } deliver %s { } deliver_concurrency 1 }\n", slow.url("/?k=1"), quick.url("/"))).start()
	held := slow.url("/?k=1")
	d.do("/pause", `{"route":"/p","target":"`+quick.url("/")+`"}`)
	const warm = 10
	for i := range warm { // it leases ahead for a target that it knows to be quick
		d.accept("/p", fmt.Sprint("warm", i))
		d.eventually("delivered", func() bool { return d.lanes()["/p "+held].Leased+d.lanes()["/p "+held].Queued == 0 })
	}
	d.acceptAll("/p", 5)
	d.eventually("one attempt runs", func() bool { begun, _, _ := slow.counts(); return begun == warm+1 })
	for range 100 { // on a slow machine the target may not count as quick
		if d.lanes()["/p "+held].Leased > 1 {
			break
		}
	}
	d.do("/pause", `{"route":"/p","target":"`+held+`"}`)
	d.eventually("what has not begun went back", func() bool { return d.lanes()["/p "+held].Leased == 1 })
	if l := d.lanes()["/p "+held]; l.Delivery == nil || l.Delivery.Breaker != "closed" || l.Mode != "deliver" || !l.Paused {
		t.Errorf("lane %+v", l)
	}
	release()
	d.eventually("the attempt that ran is over", func() bool { return d.lanes()["/p "+held].Leased == 0 })
	d.stop()
	d.start()
	for name, want := range map[string]int{"/p " + held: 4, "/p " + quick.url("/"): warm + 5} {
		if l := d.lanes()[name]; !l.Paused || l.Queued != want || l.Leased != 0 {
			t.Errorf("after a restart %+v, want %d queued", l, want)
		}
	}
	d.do("/resume", `{"route":"/p","target":"`+held+`"}`)
	d.eventually("the first target has all", func() bool { _, done, _ := slow.counts(); return done == warm+5 })
	if begun, _, _ := quick.counts(); begun != 0 {
		t.Errorf("%d attempts at a paused target", begun)
	}
	d.do("/resume", `{"route":"/p","target":"`+quick.url("/")+`"}`)
	d.eventually("the second has all", func() bool { _, done, _ := quick.counts(); return done == warm+5 })
	if strings.Contains(d.log.String(), "k=1") {
		t.Error("the log has the query of a target")
	}
}

func TestMove(t *testing.T) {
	gone := receive(t, func(http.ResponseWriter, *http.Request, string) int { return http.StatusNotFound })
	there := receive(t, nil)
	old := gone.url("/old")
	d := newManaged(t, here+fmt.Sprintf("/p { deliver %s { } }\n/keep { pull { path /keep } }\n", old)).start()
	d.acceptAll("/p", 3)
	d.eventually("dead", func() bool { return d.lanes()["/p "+old].Dead == 3 })
	d.manage(here + fmt.Sprintf("/p { deliver %s { } }\n/keep { pull { path /keep } }\n", there.url("/new")))
	if a := d.operateLocally("POST", "/reload", "", "Content-Type", "application/json"); a.status != http.StatusOK {
		t.Fatalf("reload: %d %s", a.status, a.body)
	}
	if l := d.lanes()["/p "+old]; !l.Orphaned || l.Mode != "" || l.Dead != 3 {
		t.Fatalf("lane %+v is not shown as orphaned", l)
	}
	from := fmt.Sprintf(`"route":"/p","target":%q`, old)
	to := fmt.Sprintf(`"to_route":"/p","to_target":%q`, there.url("/new"))
	d.do("/messages/move", `{`+from+`,"to_route":"/p","preview_only":true}`).same(t, 200,
		`{"matched":3,"moved":0,`+to+`,"preview_only":true,"audit":{"reason":"r"}}`)
	d.do("/messages/move", `{`+from+`,"to_route":"/p","limit":2}`).same(t, 200, `{"matched":2,"moved":2,`+to+`,"preview_only":false,"audit":{"reason":"r"}}`)
	d.logLine(`"admin_management_mutation"`, `"move_messages"`, `"changed":2`, `"to_route":"/p"`)
	left, _ := d.page("/dlq?target=" + old)
	if len(left) != 1 {
		t.Fatalf("left %v", left)
	}
	d.do("/messages/move", `{"ids":["`+left[0].ID+`","none"],"to_route":"/keep"}`).same(t, 200,
		`{"matched":1,"moved":1,"to_route":"/keep","to_target":"pull","preview_only":false,"audit":{"reason":"r"}}`)
	if _, known := d.lanes()["/p "+old]; known {
		t.Error("an empty lane is still shown")
	}
	d.do("/messages/requeue_by_filter", `{"state":"dead","all":true}`)
	d.eventually("delivered to the new target", func() bool { _, done, _ := there.counts(); return done == 2 })
	if got := d.dequeue("/keep", `{"batch":9}`); len(got) != 1 || got[0].ID != left[0].ID {
		t.Errorf("moved to the pull route: %v", got)
	}
}

// TestMoveQueued wakes a consumer that waits where the messages go.
func TestMoveQueued(t *testing.T) {
	d := newManaged(t, messagesRoutes).start()
	d.publish("/messages/publish", "/in", "a", "b", "c")
	leased := d.dequeue("/in", `{"batch":1,"lease_ttl":"60s"}`)
	waiting := make(chan []item)
	go func() { waiting <- d.dequeue("/other", `{"batch":1,"max_wait":"30s"}`) }()
	d.do("/messages/move", `{"route":"/in","target":"pull","state":"queued","to_route":"/other"}`)
	if got := <-waiting; len(got) != 1 || got[0].ID != "b" {
		t.Errorf("got %v", got)
	}
	d.do("/messages/move", `{"ids":["`+leased[0].ID+`"],"to_route":"/other"}`).same(t, 200,
		`{"matched":0,"moved":0,"to_route":"/other","to_target":"pull","preview_only":false,"audit":{"reason":"r"}}`) // a leased one stays
	if a := d.call("/in/ack", `{"lease_id":"`+leased[0].LeaseID+`"}`); a.status != http.StatusNoContent {
		t.Errorf("ack: %d %s", a.status, a.body)
	}
}

func TestRouteRefusals(t *testing.T) {
	d := newManaged(t, managedRoutes+"/t { deliver https://a.example/?s3cret=1 { } deliver https://b.example { } }\n"+
		"defaults { publish_policy { require_actor on actor_allow ops } }\n").start()
	d.accept("/in", "a")
	const to = `,"to_route":"/other"}`
	for _, test := range []struct{ path, body, want string }{
		{"/pause", `{`, "400 invalid_body"},
		{"/pause", `{"route":"/in","extra":1}`, "400 invalid_body"},
		{"/pause", `{"route":1}`, "400 invalid_body"},
		{"/pause", `{}`, "400 invalid_body"},
		{"/pause", `{"target":"pull"}`, "400 invalid_body"},
		{"/pause", `{"route":"in"}`, "400 invalid_body"},
		{"/pause", `{"route":"/lost"}`, "400 route_not_found"},
		{"/resume", `{"route":"/lost"}`, "400 route_not_found"},
		{"/pause", `{"route":"/in","target":"https://a.example"}`, "400 target_unresolvable"},
		{"/pause", `{"route":"/l","application":"shop","endpoint_name":"orders"}`, "400 selector_scope_mismatch"},
		{"/pause", `{"application":"shop"}`, "400 selector_scope_mismatch"},
		{"/pause", `{"application":"shop","endpoint_name":"lost"}`, "404 managed_endpoint_not_found"},
		{"/pause", `{"application":"shop","endpoint_name":"orders"}`, "400 audit_actor_required"},
		{"/pause", `{"route":"/l"}`, "400 audit_actor_required"},
		{"/messages/move", `{"ids":["a"]}`, "400 invalid_body"},
		{"/messages/move", `{"ids":["a"],"to_route":"/lost"}`, "400 route_not_found"},
		{"/messages/move", `{"ids":["a"],"to_route":"/t"}`, "400 target_unresolvable"},
		{"/messages/move", `{"ids":["a"],"to_route":"/t","to_target":"https://c.example"}`, "400 target_unresolvable"},
		{"/messages/move", `{"ids":[]` + to, "400 invalid_body"},
		{"/messages/move", `{"ids":[""]` + to, "400 invalid_body"},
		{"/messages/move", `{"ids":["a"],"route":"/in"` + to, "400 invalid_body"},
		{"/messages/move", `{"ids":["a"],"limit":1` + to, "400 invalid_body"},
		{"/messages/move", `{"route":"/in"` + to, "400 invalid_body"},
		{"/messages/move", `{"target":"pull"` + to, "400 invalid_body"},
		{"/messages/move", `{"route":"/other","target":"pull"` + to, "400 invalid_body"},
		{"/messages/move", `{"route":"/in","target":"pull","state":"leased"` + to, "400 invalid_body"},
		{"/messages/move", `{"route":"/in","target":"pull","before":"today"` + to, "400 invalid_body"},
		{"/messages/move", `{"route":"/in","target":"pull","limit":-1` + to, "400 invalid_body"},
		{"/messages/move", `{"route":"/in","target":"pull","to_route":"/l"}`, "400 audit_actor_required"},
		{"/messages/move", `{"application":"shop","endpoint_name":"orders","target":"pull"` + to, "400 audit_actor_required"},
	} {
		a := d.operate("POST", test.path, test.body, because("r")...)
		if got := a.outcome(); got != test.want || strings.Contains(string(a.body), "s3cret") {
			t.Errorf("%s %s: %s %s, want %s", test.path, test.body, got, a.body, test.want)
		}
	}
	const good = `{"route":"/in"}`
	actor := append(because("r"), "X-Hookaido-Audit-Actor", "eve")
	for name, test := range map[string]struct {
		got  answer
		want string
	}{
		"no reason":        {d.operate("POST", "/pause", good, "Content-Type", "application/json"), "400 audit_reason_required"},
		"no reason, move":  {d.operate("POST", "/messages/move", `{"ids":["a"]`+to, "Content-Type", "application/json"), "400 audit_reason_required"},
		"not this actor":   {d.operate("POST", "/pause", `{"route":"/l"}`, actor...), "400 audit_actor_not_allowed"},
		"no JSON":          {d.operate("POST", "/resume", good, "X-Hookaido-Audit-Reason", "r"), "415 unsupported_media_type"},
		"GET /pause":       {d.operate("GET", "/pause", ""), "405 method_not_allowed"},
		"POST /routes":     {d.operate("POST", "/routes", "", because("r")...), "405 method_not_allowed"},
		"without a token":  {post(t, "http://"+d.admin+"/pause", []byte(good), because("r")...), "401 unauthorized"},
		"without a token2": {post(t, "http://"+d.admin+"/messages/move", []byte(good), because("r")...), "401 unauthorized"},
	} {
		if got := test.got.outcome(); got != test.want {
			t.Errorf("%s: %s %s, want %s", name, got, test.got.body, test.want)
		}
	}
	d.logLine(`"admin_management_refused"`, `"move_messages"`, `"code":"audit_actor_required"`)
	d.operate("GET", "/paused", "").same(t, 200, `{"items":[]}`)
	if l := d.lanes()["/in pull"]; l.Queued != 1 {
		t.Errorf("lane %+v", l)
	}
}
