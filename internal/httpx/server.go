package httpx

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// The limits of every server.
const (
	// ReadHeaderTimeout is how long a client may take for the head of a
	// request.
	ReadHeaderTimeout = 10 * time.Second
	// ReadTimeout is how long it may take for head and body. A handler that
	// reads large bodies moves the deadline with [http.ResponseController].
	ReadTimeout = 30 * time.Second
	// WriteTimeout is how long it may take from there to the end of the answer,
	// so that a client that reads nothing holds no memory for ever. A handler
	// that answers late or much moves the deadline with [ExtendWrite].
	WriteTimeout = 90 * time.Second
	// IdleTimeout is how long a connection may wait for its next request.
	IdleTimeout = 120 * time.Second
	// MaxHeaderBytes bounds the head; a longer one gets 431.
	MaxHeaderBytes = 1 << 20
	// maxHeaderBytes2 bounds it for HTTP/2, where one connection may hold a head
	// for each of its streams.
	maxHeaderBytes2 = 256 << 10
)

// http2Limits bound what one connection may hold over HTTP/2, which are maxStreams
// requests and, for bodies that no handler has read yet, a window.
const (
	maxStreams       = 100
	http2Window      = 128 << 10 // bytes, of a connection and of a stream
	http2WriteWithin = 30 * time.Second
)

// ServerOptions describe a server for [NewServer].
type ServerOptions struct {
	// Handler answers; a panic in it becomes a 500 and one log line.
	Handler http.Handler
	// Logger gets panics at level error and what clients do wrong below HTTP
	// at level debug.
	Logger *zap.Logger
	// ConnContext may add to the context of a connection; nil adds nothing.
	ConnContext func(ctx context.Context, c net.Conn) context.Context
	// HTTP2 is set for a server of the connections of [TLSListener.HTTP2].
	HTTP2 bool
}

// NewServer makes a server with our limits.
func NewServer(o ServerOptions) *http.Server {
	// it fails only for a level that zap does not know
	errorLog, _ := zap.NewStdLogAt(o.Logger, zap.DebugLevel)
	s := &http.Server{
		Handler:                      &root{next: o.Handler, logger: o.Logger},
		ReadHeaderTimeout:            ReadHeaderTimeout,
		ReadTimeout:                  ReadTimeout,
		WriteTimeout:                 WriteTimeout,
		IdleTimeout:                  IdleTimeout,
		MaxHeaderBytes:               MaxHeaderBytes,
		ErrorLog:                     errorLog,
		ConnContext:                  o.ConnContext,
		DisableGeneralOptionsHandler: true,
	}
	if o.HTTP2 {
		s.MaxHeaderBytes = maxHeaderBytes2
		s.HTTP2 = &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReceiveBufferPerConnection: http2Window,
			MaxReceiveBufferPerStream:     http2Window,
			WriteByteTimeout:              http2WriteWithin,
		}
	}
	return s
}

// ExtendWrite gives the client d from now to take the answer, in place of what
// is left of [WriteTimeout].
func ExtendWrite(w http.ResponseWriter, now time.Time, d time.Duration) {
	// a writer without deadlines has no slow client behind it
	_ = http.NewResponseController(w).SetWriteDeadline(now.Add(d))
}

// root is the outermost handler: it records the answer and survives panics.
type root struct {
	next      http.Handler
	logger    *zap.Logger
	recorders recorders
}

// ServeHTTP implements [http.Handler].
func (h *root) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := h.recorders.get(w)
	defer h.recorders.put(rec)
	rec.streams = r.ProtoMajor > 1
	finished := false
	defer func() {
		switch {
		case finished:
		case rec.streams && rec.status != 0:
			// on its way up the panic makes net/http reset the stream, which
			// tells the client that the answer is not complete
			h.logger.Error("a request handler panicked", zap.Stack("stack"))
		default:
			h.answerPanic(rec, recover())
		}
	}()
	if r.RequestURI == "*" {
		WriteError(rec, &Error{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
			Detail: "OPTIONS * is not answered"})
	} else {
		h.next.ServeHTTP(rec, r)
	}
	finished = true
}

func (h *root) answerPanic(rec *recorder, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint // the value itself, as net/http compares it
		abort(rec)
		return
	}
	h.logger.Error("a request handler panicked", zap.String("panic", fmt.Sprint(p)), zap.Stack("stack"))
	if rec.status != 0 {
		abort(rec)
		return
	}
	rec.Header().Set("Connection", "close")
	WriteError(rec, &Error{Status: http.StatusInternalServerError, Code: "internal_error",
		Detail: "the request could not be handled; the log has the cause"})
}

// abort cuts the connection, which is the only way to tell a client that an
// answer that has begun will not be completed.
func abort(w http.ResponseWriter) {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = c.Close() // it is lost either way
	}
}
