package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/admin"
	"hookaido/internal/adminapi"
	"hookaido/internal/httphead"
	"hookaido/internal/httpx"
	"hookaido/internal/observe"
)

// maxConnections bounds the connections of one listener, so that idle ones
// can't use up the descriptors of the process.
const maxConnections = 8192

// server serves one endpoint.
type server struct {
	*endpoint
	http     *http.Server
	conns    connections
	strict   []net.Listener
	serving  sync.WaitGroup // of the accept loops
	draining atomic.Bool
}

// The components of the access log.
const (
	componentIngress = "ingress"
	componentPull    = "pull_api"
	componentAdmin   = "admin_api"
	componentMetrics = "metrics"
)

func (a *App) startServers(es *endpoints) {
	a.startServer(es.ingress, componentIngress, a.ingress)
	a.startServer(es.pull, componentPull, a.pullAPI)
	a.startServer(es.admin, componentAdmin, a.adminAPI)
	a.startServer(es.metrics, componentMetrics, a.metricsHandler())
}

// startServer serves handler on the listeners of an endpoint, if it has any.
func (a *App) startServer(e *endpoint, component string, handler http.Handler) {
	if len(e.listeners) == 0 {
		return
	}
	s := &server{endpoint: e, http: httpx.NewServer(httpx.ServerOptions{
		Handler: httpx.AccessLog(component, a.logs.accessLogger(), a.opts.Clock, handler),
		Logger:  a.logger.Named(component),
		// the admin API asks who is at the other end of a Unix socket
		ConnContext: adminapi.ConnContext,
	})}
	s.conns.states = map[net.Conn]http.ConnState{}
	s.http.ConnState = s.conns.note
	a.servers = append(a.servers, s)
	for _, l := range e.listeners {
		strict := httphead.Listen(httpx.LimitListener(l, maxConnections), httphead.Options{
			Now: a.opts.Clock.Now, Refused: a.refusedHead(component),
		})
		s.strict = append(s.strict, strict)
		s.serving.Go(func() {
			if err := s.http.Serve(strict); !errors.Is(err, http.ErrServerClosed) && !s.draining.Load() {
				select {
				case a.broken <- failure(ExitUnavailable, "%s: %s: %w", s.name, addressOf(l), err):
				default: // one reason to stop is enough
				}
			}
		})
	}
}

// refusedHead counts and logs requests that never reach a handler.
func (a *App) refusedHead(component string) func(httphead.Refusal) {
	access := a.logs.accessLogger()
	return func(r httphead.Refusal) {
		if component == componentIngress {
			a.ingress.RefusedHead(r.Status, r.RemoteAddr)
		}
		if access != nil {
			access.Log(&observe.AccessLine{Component: component, Status: r.Status, RemoteAddr: r.RemoteAddr, Reason: r.Code})
		}
	}
}

// addresses describes all listeners as "name address", for the log.
func (es *endpoints) addresses() []string {
	var all []string
	for _, l := range es.list() {
		all = append(all, l.Name+" "+l.Address)
	}
	return all
}

// list describes all listeners for the admin API.
func (es *endpoints) list() []admin.Listener {
	all := []admin.Listener{}
	for _, e := range []*endpoint{es.ingress, es.pull, es.admin, es.metrics} {
		for i, address := range e.addresses() {
			source := admin.Bound
			if i < e.inherited {
				source = admin.Inherited
			}
			all = append(all, admin.Listener{Name: e.name, Address: address, Source: source})
		}
	}
	return all
}

// drainTime is how long requests in flight get to end when the daemon stops.
const drainTime = 20 * time.Second

// stopServers ends the listeners and waits for the requests in flight. systemd
// keeps inherited sockets open, so that later connections wait for the next
// start.
func (a *App) stopServers() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	done := make(chan struct{})
	for _, s := range a.servers {
		go func() {
			defer func() { done <- struct{}{} }()
			s.drain(ctx, a.opts.Clock)
			if err := s.http.Shutdown(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
				a.logger.Warn("requests_cut_off", zap.String("listener", s.name), observe.Err(err))
				_ = s.http.Close() // what is left is cut off on purpose
			}
		}()
	}
	for range a.servers {
		<-done
	}
}
