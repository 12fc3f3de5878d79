package admin

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"hookaido/internal/config"
	"hookaido/internal/queue"
)

func TestPublicationsAreCounted(t *testing.T) {
	d := newDesk(t, config.PublishPolicy{})
	scope := func() *Scope { return &Scope{Application: "app", EndpointName: "e"} }
	refused := func(err error) {
		t.Helper()
		if err == nil {
			t.Error("published")
		}
	}
	if err := errors.Join(d.publish(t, nil, Item{ID: "1", Route: "/a"}, Item{ID: "2", Route: "/a"}), d.publish(t, scope(), Item{ID: "3"})); err != nil {
		t.Fatal(err)
	}
	refused(d.publish(t, nil, Item{ID: "1", Route: "/a"}))                  // conflict
	refused(d.publish(t, nil, Item{Route: "/a"}))                           // no id
	refused(d.publish(t, nil, Item{ID: "4", Route: "/a", Payload: "?"}))    // no base64
	refused(d.publish(t, nil, Item{ID: "4", Route: "/l"}))                  // has labels
	refused(d.publish(t, scope(), Item{ID: "4", Route: "/a"}))              // scoped
	refused(d.publish(t, &Scope{Application: "app", EndpointName: "none"})) // scoped
	_, err := d.Publish(t.Context(), Publication{Audit: Audit{Reason: "r"}, Items: func() ([]Item, error) { return nil, errors.New("no JSON") }})
	refused(err)
	d.queue.err = fmt.Errorf("%w: 1 of 1", queue.ErrFull)
	refused(d.publish(t, nil, Item{ID: "5", Route: "/a"}))
	d.queue.err = &queue.UnavailableError{Cause: errors.New("disk I/O error")}
	refused(d.publish(t, nil, Item{ID: "5", Route: "/a"}))
	want := PublishCounts{
		Accepted: 3, Rejected: 9, ScopedAccepted: 1, ScopedRejected: 2,
		Validation: 3, Policy: 3, Conflict: 1, QueueFull: 1, Store: 1,
	}
	if diff := cmp.Diff(want, d.PublishCounts()); diff != "" {
		t.Error(diff)
	}

	r := prometheus.NewRegistry()
	r.MustRegister(d.PublishCollector())
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		got[strings.TrimPrefix(f.GetName(), "hookaido_publish_")] = f.GetMetric()[0].GetCounter().GetValue()
	}
	if diff := cmp.Diff(map[string]float64{
		"accepted_total": 3, "rejected_total": 9, "scoped_accepted_total": 1, "scoped_rejected_total": 2,
		"rejected_validation_total": 3, "rejected_policy_total": 3, "rejected_conflict_total": 1,
		"rejected_queue_full_total": 1, "rejected_store_total": 1,
	}, got); diff != "" {
		t.Error(diff)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}
