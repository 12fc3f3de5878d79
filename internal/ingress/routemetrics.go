package ingress

import (
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// outcome is a label of hookaido_ingress_requests_total: what became of a
// request that was answered, or the reason of its refusal.
type outcome uint8

const (
	outcomeHandshake outcome = iota
	outcomeAccepted
	outcomeIgnored
	firstRefusal // the reasons follow in their order
)

const outcomes = int(firstRefusal) + len(reasonNames)

func outcomeOf(r reason) outcome { return firstRefusal + outcome(r) }

// String returns the value of the label.
func (o outcome) String() string {
	switch o {
	case outcomeHandshake:
		return "handshake"
	case outcomeAccepted:
		return "accepted"
	case outcomeIgnored:
		return "ignored"
	default:
		return reasonNames[o-firstRefusal]
	}
}

// unmatched is the label of all requests that no route takes, whatever their
// path is. It can't be that of a route, whose path begins with a slash.
const unmatched = "unmatched"

// routeFamilies are the metrics by route. The label takes the paths of the
// routes in force and unmatched, so that no request makes a new series.
type routeFamilies struct {
	requests  *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	unmatched *routeMetrics

	mu     sync.Mutex
	routes map[string]*routeMetrics
}

// routeMetrics are the metrics of one route. Counting takes no lock: a counter
// is looked up when it is needed for the first time, because most routes never
// see most of the outcomes.
type routeMetrics struct {
	families *routeFamilies
	path     string
	seconds  prometheus.Observer
	requests [outcomes]atomic.Pointer[prometheus.Counter]
}

func newRouteFamilies() *routeFamilies {
	f := &routeFamilies{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookaido_ingress_requests_total",
			Help: "Requests by route and by what became of them: accepted, handshake, ignored, or the reason of the refusal.",
		}, []string{"route", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "hookaido_ingress_request_seconds",
			Help:    "Time from the head of a request to the answer that it is accepted, by when it is durable.",
			Buckets: []float64{0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10},
		}, []string{"route"}),
		routes: map[string]*routeMetrics{},
	}
	f.unmatched = &routeMetrics{families: f, path: unmatched}
	return f
}

// attach gives the routes of s their metrics, which stay the same over reloads,
// and ends the series of routes that s has no more. A request that still runs
// on such a route is not counted by route.
func (f *routeFamilies) attach(s *Snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := make(map[string]*routeMetrics, len(s.routes))
	for i := range s.routes {
		path := s.routes[i].Config.Path
		m := kept[path]
		if m == nil {
			m = f.routes[path]
		}
		if m == nil {
			m = &routeMetrics{families: f, path: path, seconds: f.seconds.WithLabelValues(path)}
			m.requests[outcomeAccepted].Store(f.counter(path, outcomeAccepted))
		}
		kept[path], s.routes[i].metrics = m, m
	}
	for path := range f.routes {
		if kept[path] == nil {
			f.requests.DeletePartialMatch(prometheus.Labels{"route": path})
			f.seconds.DeleteLabelValues(path)
		}
	}
	f.routes = kept
}

func (f *routeFamilies) counter(path string, o outcome) *prometheus.Counter {
	c := f.requests.WithLabelValues(path, o.String())
	return &c
}

func (m *routeMetrics) count(o outcome) {
	c := m.requests[o].Load()
	if c == nil {
		if c = m.first(o); c == nil {
			return
		}
	}
	(*c).Inc()
}

// first makes the counter of an outcome; nil for a route that is gone.
func (m *routeMetrics) first(o outcome) *prometheus.Counter {
	f := m.families
	f.mu.Lock()
	defer f.mu.Unlock()
	if m != f.unmatched && f.routes[m.path] != m {
		return nil
	}
	c := f.counter(m.path, o)
	m.requests[o].Store(c)
	return c
}
