package observe

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zapcore"
)

func zapEntry(msg string) zapcore.Entry { return zapcore.Entry{Message: msg, Time: epoch} }

// gather returns the samples of our own families by name and labels.
func gather(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	must(t, err)
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetName() + "=" + l.GetValue()
			}
			got[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return got
}

func TestRegistry(t *testing.T) {
	r := NewRegistry("3.0.0", epoch)
	lost := uint64(7)
	r.MustRegister(NewLostLines("access", func() uint64 { return lost }))
	got := gather(t, r)
	for name, want := range map[string]float64{
		"hookaido_up": 1, "hookaido_build_info version=3.0.0": 1,
		"hookaido_metrics_schema_info schema=1.3.0": 1, "hookaido_start_time_seconds": float64(epoch.Unix()),
		"hookaido_log_lines_lost_total log=access": 7,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v (%v), want %v", name, v, ok, want)
		}
	}
	if got["go_goroutines"] == 0 || got["process_open_fds"] == 0 {
		t.Error("the collectors of Go and of the process are missing")
	}
	NewRegistry("3.0.0", epoch) // a second program in this process
}

func TestQueueGauges(t *testing.T) {
	r := prometheus.NewRegistry()
	var answer error
	stats := QueueStats{
		Queued: 5, Leased: 2, Dead: 1, Total: 12, OldestQueued: 90 * time.Second, ReadyLag: 1500 * time.Millisecond, Orphaned: 3,
		Lanes: []LaneStats{{
			Route: "/a", Target: "pull", States: map[string]int{"queued": 4, "canceled": 1},
			OldestQueued: time.Minute, ReadyLag: -time.Second, Paused: true,
		}},
	}
	r.MustRegister(NewQueueCollector(t.Context(), func(ctx context.Context) (QueueStats, error) {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("a scrape may wait for ever")
		}
		return stats, answer
	}))
	want := map[string]float64{
		"hookaido_queue_depth state=queued": 5, "hookaido_queue_depth state=leased": 2, "hookaido_queue_depth state=dead": 1,
		"hookaido_queue_total": 12, "hookaido_queue_oldest_queued_age_seconds": 90, "hookaido_queue_ready_lag_seconds": 1.5,
		"hookaido_queue_orphaned_messages":                                   3,
		"hookaido_queue_messages route=/a state=queued target=pull":          4,
		"hookaido_queue_messages route=/a state=canceled target=pull":        1,
		"hookaido_queue_lane_oldest_queued_age_seconds route=/a target=pull": 60,
		"hookaido_queue_lane_ready_lag_seconds route=/a target=pull":         0,
		"hookaido_queue_lane_paused route=/a target=pull":                    1,
	}
	if d := cmp.Diff(want, gather(t, r)); d != "" {
		t.Error(d)
	}
	stats = QueueStats{Queued: 1, ReadyLag: -time.Minute} // fresh, and due only later
	if got := gather(t, r); got["hookaido_queue_depth state=queued"] != 1 || got["hookaido_queue_ready_lag_seconds"] != 0 {
		t.Errorf("second scrape: %v", got)
	}
	answer = errors.New("store is gone")
	if got := gather(t, r); len(got) != 0 {
		t.Errorf("without figures: %v", got)
	}
}
