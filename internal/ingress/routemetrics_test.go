package ingress

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

// slow is an Enqueuer that takes a time by the clock.
type slow struct {
	clock *clock.Manual
	takes time.Duration
}

func (s slow) Enqueue(context.Context, queue.Batch) ([]string, error) {
	s.clock.Advance(s.takes)
	return []string{"evt_1"}, nil
}

func observed(t *testing.T, enqueuer Enqueuer, clk clock.Clock, routes ...Route) (*Handler, *prometheus.Registry) {
	t.Helper()
	r := prometheus.NewRegistry()
	h := New(Options{Enqueuer: enqueuer, Clock: clk, Logger: zap.NewNop(), Metrics: r})
	h.Swap(NewSnapshot(SnapshotOptions{Routes: routes}))
	return h, r
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// series are the values of a family by the values of its labels.
func series(t *testing.T, r *prometheus.Registry, family string) map[string]float64 {
	t.Helper()
	got := map[string]float64{}
	for _, f := range must(r.Gather()) {
		if f.GetName() != family {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			got[strings.Join(labels, " ")] = m.GetCounter().GetValue()
		}
	}
	return got
}

func serve(h http.Handler, method, path string) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader("x")))
	return w.Code
}

func TestRequestsAreCountedByRoute(t *testing.T) {
	clk := clock.NewManual(start)
	secret := worldOptions{clock: clk}.signed(t, "/signed", "github")
	h, registry := observed(t, slow{clk, 3 * time.Millisecond}, clk, open("/a"), open("/b"), secret)
	for _, path := range []string{"/a", "/a", "/b", "/signed", "/nowhere"} {
		serve(h, http.MethodPost, path)
	}
	h.RefusedHead(http.StatusBadRequest, "192.0.2.1:1")
	want := map[string]float64{
		"accepted /a": 2, "accepted /b": 1, "accepted /signed": 0, "auth /signed": 1,
		"not_found unmatched": 1, "policy unmatched": 1,
	}
	if d := cmp.Diff(want, series(t, registry, "hookaido_ingress_requests_total")); d != "" {
		t.Error(d)
	}
	for _, f := range must(registry.Gather()) {
		if f.GetName() != "hookaido_ingress_request_seconds" {
			continue
		}
		first := f.GetMetric()[0]
		if n, sum := first.GetHistogram().GetSampleCount(), first.GetHistogram().GetSampleSum(); n != 2 || sum < 0.0059 || sum > 0.0061 {
			t.Errorf("%v: %d requests took %v s, want 2 and 6 ms", first.GetLabel(), n, sum)
		}
		if refused := f.GetMetric()[2]; refused.GetHistogram().GetSampleCount() != 0 {
			t.Errorf("%v: a refusal was timed", refused.GetLabel())
		}
	}
}

// C104: what a client makes up does not make series.
func TestSeriesAreBounded(t *testing.T) {
	h, registry := observed(t, nowhere{}, clock.NewManual(start), open("/a"))
	flood := func(round int) int {
		for i := range 1000 {
			serve(h, http.MethodPost, fmt.Sprintf("/%d/%d", round, i))
			serve(h, fmt.Sprintf("GETT%d", i), "/a")
			serve(h, http.MethodPost, fmt.Sprintf("/a/%d/%d", round, i))
		}
		n := 0
		for _, f := range must(registry.Gather()) {
			n += len(f.GetMetric())
		}
		return n
	}
	if before, after := flood(1), flood(2); before != after {
		t.Errorf("%d series became %d", before, after)
	}
}

func TestSeriesOfRoutesEndWithThem(t *testing.T) {
	clk := clock.NewManual(start)
	h, registry := observed(t, nowhere{}, clk, open("/a"), open("/b"))
	old := h.snapshot.Load()
	serve(h, http.MethodPost, "/a")
	serve(h, http.MethodPost, "/b")
	h.Swap(NewSnapshot(SnapshotOptions{Routes: []Route{open("/a")}}))
	old.routes[1].metrics.count(outcomeOf(reasonAuth)) // a request that was still running
	old.routes[1].metrics.count(outcomeAccepted)
	serve(h, http.MethodPost, "/a")
	if d := cmp.Diff(map[string]float64{"accepted /a": 2}, series(t, registry, "hookaido_ingress_requests_total")); d != "" {
		t.Error(d)
	}
	if got := series(t, registry, "hookaido_ingress_request_seconds"); len(got) != 1 {
		t.Errorf("histograms of %v", got)
	}
	h.Swap(NewSnapshot(SnapshotOptions{Routes: []Route{open("/b")}}))
	if serve(h, http.MethodPost, "/b") != http.StatusAccepted {
		t.Error("a route that came back isn't served")
	}
}

// TestCountingIsCheap holds that counting allocates nothing.
func TestCountingIsCheap(t *testing.T) {
	h, _ := observed(t, nowhere{}, clock.NewManual(start), open("/a"))
	x := exchange{Handler: h, rt: &h.snapshot.Load().routes[0], outcome: outcomeAccepted}
	if n := testing.AllocsPerRun(100, x.count); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCounting(b *testing.B) {
	h := New(Options{Enqueuer: nowhere{}, Clock: clock.System{}, Logger: zap.NewNop()})
	h.Swap(NewSnapshot(SnapshotOptions{Routes: []Route{open("/a")}}))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		x := exchange{Handler: h, rt: &h.snapshot.Load().routes[0], outcome: outcomeAccepted}
		for pb.Next() {
			x.began = h.clock.Monotonic()
			x.count()
		}
	})
}

func TestMetricNames(t *testing.T) {
	_, registry := observed(t, nowhere{}, clock.NewManual(start), open("/a"))
	problems, err := promlint.NewWithMetricFamilies(must(registry.Gather())).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
