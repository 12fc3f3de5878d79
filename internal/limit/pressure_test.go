package limit

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
	"hookaido/internal/trend"
)

var defaults = Thresholds{MinTotal: 200, QueuedPercent: 80, ReadyLag: 30 * time.Second, OldestQueuedAge: time.Minute}

// queueOf is a queue whose backlog the test sets.
type queueOf struct {
	mu      sync.Mutex
	backlog Backlog
	err     error
	reads   atomic.Int32
}

func (q *queueOf) set(b Backlog, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.backlog, q.err = b, err
}

func (q *queueOf) read(context.Context) (Backlog, error) {
	q.reads.Add(1)
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.backlog, q.err
}

func TestThresholds(t *testing.T) {
	ago := func(d time.Duration) time.Time { return start.Add(-d) }
	tests := []struct {
		name    string
		backlog Backlog
		want    Reason
	}{
		{"empty", Backlog{}, Admitted},
		{"dead only", Backlog{Dead: 100000}, Admitted},
		{"one below the least total", Backlog{Queued: 199}, Admitted},
		{"dead ones don't make the least total", Backlog{Queued: 199, Dead: 1}, Admitted},
		{"all queued", Backlog{Queued: 200}, QueuedPressure},
		{"at the percentage", Backlog{Queued: 160, Leased: 40}, QueuedPressure},
		{"rounded up to it", Backlog{Queued: 159, Leased: 41}, QueuedPressure},  // 79.5
		{"rounded down below it", Backlog{Queued: 1589, Leased: 411}, Admitted}, // 79.45
		{"late", Backlog{Queued: 100, Leased: 100, EarliestDue: ago(30 * time.Second)}, ReadyLag},
		{"not yet late", Backlog{Queued: 100, Leased: 100, EarliestDue: ago(30*time.Second - 1)}, Admitted},
		{"due later", Backlog{Queued: 100, Leased: 100, EarliestDue: ago(-time.Hour)}, Admitted},
		{"late, but few", Backlog{Queued: 99, Leased: 100, EarliestDue: ago(time.Hour), OldestQueued: ago(time.Hour)}, Admitted},
		{"old", Backlog{Queued: 100, Leased: 100, OldestQueued: ago(time.Minute)}, OldestQueuedAge},
		{"not yet old", Backlog{Queued: 100, Leased: 100, OldestQueued: ago(time.Minute - 1)}, Admitted},
		{"share before lag", Backlog{Queued: 200, EarliestDue: ago(time.Hour), OldestQueued: ago(time.Hour)}, QueuedPressure},
		{"lag before age", Backlog{Queued: 100, Leased: 100, EarliestDue: ago(time.Hour), OldestQueued: ago(time.Hour)}, ReadyLag},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q := queueOf{backlog: test.backlog}
			p := NewPressure(PressureOptions{Clock: clock.NewManual(start), Read: q.read})
			if got := p.Check(t.Context(), &defaults); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestWithoutThresholdsNothingIsRead(t *testing.T) {
	q := queueOf{backlog: Backlog{Queued: 1000}}
	p := NewPressure(PressureOptions{Clock: clock.NewManual(start), Read: q.read})
	if got := p.Check(t.Context(), nil); got != Admitted || q.reads.Load() != 0 {
		t.Errorf("got %q after %d readings, want none of either", got, q.reads.Load())
	}
	if got := p.Check(t.Context(), &Thresholds{}); got != QueuedPressure {
		t.Errorf("thresholds of 0: %q", got)
	}
	empty := NewPressure(PressureOptions{Clock: clock.NewManual(start), Read: (&queueOf{}).read})
	if got := empty.Check(t.Context(), &Thresholds{}); got != Admitted {
		t.Errorf("an empty queue with thresholds of 0: %q", got)
	}
}

// following runs test with a Pressure whose Run is running.
func following(t *testing.T, test func(*Pressure, *clock.Manual, *queueOf)) {
	synctest.Test(t, func(t *testing.T) {
		clk := clock.NewManual(start)
		q := &queueOf{}
		p := NewPressure(PressureOptions{Clock: clk, Read: q.read})
		ctx, stop := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { p.Run(ctx) })
		synctest.Wait()
		test(p, clk, q)
		stop()
		run.Wait()
	})
}

func TestReadingsAreKeptForAWhile(t *testing.T) {
	following(t, func(p *Pressure, clk *clock.Manual, q *queueOf) {
		check := func() Reason { return p.Check(t.Context(), &defaults) }
		q.set(Backlog{Queued: 1000}, nil)
		clk.Advance(freshFor - 1)
		for range 100 {
			if got := check(); got != Admitted {
				t.Fatalf("%q before the reading is stale", got)
			}
		}
		synctest.Wait()
		if q.reads.Load() != 1 {
			t.Fatalf("%d readings of a fresh backlog", q.reads.Load())
		}
		clk.Advance(1)
		if got := check(); got != Admitted {
			t.Errorf("the stale reading said %q, want the old word while a new one is read", got)
		}
		for range 10 {
			check()
		}
		synctest.Wait()
		if got := check(); got != QueuedPressure || q.reads.Load() != 2 {
			t.Errorf("%q after %d readings, want the new word after the second", got, q.reads.Load())
		}
	})
}

func TestUnreadableBacklogAdmits(t *testing.T) {
	following(t, func(p *Pressure, clk *clock.Manual, q *queueOf) {
		check := func() Reason {
			p.Check(t.Context(), &defaults)
			synctest.Wait()
			return p.Check(t.Context(), &defaults)
		}
		q.set(Backlog{Queued: 1000}, nil)
		clk.Advance(freshFor)
		if got := check(); got != QueuedPressure {
			t.Fatalf("%q, want pressure", got)
		}
		q.set(Backlog{Queued: 1000}, errors.New("the disk is gone"))
		clk.Advance(freshFor)
		if got := check(); got != Admitted {
			t.Errorf("%q while the backlog can't be read", got)
		}
		q.set(Backlog{Queued: 1000}, nil)
		clk.Advance(freshFor)
		if got := check(); got != QueuedPressure {
			t.Errorf("%q after the backlog can be read again", got)
		}
	})
}

// A reading of long ago, as after a quiet hour or in front of a queue that
// hangs, decides nothing.
func TestOldReadingAdmits(t *testing.T) {
	clk := clock.NewManual(start)
	q := queueOf{backlog: Backlog{Queued: 1000}}
	p := NewPressure(PressureOptions{Clock: clk, Read: q.read}) // without Run nothing is read again
	if got := p.Check(t.Context(), &defaults); got != QueuedPressure {
		t.Fatal(got)
	}
	clk.Advance(usableFor - 1)
	if got := p.Check(t.Context(), &defaults); got != QueuedPressure {
		t.Errorf("%q by a reading that is not too old", got)
	}
	clk.Advance(1)
	if got := p.Check(t.Context(), &defaults); got != Admitted {
		t.Errorf("%q by a reading of %v ago", got, usableFor)
	}
}

func TestFirstReadingIsSharedAndWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int32
		proceed := make(chan struct{})
		p := NewPressure(PressureOptions{Clock: clock.NewManual(start), Read: func(ctx context.Context) (Backlog, error) {
			reads.Add(1)
			<-proceed
			return Backlog{Queued: 1000}, ctx.Err()
		}})
		gone, leave := context.WithCancel(t.Context())
		leave()
		var refused atomic.Int32
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if p.Check(gone, &defaults) == QueuedPressure {
					refused.Add(1)
				}
			})
		}
		close(proceed)
		wg.Wait()
		p.first(t.Context()) // somebody who came a moment too late to be the first
		if reads.Load() != 1 || refused.Load() != 10 {
			t.Errorf("%d readings, %d refused, want 1 and 10", reads.Load(), refused.Load())
		}
	})
}

