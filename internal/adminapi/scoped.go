package adminapi

import (
	"net/http"
	"net/url"
	"strings"

	"hookaido/internal/admin"
)

// scopedHandler serves a request for one endpoint.
type scopedHandler func(w http.ResponseWriter, r *http.Request, scope *admin.Scope)

// find finds what is served at path, be it fixed or below an endpoint.
func (h *Handler) find(path string) (route, bool) {
	if found, known := h.routes[path]; known {
		return found, true
	}
	rest, ok := strings.CutPrefix(path, "/applications/")
	if !ok {
		return route{}, false
	}
	parts := strings.SplitN(rest, "/", 4)
	if len(parts) != 4 || parts[1] != "endpoints" {
		return route{}, false
	}
	found, known := h.scoped["/"+parts[3]]
	if !known {
		return route{}, false
	}
	scope := &admin.Scope{Application: decoded(parts[0]), EndpointName: decoded(parts[2])}
	return route{method: found.method, serve: func(w http.ResponseWriter, r *http.Request) { found.serve(w, r, scope) }}, true
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
