package adminapi

import (
	"errors"
	"net/http"

	"hookaido/internal/admin"
	"hookaido/internal/httpx"
)

// getMessage serves one message whole.
func (h *Handler) getMessage(w http.ResponseWriter, r *http.Request) {
	found, err := h.messages.Get(r.Context(), r.URL.Query().Get("id"))
	var refused *admin.Refusal
	if errors.As(err, &refused) && refused.Code == admin.CodeMessageNotFound {
		httpx.Refuse(w, &httpx.Error{Status: http.StatusNotFound, Code: refused.Code, Detail: refused.Detail})
		return
	}
	h.answer(w, found, err)
}
