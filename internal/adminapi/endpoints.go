package adminapi

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"hookaido/internal/admin"
	"hookaido/internal/httpx"
)

// byMethod are the ways to use one path.
type byMethod map[string]http.HandlerFunc

// route is the way that method takes. Without one it is a route that names the
// methods there are.
func (m byMethod) route(method string) route {
	if serve, known := m[method]; known {
		return route{method: method, serve: serve}
	}
	return route{method: strings.Join(slices.Sorted(maps.Keys(m)), ", ")}
}

// addEndpoints serves the model of endpoints; e is nil for none.
func (h *Handler) addEndpoints(e *admin.Endpoints) {
	if e == nil {
		return
	}
	h.endpoints = e
	h.routes["/management/model"] = route{method: http.MethodGet, serve: func(w http.ResponseWriter, _ *http.Request) {
		h.answer(w, e.Model(), nil)
	}}
	h.routes["/applications"] = route{method: http.MethodGet, serve: func(w http.ResponseWriter, _ *http.Request) {
		h.answer(w, e.Applications(), nil)
	}}
}

// listEndpoints serves the endpoints of an application.
func (h *Handler) listEndpoints(application string) route {
	return route{method: http.MethodGet, serve: func(w http.ResponseWriter, _ *http.Request) {
		list, err := h.endpoints.List(application)
		h.answer(w, list, err)
	}}
}

// endpoint serves one endpoint.
func (h *Handler) endpoint(method string, scope admin.Scope) route {
	return byMethod{
		http.MethodGet: func(w http.ResponseWriter, _ *http.Request) {
			found, err := h.endpoints.Get(scope)
			h.answer(w, found, err)
		},
		http.MethodPut: func(w http.ResponseWriter, r *http.Request) {
			h.changeEndpoint(w, r, scope, func() (path string, err error) {
				err = readObject(r, httpx.Field{Name: "route", Into: &path})
				return path, err
			})
		},
		http.MethodDelete: func(w http.ResponseWriter, r *http.Request) { h.changeEndpoint(w, r, scope, nil) },
	}.route(method)
}

func (h *Handler) changeEndpoint(w http.ResponseWriter, r *http.Request, scope admin.Scope, route func() (string, error)) {
	done, err := h.endpoints.Change(r.Context(), admin.EndpointChange{Audit: auditOf(r), Scope: scope, Route: route})
	h.answer(w, done, err)
}
