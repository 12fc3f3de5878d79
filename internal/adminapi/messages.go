package adminapi

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"hookaido/internal/admin"
	"hookaido/internal/httpx"
)

func (h *Handler) listOf(w http.ResponseWriter, r *http.Request, scope *admin.Scope) {
	h.listMessages(w, r, admin.ListRequest{Scope: scope}, r.URL.Query().Get("state"))
}

func (h *Handler) listDead(w http.ResponseWriter, r *http.Request) {
	h.listMessages(w, r, admin.ListRequest{}, "dead")
}

// listMessages reads the rest of the query and answers.
func (h *Handler) listMessages(w http.ResponseWriter, r *http.Request, request admin.ListRequest, state string) {
	query := r.URL.Query()
	selector, refusal := selectorOf(query)
	if refusal != nil {
		httpx.Refuse(w, refusal)
		return
	}
	request.Selector = selector
	request.State = state
	for name, into := range map[string]*bool{
		"include_payload": &request.Payload, "include_headers": &request.Headers, "include_trace": &request.Trace,
	} {
		var err error
		if *into, err = parseBool(query.Get(name)); err != nil {
			httpx.Refuse(w, invalidQuery(name+" "+err.Error()))
			return
		}
	}
	page, err := h.messages.List(r.Context(), request)
	h.answer(w, page, err)
}

func (h *Handler) attempts(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	selector, refusal := selectorOf(query)
	if refusal != nil {
		httpx.Refuse(w, refusal)
		return
	}
	page, err := h.messages.Attempts(r.Context(), admin.AttemptsRequest{
		Selector: selector, EventID: query.Get("event_id"), Outcome: query.Get("outcome"),
	})
	h.answer(w, page, err)
}

// selectorOf reads what all lists have in their queries.
func selectorOf(query url.Values) (admin.Selector, *httpx.Error) {
	s := admin.Selector{
		Route: query.Get("route"), Target: query.Get("target"), Application: query.Get("application"),
		EndpointName: query.Get("endpoint_name"), Before: query.Get("before"), After: query.Get("after"), Query: true,
	}
	text := strings.TrimSpace(query.Get("limit"))
	if text == "" {
		return s, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil && !errors.Is(err, strconv.ErrRange) || n == 0 { // more than all is all
		return s, invalidQuery("limit must be a number from 1")
	}
	s.Limit = int(n)
	return s, nil
}

func invalidQuery(detail string) *httpx.Error {
	return &httpx.Error{Status: http.StatusBadRequest, Code: "invalid_query", Detail: detail}
}

// byIDs serves a change of messages that the body names.
func (h *Handler) byIDs(o admin.Operation) route {
	return route{method: http.MethodPost, serve: func(w http.ResponseWriter, r *http.Request) {
		done, err := h.messages.ChangeByIDs(r.Context(), o, auditOf(r), func() ([]string, error) {
			var ids []string
			err := readObject(r, httpx.Field{Name: "ids", Into: &ids})
			return ids, err
		})
		h.answer(w, done, err)
	}}
}

// byFilter serves a change of messages that the body selects.
func (h *Handler) byFilter(o admin.Operation) scopedRoute {
	return scopedRoute{http.MethodPost, func(w http.ResponseWriter, r *http.Request, scope *admin.Scope) {
		done, err := h.messages.ChangeByFilter(r.Context(), admin.FilterChange{
			Operation: o, Audit: auditOf(r), Scope: scope,
			Decode: func() (b admin.FilterBody, err error) {
				err = readObject(r,
					httpx.Field{Name: "route", Into: &b.Route}, httpx.Field{Name: "target", Into: &b.Target},
					httpx.Field{Name: "application", Into: &b.Application}, httpx.Field{Name: "endpoint_name", Into: &b.EndpointName},
					httpx.Field{Name: "state", Into: &b.State}, httpx.Field{Name: "before", Into: &b.Before},
					httpx.Field{Name: "limit", Into: &b.Limit}, httpx.Field{Name: "preview_only", Into: &b.Preview},
					httpx.Field{Name: "all", Into: &b.All})
				return b, err
			},
		})
		h.answer(w, done, err)
	}}
}

// everywhere serves what is also there below an endpoint for all of them.
func (s scopedRoute) everywhere() route {
	return route{method: s.method, serve: func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, nil) }}
}

// readObject reads a body that is an object.
func readObject(r *http.Request, fields ...httpx.Field) error {
	body, refusal := httpx.ReadBody(r, nil, httpx.MaxJSON)
	if refusal == nil {
		refusal = httpx.ParseObject(body, fields)
	}
	if refusal != nil {
		return refusal
	}
	return nil
}
