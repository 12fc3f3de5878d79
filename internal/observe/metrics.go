package observe

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metricsSchema is the version of the names and labels that dashboards and
// alerts are written for.
const metricsSchema = "1.3.0"

// NewRegistry returns a registry with what every process shows: that it is up,
// its version and start time, the Go runtime and the process.
func NewRegistry(version string, start time.Time) *prometheus.Registry {
	r := prometheus.NewRegistry()
	constant := func(name, help string, labels prometheus.Labels, value float64) prometheus.Collector {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels})
		g.Set(value)
		return g
	}
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		constant("hookaido_up", "1 while the process serves.", nil, 1),
		constant("hookaido_build_info", "1, with the version of the program.", prometheus.Labels{"version": version}, 1),
		constant("hookaido_metrics_schema_info", "1, with the version of the metric names and labels.", prometheus.Labels{"schema": metricsSchema}, 1),
		constant("hookaido_start_time_seconds", "Start of the process in Unix seconds.", nil, float64(start.Unix())),
	)
	return r
}

// NewLostLines returns a counter of the lines that a log lost; name is access
// or runtime, dropped the Dropped method of the log.
func NewLostLines(name string, dropped func() uint64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name:        "hookaido_log_lines_lost_total",
		Help:        "Log lines lost to a slow reader or a failed write.",
		ConstLabels: prometheus.Labels{"log": name},
	}, func() float64 { return float64(dropped()) })
}

// QueueStats are the figures of the queue gauges.
type QueueStats struct {
	Queued, Leased, Dead int
	// Total counts the messages in every state.
	Total int
	// OldestQueued is the age of the oldest queued message, ReadyLag how long
	// the first message has been due; both are 0 if none is queued.
	OldestQueued, ReadyLag time.Duration
}

// queueStatsTimeout bounds how long a scrape waits for the queue.
const queueStatsTimeout = 2 * time.Second

// QueueCollector asks the queue for its figures at each scrape. If the queue
// doesn't answer in time its gauges are missing from that scrape, which alerts
// can tell from zero; the other metrics are there.
type QueueCollector struct {
	base                         context.Context // that of the program; a scrape brings none
	stats                        func(ctx context.Context) (QueueStats, error)
	depth, total, oldest, behind *prometheus.Desc
}

// NewQueueCollector returns a collector; ctx ends its questions for good, and
// stats must heed the context that it gets.
func NewQueueCollector(ctx context.Context, stats func(ctx context.Context) (QueueStats, error)) *QueueCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &QueueCollector{
		base:   ctx,
		stats:  stats,
		depth:  desc("hookaido_queue_depth", "Messages by state.", "state"),
		total:  desc("hookaido_queue_total", "Messages in all states."),
		oldest: desc("hookaido_queue_oldest_queued_age_seconds", "Age of the oldest queued message."),
		behind: desc("hookaido_queue_ready_lag_seconds", "How long the first queued message has been due."),
	}
}

// Describe implements [prometheus.Collector].
func (q *QueueCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{q.depth, q.total, q.oldest, q.behind} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (q *QueueCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(q.base, queueStatsTimeout)
	defer cancel()
	s, err := q.stats(ctx)
	if err != nil {
		return
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(q.depth, float64(s.Queued), "queued")
	gauge(q.depth, float64(s.Leased), "leased")
	gauge(q.depth, float64(s.Dead), "dead")
	gauge(q.total, float64(s.Total))
	gauge(q.oldest, s.OldestQueued.Seconds())
	gauge(q.behind, max(s.ReadyLag, 0).Seconds())
}
