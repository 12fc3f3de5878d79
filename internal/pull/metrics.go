package pull

import (
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"hookaido/internal/queue"
)

// metrics are the families of the pull API. The label route takes configured
// paths only.
type metrics struct {
	dequeues                                 *prometheus.CounterVec
	acks, nacks, ackConflicts, nackConflicts *prometheus.CounterVec
	expiries                                 *prometheus.CounterVec
	seconds, endToEnd                        *prometheus.HistogramVec
	active                                   activeLeases

	mu     sync.Mutex
	routes map[string]*routeMetrics
}

// routeMetrics are the counters of one route, looked up once.
type routeMetrics struct {
	route string

	dequeueServed, dequeueEmpty, dequeueRefused, dequeueFailed prometheus.Counter
	acked, nacked, ackConflict, nackConflict                   prometheus.Counter
	leaseExpired                                               prometheus.Counter
	seconds, endToEnd                                          prometheus.Observer
}

func newMetrics(active func() map[*routeMetrics]int) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, bounds ...float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: bounds}, []string{"route"})
	}
	return &metrics{
		dequeues: counter("hookaido_pull_dequeue_total",
			"Dequeues by outcome: 200 with messages, 204 without, 4xx refused, 5xx failed.", "route", "status"),
		acks:          counter("hookaido_pull_acked_total", "Leases acknowledged.", "route"),
		nacks:         counter("hookaido_pull_nacked_total", "Leases given back or buried.", "route"),
		ackConflicts:  counter("hookaido_pull_ack_conflict_total", "Acks with a lease that was not valid any more.", "route"),
		nackConflicts: counter("hookaido_pull_nack_conflict_total", "Nacks with a lease that was not valid any more.", "route"),
		expiries:      counter("hookaido_pull_lease_expired_total", "Leases found to have run out when a worker came back with them.", "route"),
		seconds: histogram("hookaido_pull_dequeue_seconds",
			"Time that dequeues took that got messages, without the wait for one to be due.",
			0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
		endToEnd: histogram("hookaido_pull_end_to_end_seconds",
			"Time from the receipt of a message to the ack of its worker.",
			0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 1800, 7200, 43200, 172800),
		active: activeLeases{
			desc: prometheus.NewDesc("hookaido_pull_lease_active",
				"Leases handed out by this process that neither were settled nor ran out.", []string{"route"}, nil),
			count: active,
		},
		routes: map[string]*routeMetrics{},
	}
}

func (m *metrics) register(r prometheus.Registerer) error {
	m.active.metrics = m
	for _, c := range []prometheus.Collector{
		m.dequeues, m.acks, m.nacks, m.ackConflicts, m.nackConflicts, m.expiries, m.seconds, m.endToEnd, &m.active,
	} {
		if err := r.Register(c); err != nil {
			return fmt.Errorf("register the metrics of the pull API: %w", err)
		}
	}
	return nil
}

// route returns the counters of a route, which are the same over reloads.
func (m *metrics) route(route string) *routeMetrics {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, known := m.routes[route]; known {
		return r
	}
	r := &routeMetrics{
		route:          route,
		dequeueServed:  m.dequeues.WithLabelValues(route, "200"),
		dequeueEmpty:   m.dequeues.WithLabelValues(route, "204"),
		dequeueRefused: m.dequeues.WithLabelValues(route, "4xx"),
		dequeueFailed:  m.dequeues.WithLabelValues(route, "5xx"),
		acked:          m.acks.WithLabelValues(route),
		nacked:         m.nacks.WithLabelValues(route),
		ackConflict:    m.ackConflicts.WithLabelValues(route),
		nackConflict:   m.nackConflicts.WithLabelValues(route),
		leaseExpired:   m.expiries.WithLabelValues(route),
		seconds:        m.seconds.WithLabelValues(route),
		endToEnd:       m.endToEnd.WithLabelValues(route),
	}
	m.routes[route] = r
	return r
}

// keep ends the series of all other routes.
func (m *metrics) keep(routes map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for route := range m.routes {
		if routes[route] {
			continue
		}
		delete(m.routes, route)
		for _, c := range []*prometheus.CounterVec{m.dequeues, m.acks, m.nacks, m.ackConflicts, m.nackConflicts, m.expiries} {
			c.DeletePartialMatch(prometheus.Labels{"route": route})
		}
		for _, h := range []*prometheus.HistogramVec{m.seconds, m.endToEnd} {
			h.DeleteLabelValues(route)
		}
	}
}

func (r *routeMetrics) settled(k kind, n int) {
	if k == acked {
		r.acked.Add(float64(n))
	} else {
		r.nacked.Add(float64(n))
	}
}

func (r *routeMetrics) conflicted(k kind) {
	if k == acked {
		r.ackConflict.Inc()
	} else {
		r.nackConflict.Inc()
	}
}

func (r *routeMetrics) expired(conflicts []queue.Conflict) {
	if n := countExpired(conflicts); n > 0 {
		r.leaseExpired.Add(float64(n))
	}
}

// activeLeases counts when it is asked, so that leases that ran out unseen are
// not counted.
type activeLeases struct {
	desc    *prometheus.Desc
	count   func() map[*routeMetrics]int
	metrics *metrics
}

// Describe implements [prometheus.Collector].
func (a *activeLeases) Describe(ch chan<- *prometheus.Desc) { ch <- a.desc }

// Collect implements [prometheus.Collector].
func (a *activeLeases) Collect(ch chan<- prometheus.Metric) {
	counts := a.count()
	a.metrics.mu.Lock()
	defer a.metrics.mu.Unlock()
	for route, r := range a.metrics.routes {
		ch <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, float64(counts[r]), route)
	}
}
