package pull

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"hookaido/internal/queue"
)

// timed returns how often a histogram of a route was told a time, and the sum.
func (f *fixture) timed(name, route string) (n uint64, seconds float64) {
	f.t.Helper()
	families, err := f.reg.Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && m.GetLabel()[0].GetValue() == route {
				return m.GetHistogram().GetSampleCount(), m.GetHistogram().GetSampleSum()
			}
		}
	}
	f.t.Fatalf("no histogram %s of %s", name, route)
	return 0, 0
}

func TestEndToEndTime(t *testing.T) {
	f := newFixture(t, nil)
	f.enqueue(f.a)
	f.clock.Advance(2 * time.Second)
	first := f.lease(f.a, 1)
	f.clock.Advance(time.Second)
	f.settle(f.a, queue.Ack, first...)
	f.settle(f.a, queue.Ack, first...) // a repeat
	f.settle(f.a, queue.Nack, f.lease(f.a, 1)...)
	f.settle(f.a, queue.Bury, f.lease(f.a, 1)...)
	if n, sum := f.timed("hookaido_pull_end_to_end_seconds", "/hooks/a"); n != 1 || math.Abs(sum-3) > 1e-6 {
		t.Errorf("%d messages took %v s, want 1 and 3 s", n, sum)
	}
	if n, _ := f.timed("hookaido_pull_end_to_end_seconds", "/hooks/b"); n != 0 {
		t.Errorf("%d messages of the other route", n)
	}
}

func TestEndToEndTimeOfAClockSetBack(t *testing.T) {
	f := newFixture(t, nil)
	ids := f.lease(f.a, 1)
	later := queue.Leased{LeaseID: ids[0], ReceivedAt: f.clock.Now().Add(time.Hour)}
	f.ledger.lease([]queue.Leased{later}, grant{route: f.ledger.entries[ids[0]].route, now: f.clock.Monotonic(), ttl: time.Minute, wall: f.clock.Now()})
	f.settle(f.a, queue.Ack, ids...)
	if n, sum := f.timed("hookaido_pull_end_to_end_seconds", "/hooks/a"); n != 1 || sum != 0 {
		t.Errorf("%d messages took %v s, want 1 and 0 s", n, sum)
	}
}

func TestDequeueTime(t *testing.T) {
	now := 10 * time.Second
	at := func(due time.Duration) queue.Leased { return queue.Leased{Due: start.Add(due)} }
	for name, tc := range map[string]struct {
		began time.Duration
		items []queue.Leased
		want  time.Duration
	}{
		"was there before":           {8 * time.Second, []queue.Leased{at(time.Second), at(9 * time.Second)}, 2 * time.Second},
		"came while it waited":       {2 * time.Second, []queue.Leased{at(9 * time.Second), at(7 * time.Second)}, 3 * time.Second},
		"the clock was set back":     {2 * time.Second, []queue.Leased{at(15 * time.Second)}, 0},
		"asked at the same time":     {now, []queue.Leased{at(0)}, 0},
		"due when it was handed out": {0, []queue.Leased{at(now)}, 0},
	} {
		g := grant{now: now, wall: start.Add(now)}
		if got := g.latency(tc.began, tc.items); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
	f := newFixture(t, nil)
	if _, err := f.Dequeue(t.Context(), f.a, DequeueRequest{Batch: 1}); err != nil {
		t.Fatal(err)
	}
	f.lease(f.a, 3)
	if n, _ := f.timed("hookaido_pull_dequeue_seconds", "/hooks/a"); n != 1 {
		t.Errorf("%d dequeues were timed, want the one that got messages", n)
	}
}

func TestMetricNames(t *testing.T) {
	families, err := newFixture(t, nil).reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestSeriesOfRoutesEndWithThem(t *testing.T) {
	f := newFixture(t, nil)
	f.lease(f.a, 1)
	id := f.lease(f.b, 1)
	gone := f.b
	f.Swap(f.Snapshot(Settings{Routes: []Route{{Endpoint: "/a", Path: "/hooks/a"}}, Tokens: tokens("global"), Limits: defaults}))
	f.settle(gone, queue.Ack, id...) // a request that was still running
	families, err := f.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetValue() == "/hooks/b" {
					t.Errorf("%s has a series of the route that is gone", family.GetName())
				}
			}
		}
	}
	if n := f.metric("hookaido_pull_dequeue_total", "/hooks/a", "status=200"); n != 1 {
		t.Errorf("the other route lost its count: %v", n)
	}
}
