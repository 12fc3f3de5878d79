package ingress

import (
	"runtime"
	"testing"
)

// TestDrainCutsBodiesOnTheirWay has a sender that holds half a body back, which
// must not hold up the stop of the daemon. The manual clock shows a past time,
// so that the grace is over at once.
func TestDrainCutsBodiesOnTheirWay(t *testing.T) {
	w := newWorld(t, worldOptions{}, open("/h"))
	before := w.dial()
	before.send("POST /h HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
	d := &w.handler.bodies.drain
	for waiting := 0; waiting == 0; runtime.Gosched() {
		d.mu.Lock()
		waiting = len(d.waiting)
		d.mu.Unlock()
	}
	w.handler.Drain()
	if got := before.answer(); got.status != 408 || !got.close {
		t.Errorf("a body from before the stop: %+v, want 408 and the end of the connection", got)
	}
	after := w.dial()
	after.send("POST /h HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n")
	if got := after.answer(); got.status != 408 {
		t.Errorf("a body from after the stop: %+v, want 408", got)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) != 0 {
		t.Errorf("%d bodies are still waited for", len(d.waiting))
	}
}
