package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestPushPolicyOfAReload is the row about reuse in ssrf.md: a connection that
// was made under the policy before a reload is not used under the one after.
func TestPushPolicyOfAReload(t *testing.T) {
	rec := receive(t, nil)
	at, err := url.Parse(rec.server.URL)
	must(t, err)
	config := func(rule string) string {
		return fmt.Sprintf("defaults { egress { https_only off dns_rebind_protection off %s } }\n/p { deliver http://localhost:%s/ { } }\n", rule, at.Port())
	}
	d := newManaged(t, config(""))
	d.startQuietly()
	d.accept("/p", "before")
	d.eventually("delivered", func() bool { _, done, _ := rec.counts(); return done == 1 })
	d.manage(config("deny 127.0.0.0/8 ::1/128"))
	d.reload()
	d.accept("/p", "after")
	d.eventually("dead", func() bool { return d.queueCounts()["dead"] == 1 })
	if begun, _, _ := rec.counts(); begun != 1 {
		t.Errorf("the target got %d messages, want the one before the reload", begun)
	}
	list, _ := d.page("/dlq?route=/p")
	if len(list) != 1 || list[0].DeadReason != "policy_denied" {
		t.Errorf("dead letters %+v", list)
	}
	last := d.tries("/p&outcome=dead")[0]
	if !strings.Contains(last.Error, "127.0.0.0/8") && !strings.Contains(last.Error, "::1/128") || last.DeadReason != "policy_denied" {
		t.Errorf("the record %+v doesn't name the rule", last)
	}
	d.stop()
}

// TestPushToItself is rule 11 of ssrf.md: the daemon's own listeners are closed
// to deliveries, by every name, also where this machine is open.
func TestPushToItself(t *testing.T) {
	d := newDaemon(t, "")
	d.manage(here + fmt.Sprintf("/in { deliver http://%s/out { } }\n/pull { deliver http://%s/x/ack { } }\n/admin { deliver http://%s/messages/cancel { } }\n/name { deliver http://localhost:%s/out { } }\n/out { pull { path /out } }\n",
		d.ingress, d.pull, d.admin, d.admin[strings.LastIndex(d.admin, ":")+1:]))
	d.startQuietly()
	routes := []string{"/in", "/pull", "/admin", "/name"}
	for _, path := range routes {
		d.accept(path, "x")
	}
	d.eventually("dead", func() bool { return d.queueCounts()["dead"] == len(routes) })
	for _, path := range routes {
		if all := d.tries(path); len(all) != 1 || !strings.Contains(all[0].Error, "this process listens there itself") || all[0].DeadReason != "policy_denied" {
			t.Errorf("%s: %+v", path, all)
		}
	}
	if list, _ := d.page("/messages?route=/out"); len(list) > 0 {
		t.Errorf("a message went round: %+v", list)
	}
	d.stop()
}

// TestPushBreakerIsSeen has a target that is down: its breaker shows in the
// admin API, in status, in the metrics and in the log, the messages stay in the
// queue, and go out when the target is back.
func TestPushBreakerIsSeen(t *testing.T) {
	address := freeAddress(t)
	metrics := freeAddress(t)
	d := newManaged(t, here+fmt.Sprintf("observability { metrics { listen %s } }\n/p {\n deliver_concurrency 1\n deliver http://%s/in?key=s3cret { retry exponential max 3 base 10ms }\n}\n", metrics, address))
	d.startQuietly()
	for i := range 10 {
		d.accept("/p", fmt.Sprint(i))
	}
	type delivery struct {
		Route, Target, Breaker, Reason string
		Failures                       int
	}
	var state delivery
	d.eventually("resting", func() bool {
		var status struct{ Deliveries []delivery }
		a := d.operate("GET", "/status", "")
		if err := json.Unmarshal(a.body, &status); err != nil || len(status.Deliveries) != 1 {
			t.Fatalf("status: %v %s", err, a.body)
		}
		state = status.Deliveries[0]
		return state.Breaker == "open"
	})
	if state.Route != "/p" || state.Target != "http://"+address+"/in" || state.Failures < 5 || state.Reason != "connect" {
		t.Errorf("status has %+v", state)
	}
	if c := d.queueCounts(); c["queued"]+c["leased"] != 10 || c["dead"] != 0 {
		t.Errorf("the queue has %v, want all messages", c)
	}
	line := d.logLine("delivery_breaker_open", "http://"+address+"/in")
	if line["route"] != "/p" || line["reason"] != "connect" {
		t.Errorf("logged %v", line)
	}
	d.eventually("measured", func() bool {
		a := ask(t, http.DefaultClient, "GET", "http://"+metrics+"/metrics")
		return a.status == http.StatusOK
	})
	text := string(d.ask(http.DefaultClient, "GET", "http://"+metrics+"/metrics", "").body)
	if !strings.Contains(text, `hookaido_delivery_breaker_state{route="/p",target="http://`+address+`/in"} `) {
		t.Error("the metrics don't show the breaker")
	}
	if strings.Contains(text+d.log.String(), "s3cret") {
		t.Error("the query of the target is in the log or in the metrics")
	}
	rec := receiveAt(t, address)
	d.eventually("delivered", func() bool { _, done, _ := rec.counts(); return done == 10 })
	d.logLine("delivery_breaker_closed")
	d.eventually("empty", func() bool { c := d.queueCounts(); return c["queued"]+c["leased"]+c["dead"] == 0 })
	d.stop()
}
