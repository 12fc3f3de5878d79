package dispatch

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hookaido/internal/deliver"
	"hookaido/internal/queue"
)

// metrics are the families of deliveries. The labels route and target take
// configured ones only, without the query of a URL.
type metrics struct {
	attempts, acked, retried, dead, leaseLost prometheus.Counter
	deadBy, deniedBy                          *prometheus.CounterVec
	seconds, endToEnd                         *prometheus.HistogramVec
	running, breaker                          *prometheus.GaugeVec
}

// laneMetrics are those of one lane, looked up once.
type laneMetrics struct {
	seconds, endToEnd prometheus.Observer
	running, breaker  prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"route", "target"})
	}
	m := &metrics{
		attempts:  counter("hookaido_delivery_attempts_total", "Attempts of deliveries."),
		acked:     counter("hookaido_delivery_acked_total", "Attempts that delivered."),
		retried:   counter("hookaido_delivery_retry_total", "Attempts that failed and are made again."),
		dead:      counter("hookaido_delivery_dead_total", "Attempts that made a dead letter."),
		leaseLost: counter("hookaido_delivery_lease_lost_total", "Results that came after the lease; such a message is delivered again."),
		deadBy: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookaido_delivery_dead_by_reason_total", Help: "Dead letters of deliveries by reason.",
		}, []string{"reason"}),
		deniedBy: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookaido_delivery_denied_by_rule_total", Help: "Attempts that the egress policy refused, by the part of it that did.",
		}, []string{"rule"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "hookaido_delivery_attempt_seconds", Help: "Time that attempts took.",
			Buckets: []float64{0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30},
		}, []string{"route", "target"}),
		endToEnd: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "hookaido_delivery_end_to_end_seconds", Help: "Time from the receipt of a message to the end of the attempt that delivered it.",
			Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 1800, 7200, 43200, 172800},
		}, []string{"route", "target"}),
		running: gauge("hookaido_delivery_running", "Attempts that run."),
		breaker: gauge("hookaido_delivery_breaker_state", "State of the circuit breaker: 0 closed, 1 half open, 2 open."),
	}
	for _, reason := range []string{deadNoRetry, deadMaxRetries, deadPolicy, deadGone} {
		m.deadBy.WithLabelValues(reason)
	}
	for _, rule := range deliver.Rules() {
		m.deniedBy.WithLabelValues(string(rule))
	}
	for _, c := range []prometheus.Collector{
		m.attempts, m.acked, m.retried, m.dead, m.leaseLost, m.deadBy, m.deniedBy, m.seconds, m.endToEnd, m.running, m.breaker,
	} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register the metrics of deliveries: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) lane(route, target string) *laneMetrics {
	return &laneMetrics{
		seconds:  m.seconds.WithLabelValues(route, target),
		endToEnd: m.endToEnd.WithLabelValues(route, target),
		running:  m.running.WithLabelValues(route, target),
		breaker:  m.breaker.WithLabelValues(route, target),
	}
}

// forget ends the series of a lane.
func (m *metrics) forget(route, target string) {
	m.seconds.DeleteLabelValues(route, target)
	m.endToEnd.DeleteLabelValues(route, target)
	m.running.DeleteLabelValues(route, target)
	m.breaker.DeleteLabelValues(route, target)
}

// count counts an attempt for a message that came in at a time.
func (m *metrics) count(c *queue.Conclusion, l *laneMetrics, r *deliver.Result, received time.Time) {
	m.attempts.Inc()
	l.seconds.Observe(r.Latency.Seconds())
	var denial *deliver.Denial
	if r.Reason == deliver.ReasonEgress && errors.As(r.Cause, &denial) {
		m.deniedBy.WithLabelValues(string(denial.Rule)).Inc()
	}
	switch c.Attempt.Outcome {
	case queue.OutcomeAcked:
		m.acked.Inc()
		l.endToEnd.Observe(max(0, c.Attempt.At.Add(c.Attempt.Latency).Sub(received)).Seconds())
	case queue.OutcomeRetry:
		m.retried.Inc()
	default:
		m.dead.Inc()
		m.deadBy.WithLabelValues(c.Reason).Inc()
	}
}
