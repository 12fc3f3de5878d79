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
}

// NewServer makes a server with our limits.
func NewServer(o ServerOptions) *http.Server {
	// it fails only for a level that zap does not know
	errorLog, _ := zap.NewStdLogAt(o.Logger, zap.DebugLevel)
	return &http.Server{
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
	defer h.recover(rec)
	if r.RequestURI == "*" {
		WriteError(rec, &Error{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
			Detail: "OPTIONS * is not answered"})
		return
	}
	h.next.ServeHTTP(rec, r)
}

func (h *root) recover(rec *recorder) {
	p := recover()
	if p == nil {
		return
	}
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
