package httpx

import (
	"net/http"
	"sync"

	"hookaido/internal/observe"
)

// recorder is the ResponseWriter that handlers get: it remembers the status
// and the size of the answer, and carries the [Note].
type recorder struct {
	http.ResponseWriter
	status int // 0 until the head of the answer is written
	bytes  int64
	// streams is set for HTTP/2, where a handler that wants no more of its
	// request must not end the connection, which others use.
	streams bool
	note    Note
	line    observe.AccessLine // here, so that logging a request allocates nothing
}

// recorders are reused, because every request needs one.
type recorders struct{ pool sync.Pool }

func (p *recorders) get(w http.ResponseWriter) *recorder {
	rec, ok := p.pool.Get().(*recorder)
	if !ok {
		rec = new(recorder)
	}
	rec.ResponseWriter = w
	return rec
}

func (p *recorders) put(rec *recorder) {
	*rec = recorder{}
	p.pool.Put(rec)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// WriteHeader implements [http.ResponseWriter]. An informational status (1xx)
// is not the answer.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && (status >= http.StatusOK || status == http.StatusSwitchingProtocols) {
		r.status = status
		if r.streams {
			delete(r.Header(), "Connection")
		}
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Flush implements [http.Flusher] for handlers that stream.
func (r *recorder) Flush() { _ = r.FlushError() }

// FlushError is Flush for [http.ResponseController].
func (r *recorder) FlushError() error {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return http.NewResponseController(r.ResponseWriter).Flush()
}
