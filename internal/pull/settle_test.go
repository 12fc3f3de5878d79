package pull

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"hookaido/internal/queue"
)

const (
	notFound = " lease not found"
	expired  = " lease expired"
)

func TestAckIsRepeatable(t *testing.T) {
	f := newFixture(t, nil)
	id := f.lease(f.a, 1)[0]
	for range 3 {
		done, conflicts := f.settle(f.a, queue.Ack, id)
		f.want(done, 1, conflicts)
	}
	done, conflicts := f.settle(f.a, queue.Nack, id)
	f.want(done, 0, conflicts, id+notFound)
	if n := f.metric("hookaido_pull_acked_total", "/hooks/a"); n != 1 {
		t.Errorf("%v leases acked, want 1: a repeat is no second one", n)
	}
	if n := f.metric("hookaido_pull_nack_conflict_total", "/hooks/a"); n != 1 {
		t.Errorf("%v nack conflicts, want 1", n)
	}
}

func TestNackIsRepeatableWhateverItsArguments(t *testing.T) {
	f := newFixture(t, nil)
	id := f.lease(f.a, 1)[0]
	for _, action := range []queue.Action{queue.Nack, queue.Bury, queue.Nack} {
		done, conflicts := f.settle(f.a, action, id)
		f.want(done, 1, conflicts)
	}
	stats, err := f.store.Stats(t.Context())
	if err != nil || stats.ByState[queue.StateQueued] != 1 || stats.ByState[queue.StateDead] != 0 {
		t.Errorf("a burial after a nack did something: %v, %v", stats.ByState, err)
	}
	done, conflicts := f.settle(f.a, queue.Ack, id)
	f.want(done, 0, conflicts, id+notFound)
}

