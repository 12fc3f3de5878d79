package limit

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hookaido/internal/clock"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// taken counts the tokens that b gives until it is empty.
func taken(b *Bucket) int {
	for n := range 1000 {
		if _, ok := b.Take(); !ok {
			return n
		}
	}
	return 1000
}

func TestBucketStartsFullAndFillsSteadily(t *testing.T) {
	clk := clock.NewManual(start)
	b := NewRates(clk, nil, map[string]Rate{"/a": {PerSecond: 2.5, Burst: 5}}).Of("/a")
	steps := []struct {
		pass time.Duration
		want int
	}{
		{0, 5},
		{0, 0},
		{399 * time.Millisecond, 0}, // a token needs 400 ms, and it takes a whole one
		{time.Millisecond, 1},
		{time.Second, 2},
		{200 * time.Millisecond, 1}, // half a token was left
		{time.Hour, 5},              // no more than the burst
	}
	for i, s := range steps {
		clk.Advance(s.pass)
		if got := taken(b); got != s.want {
			t.Errorf("step %d: %d tokens after %v, want %d", i, got, s.pass, s.want)
		}
	}
}

func TestBucketIgnoresStepsOfTheWallClock(t *testing.T) {
	clk := clock.NewManual(start)
	b := NewRates(clk, nil, map[string]Rate{Global: {PerSecond: 1, Burst: 3}}).Of("/a")
	taken(b)
	clk.Step(time.Hour)
	if n := taken(b); n != 0 {
		t.Errorf("a step forward gave %d tokens", n)
	}
	clk.Step(-2 * time.Hour)
	clk.Advance(2 * time.Second)
	if n := taken(b); n != 2 {
		t.Errorf("%d tokens two seconds after a step back, want 2", n)
	}
}

func TestBucketTellsTheWait(t *testing.T) {
	tests := []struct {
		rate Rate
		pass time.Duration
		want time.Duration
	}{
		{Rate{10, 1}, 0, 100 * time.Millisecond},
		{Rate{10, 1}, 30 * time.Millisecond, 70 * time.Millisecond},
		{Rate{0.5, 2}, 0, 2 * time.Second},
		{Rate{0.001, 1}, 0, 1000 * time.Second},
		{Rate{1e-300, 1}, 0, math.MaxInt64 / 2},
	}
	for _, test := range tests {
		clk := clock.NewManual(start)
		b := NewRates(clk, nil, map[string]Rate{"/a": test.rate}).Of("/a")
		taken(b)
		clk.Advance(test.pass)
		wait, ok := b.Take()
		if off := (wait - test.want).Abs(); ok || off > time.Microsecond {
			t.Errorf("%+v after %v: wait %v, %v, want %v", test.rate, test.pass, wait, ok, test.want)
		}
		if wait < math.MaxInt64/2 {
			clk.Advance(wait + time.Microsecond)
			if _, ok := b.Take(); !ok {
				t.Errorf("%+v: no token after the wait of %v", test.rate, wait)
			}
		}
	}
}

func TestRoutesWithoutARateShareTheGlobalOne(t *testing.T) {
	clk := clock.NewManual(start)
	r := NewRates(clk, nil, map[string]Rate{Global: {1, 2}, "/own": {1, 4}})
	if r.Of("/a") != r.Of("/b") {
		t.Error("two routes without a rate have different buckets")
	}
	if n := taken(r.Of("/own")); n != 4 {
		t.Errorf("the route with its own rate took %d, want 4", n)
	}
	if n := taken(r.Of("/a")); n != 2 {
		t.Errorf("%d are left in the global bucket, want 2: a rate of its own must not use it", n)
	}
	none := NewRates(clk, nil, map[string]Rate{"/own": {1, 1}})
	if n := taken(none.Of("/a")); n != 1000 {
		t.Errorf("without any rate there were %d tokens", n)
	}
}

func TestReloadKeepsUnchangedBuckets(t *testing.T) {
	clk := clock.NewManual(start)
	before := NewRates(clk, nil, map[string]Rate{Global: {1, 5}, "/same": {1, 5}, "/rps": {1, 5}, "/burst": {1, 5}, "/gone": {1, 5}})
	for _, key := range []string{Global, "/same", "/rps", "/burst"} {
		taken(before.Of(key))
	}
	after := NewRates(clk, before, map[string]Rate{Global: {1, 5}, "/same": {1, 5}, "/rps": {2, 5}, "/burst": {1, 6}, "/new": {1, 5}})
	for key, want := range map[string]int{Global: 0, "/same": 0, "/rps": 5, "/burst": 6, "/new": 5, "/gone": 0} {
		if got := taken(after.Of(key)); got != want {
			t.Errorf("%q: %d tokens after the reload, want %d", key, got, want)
		}
	}
	clk.Advance(time.Second)
	taken(after.Of("/same"))
	if n := taken(before.Of("/same")); n != 0 {
		t.Errorf("requests of the old configuration got %d tokens of their own", n)
	}
}

func TestBucketUnderContention(t *testing.T) {
	b := NewRates(clock.NewManual(start), nil, map[string]Rate{"/a": {1, 500}}).Of("/a")
	var got atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if _, ok := b.Take(); ok {
					got.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if got.Load() != 500 {
		t.Errorf("%d tokens of 500 were given", got.Load())
	}
}

func BenchmarkTake(b *testing.B) {
	bucket := NewRates(clock.System{}, nil, map[string]Rate{"/a": {1e6, 1e6}}).Of("/a")
	b.ReportAllocs()
	for b.Loop() {
		bucket.Take()
	}
}
