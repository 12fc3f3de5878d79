package adminapi

import "net/http"

// addMetrics serves the page of the metrics beside the API, under its rules of
// who may ask; nil for none.
func (h *Handler) addMetrics(page http.Handler) {
	if page != nil {
		h.routes["/metrics"] = route{method: http.MethodGet, serve: page.ServeHTTP}
	}
}
