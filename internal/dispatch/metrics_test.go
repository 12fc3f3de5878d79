package dispatch

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"hookaido/internal/deliver"
	"hookaido/internal/queue"
)

// TestEndToEndTime holds that a delivered message is timed from its receipt,
// over all its attempts, once.
func TestEndToEndTime(t *testing.T) {
	bubble(t, func(r *rig) {
		s := &server{takes: 500 * time.Millisecond, behave: func(_ *queue.Leased, call int) deliver.Result {
			if call == 1 {
				return deliver.Result{Class: deliver.Retry, Status: 503, Reason: "status_503"}
			}
			return deliver.Result{Class: deliver.Done, Status: 200}
		}}
		r.put(1, "x")
		pass(2 * time.Second)
		r.swap(1, s.target("x"))
		pass(time.Minute)
		// two seconds in the queue, an attempt, the wait for the next, an attempt
		want := 2 + 0.5 + retry.Base.Seconds() + 0.5
		if n, sum := r.histogram("hookaido_delivery_end_to_end_seconds"); n != 1 || math.Abs(sum-want) > 0.01 {
			r.Errorf("%d messages took %v s, want 1 and %v", n, sum, want)
		}
		if n, sum := r.histogram("hookaido_delivery_attempt_seconds"); n != 2 || math.Abs(sum-1) > 0.01 {
			r.Errorf("%d attempts took %v s, want 2 and 1", n, sum)
		}
		families, err := r.registry.Gather()
		if err != nil {
			r.Fatal(err)
		}
		problems, err := promlint.NewWithMetricFamilies(families).Lint()
		if err != nil {
			r.Fatal(err)
		}
		for _, p := range problems {
			r.Errorf("%s: %s", p.Metric, p.Text)
		}
	})
}

func (r *rig) histogram(name string) (n uint64, sum float64) {
	r.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		r.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			h := f.GetMetric()[0].GetHistogram()
			return h.GetSampleCount(), h.GetSampleSum()
		}
	}
	r.Fatalf("no metric %s", name)
	return 0, 0
}
