package memory_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
	"hookaido/internal/queue/memory"
	"hookaido/internal/queue/queuetest"
)

func TestContract(t *testing.T) {
	queuetest.Run(t, func(_ *testing.T, o queuetest.Options) queuetest.Queue {
		return memory.Open(memory.Options{Clock: o.Clock, Limits: o.Limits})
	})
}

func open(t *testing.T, o memory.Options) (*memory.Store, *clock.Manual) {
	m := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC))
	o.Clock = m
	s := memory.Open(o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, m
}

func batch(size int) queue.Batch {
	return queue.Batch{Messages: []queue.NewMessage{{Route: "/r", Target: queue.PullTarget, Payload: make([]byte, size)}}}
}

func lease(t *testing.T, s *memory.Store) queue.Leased {
	t.Helper()
	got, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/r", Max: 1, TTL: time.Minute})
	if err != nil || len(got) != 1 {
		t.Fatalf("Dequeue = %d messages, %v", len(got), err)
	}
	return got[0]
}

func settle(t *testing.T, s *memory.Store, id string, a queue.Action) {
	t.Helper()
	if c, err := s.Settle(t.Context(), queue.SettleRequest{LeaseIDs: []string{id}, Action: a}); err != nil || len(c) != 0 {
		t.Fatalf("Settle = %v, %v", c, err)
	}
}

func TestBytesAreBoundedInEveryState(t *testing.T) {
	s, _ := open(t, memory.Options{MaxBytes: 100_000})
	accept := func(size int, want error) {
		t.Helper()
		if _, err := s.Enqueue(t.Context(), batch(size)); !errors.Is(err, want) {
			t.Fatalf("Enqueue of %d octets = %v, want %v", size, err, want)
		}
	}
	accept(100_000, queue.ErrFull) // its own bookkeeping is too much
	accept(60_000, nil)
	accept(60_000, queue.ErrFull)
	accept(30_000, nil)
	l := lease(t, s) // the first
	accept(60_000, queue.ErrFull)
	settle(t, s, l.LeaseID, queue.Bury)
	accept(60_000, queue.ErrFull)
	settle(t, s, lease(t, s).LeaseID, queue.Ack) // the second
	accept(30_000, nil)
}

func TestEnvelopesAndClaimsCount(t *testing.T) {
	s, m := open(t, memory.Options{MaxBytes: 10_000})
	big := batch(0)
	big.Messages[0].Envelope.Headers = []queue.Pair{{Name: "Long", Value: string(make([]byte, 10_000))}}
	if _, err := s.Enqueue(t.Context(), big); !errors.Is(err, queue.ErrFull) {
		t.Fatalf("Enqueue of a large header = %v, want %v", err, queue.ErrFull)
	}
	claimed := func(n byte) error {
		b := batch(0)
		b.Claims = []queue.Claim{{Key: [16]byte{n}, Until: m.Now().Add(time.Minute)}}
		_, err := s.Enqueue(t.Context(), b)
		if err == nil {
			settle(t, s, lease(t, s).LeaseID, queue.Ack)
		}
		return err
	}
	n := byte(0)
	for ; n < 200; n++ {
		if err := claimed(n); errors.Is(err, queue.ErrFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if n < 50 || n == 200 {
		t.Fatalf("%d claims fit, which is no sensible bound", n)
	}
	m.Advance(time.Minute)
	if err := claimed(n); err != nil {
		t.Fatalf("Enqueue when the claims have passed: %v", err)
	}
}

func TestADroppedMessageFreesItsBytes(t *testing.T) {
	s, _ := open(t, memory.Options{MaxBytes: 100_000, Limits: queue.Limits{MaxDepth: 1, DropPolicy: queue.DropOldest}})
	for range 10 {
		if _, err := s.Enqueue(t.Context(), batch(60_000)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Enqueue(t.Context(), batch(100_000)); !errors.Is(err, queue.ErrFull) {
		t.Fatalf("Enqueue = %v, want %v", err, queue.ErrFull)
	}
	if got := lease(t, s); len(got.Payload) != 60_000 {
		t.Error("a refused message dropped another")
	}
}

func TestItNeverFailsByItself(t *testing.T) {
	s, _ := open(t, memory.Options{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Failed():
		t.Error("Failed is closed")
	default:
	}
	if err := s.Err(); err != nil {
		t.Errorf("Err() = %v", err)
	}
}

func TestPublisherCannotTakeAnIDOfTheFuture(t *testing.T) {
	s, _ := open(t, memory.Options{})
	ids, err := s.Enqueue(t.Context(), batch(1))
	if err != nil {
		t.Fatal(err)
	}
	next := batch(1)
	next.Messages[0].ID = ids[0][:len(ids[0])-1] + "2" // the first ends in 1
	if _, err := s.Enqueue(t.Context(), next); !errors.Is(err, queue.ErrDuplicateID) {
		t.Errorf("Enqueue = %v, want %v", err, queue.ErrDuplicateID)
	}
}

func BenchmarkEnqueueLeaseAck(b *testing.B) {
	for _, deep := range []struct {
		name  string
		depth int
	}{{"empty", 0}, {"100k deep", 100_000}} {
		b.Run(deep.name, func(b *testing.B) {
			s := memory.Open(memory.Options{Clock: clock.System{}, MaxBytes: 1 << 30})
			defer func() {
				if err := s.Close(); err != nil {
					b.Error(err)
				}
			}()
			for range deep.depth {
				if _, err := s.Enqueue(b.Context(), batch(16)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					cycle(b, s)
				}
			})
		})
	}
}

func cycle(b *testing.B, s *memory.Store) {
	ctx := context.Background()
	if _, err := s.Enqueue(ctx, batch(1024)); err != nil {
		b.Fatal(err)
	}
	got, err := s.Dequeue(ctx, queue.DequeueRequest{Route: "/r", Max: 1, TTL: time.Minute})
	if err != nil || len(got) != 1 {
		b.Fatal(len(got), err)
	}
	if _, err := s.Settle(ctx, queue.SettleRequest{LeaseIDs: []string{got[0].LeaseID}, Action: queue.Ack}); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkEnqueue64(b *testing.B) {
	s := memory.Open(memory.Options{
		Clock: clock.System{}, Limits: queue.Limits{MaxDepth: 100_000, DropPolicy: queue.DropOldest},
	})
	defer func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}()
	var failed atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := s.Enqueue(context.Background(), batch(1024)); err != nil {
				failed.Add(1)
			}
		}
	})
	if n := failed.Load(); n > 0 {
		b.Errorf("%d enqueues failed", n)
	}
}
