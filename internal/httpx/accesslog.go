package httpx

import (
	"net/http"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/observe"
)

// AccessLog returns next with one access line per request under the name of
// component, also for a request whose handler panics. With a nil logger it
// returns next as it is.
func AccessLog(component string, logger observe.AccessLogger, clk clock.Clock, next http.Handler) http.Handler {
	if logger == nil {
		return next
	}
	return &accessLog{component: component, logger: logger, clock: clk, next: next}
}

type accessLog struct {
	component string
	logger    observe.AccessLogger
	clock     clock.Clock
	next      http.Handler
	recorders recorders
}

// ServeHTTP implements [http.Handler].
func (a *accessLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := a.clock.Monotonic()
	rec := recorderOf(w)
	if rec == nil {
		rec = a.recorders.get(w)
		defer a.recorders.put(rec)
		w = rec
	}
	// the handler may rewrite its own copy of the request, never these
	method, path, remote := r.Method, r.URL.Path, r.RemoteAddr
	returned := false
	defer func() {
		status := rec.status
		switch {
		case rec.note.Quiet:
			return
		case status == 0 && !returned:
			status = http.StatusInternalServerError
		case status == 0:
			status = http.StatusOK
		}
		if rec.note.Client != "" {
			remote = rec.note.Client
		}
		rec.line = observe.AccessLine{
			Component: a.component, Method: method, Path: path, Status: status, Bytes: rec.bytes,
			Duration: a.since(began), RemoteAddr: remote,
			Route: rec.note.Route, MessageID: rec.note.MessageID, Reason: rec.note.Reason,
		}
		a.logger.Log(&rec.line)
	}()
	a.next.ServeHTTP(w, r)
	returned = true
}

func (a *accessLog) since(began time.Duration) time.Duration { return a.clock.Monotonic() - began }
