// Package ingress takes webhooks in over HTTP.
//
// A request goes through fixed steps, of which the first that fails answers:
// find the route, take from its rate limit, answer a handshake that needs no
// body, turn away what the backlog has no room for, look at the credentials,
// refuse a body that is declared too long, look at the signature headers, read
// the body within its bounds, ask another service, check the signature, answer
// a handshake that the body is, bound the headers, store. The answer is sent
// when the queue has made the messages durable, all of a request's targets in
// one transaction. Every refusal has a status, a code in JSON, a metric and a
// place in the access log.
//
// Bodies are octets: what the sender signed is what is checked and stored.
package ingress

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/httpx"
	"hookaido/internal/limit"
	"hookaido/internal/queue"
)

// Enqueuer stores messages. When Enqueue returns without an error, all
// messages of the batch are durable, and have the ids that it returns; with an
// error none was stored.
type Enqueuer interface {
	Enqueue(ctx context.Context, batch queue.Batch) (ids []string, err error)
}

// DefaultBodyBudget is how many bytes of bodies are held in memory at a time.
const DefaultBodyBudget = 64 << 20

// Options describe a [Handler].
type Options struct {
	Enqueuer Enqueuer
	Clock    clock.Clock
	// Logger gets refusals, at most one line per second and reason.
	Logger *zap.Logger
	// Metrics gets the counters of the handler; nil leaves them unregistered.
	Metrics prometheus.Registerer
	// Pressure tells whether the backlog is too large, if the snapshot asks; nil
	// says it never is.
	Pressure *limit.Pressure
	// BodyBudget bounds the bytes of bodies in memory over all requests; 0 is
	// DefaultBodyBudget. It grows by itself if one body could not fit.
	BodyBudget int64
}

// Handler is the HTTP handler of the public listener. It is safe for
// concurrent use, and needs a server with a read timeout of
// [httpx.ReadTimeout].
type Handler struct {
	enqueuer Enqueuer
	clock    clock.Clock
	metrics  *metrics
	refusals *refusalLog
	bodies   *bodies
	pressure *limit.Pressure
	snapshot atomic.Pointer[Snapshot]
}

// New makes a handler without routes. It answers 404 until Swap gives it a
// snapshot.
func New(o Options) *Handler {
	if o.BodyBudget == 0 {
		o.BodyBudget = DefaultBodyBudget
	}
	h := &Handler{
		enqueuer: o.Enqueuer,
		clock:    o.Clock,
		metrics:  newMetrics(o.Metrics),
		refusals: newRefusalLog(o.Logger, o.Clock),
		bodies:   newBodies(o.BodyBudget, o.Clock),
		pressure: o.Pressure,
	}
	h.Swap(NewSnapshot(SnapshotOptions{}))
	return h
}

// Swap makes s the snapshot of all requests that come in from now on, and
// closes the one before.
func (h *Handler) Swap(s *Snapshot) {
	h.bodies.admit(s.maxBody)
	h.metrics.routes.attach(s)
	if old := h.snapshot.Swap(s); old != nil {
		old.Close()
	}
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := exchange{Handler: h, snapshot: h.snapshot.Load(), w: w, r: r, note: httpx.NoteOf(w), began: h.clock.Monotonic()}
	reply, refused := x.run()
	if refused != nil {
		x.refuse(refused)
		return
	}
	reply.send(w)
	x.count()
}
