package pull

import (
	"context"
	"errors"
	"testing"
	"time"

	"hookaido/internal/queue"
)

type answer struct {
	items []queue.Leased
	err   error
}

// poll starts a long poll of an hour and waits until the queue waits.
func (f *fixture) poll(ctx context.Context, e *Endpoint, timers int) <-chan answer {
	answers := make(chan answer, 1)
	go func() {
		items, err := f.Dequeue(ctx, e, DequeueRequest{Batch: 5, MaxWait: Duration{time.Hour, true}})
		answers <- answer{items, err}
	}()
	f.clock.AwaitTimers(timers)
	return answers
}

func TestLongPollIsWoken(t *testing.T) {
	f := newFixture(t, nil)
	answers := f.poll(t.Context(), f.a, 1)
	f.enqueue(f.a)
	if got := <-answers; got.err != nil || len(got.items) != 1 {
		t.Errorf("got %+v", got)
	}
	if n := f.metric("hookaido_pull_dequeue_total", "/hooks/a", "status=200"); n != 1 {
		t.Errorf("%v dequeues with messages, want 1", n)
	}
}

func TestLongPollEndsEmpty(t *testing.T) {
	f := newFixture(t, nil)
	answers := f.poll(t.Context(), f.a, 1)
	f.clock.Advance(MaxWait) // no bound is configured
	if got := <-answers; got.err != nil || len(got.items) != 0 {
		t.Errorf("got %+v", got)
	}
	if n := f.metric("hookaido_pull_dequeue_total", "/hooks/a", "status=204"); n != 1 {
		t.Errorf("%v empty dequeues, want 1", n)
	}
}

func TestDrainEndsLongPolls(t *testing.T) {
	f := newFixture(t, nil)
	one, two := f.poll(t.Context(), f.a, 1), f.poll(t.Context(), f.b, 2)
	f.Drain()
	f.Drain()
	for _, answers := range []<-chan answer{one, two} {
		if got := <-answers; got.err != nil || len(got.items) != 0 {
			t.Errorf("got %+v, want an empty answer", got)
		}
	}
	// no new wait begins, but what is there is still handed out
	items, err := f.Dequeue(t.Context(), f.a, DequeueRequest{Batch: 1, MaxWait: Duration{time.Hour, true}})
	if err != nil || len(items) != 0 {
		t.Errorf("while draining: %v, %v", items, err)
	}
	f.lease(f.a, 1)
	if n := len(f.polls); n != 0 {
		t.Errorf("%d polls are still known", n)
	}
}

func TestGoneWorkerGetsNoLease(t *testing.T) {
	f := newFixture(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	answers := f.poll(ctx, f.a, 1)
	cancel()
	if got := <-answers; !errors.Is(got.err, context.Canceled) {
		t.Errorf("got %+v", got)
	}
	f.enqueue(f.a)
	if _, err := f.Dequeue(ctx, f.a, DequeueRequest{Batch: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("a dequeue after the end: %v", err)
	}
	stats, err := f.store.Stats(t.Context())
	if err != nil || stats.ByState[queue.StateLeased] != 0 || stats.ByState[queue.StateQueued] != 1 {
		t.Errorf("%v, %v; want the message queued", stats.ByState, err)
	}
}

// leaver cancels its context when the lease is made: the worker hangs up in the
// one moment in which the queue can't notice.
type leaver struct {
	Queue
	cancel context.CancelFunc
}

func (l *leaver) Dequeue(ctx context.Context, req queue.DequeueRequest) ([]queue.Leased, error) {
	items, err := l.Queue.Dequeue(ctx, req)
	l.cancel()
	return items, err
}

func TestLeaseOfALeavingWorkerIsGivenBack(t *testing.T) {
	f := newFixture(t, tokens("own"))
	f.enqueue(f.a)
	ctx, cancel := context.WithCancel(t.Context())
	f.queue = &leaver{f.store, cancel}
	if _, err := f.Dequeue(ctx, f.a, DequeueRequest{Batch: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("Dequeue: %v", err)
	}
	f.queue = f.store
	items, err := f.Dequeue(t.Context(), f.a, DequeueRequest{Batch: 1})
	if err != nil || len(items) != 1 {
		t.Errorf("the message is not back at once: %v, %v", items, err)
	}
}
