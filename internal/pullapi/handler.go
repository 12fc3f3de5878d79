// Package pullapi is the pull API over HTTP: it decodes a request, calls the
// lease service and encodes the answer. The rules are in package pull.
//
// It speaks the API of Hookaido 2.11 to the field. It is stricter with requests
// that can only be mistakes: a batch below 1, a lease_ttl below one second, a
// negative max_wait or delay, member names that come twice or in another
// spelling, and text that is not UTF-8 get 400; a body above 1 MiB gets 413.
// A max_wait without a configured bound is cut at [pull.MaxWait].
package pullapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/httpx"
	"hookaido/internal/pull"
	"hookaido/internal/queue"
)

// Options are what a [Handler] is made of.
type Options struct {
	Service *pull.Service
	// Prefix is in front of every endpoint; empty for none.
	Prefix string
	Clock  clock.Clock
	// Logger gets the causes of failures, which the answers do not tell.
	Logger *zap.Logger
}

// Handler serves the pull API. It is safe for concurrent use.
type Handler struct {
	service *pull.Service
	prefix  string
	clock   clock.Clock
	logger  *zap.Logger
	scratch sync.Pool

	// failure is the last failure of the queue, nil since it works again.
	failure atomic.Pointer[string]
}

// New makes a handler.
func New(o Options) *Handler {
	return &Handler{service: o.Service, prefix: o.Prefix, clock: o.Clock, logger: o.Logger}
}

// call is one request on its way through the handler.
type call struct {
	w        http.ResponseWriter
	r        *http.Request
	endpoint *pull.Endpoint
	buffers  *buffers
}

// buffers are reused by later requests, unless they grew large.
type buffers struct{ in, out []byte }

const largestReuse = 1 << 20

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, inside := httpx.CutPrefix(r.URL.Path, h.prefix)
	if !inside {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		httpx.Refuse(w, &httpx.Error{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
			Detail: "method must be POST"})
		return
	}
	cut := strings.LastIndexByte(path, '/')
	endpoint, err := h.service.Authorize(path[:max(cut, 1)], r.Header["Authorization"])
	switch {
	case errors.Is(err, pull.ErrUnauthorized):
		httpx.Refuse(w, &httpx.Error{Status: http.StatusUnauthorized, Code: "unauthorized", Detail: err.Error()})
		return
	case err != nil:
		httpx.Refuse(w, &httpx.Error{Status: http.StatusNotFound, Code: "route_not_found", Detail: err.Error()})
		return
	}
	httpx.NoteOf(w).Route = endpoint.Route()
	b := h.buffers()
	defer h.reuse(b)
	h.operation(path[cut+1:], call{w, r, endpoint, b})
}

func (h *Handler) operation(name string, c call) {
	switch name {
	case "dequeue":
		h.dequeue(c)
	case "ack":
		h.ack(c)
	case "nack":
		h.nack(c)
	case "extend":
		h.extend(c)
	default:
		httpx.Refuse(c.w, &httpx.Error{Status: http.StatusNotFound, Code: "operation_not_found",
			Detail: "pull operation was not found"})
	}
}

// refuse answers an error of the service; failure is the answer when the queue
// is the cause.
func (h *Handler) refuse(c call, err error, failure httpx.Error) {
	var broken *pull.InvalidError
	switch {
	case errors.As(err, &broken):
		httpx.Refuse(c.w, &httpx.Error{Status: http.StatusBadRequest, Code: "invalid_body", Detail: broken.Detail})
	case errors.Is(err, context.Canceled) && c.r.Context().Err() != nil:
		httpx.NoteOf(c.w).Reason = "client_gone"
		c.w.WriteHeader(statusClientGone)
	default:
		h.logFailure(failure.Detail, err)
		httpx.Refuse(c.w, &failure)
	}
}

// statusClientGone stands in the access log for a request whose client left
// before the answer; nobody receives it.
const statusClientGone = 499

// logFailure logs a failure when it is another one than the last.
func (h *Handler) logFailure(what string, err error) {
	text := err.Error()
	var cause *queue.UnavailableError
	if errors.As(err, &cause) {
		text = cause.Error() // the same for all operations and routes
	}
	if last := h.failure.Swap(&text); last == nil || *last != text {
		h.logger.Error("the queue failed a worker", zap.String("operation", what), zap.Error(err))
	}
}

// works notes that the queue did what it was asked.
func (h *Handler) works() {
	if h.failure.Load() != nil && h.failure.Swap(nil) != nil {
		h.logger.Info("the queue serves workers again")
	}
}

func (h *Handler) buffers() *buffers {
	if b, ok := h.scratch.Get().(*buffers); ok {
		return b
	}
	return &buffers{in: make([]byte, 0, 1024), out: make([]byte, 0, 4096)}
}

func (h *Handler) reuse(b *buffers) {
	if cap(b.in) <= largestReuse && cap(b.out) <= largestReuse {
		h.scratch.Put(b)
	}
}
