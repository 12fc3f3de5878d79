package admin

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/queue/memory"
)

// yard is a queue with a view of its backlog.
type yard struct {
	*Backlog
	t     *testing.T
	queue *memory.Store
	clock *clock.Manual
}

func newYard(t *testing.T) *yard {
	t.Helper()
	clk := clock.NewManual(start)
	y := &yard{t: t, queue: memory.Open(memory.Options{Clock: clk}), clock: clk}
	t.Cleanup(func() { _ = y.queue.Close() })
	cfg := &config.Config{
		Routes: []config.Route{{Path: "/a", Application: "app", EndpointName: "e", Pull: &config.Pull{Path: "/a"}}},
		Defaults: config.Defaults{TrendSignals: config.TrendSignals{
			Window: 15 * time.Minute, ExpectedCaptureInterval: time.Minute, StaleGraceFactor: 3, SustainedGrowthConsecutive: 3,
			SustainedGrowthMinSamples: 5, SustainedGrowthMinDelta: 10, RecentSurgeMinTotal: 1000, DeadShareHighMinTotal: 1000, QueuedPressureMinTotal: 1000,
		}},
	}
	y.Backlog = NewBacklog(BacklogOptions{Queue: y.queue, Clock: clk, Config: func() *config.Config { return cfg }})
	return y
}

func (y *yard) put(route string, n int) {
	y.t.Helper()
	var b queue.Batch
	for range n {
		b.Messages = append(b.Messages, queue.NewMessage{Route: route, Target: "pull", ReceivedAt: y.clock.Now()})
	}
	if _, err := y.queue.Enqueue(y.t.Context(), b); err != nil {
		y.t.Fatal(err)
	}
}

func (y *yard) lease(route string, n int) []queue.Leased {
	y.t.Helper()
	list, err := y.queue.Dequeue(y.t.Context(), queue.DequeueRequest{Route: route, Max: n, TTL: 1000 * time.Hour})
	if err != nil || len(list) != n {
		y.t.Fatalf("%d leases: %v", len(list), err)
	}
	return list
}

func (y *yard) bury(route string, n int) {
	y.t.Helper()
	var ids []string
	for _, l := range y.lease(route, n) {
		ids = append(ids, l.LeaseID)
	}
	if _, err := y.queue.Settle(y.t.Context(), queue.SettleRequest{LeaseIDs: ids, Action: queue.Bury}); err != nil {
		y.t.Fatal(err)
	}
}

func at(d time.Duration) *time.Time { t := start.Add(d); return &t }

func count(n int64) *int64 { return &n }

