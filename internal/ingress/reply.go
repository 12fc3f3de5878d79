package ingress

import (
	"encoding/json"
	"net/http"
	"strings"

	"hookaido/internal/config"
)

// reply is what a request gets that is not refused.
type reply struct {
	status int
	header http.Header // names in canonical form
	body   []byte
}

// accepted is the answer of routes that say nothing of their own, as 2.11 gives
// it.
func accepted() *reply {
	return &reply{
		status: http.StatusAccepted,
		header: http.Header{"Content-Type": {"application/json"}},
		body:   []byte(`{"status":"queued"}` + "\n"),
	}
}

// replyOf is the answer that a route gives by its directive respond.
func replyOf(r *config.Respond) *reply {
	if r == nil {
		return accepted()
	}
	a := &reply{status: r.Status}
	if r.Body != "" && r.Status != http.StatusNoContent && r.Status != http.StatusResetContent {
		a.body = []byte(r.Body)
		a.header = http.Header{"Content-Type": {mediaType(r.Body)}, "X-Content-Type-Options": {"nosniff"}}
	}
	return a
}

// mediaType tells what an operator's text is. Some providers look at it: an
// answer with commands for them must be XML or JSON by name.
func mediaType(text string) string {
	switch start := strings.TrimLeft(text, " \t\r\n"); {
	case strings.HasPrefix(start, "{") && json.Valid([]byte(text)), strings.HasPrefix(start, "[") && json.Valid([]byte(text)):
		return "application/json"
	case strings.HasPrefix(start, "<"):
		return "application/xml"
	default:
		return "text/plain; charset=utf-8"
	}
}

// send writes the answer. The client may be gone; what it sent is dealt with
// all the same.
func (a *reply) send(w http.ResponseWriter) {
	header := w.Header()
	for name, values := range a.header {
		header[name] = values
	}
	w.WriteHeader(a.status)
	if len(a.body) > 0 {
		_, _ = w.Write(a.body)
	}
}
