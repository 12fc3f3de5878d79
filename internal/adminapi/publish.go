package adminapi

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"hookaido/internal/admin"
	"hookaido/internal/httpx"
)

// minPublish is the least bound of the body of a publication, in bytes. Routes
// with large bodies raise it, so that one message always fits.
const minPublish = 16 << 20

func (h *Handler) publishTo(w http.ResponseWriter, r *http.Request, scope *admin.Scope) {
	done, err := h.messages.Publish(r.Context(), admin.Publication{
		Audit: auditOf(r), Scope: scope,
		Items: func() ([]admin.Item, error) { return readItems(r, h.messages.MaxPublication(minPublish)) },
	})
	h.answer(w, done, err)
}

// answer sends what a call of the service came to.
func (h *Handler) answer(w http.ResponseWriter, result any, err error) {
	if err != nil {
		h.refuse(w, err)
		return
	}
	h.writeJSON(w, http.StatusOK, result)
}

// auditOf reads who asks and why. The service judges it.
func auditOf(r *http.Request) admin.Audit {
	a := admin.Audit{
		Reason: r.Header.Get("X-Hookaido-Audit-Reason"), Actor: r.Header.Get("X-Hookaido-Audit-Actor"),
		RequestID: r.Header.Get("X-Request-ID"),
	}
	if who, known := peerOf(r); known {
		a.Caller = admin.Caller{UID: who.uid, PID: who.pid}
	} else {
		a.Caller.Address = r.RemoteAddr
	}
	return a
}

// readItems reads the body of a publication.
func readItems(r *http.Request, limit int) ([]admin.Item, error) {
	body, refusal := httpx.ReadBody(r, nil, limit)
	if refusal != nil {
		return nil, refusal
	}
	var items []*admin.Item
	refusal = httpx.ParseObject(body, []httpx.Field{{Name: "items", Into: httpx.Objects(func(i int) []httpx.Field {
		if i == admin.MaxItems {
			return nil
		}
		it := &admin.Item{}
		items = append(items, it)
		return fieldsOf(it)
	})}})
	if refusal != nil {
		return nil, refusal
	}
	list := make([]admin.Item, len(items))
	for i, it := range items {
		list[i] = *it
	}
	return list, nil
}

func fieldsOf(it *admin.Item) []httpx.Field {
	return []httpx.Field{
		{Name: "id", Into: &it.ID}, {Name: "route", Into: &it.Route}, {Name: "target", Into: &it.Target},
		{Name: "application", Into: &it.Application}, {Name: "endpoint_name", Into: &it.EndpointName},
		{Name: "payload_b64", Into: &it.Payload}, {Name: "headers", Into: &it.Headers}, {Name: "trace", Into: &it.Trace},
		{Name: "received_at", Into: &it.ReceivedAt}, {Name: "next_run_at", Into: &it.NextRunAt},
	}
}

// refuse answers with an error of the service.
func (h *Handler) refuse(w http.ResponseWriter, err error) {
	var refused *admin.Refusal
	var answer *httpx.Error
	switch {
	case errors.As(err, &answer):
		httpx.Refuse(w, answer)
	case !errors.As(err, &refused):
		httpx.Refuse(w, httpx.StoreError(err))
	default:
		httpx.NoteOf(w).Reason = refused.Code
		status := statusOf(refused.Code)
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", strconv.Itoa(int(httpx.RetryAfter/time.Second)))
		}
		h.writeJSON(w, status, struct {
			Code   string `json:"code"`
			Detail string `json:"detail"`
			Item   *int   `json:"item_index,omitempty"`
		}{refused.Code, refused.Detail, refused.Item})
	}
}

// statusOf is the status that goes with the code of a refusal.
func statusOf(code string) int {
	switch code {
	case "payload_too_large", "headers_too_large", "secret_pool_full":
		return http.StatusRequestEntityTooLarge
	case "global_publish_disabled", "scoped_publish_disabled", "route_publish_disabled",
		"pull_route_publish_disabled", "deliver_route_publish_disabled":
		return http.StatusForbidden
	case "managed_endpoint_not_found", "management_endpoint_not_found", "management_route_not_found", "not_found",
		"secret_pool_not_found", "secret_id_not_found":
		return http.StatusNotFound
	case "duplicate_id", "management_route_already_mapped", "management_route_publish_disabled", "management_route_target_mismatch",
		"management_route_backlog_active", "management_conflict":
		return http.StatusConflict
	case "management_unavailable", "secret_management_unavailable":
		return http.StatusServiceUnavailable
	case "secret_persist_failure":
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}
