package ingress

import (
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"hookaido/internal/auth/hmac"
	"hookaido/internal/limit"
)

// reason is a label of hookaido_ingress_rejected_by_reason_total.
type reason uint8

const (
	reasonMemoryPressure reason = iota
	reasonQueueFull
	reasonAdaptiveBackpressure
	reasonRateLimit
	reasonAuth
	reasonNotFound
	reasonPolicy
	reasonOther
)

// reasonNames are in the order of the constants. All combinations with
// statusNames are there from the first scrape, as dashboards of 2.11 expect.
var (
	reasonNames = [...]string{
		"memory_pressure", "queue_full", "adaptive_backpressure", "rate_limit",
		"auth", "not_found", "policy", "other",
	}
	statusNames = [...]string{"400", "401", "403", "404", "405", "413", "429", "503", "other"}
)

type metrics struct {
	accepted, enqueued, rejected prometheus.Counter
	byReason                     [len(reasonNames)][len(statusNames)]prometheus.Counter
	// duplicates and ignored were accepted and not kept.
	duplicates, ignored prometheus.Counter
	handshakes          *prometheus.CounterVec
	// backpressure has the reasons of limit.Pressure.
	backpressure *prometheus.CounterVec
	backedUp     prometheus.Counter
	// signatureFailures has the classes of hmac.Failure and "replay".
	signatureFailures *prometheus.CounterVec
	routes            *routeFamilies
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		accepted: counter("hookaido_ingress_accepted_total", "Requests that were accepted."),
		enqueued: counter("hookaido_ingress_enqueued_total", "Messages that were enqueued, one per target of an accepted request."),
		rejected: counter("hookaido_ingress_rejected_total", "Requests that were refused."),
		duplicates: counter("hookaido_ingress_duplicates_total",
			"Accepted requests that were not kept, because their message had come in before."),
		ignored: counter("hookaido_ingress_ignored_total",
			"Requests that were answered by ignore_unmatched and not kept."),
		handshakes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookaido_ingress_handshakes_total",
			Help: "Handshakes of providers, by provider and by whether they were answered or refused.",
		}, []string{"provider", "outcome"}),
		backpressure: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookaido_ingress_adaptive_backpressure_total",
			Help: "Requests that adaptive backpressure refused, by the threshold that was reached.",
		}, []string{"reason"}),
		backedUp: counter("hookaido_ingress_adaptive_backpressure_applied_total", "Requests that adaptive backpressure refused."),
		signatureFailures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookaido_ingress_signature_failures_total",
			Help: "Requests whose credentials or signature were refused, by the class of the failure.",
		}, []string{"class"}),
		routes: newRouteFamilies(),
	}
	byReason := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hookaido_ingress_rejected_by_reason_total",
		Help: "Requests that were refused, by reason and status.",
	}, []string{"reason", "status"})
	for i, reason := range reasonNames {
		for j, status := range statusNames {
			m.byReason[i][j] = byReason.WithLabelValues(reason, status)
		}
	}
	for _, reason := range []limit.Reason{limit.QueuedPressure, limit.ReadyLag, limit.OldestQueuedAge, limit.SustainedGrowth} {
		m.backpressure.WithLabelValues(string(reason))
	}
	for class := hmac.Missing; class <= hmac.Mismatch; class++ {
		m.signatureFailures.WithLabelValues(class.String())
	}
	for _, class := range []string{replay, "basic", "bearer", "forward"} {
		m.signatureFailures.WithLabelValues(class)
	}
	if r != nil {
		r.MustRegister(m.accepted, m.enqueued, m.rejected, byReason, m.signatureFailures,
			m.duplicates, m.ignored, m.handshakes, m.backpressure, m.backedUp, m.routes.requests, m.routes.seconds)
	}
	return m
}

func (m *metrics) refused(r reason, status int) {
	m.rejected.Inc()
	i := slices.Index(statusNames[:], strconv.Itoa(status))
	if i < 0 {
		i = len(statusNames) - 1
	}
	m.byReason[r][i].Inc()
}