func TestMemoryEndsAfterTwoMinutes(t *testing.T) {
	f := newFixture(t, nil)
	ids := f.lease(f.a, 2)
	f.settle(f.a, queue.Ack, ids...)
	f.clock.Advance(memoryAge - 1)
	done, conflicts := f.settle(f.a, queue.Ack, ids[0])
	f.want(done, 1, conflicts)
	f.clock.Advance(1)
	done, conflicts = f.settle(f.a, queue.Ack, ids[0])
	f.want(done, 0, conflicts, ids[0]+notFound)
	f.settle(f.a, queue.Ack, f.lease(f.a, 1)...)
	if n := len(f.ledger.entries); n != 1 {
		t.Errorf("%d leases remembered, want only the youngest", n)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	l := newLedger()
	ids := leaseIDsOf(memorySize + 10)
	l.settle(ids, nil, acked, 0)
	if len(l.entries) != memorySize {
		t.Errorf("%d leases remembered, want %d", len(l.entries), memorySize)
	}
	open, _, repeated := l.sort([]string{ids[0], ids[9], ids[10], ids[memorySize+9]}, acked, 1)
	if len(open) != 2 || open[0] != ids[0] || open[1] != ids[9] || repeated != 2 {
		t.Errorf("open %v, repeated %d: the oldest must go first", open, repeated)
	}
}

func TestForgottenLeasesDoNotPileUp(t *testing.T) {
	l := newLedger()
	route := &routeMetrics{}
	for i, id := range leaseIDsOf(3 * firstSweep) {
		l.lease([]queue.Leased{{LeaseID: id}}, grant{route: route, now: time.Duration(i) * time.Second, ttl: time.Minute})
	}
	if n := len(l.entries); n > firstSweep {
		t.Errorf("%d leases kept, of which 60 have not run out", n)
	}
}

func TestLateAck(t *testing.T) { // C58, badinput 92
	f := newFixture(t, nil)
	first := f.lease(f.a, 1)[0]
	f.clock.Advance(30 * time.Second)
	items, err := f.Dequeue(t.Context(), f.a, DequeueRequest{Batch: 1})
	if err != nil || len(items) != 1 || items[0].Attempt != 2 {
		t.Fatalf("the message did not come back: %v, %v", items, err)
	}
	second := items[0].LeaseID
	for _, action := range []queue.Action{queue.Ack, queue.Nack} {
		done, conflicts := f.settle(f.a, action, first)
		f.want(done, 0, conflicts, first+notFound)
	}
	for range 2 {
		done, conflicts := f.settle(f.a, queue.Ack, second)
		f.want(done, 1, conflicts)
	}
}

func TestExpiredLeaseIsToldOnce(t *testing.T) {
	f := newFixture(t, nil)
	ids := f.lease(f.a, 3)
	f.settle(f.a, queue.Ack, ids[2])
	f.clock.Advance(30 * time.Second)
	done, conflicts := f.settle(f.a, queue.Ack, ids[0], "lease_unknown", ids[2])
	f.want(done, 1, conflicts, ids[0]+expired, "lease_unknown"+notFound)
	if n := f.metric("hookaido_pull_lease_expired_total", "/hooks/a"); n != 1 {
		t.Errorf("%v expiries, want 1", n)
	}
	err := f.Extend(t.Context(), f.a, ExtendRequest{ids[1], Duration{time.Minute, true}})
	if !errors.Is(err, queue.ErrLeaseExpired) {
		t.Errorf("extend of an expired lease: %v", err)
	}
	if n := f.metric("hookaido_pull_lease_expired_total", "/hooks/a"); n != 2 {
		t.Errorf("%v expiries, want 2", n)
	}
}

func TestScope(t *testing.T) {
	t.Run("one token for all: any endpoint will do", func(t *testing.T) {
		f := newFixture(t, nil)
		done, conflicts := f.settle(f.b, queue.Ack, f.lease(f.a, 1)...)
		f.want(done, 1, conflicts)
	})
	t.Run("a route with its own token: only its own endpoint", func(t *testing.T) {
		f := newFixture(t, tokens("own"))
		id := f.lease(f.a, 1)[0]
		done, conflicts := f.settle(f.b, queue.Ack, id)
		f.want(done, 0, conflicts, id+notFound)
		if err := f.Extend(t.Context(), f.b, ExtendRequest{id, Duration{time.Minute, true}}); !errors.Is(err, queue.ErrLeaseNotFound) {
			t.Errorf("extend through another endpoint: %v", err)
		}
		done, conflicts = f.settle(f.a, queue.Ack, id)
		f.want(done, 1, conflicts)
	})
}

func TestLeaseIDRules(t *testing.T) { // badinput 90
	f := newFixture(t, nil)
	f.Swap(f.Snapshot(Settings{Routes: []Route{{Endpoint: "/a", Path: "/hooks/a"}}, Tokens: tokens("global"),
		Limits: Limits{MaxBatch: 10, MaxLeaseBatch: 2, DefaultLeaseTTL: time.Second}}))
	e := f.endpoint("/a", "global")
	tests := []struct {
		name string
		req  SettleRequest
		want string
	}{
		{"neither", SettleRequest{}, "lease_id or lease_ids is required"},
		{"blank", SettleRequest{LeaseID: " \t"}, "lease_id or lease_ids is required"},
		{"empty list", SettleRequest{LeaseIDs: []string{}}, "lease_id or lease_ids is required"},
		{"both", SettleRequest{LeaseID: "a", LeaseIDs: []string{"b"}}, "use either lease_id or lease_ids, not both"},
		{"only blanks", SettleRequest{LeaseIDs: []string{"", " "}}, "lease_ids must include at least one non-empty lease id"},
		{"too many", SettleRequest{LeaseIDs: []string{"a", "b", "c"}}, "lease_ids exceeds max batch, which is 2"},
		{"negative delay (badinput 91)", SettleRequest{LeaseID: "a", Action: queue.Nack, Delay: Duration{-5 * time.Second, true}}, "delay must not be negative"},
		{"huge delay (badinput 91)", SettleRequest{LeaseID: "a", Action: queue.Nack, Delay: Duration{1 << 62, true}}, "delay must be at most 8760h0m0s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.req.Action == 0 {
				test.req.Action = queue.Ack
			}
			_, err := f.Settle(t.Context(), e, test.req)
			var broken *InvalidError
			if !errors.As(err, &broken) || broken.Detail != test.want {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
	id := f.lease(e, 1)[0]
	result, err := f.Settle(t.Context(), e, SettleRequest{LeaseIDs: []string{" " + id, "", id, "other", "other"}, Action: queue.Ack})
	if err != nil || !result.Batch || result.Done != 1 || len(result.Conflicts) != 1 || result.Conflicts[0].LeaseID != "other" {
		t.Errorf("repeats and blanks: %+v, %v", result, err)
	}
	if result, err = f.Settle(t.Context(), e, SettleRequest{LeaseID: " " + id + " ", Action: queue.Ack}); err != nil || result.Batch || result.Done != 1 {
		t.Errorf("the single form: %+v, %v", result, err)
	}
}

func TestBurialKeepsABoundedReason(t *testing.T) {
	for _, test := range []struct{ reason, want string }{
		{"  too old \n", "too old"},
		{strings.Repeat("a", MaxReason), strings.Repeat("a", MaxReason)},
		{strings.Repeat("a", MaxReason-1) + "é", strings.Repeat("a", MaxReason-1)},
	} {
		if got := clip(test.reason); got != test.want {
			t.Errorf("clip(%d bytes) gives %d bytes, want %d", len(test.reason), len(got), len(test.want))
		}
	}
}

func TestExtend(t *testing.T) {
	f := newFixture(t, nil)
	id := f.lease(f.a, 1)[0]
	by := func(d time.Duration) Duration { return Duration{d, true} }
	for _, req := range []ExtendRequest{{id, Duration{}}, {" ", by(time.Second)}} {
		var broken *InvalidError
		if err := f.Extend(t.Context(), f.a, req); !errors.As(err, &broken) || broken.Detail != "lease_id and extend_by are required" {
			t.Errorf("%+v: %v", req, err)
		}
	}
	// zero and less are nothing to do, even for a lease that does not exist
	for _, d := range []time.Duration{0, -time.Hour} {
		if err := f.Extend(t.Context(), f.a, ExtendRequest{"lease_unknown", by(d)}); err != nil {
			t.Errorf("extend by %v: %v", d, err)
		}
	}
	if err := f.Extend(t.Context(), f.a, ExtendRequest{" " + id, by(24 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(24*time.Hour + 29*time.Second)
	if n := f.metric("hookaido_pull_lease_active", "/hooks/a"); n != 1 {
		t.Errorf("%v leases active, want 1", n)
	}
	done, conflicts := f.settle(f.a, queue.Ack, id)
	f.want(done, 1, conflicts)
	if err := f.Extend(t.Context(), f.a, ExtendRequest{id, by(time.Second)}); !errors.Is(err, queue.ErrLeaseNotFound) {
		t.Errorf("extend after the ack: %v", err)
	}
	var broken *InvalidError
	if err := f.Extend(t.Context(), f.a, ExtendRequest{id, by(1 << 62)}); !errors.As(err, &broken) {
		t.Errorf("extend by centuries: %v", err)
	}
}

func TestActiveLeases(t *testing.T) {
	f := newFixture(t, nil)
	ids := f.lease(f.a, 5)
	f.settle(f.a, queue.Ack, ids[0], ids[1])
	f.settle(f.a, queue.Nack, ids[2])
	active := func() float64 { return f.metric("hookaido_pull_lease_active", "/hooks/a") }
	if active() != 2 || f.metric("hookaido_pull_lease_active", "/hooks/b") != 0 {
		t.Errorf("%v leases active, want 2", active())
	}
	if n := f.metric("hookaido_pull_nacked_total", "/hooks/a"); n != 1 {
		t.Errorf("%v nacked, want 1", n)
	}
	f.clock.Advance(30 * time.Second)
	if active() != 0 {
		t.Errorf("%v leases active after all ran out", active())
	}
}

// rival settles the lease behind the back of the caller, as another connection
// of the same worker would.
type rival struct {
	Queue
	before func()
	called bool
}

func (r *rival) Settle(ctx context.Context, req queue.SettleRequest) ([]queue.Conflict, error) {
	if !r.called {
		r.called = true
		r.before()
	}
	return r.Queue.Settle(ctx, req)
}

func TestTwoAcksAtTheSameTimeBothSucceed(t *testing.T) {
	f := newFixture(t, nil)
	id := f.lease(f.a, 1)[0]
	f.queue = &rival{Queue: f.store, before: func() {
		done, conflicts := f.settle(f.a, queue.Ack, id)
		f.want(done, 1, conflicts)
	}}
	done, conflicts := f.settle(f.a, queue.Ack, id)
	f.want(done, 1, conflicts)
}

func TestAckOfAWorkerThatHungUpCounts(t *testing.T) {
	f := newFixture(t, nil)
	id := f.lease(f.a, 1)[0]
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	result, err := f.Settle(ctx, f.a, SettleRequest{LeaseID: id, Action: queue.Ack})
	if err != nil || result.Done != 1 {
		t.Errorf("Settle = %+v, %v", result, err)
	}
}

func TestFailingQueueIsNoConflict(t *testing.T) {
	f := newFixture(t, nil)
	id := f.lease(f.a, 1)[0]
	if err := f.store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Settle(t.Context(), f.a, SettleRequest{LeaseID: id, Action: queue.Ack}); !errors.Is(err, queue.ErrClosed) {
		t.Errorf("Settle: %v", err)
	}
	if _, err := f.Dequeue(t.Context(), f.a, DequeueRequest{Batch: 1}); !errors.Is(err, queue.ErrClosed) {
		t.Errorf("Dequeue: %v", err)
	}
	if n := f.metric("hookaido_pull_dequeue_total", "/hooks/a", "status=5xx"); n != 1 {
		t.Errorf("%v failed dequeues, want 1", n)
	}
}