// A queue that hangs holds up the first request for two seconds, and no other.
func TestHangingQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPressure(PressureOptions{Clock: clock.NewManual(start), Read: func(ctx context.Context) (Backlog, error) {
			<-ctx.Done()
			return Backlog{Queued: 1000}, ctx.Err()
		}})
		for range 2 {
			if got := p.Check(t.Context(), &defaults); got != Admitted {
				t.Error(got)
			}
		}
	})
}

// totals are samples of leased messages, one a minute, the last one now.
func totals(now time.Time, list ...int) []queue.TrendSample {
	samples := make([]queue.TrendSample, len(list))
	for i, n := range list {
		samples[i] = queue.TrendSample{At: now.Add(-time.Duration(len(list)-1-i) * time.Minute), Leased: n}
	}
	return samples
}

func TestGrowthWithinTheWindow(t *testing.T) {
	rule := Growth{Window: 15 * time.Minute, Growth: trend.Growth{Consecutive: 3, MinSamples: 5, MinDelta: 10}}
	samples := totals(start.Add(-12*time.Minute), 0, 1, 2, 3)
	if !rule.grows(samples, start) || rule.grows(samples, start.Add(1)) {
		t.Error("the sample at the edge of the window must count, and no longer after it")
	}
	if rule.grows(nil, start) {
		t.Error("no samples grow")
	}
}

func TestSustainedGrowth(t *testing.T) {
	growing := defaults
	growing.Growth = &Growth{Window: 15 * time.Minute, Growth: trend.Growth{Consecutive: 3, MinSamples: 5, MinDelta: 10}}
	following(t, func(p *Pressure, clk *clock.Manual, q *queueOf) {
		for i, s := range []struct {
			backlog Backlog
			samples []int
			want    Reason
		}{
			{Backlog{Queued: 100, Leased: 150}, nil, Admitted},
			{Backlog{Queued: 101, Leased: 150}, []int{250, 251}, Admitted},
			{Backlog{Queued: 102, Leased: 150}, []int{249, 250, 251, 252}, SustainedGrowth},
			{Backlog{Queued: 20, Leased: 100}, []int{249, 250, 251, 252}, Admitted}, // below the least total
			{Backlog{Queued: 20, Leased: 200}, []int{249, 250, 251, 220}, Admitted},
		} {
			q.set(s.backlog, nil)
			clk.Advance(time.Minute)
			p.SetSamples(totals(clk.Now(), s.samples...))
			p.Check(t.Context(), &growing) // asks for a reading
			synctest.Wait()
			if got := p.Check(t.Context(), &growing); got != s.want {
				t.Errorf("step %d: %q, want %q", i, got, s.want)
			}
			if got := p.Check(t.Context(), &defaults); got != Admitted {
				t.Errorf("step %d: %q without the rule of growth", i, got)
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	q := queueOf{backlog: Backlog{Queued: 150, Leased: 150}}
	p := NewPressure(PressureOptions{Clock: clock.System{}, Read: q.read})
	p.SetSamples(totals(clock.System{}.Now(), make([]int, trend.MaxSamples)...))
	growing := defaults
	growing.Growth = &Growth{Window: 24 * time.Hour, Growth: trend.Growth{Consecutive: 3, MinSamples: 5, MinDelta: 10}}
	ctx, stop := context.WithCancel(b.Context())
	var run sync.WaitGroup
	run.Go(func() { p.Run(ctx) })
	b.ReportAllocs()
	for b.Loop() {
		p.Check(ctx, &growing)
	}
	stop()
	run.Wait()
}
