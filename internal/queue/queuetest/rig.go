package queuetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

// The routes and the target that cases use unless they are about them.
const (
	routeA = "/hooks/a"
	routeB = "/hooks/b"
	target = queue.PullTarget
)

// rig is a queue on its bench: the test, the queue and its clock, and short
// forms of what cases do most.
type rig struct {
	*testing.T
	engine engine
	opts   Options
	clock  *clock.Manual
	queue  Queue
}

func newRig(t *testing.T, e engine, limits queue.Limits) *rig {
	t.Helper()
	m := clock.NewManual(start())
	r := &rig{T: t, engine: e, clock: m, opts: Options{Clock: m, Limits: limits}}
	r.queue = e.open(t, r.opts)
	t.Cleanup(func() {
		if err := r.queue.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return r
}

// reopen closes the queue, lets the given time pass and opens it again.
func (r *rig) reopen(pause time.Duration) {
	r.Helper()
	if err := r.queue.Close(); err != nil {
		r.Fatalf("Close: %v", err)
	}
	r.clock.Advance(pause)
	r.queue = r.engine.reopen(r.T, r.queue, r.opts)
}

// message is one that has just come in.
func (r *rig) message(route, payload string) queue.NewMessage {
	return queue.NewMessage{Route: route, Target: target, ReceivedAt: r.clock.Now(), Payload: []byte(payload)}
}

// put enqueues messages of route a, each in its own batch.
func (r *rig) put(payloads ...string) []string {
	r.Helper()
	var ids []string
	for _, p := range payloads {
		ids = append(ids, r.enqueue(r.message(routeA, p))...)
	}
	return ids
}

// enqueue stores one batch, which must succeed.
func (r *rig) enqueue(messages ...queue.NewMessage) []string {
	r.Helper()
	ids, err := r.queue.Enqueue(r.Context(), queue.Batch{Messages: messages})
	if err != nil {
		r.Fatalf("Enqueue: %v", err)
	}
	if len(ids) != len(messages) {
		r.Fatalf("Enqueue of %d messages returned %d ids", len(messages), len(ids))
	}
	return ids
}

// refused enqueues one batch, which must fail with want.
func (r *rig) refused(want error, b queue.Batch) {
	r.Helper()
	if ids, err := r.queue.Enqueue(r.Context(), b); !errors.Is(err, want) || len(ids) != 0 {
		r.Fatalf("Enqueue = %v, %v; want %v", ids, err, want)
	}
}

// request asks for up to n messages of route a for a minute, without waiting.
func request(n int) queue.DequeueRequest {
	return queue.DequeueRequest{Route: routeA, Max: n, TTL: time.Minute}
}

// dequeue performs a request, which must not fail.
func (r *rig) dequeue(req queue.DequeueRequest) []queue.Leased {
	r.Helper()
	leases, err := r.queue.Dequeue(r.Context(), req)
	if err != nil {
		r.Fatalf("Dequeue: %v", err)
	}
	if len(leases) > req.Max {
		r.Fatalf("Dequeue gave %d messages, more than the %d asked for", len(leases), req.Max)
	}
	return leases
}

// lease takes exactly one message of route a, for ttl.
func (r *rig) lease(ttl time.Duration) queue.Leased {
	r.Helper()
	leases := r.dequeue(queue.DequeueRequest{Route: routeA, Max: 1, TTL: ttl})
	if len(leases) != 1 {
		r.Fatalf("Dequeue gave %d messages, want 1", len(leases))
	}
	return leases[0]
}

// wantPayloads takes all that is due on route a and compares the payloads.
func (r *rig) wantPayloads(want ...string) []queue.Leased {
	r.Helper()
	leases := r.dequeue(request(100))
	if got := payloads(leases); !slices.Equal(got, want) {
		r.Fatalf("Dequeue gave %q, want %q", got, want)
	}
	return leases
}

// settle ends leases of any route, all of which must succeed.
func (r *rig) settle(req queue.SettleRequest) {
	r.Helper()
	r.wantConflicts(req)
}

// wantConflicts settles and compares the conflicts: pairs of a lease and its
// error.
func (r *rig) wantConflicts(req queue.SettleRequest, want ...queue.Conflict) {
	r.Helper()
	got, err := r.queue.Settle(r.Context(), req)
	if err != nil {
		r.Fatalf("Settle: %v", err)
	}
	same := func(a, b queue.Conflict) bool { return a.LeaseID == b.LeaseID && errors.Is(a.Err, b.Err) }
	if !slices.EqualFunc(got, want, same) {
		r.Fatalf("Settle: conflicts %v, want %v", got, want)
	}
}

func (r *rig) ack(leaseIDs ...string) {
	r.Helper()
	r.settle(queue.SettleRequest{LeaseIDs: leaseIDs, Action: queue.Ack})
}

func (r *rig) nack(leaseID string, delay time.Duration) {
	r.Helper()
	r.settle(queue.SettleRequest{LeaseIDs: []string{leaseID}, Action: queue.Nack, Delay: delay})
}

func (r *rig) extend(leaseID string, by time.Duration, want error) {
	r.Helper()
	if err := r.queue.Extend(r.Context(), queue.ExtendRequest{LeaseID: leaseID, By: by}); !errors.Is(err, want) {
		r.Fatalf("Extend = %v, want %v", err, want)
	}
}

// counts is the part of the statistics that most cases look at.
type counts struct{ Queued, Leased, Dead int }

func (r *rig) stats() queue.Stats {
	r.Helper()
	s, err := r.queue.Stats(r.Context())
	if err != nil {
		r.Fatalf("Stats: %v", err)
	}
	return s
}

func (r *rig) wantCounts(want counts) {
	r.Helper()
	s := r.stats()
	got := counts{s.ByState[queue.StateQueued], s.ByState[queue.StateLeased], s.ByState[queue.StateDead]}
	if got != want || s.Total() != want.Queued+want.Leased+want.Dead {
		r.Fatalf("Stats: %+v of %d, want %+v", got, s.Total(), want)
	}
}

// pass lets time pass and waits until the engine has done what follows.
func (r *rig) pass(d time.Duration) {
	r.clock.Advance(d)
	synctest.Wait()
}

// consumer is a dequeue that waits in its own goroutine.
type consumer struct {
	rig    *rig
	cancel context.CancelCauseFunc
	done   chan answer
}

type answer struct {
	leases []queue.Leased
	err    error
}

// consume starts a consumer and waits until it waits.
func (r *rig) consume(req queue.DequeueRequest) *consumer {
	ctx, cancel := context.WithCancelCause(r.Context())
	c := &consumer{rig: r, cancel: cancel, done: make(chan answer, 1)}
	go func() {
		leases, err := r.queue.Dequeue(ctx, req)
		c.done <- answer{leases, err}
	}()
	synctest.Wait()
	return c
}

// await starts a consumer of one message of route a.
func (r *rig) await(wait time.Duration) *consumer {
	req := request(1)
	req.Wait = wait
	return r.consume(req)
}

// answer returns what the consumer got; it must have got it by now.
func (c *consumer) answer() answer {
	c.rig.Helper()
	synctest.Wait()
	select {
	case a := <-c.done:
		return a
	default:
		c.rig.Fatal("the consumer still waits")
		return answer{}
	}
}

// wantPayloads is answer without an error and with these payloads.
func (c *consumer) wantPayloads(want ...string) []queue.Leased {
	c.rig.Helper()
	a := c.answer()
	if a.err != nil {
		c.rig.Fatalf("Dequeue: %v", a.err)
	}
	if diff := cmp.Diff(want, payloads(a.leases)); diff != "" {
		c.rig.Fatalf("the consumer got other messages (-want +got):\n%s", diff)
	}
	return a.leases
}

// wantWaiting checks that the consumer has no answer yet.
func (c *consumer) wantWaiting() {
	c.rig.Helper()
	synctest.Wait()
	select {
	case a := <-c.done:
		c.rig.Fatalf("the consumer got %q, %v; it should wait", payloads(a.leases), a.err)
	default:
	}
}

func payloads(leases []queue.Leased) []string {
	var list []string
	for _, l := range leases {
		list = append(list, string(l.Payload))
	}
	return list
}
