package limit

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
)

func TestBytesGivesNoMoreThanItHas(t *testing.T) {
	b := NewBytes(10)
	steps := []struct {
		acquire int64
		want    bool
		used    int64
	}{
		{4, true, 4}, {7, false, 4}, {6, true, 10}, {0, true, 10}, {1, false, 10}, {math.MaxInt64, false, 10},
	}
	for i, s := range steps {
		if got := b.TryAcquire(s.acquire); got != s.want || b.Used() != s.used {
			t.Errorf("step %d: TryAcquire(%d) = %v with %d used, want %v with %d", i, s.acquire, got, b.Used(), s.want, s.used)
		}
	}
	b.Release(4)
	if !b.TryAcquire(4) {
		t.Error("what was released can't be had again")
	}
}

func TestBytesResize(t *testing.T) {
	b := NewBytes(10)
	b.TryAcquire(10)
	b.Resize(5)
	if b.TryAcquire(0) {
		t.Error("a budget that is overdrawn gave more")
	}
	b.Release(10)
	if b.TryAcquire(6) || !b.TryAcquire(5) {
		t.Error("the new size does not hold")
	}
	if (&Bytes{}).TryAcquire(1) {
		t.Error("the zero value gave a byte")
	}
}

func TestBytesUnderContention(t *testing.T) {
	const workers, rounds, size = 8, 2000, 3
	b := NewBytes(workers * size / 2)
	var held, peak atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				if !b.TryAcquire(size) {
					continue
				}
				now := held.Add(size)
				for p := peak.Load(); now > p && !peak.CompareAndSwap(p, now); p = peak.Load() {
				}
				held.Add(-size)
				b.Release(size)
			}
		})
	}
	wg.Wait()
	if b.Used() != 0 || peak.Load() > workers*size/2 {
		t.Errorf("%d left over, %d held at once of %d", b.Used(), peak.Load(), workers*size/2)
	}
}