func TestTopQueued(t *testing.T) {
	y := newYard(t)
	y.put("/c", 2)
	y.clock.Advance(time.Minute)
	y.put("/b", 2)
	y.put("/a", 3)
	y.put("/dead", 1)
	y.bury("/dead", 1)
	y.clock.Advance(time.Minute)
	totals := BacklogTotals{8, 7, Ages{at(0), count(120), at(0), count(120)}}
	a := Lane{"/a", "pull", 3, Ages{at(time.Minute), count(60), at(time.Minute), count(60)}}
	b := a
	b.Route, b.Queued = "/b", 2
	c := Lane{"/c", "pull", 2, Ages{at(0), count(120), at(0), count(120)}}
	for name, test := range map[string]struct {
		s    Selector
		want TopQueued
	}{
		"all":             {Selector{}, TopQueued{totals, 100, false, false, []Lane{a, b, c}}},
		"two":             {Selector{Limit: 2}, TopQueued{totals, 2, true, false, []Lane{a, b}}},
		"three":           {Selector{Limit: 3}, TopQueued{totals, 3, false, false, []Lane{a, b, c}}},
		"a route":         {Selector{Route: "/c"}, TopQueued{totals, 100, false, false, []Lane{c}}},
		"an endpoint":     {Selector{Application: "app", EndpointName: "e"}, TopQueued{totals, 100, false, false, []Lane{a}}},
		"another target":  {Selector{Target: "x"}, TopQueued{totals, 100, false, false, []Lane{}}},
		"no such route":   {Selector{Route: "/none"}, TopQueued{totals, 100, false, false, []Lane{}}},
		"a route, target": {Selector{Route: "/b", Target: "pull"}, TopQueued{totals, 100, false, false, []Lane{b}}},
	} {
		got, err := y.TopQueued(t.Context(), test.s)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

func TestTopQueuedHasMoreThanTen(t *testing.T) { // the reference knows ten lanes
	y := newYard(t)
	for i := range 12 {
		y.put(fmt.Sprintf("/r%02d", i), 20-i)
	}
	got, err := y.TopQueued(t.Context(), Selector{Route: "/r11"})
	if err != nil || len(got.Items) != 1 || got.Items[0].Queued != 9 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestOldestQueued(t *testing.T) {
	y := newYard(t)
	y.put("/a", 2)
	y.clock.Advance(time.Minute)
	y.put("/b", 2)
	y.lease("/a", 1)
	y.clock.Advance(time.Second)
	got, err := y.OldestQueued(t.Context(), Selector{Limit: 2})
	if err != nil || got.Returned != 2 || !got.Truncated || got.Limit != 2 || got.QueuedTotal != 3 || got.QueueTotal != 4 || len(got.Items) != 2 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if m := got.Items[0]; m.Route != "/a" || m.OldestQueuedAgeSeconds != 61 || m.ReadyLagSeconds != 61 || !m.ReceivedAt.Equal(start) || m.ID == "" {
		t.Errorf("the first is %+v", m)
	}
	if m := got.Items[1]; m.Route != "/b" || m.OldestQueuedAgeSeconds != 1 {
		t.Errorf("the second is %+v", m)
	}
	got, err = y.OldestQueued(t.Context(), Selector{Route: "/b", Target: "pull", Limit: 2})
	if err != nil || got.Truncated || got.Selector != (LaneSelector{"/b", "pull"}) || got.QueuedTotal != 3 || *got.OldestQueuedAgeSeconds != 61 {
		t.Errorf("narrowed down: %+v, %v", got, err)
	}
	if got, err := y.OldestQueued(t.Context(), Selector{Route: "/none"}); err != nil || got.Items == nil || got.Returned != 0 {
		t.Errorf("nothing: %+v, %v", got, err)
	}
}

func TestAging(t *testing.T) {
	y := newYard(t)
	for _, step := range []struct {
		route string
		n     int
		after time.Duration
	}{
		{"/a", 1, 5*time.Hour + time.Second}, {"/a", 2, 45 * time.Minute}, {"/b", 3, 10 * time.Minute}, {"/b", 1, 5 * time.Minute},
	} {
		y.put(step.route, step.n)
		y.clock.Advance(step.after)
	}
	y.put("/a", 1) // aged 0
	y.lease("/b", 1)
	y.bury("/b", 1)
	now := y.clock.Now()
	got, err := y.Aging(t.Context(), AgingRequest{})
	if err != nil {
		t.Fatal(err)
	}
	// ages: 6h+1s; an hour twice; 15 minutes thrice; 5 minutes; 0
	if want := (AgeSample{8, AgeWindows{2, 3, 2, 0, 1}, &Percentiles{900, 21601, 21601}}); !cmp.Equal(want, got.AgeSample) {
		t.Error(cmp.Diff(want, got.AgeSample))
	}
	if got.Scanned != 8 || got.BucketCount != 2 || got.Truncated || got.SourceBounded || got.QueuedTotal != 6 || got.QueueTotal != 8 || got.Limit != 100 {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff(map[string]StateScan{"queued": {6, false}, "leased": {1, false}, "dead": {1, false}}, got.StateScan); diff != "" {
		t.Error(diff)
	}
	first := *at(0)
	b := first.Add(5*time.Hour + 45*time.Minute + time.Second)
	want := []AgingLane{
		{
			Route: "/a", Target: "pull", TotalObserved: 4, QueuedObserved: 4, AgeSample: AgeSample{4, AgeWindows{1, 0, 2, 0, 1}, &Percentiles{3600, 21601, 21601}},
			StateCounts: StateCounts{Queued: 4}, OldestQueuedReceivedAt: first, OldestQueuedAgeSeconds: 21601, NewestQueuedReceivedAt: now,
			EarliestQueuedNextRunAt: first, ReadyOverdueCount: 3, MaxReadyLagSeconds: 21601,
		},
		{
			Route: "/b", Target: "pull", TotalObserved: 4, QueuedObserved: 2, LeasedObserved: 1, DeadObserved: 1,
			AgeSample:   AgeSample{4, AgeWindows{1, 3, 0, 0, 0}, &Percentiles{900, 900, 900}},
			StateCounts: StateCounts{2, 1, 1}, OldestQueuedReceivedAt: b, OldestQueuedAgeSeconds: 900, NewestQueuedReceivedAt: b.Add(10 * time.Minute),
			NewestQueuedAgeSeconds: 300, EarliestQueuedNextRunAt: b, ReadyOverdueCount: 2, MaxReadyLagSeconds: 900,
		},
	}
	if diff := cmp.Diff(want, got.Items, cmpopts.IgnoreUnexported(AgingLane{})); diff != "" {
		t.Error(diff)
	}
	got, err = y.Aging(t.Context(), AgingRequest{Selector: Selector{Limit: 2, Route: "/b"}, States: "queued, DEAD,queued"})
	if err != nil || got.Scanned != 3 || got.Truncated || !cmp.Equal(got.States, []string{"queued", "dead"}) || got.StateScan["queued"] != (StateScan{2, false}) {
		t.Errorf("narrowed down: %+v, %v", got, err)
	}
	if got, err := y.Aging(t.Context(), AgingRequest{Selector: Selector{Limit: 1}}); err != nil || !got.Truncated || !got.SourceBounded ||
		got.StateScan["queued"] != (StateScan{1, true}) || got.StateScan["dead"] != (StateScan{1, false}) {
		t.Errorf("limited: %+v, %v", got, err)
	}
	if got, err := y.Aging(t.Context(), AgingRequest{Selector: Selector{Route: "/none"}}); err != nil || got.AgePercentilesSeconds != nil || got.Items == nil {
		t.Errorf("nothing: %+v, %v", got, err)
	}
}

func TestPercentiles(t *testing.T) {
	var ages []time.Duration
	for i := range 200 {
		ages = append(ages, time.Duration(200-i)*time.Second)
	}
	for n, want := range map[int]*Percentiles{0: nil, 1: {200, 200, 200}, 2: {199, 200, 200}, 200: {100, 180, 198}} {
		if got := percentiles(append([]time.Duration{}, ages[:n]...)); !cmp.Equal(got, want) {
			t.Errorf("of %d: %v, want %v", n, got, want)
		}
	}
}

func TestTrends(t *testing.T) {
	y := newYard(t)
	minute := func(put int) {
		if put > 0 {
			y.put("/a", put)
		}
		if err := y.queue.CaptureTrend(t.Context()); err != nil {
			t.Fatal(err)
		}
		y.clock.Advance(time.Minute)
	}
	y.put("/b", 1)
	y.bury("/b", 1)
	for range 3 {
		minute(2)
	}
	y.lease("/a", 1)
	minute(0)
	y.clock.Advance(6 * time.Minute) // no samples; it is minute 10 now
	minute(4)
	got, err := y.Trends(t.Context(), TrendRequest{Window: "11m", Step: "2m"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Window != "11m0s" || got.Step != "2m0s" || !got.Since.Equal(start) || !got.Until.Equal(start.Add(11*time.Minute)) || got.SampleCount != 5 ||
		got.PointCount != 6 || got.NonEmptyPointCount != 3 || got.Truncated || !got.LatestCapturedAt.Equal(start.Add(10*time.Minute)) ||
		got.LatestTotal != 11 || got.MaxTotal != 11 || got.Signals.Window != "11m0s" || got.Signals.SampleCount != 5 || got.Signals.LatestTotal != 11 {
		t.Errorf("got %+v", got)
	}
	point := func(i int) TrendPoint {
		return TrendPoint{BucketStart: start.Add(time.Duration(2*i) * time.Minute), BucketEnd: start.Add(time.Duration(2*i+2) * time.Minute)}
	}
	want := []TrendPoint{point(0), point(1), point(2), point(3), point(4), point(5)}
	fill := func(p *TrendPoint, last time.Duration, n, queued, leased, maxQueued int) {
		p.SampleCount, p.LastCapturedAt = n, at(last)
		p.QueuedLast, p.LeasedLast, p.DeadLast, p.TotalLast = queued, leased, 1, queued+leased+1
		p.QueuedMax, p.LeasedMax, p.DeadMax, p.TotalMax = maxQueued, leased, 1, max(maxQueued, queued+leased)+1
	}
	fill(&want[0], time.Minute, 2, 4, 0, 4)
	fill(&want[1], 3*time.Minute, 2, 5, 1, 6)
	fill(&want[5], 10*time.Minute, 1, 9, 1, 9)
	if diff := cmp.Diff(want, got.Items); diff != "" {
		t.Error(diff)
	}
	// a lane that is empty reads as empty, not as without samples
	got, err = y.Trends(t.Context(), TrendRequest{Selector: Selector{Route: "/none"}, Window: "5m", Until: start.Add(3 * time.Minute).Format(time.RFC3339)})
	if err != nil || got.SampleCount != 3 || got.LatestTotal != 0 || got.Signals.SamplingStale || got.PointCount != 1 || got.Selector.Route != "/none" {
		t.Errorf("an empty lane: %+v, %v", got, err)
	}
	got, err = y.Trends(t.Context(), TrendRequest{Selector: Selector{Application: "app", EndpointName: "e"}})
	if err != nil || got.LatestTotal != 10 || got.Window != "1h0m0s" || got.Step != "5m0s" || got.PointCount != 12 {
		t.Errorf("an endpoint: %+v, %v", got, err)
	}
	if got, err := y.Trends(t.Context(), TrendRequest{Window: "90s"}); err != nil || got.PointCount != 1 || got.Step != "1m30s" {
		t.Errorf("a window below the default of step: %+v, %v", got, err)
	}
}

func TestTrendRefusals(t *testing.T) {
	y := newYard(t)
	for _, r := range []TrendRequest{
		{Window: "0s"}, {Window: "-1h"}, {Window: "168h0m1s", Step: "1h"}, {Window: "x"}, {Window: "1"}, {Step: "59s"}, {Step: "1h1s", Window: "2h"}, {Step: "0"},
		{Step: "1h", Window: "30m"}, {Step: "x"}, {Window: "168h"}, {Window: "168h", Step: "10m4s"}, {Until: "today"}, {Until: "0001-01-01T00:00:00Z"},
		{Selector: Selector{Route: "x"}}, {Selector: Selector{Application: "app"}}, {Window: "30s"},
	} {
		_, err := y.Trends(t.Context(), r)
		var refused *Refusal
		if !errors.As(err, &refused) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for _, r := range []TrendRequest{{Window: "168h", Step: "10m5s"}, {Window: "168h", Step: "1h"}, {Window: "1m", Step: "1m"}, {Until: "2261-01-01T00:00:00+01:00"}} {
		if _, err := y.Trends(t.Context(), r); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if _, err := y.Aging(t.Context(), AgingRequest{States: "queued,lost"}); err == nil {
		t.Error("an unknown state is allowed")
	}
	if _, err := y.TopQueued(t.Context(), Selector{Limit: -1}); err == nil {
		t.Error("a negative limit is allowed")
	}
}

// failing is a queue of which nothing can be read.
type failing struct{ BacklogQueue }

var errGone = errors.New("gone")

func (failing) Stats(context.Context) (queue.Stats, error) { return queue.Stats{}, errGone }

func (failing) Trend(context.Context, queue.TrendFilter) ([]queue.TrendSample, error) {
	return nil, errGone
}

func TestBacklogOfBrokenQueue(t *testing.T) {
	y := newYard(t)
	y.Backlog = NewBacklog(BacklogOptions{Queue: failing{}, Clock: y.clock, Config: y.config})
	_, top := y.TopQueued(t.Context(), Selector{})
	_, oldest := y.OldestQueued(t.Context(), Selector{})
	_, aging := y.Aging(t.Context(), AgingRequest{})
	_, trends := y.Trends(t.Context(), TrendRequest{})
	for i, err := range []error{top, oldest, aging, trends} {
		if !errors.Is(err, errGone) {
			t.Errorf("view %d: %v", i, err)
		}
	}
}

// FuzzTrendSpan: whatever a query asks for, the answer has 1 to 1000 buckets
// that begin at its start and reach its end.
func FuzzTrendSpan(f *testing.F) {
	f.Add("1h", "5m", "")
	f.Add("168h", "10m5s", "2026-01-31T12:00:00+01:00")
	f.Add(" 90s ", "", "2261-12-31T23:59:59Z")
	f.Add("-1h", "1ns", "1970-01-01T00:00:00Z")
	f.Fuzz(func(t *testing.T, window, step, until string) {
		r := TrendRequest{Window: window, Step: step, Until: until}
		s, refusal := r.span(start)
		if refusal != nil {
			return
		}
		points := (s.window + s.step - 1) / s.step
		if points < 1 || points > maxTrendPoints || s.step > s.window || !s.until.Equal(s.since.Add(s.window)) || s.until.Location() != time.UTC {
			t.Errorf("%+v gives %+v", r, s)
		}
	})
}
