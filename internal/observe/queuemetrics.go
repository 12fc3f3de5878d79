package observe

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// QueueStats are the figures of the queue gauges.
type QueueStats struct {
	Queued, Leased, Dead int
	// Total counts the messages in every state.
	Total int
	// OldestQueued is the age of the oldest queued message, ReadyLag how long
	// the first message has been due; both are 0 if none is queued.
	OldestQueued, ReadyLag time.Duration
	// Lanes are the targets of the routes in force, each once.
	Lanes []LaneStats
	// Orphaned counts the messages of routes and targets that are not in force
	// any more, whatever their state.
	Orphaned int
}

// LaneStats are the figures of one target of a route.
type LaneStats struct {
	// Route and Target are labels; no other lane has both.
	Route, Target string
	// States has the messages by the name of their state.
	States map[string]int
	// OldestQueued and ReadyLag are as in [QueueStats].
	OldestQueued, ReadyLag time.Duration
	// Paused is set while nothing is handed out.
	Paused bool
}

// queueStatsTimeout bounds how long a scrape waits for the queue.
const queueStatsTimeout = 2 * time.Second

// QueueCollector asks the queue for its figures at each scrape. If the queue
// doesn't answer in time its gauges are missing from that scrape, which alerts
// can tell from zero; the other metrics are there.
type QueueCollector struct {
	base  context.Context // that of the program; a scrape brings none
	stats func(ctx context.Context) (QueueStats, error)

	depth, total, oldest, behind                     *prometheus.Desc
	messages, laneOldest, laneBehind, paused, orphan *prometheus.Desc
}

// NewQueueCollector returns a collector; ctx ends its questions for good, and
// stats must heed the context that it gets.
func NewQueueCollector(ctx context.Context, stats func(ctx context.Context) (QueueStats, error)) *QueueCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("hookaido_queue_"+name, help, labels, nil)
	}
	return &QueueCollector{
		base: ctx, stats: stats,
		depth:    desc("depth", "Messages by state.", "state"),
		total:    desc("total", "Messages in all states."),
		oldest:   desc("oldest_queued_age_seconds", "Age of the oldest queued message."),
		behind:   desc("ready_lag_seconds", "How long the first queued message has been due."),
		messages: desc("messages", "Messages by route, target and state.", "route", "target", "state"),
		laneOldest: desc("lane_oldest_queued_age_seconds",
			"Age of the oldest queued message of a route and target.", "route", "target"),
		laneBehind: desc("lane_ready_lag_seconds",
			"How long the first queued message of a route and target has been due.", "route", "target"),
		paused: desc("lane_paused", "1 while an operator has paused the route or target.", "route", "target"),
		orphan: desc("orphaned_messages", "Messages of routes and targets that the Hookaidofile has no more."),
	}
}

// Describe implements [prometheus.Collector].
func (q *QueueCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		q.depth, q.total, q.oldest, q.behind, q.messages, q.laneOldest, q.laneBehind, q.paused, q.orphan,
	} {
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
	gauge(q.orphan, float64(s.Orphaned))
	for i := range s.Lanes {
		l := &s.Lanes[i]
		for state, n := range l.States {
			gauge(q.messages, float64(n), l.Route, l.Target, state)
		}
		gauge(q.laneOldest, l.OldestQueued.Seconds(), l.Route, l.Target)
		gauge(q.laneBehind, max(l.ReadyLag, 0).Seconds(), l.Route, l.Target)
		gauge(q.paused, boolean(l.Paused), l.Route, l.Target)
	}
}

func boolean(on bool) float64 {
	if on {
		return 1
	}
	return 0
}
