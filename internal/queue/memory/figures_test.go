package memory

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

// recount counts the messages and their memory one by one.
func (s *Store) recount() (items map[queue.State]int, bytes map[queue.State]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	items, bytes = map[queue.State]int{}, map[queue.State]int64{}
	for _, state := range queue.States() {
		items[state], bytes[state] = 0, 0
	}
	for _, it := range s.items {
		items[it.state]++
		bytes[it.state] += it.cost
	}
	return items, bytes
}

// TestFiguresFollowEveryChange holds the maintained figures to a count.
func TestFiguresFollowEveryChange(t *testing.T) {
	m := clock.NewManual(time.Unix(1764000000, 0))
	s := Open(Options{Clock: m, Limits: queue.Limits{MaxDepth: 40, DropPolicy: queue.DropOldest}})
	defer s.Close() //nolint:errcheck // never fails
	s.SetRetention(queue.Retention{Queued: time.Hour, Delivered: time.Minute, Dead: time.Hour, DeadDepth: 5, Interval: time.Minute})
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test that can be repeated
	ctx := t.Context()
	routes := []string{"/a", "/b"}
	for step := range 3000 {
		route := routes[r.IntN(len(routes))]
		switch r.IntN(10) {
		case 0, 1, 2:
			_, _ = s.Enqueue(ctx, queue.Batch{Messages: []queue.NewMessage{{
				Route: route, Target: "t", ReceivedAt: m.Now(), Payload: make([]byte, r.IntN(2000)),
			}}})
		case 3, 4, 5:
			leases, _ := s.Dequeue(ctx, queue.DequeueRequest{Route: route, Max: 2, TTL: time.Second, MaxDeliveries: 4})
			actions := []queue.Action{queue.Ack, queue.Nack, queue.Bury}
			for _, l := range leases {
				if r.IntN(4) > 0 {
					_, _ = s.Settle(ctx, queue.SettleRequest{LeaseIDs: []string{l.LeaseID}, Action: actions[r.IntN(3)]})
				}
			}
		case 6, 7:
			change := queue.Change(1 + r.IntN(int(queue.Move))) //nolint:gosec // a small number
			_, _ = s.Change(ctx, queue.ChangeRequest{
				Change: change, Filter: queue.Filter{Route: route, Limit: 1 + r.IntN(3)}, Route: routes[r.IntN(2)], Target: "u",
			})
		default:
			m.Advance(time.Duration(r.IntN(90)) * time.Second)
			if r.IntN(50) == 0 {
				m.Advance(time.Hour)
			}
		}
		f := s.Figures()
		items, bytes := s.recount()
		if d := cmp.Diff(items, f.Items) + cmp.Diff(bytes, f.Bytes); d != "" {
			t.Fatalf("after step %d:\n%s", step, d)
		}
	}
	f := s.Figures()
	for _, reason := range []string{evictedOldest, evictedDelivered, evictedDead, evictedDeadDepth} {
		if f.Evictions[reason] == 0 {
			t.Errorf("nothing was dropped by %s: %v", reason, f.Evictions)
		}
	}
}

func TestCollector(t *testing.T) {
	s := Open(Options{Clock: clock.NewManual(time.Unix(1764000000, 0)), MaxBytes: 2000})
	defer s.Close() //nolint:errcheck // never fails
	m := queue.NewMessage{Route: "/a", Target: "t", Payload: make([]byte, 1000)}
	if _, err := s.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{m}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{m}}); !errors.Is(err, queue.ErrFull) {
		t.Fatalf("two messages in 2000 bytes: %v", err)
	}
	r := prometheus.NewRegistry()
	r.MustRegister(s.Collector())
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, one := range f.GetMetric() {
			name := f.GetName()
			for _, l := range one.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = one.GetCounter().GetValue() + one.GetGauge().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"hookaido_store_memory_items queued": 1, "hookaido_store_memory_items canceled": 0,
		"hookaido_store_memory_retained_bytes queued": 1000 + itemCost, "hookaido_store_memory_retained_bytes_total": 1000 + itemCost,
		"hookaido_store_memory_limit_bytes":                    2000,
		"hookaido_store_operation_total memory enqueue_reject": 1, "hookaido_store_errors_total memory memory_pressure enqueue": 1,
	} {
		if v, there := got[name]; !there || v != want {
			t.Errorf("%s is %v (%v), want %v", name, v, there, want)
		}
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		// a gauge by the name of 2.11
		if p.Metric != "hookaido_store_memory_retained_bytes_total" {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}
