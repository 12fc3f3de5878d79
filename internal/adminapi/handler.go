// Package adminapi is the admin API over HTTP: it decides who may ask, decodes,
// calls the admin service and encodes the answer.
//
// One handler serves both ways in. Over TCP a request needs a token if there
// are any; without tokens, which the configuration allows on loopback only, it
// must name a loopback host or one that is allowed, so that no web page gets in
// by DNS rebinding. Over
// a Unix socket the permissions of the file decide who may connect, no token is
// needed, the prefix is not used, and what changes the daemon is available too.
package adminapi

import (
	"net"
	"net/http"
	"sync/atomic"

	"go.uber.org/zap"

	"hookaido/internal/admin"
	"hookaido/internal/auth"
	"hookaido/internal/httpx"
)

// Options are what a [Handler] is made of.
type Options struct {
	Service  *admin.Service
	Messages *admin.Messages
	Routes   *admin.Routes
	Backlog  *admin.Backlog
	// Endpoints serves the model of endpoints; nil for none.
	Endpoints *admin.Endpoints
	// Secrets serves secrets that change at run time; nil for none.
	Secrets *admin.Secrets
	// Prefix is in front of every path over TCP; empty for none.
	Prefix string
	// Hosts are as in SetHosts.
	Hosts []string
	// Metrics is the page of the metrics; nil for none.
	Metrics http.Handler
	// Logger gets who changed what, and the causes of failures.
	Logger *zap.Logger
}

// Handler serves the admin API. It is safe for concurrent use.
type Handler struct {
	service  *admin.Service
	messages *admin.Messages
	prefix   string
	hosts    atomic.Pointer[[]string]
	logger   *zap.Logger
	tokens   atomic.Pointer[auth.Tokens]
	routes   map[string]route
	scoped   map[string]scopedRoute // by the path behind the endpoint
	// endpoints is nil if there is no model of them.
	endpoints *admin.Endpoints
	secrets   *admin.Secrets // nil if there are none
}

// route is one path of the API.
type route struct {
	method string
	serve  http.HandlerFunc
	// unix: served over the Unix socket only.
	unix bool
	// probe: a GET without a query needs no token; it tells no secret.
	probe bool
}

// New makes a handler without tokens; see SetTokens.
func New(o Options) *Handler {
	h := &Handler{service: o.Service, messages: o.Messages, secrets: o.Secrets, prefix: o.Prefix, logger: o.Logger}
	h.SetHosts(o.Hosts)
	h.tokens.Store(auth.NewTokens(nil))
	h.routes = map[string]route{
		"/healthz":  {method: http.MethodGet, serve: h.health, probe: true},
		"/livez":    {method: http.MethodGet, serve: h.live, probe: true},
		"/readyz":   {method: http.MethodGet, serve: h.ready, probe: true},
		"/status":   {method: http.MethodGet, serve: h.status},
		"/reload":   {method: http.MethodPost, serve: h.reload, unix: true},
		"/attempts": {method: http.MethodGet, serve: h.attempts},
		"/dlq":      {method: http.MethodGet, serve: h.listDead},

		"/dlq/requeue":      h.byIDs(admin.RequeueDead),
		"/dlq/delete":       h.byIDs(admin.DeleteDead),
		"/messages/cancel":  h.byIDs(admin.CancelMessages),
		"/messages/requeue": h.byIDs(admin.RequeueMessages),
		"/messages/resume":  h.byIDs(admin.ResumeMessages),
	}
	h.scoped = map[string]scopedRoute{
		"/messages":                   {http.MethodGet, h.listOf},
		"/messages/publish":           {http.MethodPost, h.publishTo},
		"/messages/cancel_by_filter":  h.byFilter(admin.CancelByFilter),
		"/messages/requeue_by_filter": h.byFilter(admin.RequeueByFilter),
		"/messages/resume_by_filter":  h.byFilter(admin.ResumeByFilter),
	}
	h.addLanes(o.Routes)
	h.addBacklog(o.Backlog)
	h.addEndpoints(o.Endpoints)
	h.addMetrics(o.Metrics)
	for path, below := range h.scoped {
		h.routes[path] = below.everywhere()
	}
	return h
}

// SetTokens puts a list of tokens in force. With an empty one every request
// over TCP is allowed, if it names a loopback host or one of SetHosts.
func (h *Handler) SetTokens(t *auth.Tokens) { h.tokens.Store(t) }

// SetHosts puts a list of names in force that clients may send as Host, beside
// the loopback ones and the address itself: lower-case hosts, "*." and a suffix
// for its sub-domains, or "*". Without tokens no others are answered; with tokens
// an empty list allows all.
func (h *Handler) SetHosts(names []string) { h.hosts.Store(&names) }

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	unix, prefix := overUnix(r), h.prefix
	if unix {
		prefix = ""
	}
	path, inside := httpx.CutPrefix(r.URL.Path, prefix)
	if !inside {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	found, known := h.find(r.Method, path)
	if refusal := h.admit(r, unix, known && found.probe); refusal != nil {
		httpx.Refuse(w, refusal)
		return
	}
	switch {
	case !known, found.unix && !unix:
		httpx.Refuse(w, &httpx.Error{Status: http.StatusNotFound, Code: "not_found", Detail: "there is nothing at this path"})
	case r.Method != found.method:
		w.Header().Set("Allow", found.method)
		httpx.Refuse(w, &httpx.Error{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
			Detail: "method must be " + found.method})
	case found.method != http.MethodGet && found.method != http.MethodDelete && !isJSON(r):
		httpx.Refuse(w, &httpx.Error{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type",
			Detail: "a request that changes something needs Content-Type: application/json"})
	default:
		found.serve(w, r)
	}
}

// overUnix reports whether r came in over a Unix socket.
func overUnix(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && addr.Network() == "unix"
}
