package queuetest

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hookaido/internal/queue"
)

func statsCases() []contractCase {
	return []contractCase{
		{name: "an empty queue has a count for every state", run: func(r *rig) {
			want := queue.Stats{ByState: byState(counts{})}
			if diff := cmp.Diff(want, r.stats(), cmpopts.EquateEmpty()); diff != "" {
				r.Errorf("stats (-want +got):\n%s", diff)
			}
		}},
		{name: "they tell what was done", run: statsTell},
		{name: "a lane of leased and dead messages only has no times", run: func(r *rig) {
			r.put("1", "2")
			r.lease(time.Minute)
			r.settle(queue.SettleRequest{LeaseIDs: []string{r.lease(time.Minute).LeaseID}, Action: queue.Bury})
			want := queue.Stats{ByState: byState(counts{Leased: 1, Dead: 1})}
			want.Lanes = []queue.LaneStats{{Route: routeA, Target: target, Leased: 1, Dead: 1}}
			if diff := cmp.Diff(want, r.stats(), cmpopts.EquateEmpty()); diff != "" {
				r.Errorf("stats (-want +got):\n%s", diff)
			}
		}},
		{name: "a ping succeeds", run: func(r *rig) {
			for range 3 {
				if err := r.queue.Ping(r.Context()); err != nil {
					r.Errorf("Ping: %v", err)
				}
				r.put("1")
				r.pass(time.Minute)
			}
		}},
	}
}

func statsTell(r *rig) {
	at := func(d time.Duration) time.Time { return start().Add(d) }
	r.put("1", "2", "3")
	r.pass(time.Second)
	b := r.message(routeB, "4")
	b.Due = at(time.Hour)
	r.enqueue(b)
	other := r.message(routeA, "5")
	other.Target = "other"
	other.Due = at(-time.Hour)
	r.enqueue(other, other, other)
	r.pass(time.Second)
	leases := r.dequeue(queue.DequeueRequest{Route: routeA, Target: target, Max: 2, TTL: time.Minute})
	r.settle(queue.SettleRequest{LeaseIDs: []string{leases[0].LeaseID}, Action: queue.Bury})
	want := queue.Stats{
		ByState:      byState(counts{Queued: 5, Leased: 1, Dead: 1}),
		OldestQueued: at(0), EarliestDue: at(-time.Hour),
		Lanes: []queue.LaneStats{
			{Route: routeA, Target: "other", Queued: 3, OldestQueued: at(time.Second), EarliestDue: at(-time.Hour)},
			{Route: routeA, Target: target, Queued: 1, Leased: 1, Dead: 1, OldestQueued: at(0), EarliestDue: at(0)},
			{Route: routeB, Target: target, Queued: 1, OldestQueued: at(time.Second), EarliestDue: at(time.Hour)},
		},
	}
	r.wantStats(want)

	// a lease that runs out is due when that is noticed
	r.pass(time.Minute)
	want.ByState = byState(counts{Queued: 6, Dead: 1})
	want.Lanes[1].Queued, want.Lanes[1].Leased = 2, 0
	r.wantStats(want)
	r.ack(r.dequeue(queue.DequeueRequest{Route: routeA, Target: target, Max: 1, TTL: time.Minute})[0].LeaseID)
	want.ByState = byState(counts{Queued: 5, Dead: 1})
	want.Lanes[1].Queued, want.Lanes[1].EarliestDue = 1, at(time.Minute+2*time.Second)
	r.wantStats(want)
}

func byState(c counts) map[queue.State]int {
	return map[queue.State]int{
		queue.StateQueued: c.Queued, queue.StateLeased: c.Leased, queue.StateDead: c.Dead,
		queue.StateDelivered: 0, queue.StateCanceled: 0,
	}
}

// wantStats compares all of the statistics. The order of lanes with equally
// many messages is free.
func (r *rig) wantStats(want queue.Stats) {
	r.Helper()
	got := r.stats()
	most := func(a, b queue.LaneStats) int { return b.Queued - a.Queued }
	if !slices.IsSortedFunc(got.Lanes, most) {
		r.Errorf("lanes are not sorted by messages queued: %+v", got.Lanes)
	}
	slices.SortFunc(got.Lanes, byName)
	slices.SortFunc(want.Lanes, byName)
	// the common case first: cmp is slow for the thousands of the model
	if maps.Equal(got.ByState, want.ByState) && slices.Equal(got.Lanes, want.Lanes) &&
		got.OldestQueued.Equal(want.OldestQueued) && got.EarliestDue.Equal(want.EarliestDue) {
		return
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		r.Fatalf("stats (-want +got):\n%s", diff)
	}
}

func byName(a, b queue.LaneStats) int {
	return strings.Compare(a.Route+"\x00"+a.Target, b.Route+"\x00"+b.Target)
}

func closeCases() []contractCase {
	return []contractCase{
		{name: "nothing works after it", run: func(r *rig) {
			r.put("1", "2")
			l := r.lease(time.Minute)
			for range 2 {
				if err := r.queue.Close(); err != nil {
					r.Fatalf("Close: %v", err)
				}
			}
			check := func(what string, err error) {
				r.Helper()
				if !errors.Is(err, queue.ErrClosed) {
					r.Errorf("%s = %v, want %v", what, err, queue.ErrClosed)
				}
			}
			ctx := r.Context()
			_, err := r.queue.Enqueue(ctx, r.batch("3"))
			check("Enqueue", err)
			_, err = r.queue.Dequeue(ctx, request(1))
			check("Dequeue", err)
			waiting := request(1)
			waiting.Wait = time.Hour
			_, err = r.queue.Dequeue(ctx, waiting)
			check("Dequeue that would wait", err)
			_, err = r.queue.Settle(ctx, queue.SettleRequest{LeaseIDs: []string{l.LeaseID}, Action: queue.Ack})
			check("Settle", err)
			check("Extend", r.queue.Extend(ctx, queue.ExtendRequest{LeaseID: l.LeaseID, By: time.Minute}))
			_, err = r.queue.Stats(ctx)
			check("Stats", err)
			check("Ping", r.queue.Ping(ctx))
		}},
		{name: "it releases those who wait", run: func(r *rig) {
			first, second := r.await(time.Hour), r.await(time.Hour)
			if err := r.queue.Close(); err != nil {
				r.Fatalf("Close: %v", err)
			}
			for _, c := range []*consumer{first, second} {
				if a := c.answer(); !errors.Is(a.err, queue.ErrClosed) || len(a.leases) != 0 {
					r.Errorf("a waiting consumer got %q, %v; want %v", payloads(a.leases), a.err, queue.ErrClosed)
				}
			}
		}},
		{name: "several may close at once, under load", run: closeUnderLoad},
	}
}

func closeUnderLoad(r *rig) {
	done := make(chan error)
	for range 4 {
		go func() {
			for {
				if _, err := r.queue.Enqueue(r.Context(), r.batch("1")); err != nil {
					done <- err
					return
				}
				leases, err := r.queue.Dequeue(r.Context(), request(1))
				if err != nil {
					done <- err
					return
				}
				for _, l := range leases {
					if err := r.queue.Extend(r.Context(), queue.ExtendRequest{LeaseID: l.LeaseID, By: 1}); err != nil {
						done <- err
						return
					}
				}
			}
		}()
	}
	r.put("warm", "up", "a", "little")
	for range 2 {
		go func() { done <- r.queue.Close() }()
	}
	for range 6 {
		if err := <-done; err != nil && !errors.Is(err, queue.ErrClosed) {
			r.Errorf("while closing: %v", err)
		}
	}
}
