package memory

import (
	"maps"

	"github.com/prometheus/client_golang/prometheus"

	"hookaido/internal/queue"
)

// The reasons for which messages are dropped that nobody took, or nobody looked
// at any more.
const (
	evictedOldest    = "drop_oldest"
	evictedQueued    = "queue_retention_age"
	evictedDelivered = "delivered_retention_age"
	evictedDead      = "dead_retention_age"
	evictedDeadDepth = "dead_retention_depth"
)

// tally is kept up with every change. The store's mutex guards it.
type tally struct {
	bytes     [5]int64 // by state
	evictions map[string]uint64
	refused   uint64
}

// aged counts a message that was dropped for its age.
func (t *tally) aged(state queue.State) {
	reason := evictedDead
	switch state {
	case queue.StateQueued:
		reason = evictedQueued
	case queue.StateDelivered:
		reason = evictedDelivered
	}
	t.evictions[reason]++
}

// Figures describe the memory that messages take.
type Figures struct {
	// Items and Bytes are by state; Bytes counts payload, envelope and a fixed
	// share for bookkeeping.
	Items map[queue.State]int
	Bytes map[queue.State]int64
	// Total is Bytes over all states with what claims take, Limit its bound.
	Total, Limit int64
	// Evictions counts dropped messages by reason; reasons that have not
	// occurred are missing.
	Evictions map[string]uint64
	// Refused counts batches that had no room.
	Refused uint64
}

// Figures returns the figures of this moment, at a cost that does not grow with
// the number of messages.
func (s *Store) Figures() Figures {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := Figures{
		Items: map[queue.State]int{}, Bytes: map[queue.State]int64{}, Total: s.bytes, Limit: s.maxBytes,
		Evictions: maps.Clone(s.tally.evictions), Refused: s.tally.refused,
	}
	for _, state := range queue.States() {
		f.Items[state], f.Bytes[state] = 0, s.tally.bytes[state]
	}
	for _, r := range s.routes {
		for _, l := range r.lanes {
			f.Items[queue.StateQueued] += l.ready.len()
			f.Items[queue.StateLeased] += l.leased
			for state, n := range l.ended {
				f.Items[queue.State(state)] += n //nolint:gosec // a small number
			}
		}
	}
	return f
}

// collector shows the figures as metrics.
type collector struct {
	s                                 *Store
	items, bytes, total, limit        *prometheus.Desc
	evictions, operations, errorsSeen *prometheus.Desc
}

// Collector returns the metrics of the engine, which are taken at each scrape.
func (s *Store) Collector() prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("hookaido_store_"+name, help, labels, nil)
	}
	return &collector{
		s:          s,
		items:      desc("memory_items", "Messages in memory by state.", "state"),
		bytes:      desc("memory_retained_bytes", "Memory that messages take, by state.", "state"),
		total:      desc("memory_retained_bytes_total", "Memory that messages and claims take."),
		limit:      desc("memory_limit_bytes", "Memory that messages and claims may take."),
		evictions:  desc("memory_evictions_total", "Messages that were dropped, by reason.", "reason"),
		operations: desc("operation_total", "Operations of the queue.", "backend", "operation"),
		errorsSeen: desc("errors_total", "Operations of the queue that failed, by kind.", "backend", "operation", "kind"),
	}
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.items, c.bytes, c.total, c.limit, c.evictions, c.operations, c.errorsSeen} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	f := c.s.Figures()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	counter := func(d *prometheus.Desc, value uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	for state, n := range f.Items {
		gauge(c.items, float64(n), state.String())
		gauge(c.bytes, float64(f.Bytes[state]), state.String())
	}
	gauge(c.total, float64(f.Total))
	gauge(c.limit, float64(f.Limit))
	evicted := uint64(0)
	for reason, n := range f.Evictions {
		counter(c.evictions, n, reason)
		evicted += n
	}
	counter(c.operations, evicted, "memory", "evict")
	counter(c.operations, f.Refused, "memory", "enqueue_reject")
	counter(c.errorsSeen, f.Refused, "memory", "enqueue", "memory_pressure")
}
