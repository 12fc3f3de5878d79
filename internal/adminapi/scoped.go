package adminapi

import (
	"net/http"
	"net/url"
	"strings"

	"hookaido/internal/admin"
)

// scopedHandler serves a request for one endpoint.
type scopedHandler func(w http.ResponseWriter, r *http.Request, scope *admin.Scope)

// find finds what is served at path to method, be it fixed, or below an
// endpoint or a secret. If the path is there for other methods only, the route
// names them.
func (h *Handler) find(method, path string) (route, bool) {
	if found, known := h.routes[path]; known {
		return found, true
	}
	if rest, ok := strings.CutPrefix(path, "/secrets/"); ok {
		return h.findSecret(method, rest)
	}
	rest, ok := strings.CutPrefix(path, "/applications/")
	if !ok {
		return route{}, false
	}
	parts := strings.SplitN(rest, "/", 4)
	if len(parts) < 2 || parts[1] != "endpoints" {
		return route{}, false
	}
	scope := &admin.Scope{Application: decoded(parts[0])}
	if len(parts) > 2 {
		scope.EndpointName = decoded(parts[2])
	}
	if len(parts) < 4 {
		return h.findEndpoint(method, scope, len(parts) == 2)
	}
	found, known := h.scoped["/"+parts[3]]
	if !known {
		return route{}, false
	}
	return route{method: found.method, serve: func(w http.ResponseWriter, r *http.Request) { found.serve(w, r, scope) }}, true
}

// findEndpoint finds an endpoint itself, or all of an application.
func (h *Handler) findEndpoint(method string, scope *admin.Scope, all bool) (route, bool) {
	switch {
	case h.endpoints == nil:
		return route{}, false
	case all:
		return h.listEndpoints(scope.Application), true
	}
	return h.endpoint(method, *scope), true
}

// scopedRoute is one path below an endpoint.
type scopedRoute struct {
	method string
	serve  scopedHandler
}

// decoded undoes a second percent-encoding, which clients of version 2.11 may
// use.
func decoded(segment string) string {
	if text, err := url.PathUnescape(segment); err == nil {
		return text
	}
	return segment
}
