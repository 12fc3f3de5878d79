package queuetest

import (
	"math"
	"strings"
	"time"

	"hookaido/internal/queue"
)

func leaseCases() []contractCase {
	return []contractCase{
		{name: "a leased message is out of reach until it is given back", run: func(r *rig) {
			r.put("1")
			l := r.lease(time.Minute)
			r.wantPayloads()
			r.nack(l.LeaseID, 0)
			if again := r.lease(time.Minute); again.ID != l.ID || again.Attempt != 2 || again.LeaseID == l.LeaseID {
				r.Errorf("second lease %+v after %+v", again, l)
			}
		}},
		{name: "a lease ends at its deadline, not a nanosecond before", run: func(r *rig) {
			r.put("1")
			l := r.lease(time.Minute)
			r.clock.Advance(time.Minute - 1)
			r.wantPayloads()
			r.clock.Advance(1)
			if again := r.wantPayloads("1")[0]; again.ID != l.ID || again.Attempt != 2 {
				r.Errorf("after expiry: %+v, want attempt 2 of %s", again, l.ID)
			}
		}},
		{name: "a lease can be settled up to its last nanosecond", run: func(r *rig) {
			r.put("1")
			l := r.lease(time.Minute)
			r.clock.Advance(time.Minute - 1)
			r.ack(l.LeaseID)
			r.wantCounts(counts{})
		}},
		{name: "a lease that ran out is expired once, then unknown", run: expiredOnce},
		{name: "C58 and badinput 92: a late consumer does not disturb the next", run: lateConsumer},
		{name: "the deadline is extended from where it is", run: extendFromDeadline},
		{name: "only a lease that is out can be extended", run: extendOnlyHeld},
		{name: "a lease belongs to its route", run: leaseOfRoute},
		{name: "a huge lease, extension or delay does not wrap around", run: hugeDurations},
		{name: "expiry has no limit of attempts", run: func(r *rig) {
			r.put("1")
			for attempt := 1; attempt <= 100; attempt++ {
				if l := r.lease(time.Second); l.Attempt != attempt {
					r.Fatalf("attempt %d, want %d", l.Attempt, attempt)
				}
				r.clock.Advance(time.Second)
			}
			r.wantPayloads("1")
		}},
		{name: "an ended context does nothing", run: endedContext},
	}
}

func expiredOnce(r *rig) {
	for _, action := range []queue.Action{queue.Ack, queue.Nack, queue.Bury} {
		for _, rested := range []bool{false, true} { // whether timers had time to fire
			r.put("1")
			l := r.lease(time.Second)
			r.clock.Advance(time.Second)
			if rested {
				r.pass(time.Second)
			}
			req := queue.SettleRequest{LeaseIDs: []string{l.LeaseID}, Action: action, Delay: time.Hour, Reason: "late"}
			r.wantConflicts(req, queue.Conflict{LeaseID: l.LeaseID, Err: queue.ErrLeaseExpired})
			r.wantCounts(counts{Queued: 1})
			r.wantConflicts(req, queue.Conflict{LeaseID: l.LeaseID, Err: queue.ErrLeaseNotFound})
			r.ack(r.wantPayloads("1")[0].LeaseID)
		}
	}
}

func lateConsumer(r *rig) {
	r.put("1")
	a := r.lease(time.Second)
	r.clock.Advance(time.Second)
	b := r.lease(time.Minute)
	late := queue.Conflict{LeaseID: a.LeaseID, Err: queue.ErrLeaseNotFound}
	for _, action := range []queue.Action{queue.Ack, queue.Nack, queue.Bury} {
		r.wantConflicts(queue.SettleRequest{LeaseIDs: []string{a.LeaseID}, Action: action}, late)
	}
	r.extend(a.LeaseID, time.Hour, queue.ErrLeaseNotFound)
	r.wantPayloads() // b still has it
	r.wantCounts(counts{Leased: 1})
	r.ack(b.LeaseID)
	r.wantCounts(counts{})
	r.wantConflicts(queue.SettleRequest{LeaseIDs: []string{b.LeaseID}, Action: queue.Ack},
		queue.Conflict{LeaseID: b.LeaseID, Err: queue.ErrLeaseNotFound})
}

