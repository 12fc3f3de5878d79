package sqlite

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mattn/go-sqlite3"
	"github.com/prometheus/client_golang/prometheus"
)

// backend is the label of this engine in the families that all engines share.
const backend = "sqlite"

// The operations that are timed. A batch that only leases is a dequeue_tx, any
// other a write_tx.
const (
	opWrite      = "write_tx"
	opDequeue    = "dequeue_tx"
	opCheckpoint = "checkpoint"
)

// metrics are the families of the engine. They are updated once for each
// transaction and checkpoint, not for each message.
type metrics struct {
	collectors []prometheus.Collector

	write, dequeue, checkpoint timing
	commits, rollbacks         tally
	retries, checkpoints       tally
	busy, checkpointErrors     prometheus.Counter
	batch                      prometheus.Histogram
	errors                     *prometheus.CounterVec
}

// timing is a histogram under two names: its own, and that of all engines.
type timing struct{ own, shared prometheus.Observer }

func (t timing) took(d time.Duration) {
	t.own.Observe(d.Seconds())
	t.shared.Observe(d.Seconds())
}

// tally is a counter under two names likewise.
type tally struct{ own, shared prometheus.Counter }

func (t tally) inc() {
	t.own.Inc()
	t.shared.Inc()
}

func newMetrics() *metrics {
	m := &metrics{}
	bounds := []float64{0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5}
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "hookaido_store_operation_seconds", Help: "Time that operations of the queue took.", Buckets: bounds,
	}, []string{"backend", "operation"})
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hookaido_store_operation_total", Help: "Operations of the queue.",
	}, []string{"backend", "operation"})
	m.errors = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hookaido_store_errors_total", Help: "Operations of the queue that failed, by kind.",
	}, []string{"backend", "operation", "kind"})
	m.errors.WithLabelValues(backend, "begin_tx", "busy")
	m.errors.WithLabelValues(backend, opCheckpoint, "error")
	timing := func(name, help, operation string) timing {
		own := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hookaido_store_sqlite_" + name, Help: help, Buckets: bounds})
		m.collectors = append(m.collectors, own)
		return timing{own, seconds.WithLabelValues(backend, operation)}
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "hookaido_store_sqlite_" + name, Help: help})
		m.collectors = append(m.collectors, c)
		return c
	}
	tally := func(name, help, operation string) tally {
		return tally{counter(name, help), total.WithLabelValues(backend, operation)}
	}
	m.write = timing("write_seconds", "Time of transactions that promise something, with their sync.", opWrite)
	m.dequeue = timing("dequeue_seconds", "Time of transactions that only lease, which are not synced.", opDequeue)
	m.checkpoint = timing("checkpoint_seconds", "Time of checkpoints, which copy the write-ahead log into the database.", opCheckpoint)
	m.commits = tally("tx_commit_total", "Transactions that were committed.", "tx_commit")
	m.rollbacks = tally("tx_rollback_total", "Transactions that were undone.", "tx_rollback")
	m.retries = tally("retry_total", "Transactions that were tried again without new messages, because the disk was full.", "retry")
	m.checkpoints = tally("checkpoint_total", "Checkpoints.", opCheckpoint)
	m.busy = counter("busy_total", "Transactions that could not begin, because another program kept the database locked.")
	m.checkpointErrors = counter("checkpoint_errors_total", "Checkpoints that failed.")
	m.batch = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "hookaido_store_sqlite_batch_operations",
		Help:    "Operations that were committed together with one sync.",
		Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512},
	})
	m.collectors = append(m.collectors, seconds, total, m.errors, m.batch)
	return m
}

// register registers the metrics of s; r may be nil.
func (m *metrics) register(s *Store, r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	for _, c := range append(m.collectors, newFileGauges(s)) {
		if err := r.Register(c); err != nil {
			return fmt.Errorf("register the metrics of the queue: %w", err)
		}
	}
	return nil
}

// batchDone tells of a batch that took a time, of which err says how it ended.
// A batch without a transaction, of reads for instance, is none.
func (m *metrics) batchDone(c promises, took time.Duration, err error) {
	if err != nil {
		kind := kindOf(err)
		if kind == "busy" {
			m.busy.Inc()
			m.errors.WithLabelValues(backend, "begin_tx", kind).Inc()
			return
		}
		m.errors.WithLabelValues(backend, opWrite, kind).Inc()
		return
	}
	if !c.committed {
		return
	}
	m.batch.Observe(float64(len(c.batch)))
	for _, o := range c.batch {
		if _, leases := o.(*leaseOp); !leases {
			m.write.took(took)
			return
		}
	}
	m.dequeue.took(took)
}

// checkpointDone tells of a checkpoint.
func (m *metrics) checkpointDone(took time.Duration, err error) {
	if err != nil {
		m.checkpointErrors.Inc()
		m.errors.WithLabelValues(backend, opCheckpoint, "error").Inc()
		return
	}
	m.checkpoints.inc()
	m.checkpoint.took(took)
}

// kindOf is the label of an error.
func kindOf(err error) string {
	var e sqlite3.Error
	switch {
	case errors.As(err, &e) && e.Code == sqlite3.ErrBusy:
		return "busy"
	case classify(err) == faultFull:
		return "disk_full"
	case classify(err) == faultFatal:
		return "fatal"
	default:
		return "other"
	}
}

// fileGauges are read from the file system at each scrape.
type fileGauges struct {
	s                                           *Store
	wal, database, bodies, free, reserve, lowOn *prometheus.Desc
}

func newFileGauges(s *Store) *fileGauges {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("hookaido_store_"+name, help, nil, nil)
	}
	return &fileGauges{
		s:        s,
		wal:      desc("sqlite_wal_bytes", "Size of the file of the write-ahead log."),
		database: desc("sqlite_database_bytes", "Size of the database file, without the write-ahead log."),
		bodies:   desc("sqlite_body_files_bytes", "Size of the files with large bodies that have yet to move to the database."),
		free:     desc("disk_free_bytes", "Free space of the file system with the queue."),
		reserve:  desc("disk_reserve_bytes", "Free space below which new messages are refused."),
		lowOn:    desc("disk_low", "1 while new messages are refused for want of disk space."),
	}
}

// Describe implements [prometheus.Collector].
func (g *fileGauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.wal, g.database, g.bodies, g.free, g.reserve, g.lowOn} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector]. What can't be read is missing.
func (g *fileGauges) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
	for d, path := range map[*prometheus.Desc]string{g.wal: g.s.path + "-wal", g.database: g.s.path} {
		if info, err := os.Stat(path); err == nil {
			gauge(d, float64(info.Size()))
		}
	}
	gauge(g.bodies, float64(g.s.bodies.Size()))
	if _, free, err := g.s.disk.space(); err == nil {
		gauge(g.free, float64(free))
	}
	gauge(g.reserve, float64(g.s.disk.floor))
	low := 0.0
	if g.s.disk.low.Load() {
		low = 1
	}
	gauge(g.lowOn, low)
}
