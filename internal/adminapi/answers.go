package adminapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"hookaido/internal/admin"
	"hookaido/internal/httpx"
)

// live answers as long as the process can answer at all. Over the Unix socket
// it is the daemon's own watchdog that asks, every few seconds, which would only
// fill the log.
func (*Handler) live(w http.ResponseWriter, r *http.Request) {
	httpx.NoteOf(w).Quiet = overUnix(r)
	writeOK(w)
}

func (h *Handler) ready(w http.ResponseWriter, r *http.Request) {
	h.writeHealth(w, h.service.Ready(r.Context()))
}

// health answers in the plain form, or with details if the query asks for
// them. Details are there in trouble too, with another status.
func (h *Handler) health(w http.ResponseWriter, r *http.Request) {
	details, err := parseBool(r.URL.Query().Get("details"))
	switch {
	case err != nil:
		httpx.Refuse(w, &httpx.Error{Status: http.StatusBadRequest, Code: "invalid_query",
			Detail: "details " + err.Error()})
	case details:
		report, status := h.service.Health(r.Context()), http.StatusOK
		if !report.OK {
			status = http.StatusServiceUnavailable
		}
		h.writeJSON(w, status, report)
	default:
		h.writeHealth(w, h.service.Healthy(r.Context()))
	}
}

func (h *Handler) status(w http.ResponseWriter, r *http.Request) {
	h.writeJSON(w, http.StatusOK, h.service.Status(r.Context()))
}

func (h *Handler) reload(w http.ResponseWriter, r *http.Request) {
	who, known := peerOf(r)
	if !known {
		httpx.Refuse(w, forbidden("the kernel did not tell who is asking"))
		return
	}
	log := h.logger.With(zap.String("operation", "reload"), zap.Uint32("uid", who.uid), zap.Int32("pid", who.pid))
	result, err := h.service.Reload(r.Context())
	if err != nil {
		log.Warn("admin_request_refused", zap.Error(err))
		h.writeReloadError(w, err)
		return
	}
	log.Info("admin_request_done", zap.Int64("generation", result.Generation))
	h.writeJSON(w, http.StatusOK, result)
}

func (h *Handler) writeReloadError(w http.ResponseWriter, err error) {
	var refused *admin.ReloadError
	if !errors.As(err, &refused) {
		refused = &admin.ReloadError{Code: admin.CodeReloadFailed, Detail: err.Error()}
	}
	status := http.StatusInternalServerError
	switch refused.Code {
	case admin.CodeConfigInvalid:
		status = http.StatusUnprocessableEntity
	case admin.CodeRestartRequired, admin.CodeNotReady:
		status = http.StatusConflict
	}
	answer := *refused
	if answer.Diagnostics == nil {
		answer.Diagnostics = []admin.Diagnostic{}
	}
	httpx.NoteOf(w).Reason = answer.Code
	h.writeJSON(w, status, answer)
}

// writeHealth answers a probe.
func (h *Handler) writeHealth(w http.ResponseWriter, err error) {
	if err == nil {
		writeOK(w)
		return
	}
	refusal := httpx.StoreError(err)
	var not *admin.NotReadyError
	if errors.As(err, &not) {
		refusal.Code, refusal.Detail = not.Code, not.Error()
	}
	h.logger.Debug("probe_failed", zap.Error(err), zap.NamedError("cause", errors.Unwrap(err)))
	httpx.Refuse(w, refusal)
}

func writeOK(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n") // the client may be gone
}

func (h *Handler) writeJSON(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		h.logger.Error("admin_answer_failed", zap.Error(err))
		httpx.Refuse(w, &httpx.Error{Status: http.StatusInternalServerError, Code: "internal_error",
			Detail: "the answer could not be encoded; the log has the cause"})
		return
	}
	httpx.WriteJSON(w, status, append(b, '\n'))
}

var errBool = errors.New("must be one of 1, true, yes, on, 0, false, no, off")

// parseBool reads a query parameter; empty is false.
func parseBool(text string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "1", "true", "yes", "on":
		return true, nil
	case "", "0", "false", "no", "off":
		return false, nil
	}
	return false, errBool
}