func leaseOfRoute(r *rig) {
	r.put("1")
	l := r.lease(time.Minute)
	for _, action := range []queue.Action{queue.Ack, queue.Nack, queue.Bury} {
		r.wantConflicts(queue.SettleRequest{LeaseIDs: []string{l.LeaseID}, Route: routeB, Action: action},
			queue.Conflict{LeaseID: l.LeaseID, Err: queue.ErrLeaseNotFound})
	}
	by := queue.ExtendRequest{LeaseID: l.LeaseID, Route: routeB, By: time.Hour}
	if err := r.queue.Extend(r.Context(), by); err == nil {
		r.Error("another route extended the lease")
	}
	r.wantCounts(counts{Leased: 1})
	by.Route, by.By = routeA, time.Second
	if err := r.queue.Extend(r.Context(), by); err != nil {
		r.Errorf("its own route cannot extend the lease: %v", err)
	}
	r.clock.Advance(time.Minute)
	r.settle(queue.SettleRequest{LeaseIDs: []string{l.LeaseID}, Route: routeA, Action: queue.Ack})

	// what another route asks does not use up the news that a lease ran out
	r.put("2")
	l = r.lease(time.Second)
	r.clock.Advance(time.Second)
	req := queue.SettleRequest{LeaseIDs: []string{l.LeaseID}, Route: routeB, Action: queue.Ack}
	r.wantConflicts(req, queue.Conflict{LeaseID: l.LeaseID, Err: queue.ErrLeaseNotFound})
	req.Route = routeA
	r.wantConflicts(req, queue.Conflict{LeaseID: l.LeaseID, Err: queue.ErrLeaseExpired})
}

// foreignLeases are ids that no lease has, most of them close to the given one.
func foreignLeases(id string) []string {
	digits := strings.TrimPrefix(id, "lease_")
	list := []string{
		"", " ", "lease_", "lease_0000000000000000", "lease_ffffffffffffffff", "lease_zzzzzzzzzzzzzzzz",
		strings.ToUpper(id), " " + id, id + " ", id + "0", "lease_0" + digits, id[:len(id)-1], digits,
		"lease_+" + digits[1:], "evt_" + digits, "lease_\x00\xff", id + "\x00", strings.Repeat("x", 1<<16),
	}
	if upper := strings.ToUpper(digits); upper != digits {
		list = append(list, "lease_"+upper)
	}
	return list
}

func extendFromDeadline(r *rig) {
	r.put("1")
	l := r.lease(time.Minute)
	r.pass(50 * time.Second)
	r.extend(l.LeaseID, 30*time.Second, nil)
	r.pass(40*time.Second - 1)
	r.wantPayloads()
	r.extend(l.LeaseID, 1, nil)
	r.pass(1)
	r.wantPayloads()
	r.pass(1)
	r.wantPayloads("1")
}

func extendOnlyHeld(r *rig) {
	r.put("1")
	acked := r.lease(time.Minute)
	r.ack(acked.LeaseID)
	r.extend(acked.LeaseID, time.Minute, queue.ErrLeaseNotFound)
	for _, id := range foreignLeases(acked.LeaseID) {
		r.extend(id, time.Minute, queue.ErrLeaseNotFound)
	}
	r.put("2")
	lapsed := r.lease(time.Second)
	r.clock.Advance(time.Second)
	r.extend(lapsed.LeaseID, time.Minute, queue.ErrLeaseExpired)
	r.extend(lapsed.LeaseID, time.Minute, queue.ErrLeaseNotFound)
	r.wantPayloads("2")
}

func hugeDurations(r *rig) {
	r.put("1", "2")
	long := r.lease(math.MaxInt64)
	r.extend(long.LeaseID, math.MaxInt64, nil)
	r.extend(long.LeaseID, math.MaxInt64, nil)
	r.nack(r.lease(time.Minute).LeaseID, math.MaxInt64)
	r.pass(365 * 24 * time.Hour)
	r.wantPayloads()
	r.wantCounts(counts{Queued: 1, Leased: 1})
	r.ack(long.LeaseID)
}
