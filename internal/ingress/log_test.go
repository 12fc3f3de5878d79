package ingress

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/clock"
)

func field(key, value string) zap.Field { return zap.String(key, value) }

// badinput 76, C103: a flood of refusals leaves one line per second and class,
// which says how many it stands for. The metric counts all.
func TestRefusalsAreSampled(t *testing.T) {
	m := clock.NewManual(start)
	w := newWorld(t, worldOptions{clock: m}, open("/h"))
	c := w.dial()
	flood := func(path string, n int) {
		for range n {
			c.send(post(path, "", ""))
			c.answer()
		}
	}
	flood("/a", 50)
	c.send("GET /h HTTP/1.1\r\nHost: h\r\n\r\n") // another class
	c.answer()
	m.Advance(time.Second - 1)
	flood("/b", 50)
	m.Advance(1)
	flood("/c", 2)
	m.Advance(time.Second)
	flood("/d", 1)
	lines := w.logs.FilterMessage("request refused").FilterField(field("reason", "not_found")).All()
	if len(lines) != 3 {
		t.Fatalf("%d lines, want 3", len(lines))
	}
	first, second := lines[0].ContextMap(), lines[1].ContextMap()
	if _, there := first["left_out"]; there || first["path"] != "/a" || first["status"] != int64(404) || first["method"] != "POST" {
		t.Errorf("first line %v", first)
	}
	if second["left_out"] != int64(99) || second["path"] != "/c" || lines[1].Level != zap.WarnLevel {
		t.Errorf("second line %v", second)
	}
	if third := lines[2].ContextMap(); third["left_out"] != int64(1) {
		t.Errorf("third line %v", third)
	}
	if n := w.logs.FilterField(field("reason", "method_not_allowed")).Len(); n != 1 {
		t.Errorf("%d lines of the other class", n)
	}
	if n := w.metric("hookaido_ingress_rejected_total"); n != 104 {
		t.Errorf("counted %v", n)
	}
}

func TestLogCutsLongPaths(t *testing.T) {
	w := newWorld(t, worldOptions{}, open("/h"))
	w.do(post("/"+strings.Repeat("x", 5000), "", ""))
	for _, l := range w.logs.All() {
		if path, _ := l.ContextMap()["path"].(string); len(path) > maxLogged+len("…") {
			t.Errorf("a line shows %d bytes of a path", len(path))
		}
	}
}

func TestRefusedHead(t *testing.T) {
	w := newWorld(t, worldOptions{}, open("/h"))
	w.handler.RefusedHead(400, "192.0.2.1:1")
	w.handler.RefusedHead(431, "192.0.2.1:1")
	if n := w.metric("hookaido_ingress_rejected_by_reason_total", "policy", "400"); n != 1 {
		t.Errorf("400 counted %v times", n)
	}
	if n := w.metric("hookaido_ingress_rejected_by_reason_total", "policy", "other"); n != 1 {
		t.Errorf("431 counted %v times", n)
	}
	if n := w.logs.FilterField(field("reason", "bad_head")).Len(); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

// All combinations of labels are there before anything happened.
func TestMetricsArePresentFromTheStart(t *testing.T) {
	w := newWorld(t, worldOptions{}, open("/h"))
	for _, reason := range []string{"memory_pressure", "queue_full", "adaptive_backpressure", "rate_limit", "auth", "not_found", "policy", "other"} {
		for _, status := range []string{"400", "401", "403", "404", "405", "413", "429", "503", "other"} {
			if n := w.metric("hookaido_ingress_rejected_by_reason_total", reason, status); n != 0 {
				t.Errorf("%s %s is %v", reason, status, n)
			}
		}
	}
	for _, name := range []string{"accepted", "rejected", "enqueued"} {
		w.metric("hookaido_ingress_" + name + "_total")
	}
	for _, class := range []string{"missing", "malformed", "stale", "mismatch", "replay"} {
		w.metric("hookaido_ingress_signature_failures_total", class)
	}
}
