package httpx

import "net/http"

// Note is what a handler tells about its request, for the access log.
type Note struct {
	// Route is the configured path that served the request; empty for none.
	Route string
	// MessageID is the message that an accepted webhook became.
	MessageID string
	// Reason is the class of a refusal (auth, queue_full, …), or why an accepted
	// request was not kept, from a small fixed set; empty for none.
	Reason string
	// Client is the client's address as a trusted proxy tells it; empty if there
	// is none.
	Client string
	// Quiet keeps the request out of the access log.
	Quiet bool
}

// NoteOf returns the note of the request that w answers. It is never nil: when
// nobody listens, it is a note that is thrown away. The note may be used until
// the handler returns.
func NoteOf(w http.ResponseWriter) *Note {
	if rec := recorderOf(w); rec != nil {
		return &rec.note
	}
	return &Note{}
}

// recorderOf finds the recorder under the wrappers of w, or returns nil.
func recorderOf(w http.ResponseWriter) *recorder {
	for {
		switch v := w.(type) {
		case *recorder:
			return v
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return nil
		}
	}
}
