package adminapi

import (
	"net/http"

	"hookaido/internal/admin"
	"hookaido/internal/httpx"
)

// addLanes adds what is about routes and their targets.
func (h *Handler) addLanes(service *admin.Routes) {
	h.routes["/routes"] = route{method: http.MethodGet, serve: func(w http.ResponseWriter, r *http.Request) {
		list, err := service.List(r.Context())
		h.answer(w, list, err)
	}}
	h.routes["/paused"] = route{method: http.MethodGet, serve: func(w http.ResponseWriter, r *http.Request) {
		list, err := service.Paused(r.Context())
		h.answer(w, list, err)
	}}
	for path, operation := range map[string]admin.Operation{"/pause": admin.PauseRoute, "/resume": admin.ResumeRoute} {
		h.routes[path] = route{method: http.MethodPost, serve: func(w http.ResponseWriter, r *http.Request) {
			done, err := service.SetPaused(r.Context(), admin.PauseRequest{
				Operation: operation, Audit: auditOf(r), Decode: func() (admin.PauseBody, error) { return readPause(r) },
			})
			h.answer(w, done, err)
		}}
	}
	h.routes["/message"] = route{method: http.MethodGet, serve: h.getMessage}
	h.routes["/messages/move"] = route{method: http.MethodPost, serve: h.move}
}

func readPause(r *http.Request) (b admin.PauseBody, err error) {
	err = readObject(r,
		httpx.Field{Name: "route", Into: &b.Route}, httpx.Field{Name: "target", Into: &b.Target},
		httpx.Field{Name: "application", Into: &b.Application}, httpx.Field{Name: "endpoint_name", Into: &b.EndpointName})
	return b, err
}

func (h *Handler) move(w http.ResponseWriter, r *http.Request) {
	done, err := h.messages.Move(r.Context(), admin.MoveRequest{
		Audit: auditOf(r), Decode: func() (b admin.MoveBody, err error) {
			err = readObject(r,
				httpx.Field{Name: "ids", Into: &b.IDs},
				httpx.Field{Name: "route", Into: &b.Route}, httpx.Field{Name: "target", Into: &b.Target},
				httpx.Field{Name: "application", Into: &b.Application}, httpx.Field{Name: "endpoint_name", Into: &b.EndpointName},
				httpx.Field{Name: "state", Into: &b.State}, httpx.Field{Name: "before", Into: &b.Before},
				httpx.Field{Name: "limit", Into: &b.Limit}, httpx.Field{Name: "preview_only", Into: &b.Preview},
				httpx.Field{Name: "to_route", Into: &b.ToRoute}, httpx.Field{Name: "to_target", Into: &b.ToTarget})
			return b, err
		},
	})
	h.answer(w, done, err)
}
