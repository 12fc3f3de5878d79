package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/httpx"
	"hookaido/internal/observe"
	"hookaido/internal/tlsconf"
)

// certificates are those of all listeners with TLS, by the name of the first
// server on them.
type certificates struct {
	sources map[string]*tlsconf.Source
	stop    context.CancelFunc // nil until they are watched
	watches sync.WaitGroup
}

// openCertificates reads what the listeners need. The error has a line for
// each that can't be served.
func (a *App) openCertificates(es *endpoints) error {
	dir, _ := a.opts.LookupEnv("CREDENTIALS_DIRECTORY")
	a.certificates.sources = map[string]*tlsconf.Source{}
	var errs []error
	for _, g := range es.groups {
		first := g[0]
		if first.tls == nil || len(first.listeners) == 0 {
			continue
		}
		s, err := tlsconf.Open(tlsconf.Options{
			Listener: first.name, Files: *first.tls, CredentialsDir: dir,
			Clock: a.opts.Clock, Logger: a.logger.Named("tls"),
		})
		a.certificates.sources[first.name] = s
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// watch follows the files until unwatch is called.
func (c *certificates) watch(ctx context.Context) {
	ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	for _, s := range c.sources {
		c.watches.Go(func() { s.Watch(ctx) })
	}
}

func (c *certificates) unwatch() {
	if c.stop != nil {
		c.stop()
		c.watches.Wait()
	}
}

// read reads all files anew, for a reload. Nothing changes until the function
// that it returns is called, which tells what is another certificate now.
func (c *certificates) read() (use func() []string, err error) {
	pairs := map[string]*tlsconf.Pair{}
	var errs []error
	for name, s := range c.sources {
		pair, err := s.Read()
		pairs[name] = pair
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return func() []string {
		var changes []string
		for name, pair := range pairs {
			if c.sources[name].Use(pair) {
				changes = append(changes, "certificate of "+name+" renewed")
			}
		}
		return changes
	}, nil
}

// handshakes counts and logs the handshakes of a listener that fail.
type handshakes struct {
	listener string
	logger   *zap.Logger
	clock    clock.Clock
	failures *prometheus.CounterVec

	mu     sync.Mutex
	logged map[string]time.Duration // by reason, when it was last
}

// handshakeQuiet is the shortest time between two lines about the same reason:
// anybody can make handshakes fail.
const handshakeQuiet = 10 * time.Second

// connectionMetrics are about what happens below HTTP.
type connectionMetrics struct {
	handshakes *prometheus.CounterVec
	overShare  *prometheus.CounterVec
}

// observeConnections makes the metrics below HTTP.
func (a *App) observeConnections() error {
	a.connections = connectionMetrics{
		handshakes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookaido_tls_handshake_failures_total",
			Help: "TLS handshakes that failed.",
		}, []string{"listener", "reason"}),
		overShare: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookaido_connections_over_share_total",
			Help: "Connections that were closed because their peer had too many open.",
		}, []string{"listener"}),
	}
	errs := []error{a.registry.Register(a.connections.handshakes), a.registry.Register(a.connections.overShare)}
	for _, s := range a.certificates.sources {
		errs = append(errs, a.registry.Register(s.Collector()))
	}
	return errors.Join(errs...)
}

func (h *handshakes) failed(e *httpx.HandshakeError) {
	h.failures.WithLabelValues(h.listener, e.Reason).Inc()
	now := h.clock.Monotonic()
	h.mu.Lock()
	last, before := h.logged[e.Reason]
	quiet := before && now-last < handshakeQuiet
	if !quiet {
		h.logged[e.Reason] = now
	}
	h.mu.Unlock()
	if quiet {
		return
	}
	h.logger.Info("tls_handshake_failed", zap.String("listener", h.listener), zap.String("reason", e.Reason),
		zap.String("remote_addr", e.RemoteAddr), observe.Err(e.Err))
}
