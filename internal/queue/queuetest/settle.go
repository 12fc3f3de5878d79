package queuetest

import (
	"context"
	"errors"
	"time"

	"hookaido/internal/queue"
)

func settleCases() []contractCase {
	return []contractCase{
		{name: "an ack removes", run: func(r *rig) {
			r.put("1")
			l := r.lease(time.Minute)
			r.ack(l.LeaseID)
			r.wantCounts(counts{})
			r.pass(time.Hour)
			r.wantPayloads()
		}},
		{name: "a nack delays from now", run: func(r *rig) {
			r.put("1")
			l := r.lease(time.Minute)
			r.pass(30 * time.Second)
			r.nack(l.LeaseID, 10*time.Second)
			r.wantCounts(counts{Queued: 1})
			r.pass(10*time.Second - 1)
			r.wantPayloads()
			r.pass(1)
			r.wantPayloads("1")
		}},
		{name: "a buried message is not handed out again", run: func(r *rig) {
			r.put("1", "2")
			reasons := []string{"", "no such customer \x00\xff ✓"}
			for _, reason := range reasons {
				l := r.lease(time.Minute)
				r.settle(queue.SettleRequest{LeaseIDs: []string{l.LeaseID}, Action: queue.Bury, Reason: reason})
			}
			r.wantCounts(counts{Dead: 2})
			r.pass(time.Hour)
			r.wantPayloads()
		}},
		{name: "a settled lease is gone, whatever is tried next", run: settledIsGone},
		{name: "of a batch the good ones are settled, the others reported", run: batchPartly},
		{name: "badinput 88: an id that no lease has is a conflict", run: func(r *rig) {
			r.put("1")
			l := r.lease(time.Minute)
			var want []queue.Conflict
			ids := foreignLeases(l.LeaseID)
			for _, id := range ids {
				want = append(want, queue.Conflict{LeaseID: id, Err: queue.ErrLeaseNotFound})
			}
			r.wantConflicts(queue.SettleRequest{LeaseIDs: ids, Action: queue.Ack}, want...)
			r.wantCounts(counts{Leased: 1})
		}},
		{name: "settling nothing succeeds", run: func(r *rig) {
			r.settle(queue.SettleRequest{Action: queue.Ack})
		}},
	}
}

func batchPartly(r *rig) {
	r.put("lapsed", "settled", "1", "2", "3")
	lapsed, settled := r.lease(time.Second), r.lease(time.Minute)
	r.ack(settled.LeaseID)
	rest := r.dequeue(request(3))
	r.clock.Advance(time.Second)
	r.wantConflicts(queue.SettleRequest{
		Action: queue.Ack,
		LeaseIDs: []string{
			rest[0].LeaseID, lapsed.LeaseID, "lease_0000000000000000", rest[1].LeaseID,
			settled.LeaseID, rest[0].LeaseID, rest[2].LeaseID, // the first again, badinput 90
		},
	},
		queue.Conflict{LeaseID: lapsed.LeaseID, Err: queue.ErrLeaseExpired},
		queue.Conflict{LeaseID: "lease_0000000000000000", Err: queue.ErrLeaseNotFound},
		queue.Conflict{LeaseID: settled.LeaseID, Err: queue.ErrLeaseNotFound},
		queue.Conflict{LeaseID: rest[0].LeaseID, Err: queue.ErrLeaseNotFound},
	)
	r.wantCounts(counts{Queued: 1})
	r.wantPayloads("lapsed")
}

func endedContext(r *rig) {
	r.put("1", "2")
	l := r.lease(time.Minute)
	ended, cancel := context.WithCancel(r.Context())
	cancel()
	check := func(what string, err error) {
		r.Helper()
		if !errors.Is(err, context.Canceled) {
			r.Errorf("%s = %v, want the error of the context", what, err)
		}
	}
	_, err := r.queue.Enqueue(ended, queue.Batch{Messages: []queue.NewMessage{r.message(routeA, "3")}})
	check("Enqueue", err)
	leases, err := r.queue.Dequeue(ended, request(1))
	check("Dequeue", err)
	if len(leases) != 0 {
		r.Errorf("Dequeue gave %d messages", len(leases))
	}
	_, err = r.queue.Settle(ended, queue.SettleRequest{LeaseIDs: []string{l.LeaseID}, Action: queue.Ack})
	check("Settle", err)
	check("Extend", r.queue.Extend(ended, queue.ExtendRequest{LeaseID: l.LeaseID, By: time.Minute}))
	r.wantCounts(counts{Queued: 1, Leased: 1})
	r.pass(time.Minute)
	r.wantPayloads("2", "1") // not extended either
}

func settledIsGone(r *rig) {
	actions := []queue.Action{queue.Ack, queue.Nack, queue.Bury}
	for _, first := range actions {
		r.put("1")
		l := r.lease(time.Minute)
		r.settle(queue.SettleRequest{LeaseIDs: []string{l.LeaseID}, Action: first, Delay: time.Hour})
		for _, second := range actions {
			r.wantConflicts(queue.SettleRequest{LeaseIDs: []string{l.LeaseID}, Action: second},
				queue.Conflict{LeaseID: l.LeaseID, Err: queue.ErrLeaseNotFound})
		}
		r.extend(l.LeaseID, time.Minute, queue.ErrLeaseNotFound)
	}
	r.wantCounts(counts{Queued: 1, Dead: 1})
}
