package admin

import (
	"errors"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"hookaido/internal/queue"
)

// PublishCounts are what came of publications since the process started.
// Accepted and ScopedAccepted count messages, all others requests. The scoped
// ones, by an endpoint, are a part of the others.
type PublishCounts struct {
	Accepted, Rejected             uint64
	ScopedAccepted, ScopedRejected uint64
	// Validation, Policy, Conflict, QueueFull and Store are the classes of
	// Rejected.
	Validation, Policy, Conflict, QueueFull, Store uint64
}

// publishClass is why a publication was refused.
type publishClass uint8

const (
	classValidation publishClass = iota
	classPolicy
	classConflict
	classQueueFull
	classStore
	classes
)

// publishTally counts publications.
type publishTally struct {
	accepted, scopedAccepted, scopedRejected atomic.Uint64
	rejected                                 [classes]atomic.Uint64
}

// unreadable is an error of the request's body.
type unreadable struct{ error }

// Unwrap returns the error itself.
func (u unreadable) Unwrap() error { return u.error }

// count counts a publication of n messages.
func (t *publishTally) count(n int, scoped bool, err error) {
	if err == nil {
		t.accepted.Add(uint64(n)) //nolint:gosec // not negative
		if scoped {
			t.scopedAccepted.Add(uint64(n)) //nolint:gosec // likewise
		}
		return
	}
	t.rejected[classOf(err)].Add(1)
	if scoped {
		t.scopedRejected.Add(1)
	}
}

func classOf(err error) publishClass {
	var refused *Refusal
	var body unreadable
	switch {
	case errors.As(err, &body):
		return classValidation
	case errors.As(err, &refused):
		return classOfCode(refused.Code)
	case errors.Is(err, queue.ErrFull):
		return classQueueFull
	default:
		return classStore
	}
}

// classOfCode divides the codes of refusals into requests that are wrong in
// themselves and those that the Hookaidofile doesn't allow.
func classOfCode(code string) publishClass {
	switch code {
	case "duplicate_id":
		return classConflict
	case "payload_too_large", "headers_too_large", "route_mismatch", "selector_scope_mismatch",
		"audit_reason_required", "audit_actor_required", "audit_request_id_required":
		return classValidation
	}
	if strings.HasPrefix(code, "invalid_") {
		return classValidation
	}
	return classPolicy
}

// PublishCounts returns the counts of this moment.
func (m *Messages) PublishCounts() PublishCounts {
	t := &m.published
	c := PublishCounts{
		Accepted: t.accepted.Load(), ScopedAccepted: t.scopedAccepted.Load(), ScopedRejected: t.scopedRejected.Load(),
		Validation: t.rejected[classValidation].Load(), Policy: t.rejected[classPolicy].Load(),
		Conflict: t.rejected[classConflict].Load(), QueueFull: t.rejected[classQueueFull].Load(), Store: t.rejected[classStore].Load(),
	}
	c.Rejected = c.Validation + c.Policy + c.Conflict + c.QueueFull + c.Store
	return c
}

// PublishCollector shows the counts as metrics.
type PublishCollector struct {
	counts func() PublishCounts
	values []publishValue
}

type publishValue struct {
	desc *prometheus.Desc
	of   func(*PublishCounts) uint64
}

// PublishCollector returns the metrics of publications.
func (m *Messages) PublishCollector() *PublishCollector {
	c := &PublishCollector{counts: m.PublishCounts}
	add := func(name, help string, of func(*PublishCounts) uint64) {
		c.values = append(c.values, publishValue{prometheus.NewDesc("hookaido_publish_"+name+"_total", help, nil, nil), of})
	}
	add("accepted", "Messages that were published.", func(c *PublishCounts) uint64 { return c.Accepted })
	add("rejected", "Publications that were refused.", func(c *PublishCounts) uint64 { return c.Rejected })
	add("rejected_validation", "Publications that were wrong in themselves.", func(c *PublishCounts) uint64 { return c.Validation })
	add("rejected_policy", "Publications that the Hookaidofile doesn't allow.", func(c *PublishCounts) uint64 { return c.Policy })
	add("rejected_conflict", "Publications with an id that exists.", func(c *PublishCounts) uint64 { return c.Conflict })
	add("rejected_queue_full", "Publications that found the queue full.", func(c *PublishCounts) uint64 { return c.QueueFull })
	add("rejected_store", "Publications that could not be stored.", func(c *PublishCounts) uint64 { return c.Store })
	add("scoped_accepted", "Messages that were published to an endpoint.", func(c *PublishCounts) uint64 { return c.ScopedAccepted })
	add("scoped_rejected", "Publications to an endpoint that were refused.", func(c *PublishCounts) uint64 { return c.ScopedRejected })
	return c
}

// Describe implements [prometheus.Collector].
func (p *PublishCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, v := range p.values {
		ch <- v.desc
	}
}

// Collect implements [prometheus.Collector].
func (p *PublishCollector) Collect(ch chan<- prometheus.Metric) {
	counts := p.counts()
	for _, v := range p.values {
		ch <- prometheus.MustNewConstMetric(v.desc, prometheus.CounterValue, float64(v.of(&counts)))
	}
}
