package ingress

import (
	"net/http"
	"sync"
	"time"

	"hookaido/internal/clock"
)

// drainGrace is how long a body that is on its way may still take once the
// daemon stops. Under systemd all later senders wait for that long.
const drainGrace = 2 * time.Second

// drain cuts the time of bodies that are on their way when the daemon stops.
type drain struct {
	clock clock.Clock

	mu      sync.Mutex
	begun   bool
	waiting map[*exchange]struct{} // their bodies are not complete
}

// enter notes that the body of x is not complete, until leave.
func (d *drain) enter(x *exchange) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting[x] = struct{}{}
	if d.begun {
		d.hurry(x)
	}
}

func (d *drain) leave(x *exchange) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.waiting, x)
}

// extend moves the deadline of the body of x to left from now, unless the daemon
// stops.
func (d *drain) extend(x *exchange, left time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.begun {
		// where deadlines can't be set there is no connection to hold on to
		_ = http.NewResponseController(x.w).SetReadDeadline(d.clock.Now().Add(left))
	}
}

func (d *drain) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begun = true
	for x := range d.waiting {
		d.hurry(x)
	}
}

func (d *drain) hurry(x *exchange) {
	_ = http.NewResponseController(x.w).SetReadDeadline(d.clock.Now().Add(drainGrace)) // as in extend
}

// Drain gives bodies that are on their way a short time to arrive. It is for
// shutdown, before the server's own, and may be called more than once.
func (h *Handler) Drain() { h.bodies.drain.begin() }
