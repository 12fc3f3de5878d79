package queuetest

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"hookaido/internal/queue"
)

func idCases() []contractCase {
	return []contractCase{
		{name: "assigned ids have their form and are unique", run: func(r *rig) {
			form := regexp.MustCompile(`^evt_[0-9a-f]{16}$`)
			seen := map[string]bool{}
			for range 100 {
				for _, id := range r.enqueue(r.message(routeA, "1"), r.message(routeB, "2"), r.message(routeA, "3")) {
					if !form.MatchString(id) || seen[id] {
						r.Fatalf("id %q is malformed or was given before", id)
					}
					seen[id] = true
				}
			}
			for _, l := range r.dequeue(request(100)) {
				if !seen[l.ID] {
					r.Fatalf("dequeue shows id %q, which no enqueue returned", l.ID)
				}
			}
		}},
		{name: "each lease has a new id of its form", run: leaseIDsNew},
		{name: "a chosen id is kept, whatever is in it", run: chosenKept},
		{name: "a chosen id is refused while it is there, on any route, in any state", run: duplicateInEveryState},
		{name: "a duplicate within a batch refuses all of it", run: func(r *rig) {
			a, b, plain := r.message(routeA, "1"), r.message(routeB, "2"), r.message(routeA, "3")
			a.ID, b.ID = "same", "same"
			batch := queue.Batch{Messages: []queue.NewMessage{plain, a, b}}
			r.refused(queue.ErrDuplicateID, batch)
			var duplicate *queue.DuplicateError
			if _, err := r.queue.Enqueue(r.Context(), batch); !errors.As(err, &duplicate) || duplicate.Index != 2 {
				r.Errorf("Enqueue = %v, which should name message 2", err)
			}
			r.wantCounts(counts{})
		}},
		{name: "an assigned id cannot be chosen", run: func(r *rig) {
			m := r.message(routeA, "2")
			m.ID = r.put("1")[0]
			r.refused(queue.ErrDuplicateID, queue.Batch{Messages: []queue.NewMessage{m}})
			r.wantPayloads("1")
		}},
	}
}

func duplicateInEveryState(r *rig) {
	chosen := func(route string) queue.Batch {
		m := r.message(route, "x")
		m.ID = "mine"
		return queue.Batch{Messages: []queue.NewMessage{r.message(route, "beside"), m}}
	}
	m := r.message(routeA, "first")
	m.ID = "mine"
	r.enqueue(m)
	check := func(state string) {
		r.Helper()
		r.Log("while it is", state)
		r.refused(queue.ErrDuplicateID, chosen(routeA))
		r.refused(queue.ErrDuplicateID, chosen(routeB))
	}
	check("queued")
	l := r.lease(time.Minute)
	check("leased")
	r.nack(l.LeaseID, time.Second)
	check("delayed")
	r.pass(time.Second)
	l = r.lease(time.Minute)
	r.ack(l.LeaseID)
	r.enqueue(m) // acked, so free again
	l = r.lease(time.Minute)
	r.settle(queue.SettleRequest{LeaseIDs: []string{l.LeaseID}, Action: queue.Bury})
	check("dead")
	r.wantCounts(counts{Dead: 1})
}

func chosenKept(r *rig) {
	for i, id := range []string{
		"order-1", "'; DROP TABLE x; --", "ünï ✓", "a\x00b", strings.Repeat("x", 255),
		"evt_0123456789abcdef0", "EVT_0123456789ABCDEF",
	} {
		m := r.message(routeA, fmt.Sprint(i))
		m.ID = id
		if got := r.enqueue(m)[0]; got != id {
			r.Errorf("Enqueue returned %q for the chosen id %q", got, id)
		}
		if l := r.lease(time.Minute); l.ID != id {
			r.Errorf("Dequeue gave id %q, want %q", l.ID, id)
		}
	}
}

func leaseIDsNew(r *rig) {
	form := regexp.MustCompile(`^lease_[0-9a-f]{16}$`)
	seen := map[string]bool{}
	r.put("1", "2", "3")
	for range 50 {
		for _, l := range r.dequeue(request(3)) {
			if !form.MatchString(l.LeaseID) || seen[l.LeaseID] {
				r.Fatalf("lease id %q is malformed or was given before", l.LeaseID)
			}
			seen[l.LeaseID] = true
			r.nack(l.LeaseID, 0)
		}
	}
	if len(seen) != 150 {
		r.Fatalf("%d leases, want 150", len(seen))
	}
}
