package adminapi

import (
	"net/http"
	"net/url"

	"hookaido/internal/admin"
	"hookaido/internal/httpx"
)

// addBacklog adds the views of what waits.
func (h *Handler) addBacklog(b *admin.Backlog) {
	h.routes["/backlog/top_queued"] = h.view(func(r *http.Request, s admin.Selector, _ url.Values) (any, error) {
		return b.TopQueued(r.Context(), s)
	})
	h.routes["/backlog/oldest_queued"] = h.view(func(r *http.Request, s admin.Selector, _ url.Values) (any, error) {
		return b.OldestQueued(r.Context(), s)
	})
	h.routes["/backlog/aging_summary"] = h.view(func(r *http.Request, s admin.Selector, query url.Values) (any, error) {
		return b.Aging(r.Context(), admin.AgingRequest{Selector: s, States: query.Get("states")})
	})
	h.routes["/backlog/trends"] = h.view(func(r *http.Request, s admin.Selector, query url.Values) (any, error) {
		return b.Trends(r.Context(), admin.TrendRequest{
			Selector: s, Window: query.Get("window"), Step: query.Get("step"), Until: query.Get("until"),
		})
	})
}

// view serves what is selected by a query.
func (h *Handler) view(look func(r *http.Request, s admin.Selector, query url.Values) (any, error)) route {
	return route{method: http.MethodGet, serve: func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		selector, refusal := selectorOf(query)
		if refusal != nil {
			httpx.Refuse(w, refusal)
			return
		}
		answer, err := look(r, selector, query)
		h.answer(w, answer, err)
	}}
}
