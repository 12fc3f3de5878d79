package app

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/adminapi"
	"hookaido/internal/config"
	"hookaido/internal/httphead"
	"hookaido/internal/httpx"
	"hookaido/internal/observe"
	"hookaido/internal/peer"
)

const (
	// maxConnections bounds the connections of one listener, so that idle ones
	// can't use up the descriptors of the process.
	maxConnections = 8192
	// maxPeerConnections bounds those of one peer, so that it can't keep the
	// others out.
	maxPeerConnections = maxConnections / 2
)

// server serves a site: from each listener up come the limits on connections,
// the PROXY protocol if it is on, TLS if it is on, and for HTTP/1.x the strict
// check of heads.
type server struct {
	site
	http1    *front
	http2    *front      // nil without TLS
	accepts  []io.Closer // what ends the accepting
	serving  sync.WaitGroup
	draining atomic.Bool
}

// front is the part of a server that speaks one version of HTTP.
type front struct {
	http    *http.Server
	streams bool // it is HTTP/2
	conns   connections
}

func (a *App) startServers(ctx context.Context, cfg *config.Config, es *endpoints) {
	for _, s := range a.sites(cfg, es) {
		if len(s.listeners) > 0 {
			a.startServer(s)
		}
	}
	a.certificates.watch(ctx)
}

func (a *App) startServer(what site) {
	s := &server{site: what, http1: a.newFront(what, false)}
	if what.certificate != nil {
		s.http2 = a.newFront(what, true)
	}
	a.servers = append(a.servers, s)
	for _, l := range s.listeners {
		limited := a.limit(s, l)
		if s.certificate != nil {
			secure := httpx.ListenTLS(limited, httpx.TLSOptions{
				Config: s.certificate.Config(), Clock: a.opts.Clock, Failed: a.handshakes(s.name).failed,
			})
			s.accepts = append(s.accepts, secure)
			a.serve1(s, l, secure.Run)
			a.serve1(s, l, func() error { return s.http2.http.Serve(secure.HTTP2()) })
			limited = secure.HTTP1()
		}
		strict := httphead.Listen(limited, a.headOptions(s.component))
		if s.certificate == nil {
			s.accepts = append(s.accepts, strict)
		}
		a.serve1(s, l, func() error { return s.http1.http.Serve(strict) })
	}
}

// serve1 runs a part of a server; one that ends by itself ends the daemon.
func (a *App) serve1(s *server, l net.Listener, run func() error) {
	s.serving.Go(func() {
		if err := run(); !errors.Is(err, http.ErrServerClosed) && !s.draining.Load() {
			select {
			case a.broken <- failure(ExitUnavailable, "%s: %s: %w", s.name, addressOf(l), err):
			default: // one reason to stop is enough
			}
		}
	})
}

func (a *App) newFront(s site, streams bool) *front {
	f := &front{streams: streams}
	handler := s.handler
	if streams {
		handler = httphead.CheckHTTP2(handler, a.headOptions(s.component))
	}
	f.http = httpx.NewServer(httpx.ServerOptions{
		Handler: handler, Logger: a.logger.Named(s.component), HTTP2: streams,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			// the admin API asks who is at the other end of a Unix socket
			return adminapi.ConnContext(httphead.ConnContext(ctx, c), c)
		},
	})
	f.conns.states = map[net.Conn]http.ConnState{}
	f.http.ConnState = f.conns.note
	return f
}

// limit bounds the connections of a listener.
func (a *App) limit(s *server, l net.Listener) net.Listener {
	refused := a.connections.overShare.WithLabelValues(s.name)
	limited := httpx.Limit(l, httpx.Limits{
		Total: maxConnections, PerPeer: maxPeerConnections, Exempt: a.isProxy,
		Refused: func(net.Addr) { refused.Inc() },
	})
	if !s.proxied {
		return limited
	}
	return peer.ListenProxy(limited, peer.ProxyOptions{
		Proxies: a.proxies, Timeout: httpx.ReadHeaderTimeout,
		Refused: func(from net.Addr, cause error) {
			a.logger.Debug("proxy_header_refused", zap.String("remote_addr", from.String()), observe.Err(cause))
		},
	})
}

// proxies are those that the configuration in force trusts.
func (a *App) proxies() peer.Proxies {
	a.mu.Lock()
	defer a.mu.Unlock()
	return peer.Proxies{Trusted: a.config.Ingress.TrustedProxies}
}

// isProxy reports whether a peer stands for many clients.
func (a *App) isProxy(addr netip.Addr) bool {
	for _, p := range a.proxies().Trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

func (a *App) handshakes(listener string) *handshakes {
	return &handshakes{
		listener: listener, logger: a.logger.Named("tls"), clock: a.opts.Clock,
		failures: a.connections.handshakes, logged: map[string]time.Duration{},
	}
}

// headOptions count and log requests that never reach a handler.
func (a *App) headOptions(component string) httphead.Options {
	access := a.logs.accessLogger()
	return httphead.Options{Now: a.opts.Clock.Now, Refused: func(r httphead.Refusal) {
		if component == componentIngress {
			a.ingress.RefusedHead(r.Status, r.RemoteAddr)
		}
		if access != nil {
			access.Log(&observe.AccessLine{Component: component, Status: r.Status, RemoteAddr: r.RemoteAddr, Reason: r.Code})
		}
	}}
}

// drainTime is how long requests in flight get to end when the daemon stops.
const drainTime = 20 * time.Second

// stopServers ends the listeners and waits for the requests in flight. systemd
// keeps inherited sockets open, so that later connections wait for the next
// start.
func (a *App) stopServers() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var stopping sync.WaitGroup
	for _, s := range a.servers {
		stopping.Go(func() {
			s.drain(ctx, a.opts.Clock, func(err error) {
				a.logger.Warn("requests_cut_off", zap.String("listener", s.name), observe.Err(err))
			})
		})
	}
	stopping.Wait()
	a.certificates.unwatch()
}
