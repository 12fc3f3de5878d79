// Package ingress takes webhooks in over HTTP.
//
// A request goes through fixed steps, of which the first that fails answers:
// find the route, refuse a body that is declared too long, look at the
// signature headers, read the body within its bounds, check the signature,
// bound the headers, store. The answer 202 is sent when the queue has made the
// messages durable, all of a request's targets in one transaction. Every
// refusal has a status, a code in JSON, a metric and a place in the access log.
//
// Bodies are octets: what the sender signed is what is checked and stored.
package ingress

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hookaido/internal/auth/hmac"
	"hookaido/internal/clock"
	"hookaido/internal/httpx"
	"hookaido/internal/peer"
	"hookaido/internal/queue"
	"hookaido/internal/route"
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
	snapshot atomic.Pointer[Snapshot]

	jsonType []string // this and accepted are the answer 202
	accepted []byte
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
		jsonType: []string{"application/json"},
		accepted: []byte(`{"status":"queued"}` + "\n"),
	}
	h.Swap(NewSnapshot(nil))
	return h
}

// Swap makes s the snapshot of all requests that come in from now on.
func (h *Handler) Swap(s *Snapshot) {
	h.bodies.admit(s.maxBody)
	h.snapshot.Store(s)
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := exchange{Handler: h, w: w, r: r, note: httpx.NoteOf(w)}
	if refused := x.run(h.snapshot.Load()); refused != nil {
		x.refuse(refused)
		return
	}
	h.metrics.accepted.Inc()
	header := w.Header()
	header["Content-Type"] = h.jsonType
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(h.accepted) // the client may be gone; the message is stored all the same
}

// exchange is one request on its way through the steps.
type exchange struct {
	*Handler
	w    http.ResponseWriter
	r    *http.Request
	note *httpx.Note

	match    route.Match
	bodyRead bool
}

// run takes the request through the steps and returns the first refusal.
func (x *exchange) run(s *Snapshot) *refusal {
	x.match = s.table.Match(x.r, peer.Proxies{}.Client(x.r.RemoteAddr, x.r.Header))
	if x.match.Outcome != route.Found {
		return noRoute(&x.match)
	}
	rt := &s.routes[x.match.Index]
	x.note.Route = rt.Config.Path
	if x.r.ContentLength > rt.Config.MaxBody {
		return bodyTooLarge(rt.Config.MaxBody)
	}
	attempt, refused := x.begin(rt)
	if refused != nil {
		return refused
	}
	if attempt != nil {
		defer attempt.Release()
	}
	var hold hold
	defer hold.release()
	body, refused := x.bodies.read(x, &hold, rt.Config.MaxBody)
	if refused != nil {
		return refused
	}
	x.bodyRead = true
	var claims []queue.Claim
	if attempt != nil {
		var failure hmac.Failure
		claims, failure = attempt.Check(hmac.Signed{Method: x.r.Method, Path: x.match.Path, Body: body})
		if failure != hmac.OK {
			return x.unauthorized(failure.String())
		}
	}
	envelope := envelopeOf(x.r, &x.match)
	if headerBytes(envelope.Headers) > rt.Config.MaxHeaders {
		return headersTooLarge(rt.Config.MaxHeaders)
	}
	return x.store(rt, claims, queue.NewMessage{Route: rt.Config.Path, Envelope: envelope, Payload: body})
}

// begin looks at the signature before the body is read, so that nobody holds
// memory for a body that can't be accepted. An open route has no attempt.
func (x *exchange) begin(rt *Route) (*hmac.Attempt, *refusal) {
	if rt.Verifier == nil {
		return nil, nil
	}
	if len(x.r.Header["Authorization"]) > 1 {
		return nil, x.unauthorized(hmac.Malformed.String())
	}
	attempt, failure := rt.Verifier.Begin(x.r.Header)
	if failure != hmac.OK {
		return nil, x.unauthorized(failure.String())
	}
	return attempt, nil
}

// store puts one message per target into the queue, all or none.
func (x *exchange) store(rt *Route, claims []queue.Claim, m queue.NewMessage) *refusal {
	m.ReceivedAt = x.clock.Now()
	messages := make([]queue.NewMessage, len(rt.Targets))
	for i, target := range rt.Targets {
		messages[i] = m
		messages[i].Target = target
	}
	// net/http cancels the request's context as soon as the client closes its
	// sending side, which some do while they wait for the answer
	ctx := context.WithoutCancel(x.r.Context())
	ids, err := x.enqueuer.Enqueue(ctx, queue.Batch{Messages: messages, Claims: claims})
	switch {
	case errors.Is(err, queue.ErrClaimed):
		return x.unauthorized(replay)
	case err != nil:
		return notStored(err)
	}
	x.metrics.enqueued.Add(float64(len(messages)))
	if len(ids) > 0 {
		x.note.MessageID = ids[0]
	}
	return nil
}
