package sqlite

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"hookaido/internal/queue"
)

// figures are the values of all metrics by name and labels; of histograms the
// number of observations.
func figures(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	must(t, err)
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "hookaido_store_")
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return got
}

func TestMetrics(t *testing.T) {
	r := prometheus.NewRegistry()
	s := open(t, Options{Metrics: r})
	before := figures(t, r)
	grown := func(name string) float64 { return figures(t, r)[name] - before[name] }

	for range 3 {
		enqueue(t, s, message("/a", "x"))
	}
	_, err := s.Stats(t.Context()) // no transaction
	must(t, err)
	leased, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: 2, TTL: time.Minute})
	must(t, err)
	_, err = s.Settle(t.Context(), queue.SettleRequest{LeaseIDs: []string{leased[0].LeaseID}, Action: queue.Ack})
	must(t, err)
	for name, want := range map[string]float64{
		"sqlite_write_seconds": 4, "operation_seconds sqlite write_tx": 4,
		"sqlite_dequeue_seconds": 1, "operation_seconds sqlite dequeue_tx": 1,
		"sqlite_tx_commit_total": 5, "operation_total sqlite tx_commit": 5,
		"sqlite_batch_operations": 5, "sqlite_tx_rollback_total": 0,
	} {
		if got := grown(name); got != want {
			t.Errorf("%s grew by %v, want %v", name, got, want)
		}
	}

	must(t, s.checkpoint(s.keeper.c, "PASSIVE"))
	if grown("sqlite_checkpoint_total") < 1 || grown("operation_total sqlite checkpoint") < 1 || grown("sqlite_checkpoint_seconds") < 1 {
		t.Error("a checkpoint was not counted")
	}
	now := figures(t, r)
	if now["sqlite_wal_bytes"] <= 0 || now["sqlite_database_bytes"] <= 0 || now["disk_free_bytes"] <= 0 || now["disk_reserve_bytes"] != float64(s.disk.floor) {
		t.Errorf("files: %v", now)
	}
	if s.disk.low.Store(true); figures(t, r)["disk_low"] != 1 || now["disk_low"] != 0 {
		t.Error("disk_low doesn't follow the disk")
	}
}

func TestMetricsOfFailures(t *testing.T) {
	r := prometheus.NewRegistry()
	s := open(t, Options{Metrics: r})
	before := figures(t, r)
	blocker, err := connect(t.Context(), s.path, readWrite)
	must(t, err)
	must(t, s.keeper.task(func(w *writer) error { return w.c.exec("PRAGMA busy_timeout = 10") }))
	must(t, blocker.exec("BEGIN IMMEDIATE"))
	if _, err := s.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{message("/a", "x")}}); err == nil {
		t.Fatal("committed under the lock of another")
	}
	must(t, blocker.exec("ROLLBACK"))
	must(t, blocker.close())
	now := figures(t, r)
	for name, want := range map[string]float64{
		"sqlite_busy_total": 1, "errors_total sqlite busy begin_tx": 1, "sqlite_tx_commit_total": 0, "sqlite_write_seconds": 0,
	} {
		if got := now[name] - before[name]; got != want {
			t.Errorf("%s grew by %v, want %v", name, got, want)
		}
	}
	s.metrics.checkpointDone(0, errReplaced)
	if now := figures(t, r); now["sqlite_checkpoint_errors_total"] != before["sqlite_checkpoint_errors_total"]+1 || now["errors_total sqlite error checkpoint"] < 1 {
		t.Errorf("a checkpoint that failed: %v", now)
	}
}

func TestMetricNames(t *testing.T) {
	r := prometheus.NewRegistry()
	open(t, Options{Metrics: r})
	families, err := r.Gather()
	must(t, err)
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	must(t, err)
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
