package httpx

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
)

// MaxJSON bounds the request bodies of the JSON APIs, in bytes.
const MaxJSON = 1 << 20

// maxDrain is how much of a refused body is read and dropped, so that a client
// that sends all of it first can still read the answer.
const maxDrain = 32 << 20

// ReadBody appends the body of r to buf and returns it. A body of more than
// limit bytes is refused with 413, one that breaks off with 400, one that does
// not arrive in time with 408.
func ReadBody(r *http.Request, buf []byte, limit int) ([]byte, *Error) {
	if r.ContentLength == 0 {
		return buf, nil
	}
	if r.ContentLength > int64(limit) {
		drain(r)
		return buf, tooLarge(limit)
	}
	start := len(buf)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf)-start > limit:
			drain(r)
			return buf[:start], tooLarge(limit)
		case err == io.EOF: //nolint:errorlint // readers return it bare
			return buf, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return buf[:start], &Error{Status: http.StatusRequestTimeout, Code: "request_timeout",
				Detail: "the body did not arrive in time"}
		case err != nil:
			return buf[:start], invalidBody("the body ended before it was complete")
		}
	}
}

func drain(r *http.Request) {
	if r.Header.Get("Expect") != "" {
		return // the client waits for leave to send, and gets none
	}
	_, _ = io.CopyN(io.Discard, r.Body, maxDrain)
}

func tooLarge(limit int) *Error {
	return &Error{Status: http.StatusRequestEntityTooLarge, Code: "payload_too_large",
		Detail: "the body is larger than " + strconv.Itoa(limit) + " bytes"}
}

func invalidBody(detail string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_body", Detail: detail}
}

// WriteJSON sends body, which is JSON with its newline, under status.
func WriteJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = contentTypeJSON
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone; there is nobody to tell
}
