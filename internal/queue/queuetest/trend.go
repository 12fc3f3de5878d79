package queuetest

import (
	"context"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hookaido/internal/queue"
)

// Sampler keeps samples of the backlog.
type Sampler interface {
	CaptureTrend(ctx context.Context) error
	Trend(ctx context.Context, f queue.TrendFilter) ([]queue.TrendSample, error)
}

func trendCases() []contractCase {
	return []contractCase{
		{name: "samples tell what there was", run: trendTells},
		{name: "the latest ones, if there are too many", run: func(r *rig) {
			for range 4 {
				r.capture()
				r.put("x")
				r.pass(time.Minute)
			}
			all := r.trend(queue.TrendFilter{Max: 100})
			if diff := cmp.Diff(all[2:], r.trend(queue.TrendFilter{Max: 2})); diff != "" || len(all) != 4 {
				r.Errorf("%d samples, the last two (-want +got):\n%s", len(all), diff)
			}
		}},
		{name: "both ends of the time are included", run: func(r *rig) {
			for range 4 {
				r.capture()
				r.pass(time.Minute)
			}
			got := r.trend(queue.TrendFilter{From: start().Add(time.Minute), Until: start().Add(2 * time.Minute), Max: 9})
			if len(got) != 2 || !got[0].At.Equal(start().Add(time.Minute)) || !got[1].At.Equal(start().Add(2*time.Minute)) {
				r.Errorf("got %v", got)
			}
			if got := r.trend(queue.TrendFilter{From: start().Add(1), Until: start().Add(time.Minute - 1), Max: 9}); len(got) != 0 {
				r.Errorf("between two samples got %v", got)
			}
		}},
		{name: "a sample of the same moment takes the place of the first", run: func(r *rig) {
			r.capture()
			r.put("x")
			r.capture()
			r.wantTrend(queue.TrendFilter{}, queue.TrendSample{At: start(), Queued: 1})
			r.wantTrend(queue.TrendFilter{Route: routeA}, queue.TrendSample{At: start(), Queued: 1})
		}},
		{name: "old samples go", run: func(r *rig) {
			r.capture()
			r.pass(time.Minute)
			r.capture()
			r.pass(queue.TrendKept - time.Minute + 1)
			r.capture()
			r.wantTrend(queue.TrendFilter{}, queue.TrendSample{At: start().Add(time.Minute)},
				queue.TrendSample{At: start().Add(queue.TrendKept + 1)})
		}},
		{name: "a lease that ran out counts as queued", run: func(r *rig) {
			r.put("x")
			r.lease(time.Minute)
			r.pass(time.Minute)
			r.capture()
			r.wantTrend(queue.TrendFilter{}, queue.TrendSample{At: r.clock.Now(), Queued: 1})
		}},
	}
}

func trendTells(r *rig) {
	r.capture()
	r.put("1", "2", "3", "4", "5", "6")
	r.enqueue(r.message(routeB, "7"))
	other := r.message(routeB, "8")
	other.Target = "other"
	r.enqueue(other)
	r.settle(queue.SettleRequest{LeaseIDs: []string{r.lease(time.Hour).LeaseID}, Action: queue.Bury})
	r.lease(time.Hour)
	r.lease(time.Hour)
	r.pass(time.Minute)
	r.capture()
	r.put("9")
	// in another minute, so that the counters have moved on since
	r.pass(time.Minute)
	r.capture()
	at := func(n time.Duration) time.Time { return start().Add(n * time.Minute) }
	r.wantTrend(queue.TrendFilter{}, queue.TrendSample{At: at(0)},
		queue.TrendSample{At: at(1), Queued: 5, Leased: 2, Dead: 1}, queue.TrendSample{At: at(2), Queued: 6, Leased: 2, Dead: 1})
	r.wantTrend(queue.TrendFilter{Route: routeA}, queue.TrendSample{At: at(0)},
		queue.TrendSample{At: at(1), Queued: 3, Leased: 2, Dead: 1}, queue.TrendSample{At: at(2), Queued: 4, Leased: 2, Dead: 1})
	r.wantTrend(queue.TrendFilter{Route: routeB}, queue.TrendSample{At: at(0)},
		queue.TrendSample{At: at(1), Queued: 2}, queue.TrendSample{At: at(2), Queued: 2})
	r.wantTrend(queue.TrendFilter{Route: routeB, Target: "other"}, queue.TrendSample{At: at(0)},
		queue.TrendSample{At: at(1), Queued: 1}, queue.TrendSample{At: at(2), Queued: 1})
	r.wantTrend(queue.TrendFilter{Target: "other"}, queue.TrendSample{At: at(0)},
		queue.TrendSample{At: at(1), Queued: 1}, queue.TrendSample{At: at(2), Queued: 1})
	r.wantTrend(queue.TrendFilter{Route: routeA, Target: "other"}, queue.TrendSample{At: at(0)},
		queue.TrendSample{At: at(1)}, queue.TrendSample{At: at(2)})
}

func (r *rig) capture() {
	r.Helper()
	if err := r.queue.CaptureTrend(r.Context()); err != nil {
		r.Fatalf("CaptureTrend: %v", err)
	}
}

func (r *rig) trend(f queue.TrendFilter) []queue.TrendSample {
	r.Helper()
	if f.Until.IsZero() {
		f.Until = r.clock.Now()
	}
	if f.Max == 0 {
		f.Max = 1000
	}
	list, err := r.queue.Trend(r.Context(), f)
	if err != nil {
		r.Fatalf("Trend: %v", err)
	}
	return list
}

func (r *rig) wantTrend(f queue.TrendFilter, want ...queue.TrendSample) {
	r.Helper()
	if diff := cmp.Diff(want, r.trend(f), cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0)); diff != "" {
		r.Errorf("%+v (-want +got):\n%s", f, diff)
	}
}

func trendSurvives(r *rig) {
	r.put("1", "2")
	r.capture()
	at := r.clock.Now()
	r.reopen(time.Minute)
	r.capture()
	for _, f := range []queue.TrendFilter{{}, {Route: routeA}} {
		r.wantTrend(f, queue.TrendSample{At: at, Queued: 2}, queue.TrendSample{At: at.Add(time.Minute), Queued: 2})
	}
}
