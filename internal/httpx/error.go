// Package httpx is the HTTP that all our listeners share: a server with strict
// limits, JSON in and out, and the one table from errors to answers.
package httpx

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"hookaido/internal/queue"
)

// Error is an answer that refuses a request: a status, a stable code for
// programs and a sentence for people. It holds no secret and no detail of the
// inside.
type Error struct {
	Status int
	Code   string
	Detail string
	// RetryAfter is sent with 429 and 503, rounded up to whole seconds
	// (RFC 9110, section 10.2.3); 0 sends none.
	RetryAfter time.Duration
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Detail }

// RetryAfter is what senders are asked to wait when the store or the queue is
// the reason of a refusal.
const RetryAfter = 5 * time.Second

// StoreError gives the answer to an error of a queue engine.
func StoreError(err error) *Error {
	switch {
	case errors.Is(err, queue.ErrFull):
		return &Error{http.StatusServiceUnavailable, "queue_full", "the queue is full", RetryAfter}
	case errors.Is(err, queue.ErrDiskFull):
		return &Error{http.StatusServiceUnavailable, "disk_full", "too little disk space to accept messages", RetryAfter}
	default:
		return &Error{http.StatusServiceUnavailable, "store_unavailable", "the queue can't store messages right now", RetryAfter}
	}
}

// WriteError sends e as {"code":…,"detail":…} and a newline.
func WriteError(w http.ResponseWriter, e *Error) {
	h := w.Header()
	h["Content-Type"] = contentTypeJSON
	if e.RetryAfter > 0 {
		h["Retry-After"] = []string{strconv.Itoa(int((e.RetryAfter + time.Second - 1) / time.Second))}
	}
	w.WriteHeader(e.Status)
	body := make([]byte, 0, 96)
	body = append(body, `{"code":`...)
	body = AppendString(body, e.Code)
	body = append(body, `,"detail":`...)
	body = AppendString(body, e.Detail)
	body = append(body, "}\n"...)
	_, _ = w.Write(body) // the client may be gone; there is nobody to tell
}

// Refuse sends e as WriteError and notes its code as the reason of the refusal.
func Refuse(w http.ResponseWriter, e *Error) {
	NoteOf(w).Reason = e.Code
	WriteError(w, e)
}

// contentTypeJSON is shared by all answers and never changed.
var contentTypeJSON = []string{"application/json"}
