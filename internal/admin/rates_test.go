package admin

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookaido/internal/clock"
)

func TestRatesAreThoseOfTheLastMinute(t *testing.T) {
	clk := clock.NewManual(start)
	counts := map[string]Flow{}
	read := func() map[string]Flow {
		copied := map[string]Flow{}
		for route, flow := range counts {
			copied[route] = flow
		}
		return copied
	}
	r := NewRates(clk, read)
	if got := r.Now(); len(got) != 0 {
		t.Errorf("before anything came: %v", got)
	}
	clk.Advance(20 * time.Second)
	counts["/a"] = Flow{In: 40, Out: 10}
	if diff := cmp.Diff(map[string]Rate{"/a": {2, 0.5}}, r.Now()); diff != "" {
		t.Error(diff)
	}
	for range 10 { // what came first is more than a minute ago then
		r.take()
		clk.Advance(rateStep)
	}
	counts["/a"] = Flow{In: 40 + 70, Out: 10}
	if diff := cmp.Diff(map[string]Rate{"/a": {1, 0}}, r.Now()); diff != "" {
		t.Error(diff)
	}
	counts["/a"] = Flow{} // a route that was away
	if diff := cmp.Diff(map[string]Rate{"/a": {}}, r.Now()); diff != "" {
		t.Error(diff)
	}
}

func TestRatesRunUntilTheEnd(t *testing.T) {
	clk := clock.NewManual(start)
	taken := make(chan struct{}, 10)
	r := NewRates(clk, func() map[string]Flow {
		taken <- struct{}{}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		r.Run(ctx)
		close(done)
	}()
	for range 3 {
		clk.AwaitTimers(1)
		clk.Advance(rateStep)
		<-taken
	}
	cancel()
	<-done
}
