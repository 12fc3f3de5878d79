package queuetest

import (
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hookaido/internal/queue"
)

func reopenCases() []contractCase {
	return []contractCase{
		{name: "C59: leases survive", run: leasesSurvive},
		{name: "C59: a lease that ran out meanwhile is over", run: lapsedMeanwhile},
		{name: "C59: a consumer waits for a lease of the life before", run: func(r *rig) {
			r.put("1")
			r.lease(30 * time.Second)
			r.reopen(time.Second)
			c := r.await(time.Hour)
			r.pass(29*time.Second - 1)
			c.wantWaiting()
			r.pass(1)
			c.wantPayloads("1")
		}},
		{name: "a consumer waits for a delay of the life before", run: oldDelayWakes},
		{name: "messages come back whole, in order, with the same statistics", run: contentSurvives},
		{name: "ids and leases are never given again", run: idsNeverAgain},
		{name: "a lease of the life before does not fit a new message", run: oldLeaseFitsNothing},
		{name: "claims survive until their time", run: func(r *rig) {
			r.accepted(r.claimed("1", 1))
			r.reopen(time.Hour - 1)
			r.refused(queue.ErrClaimed, r.claimed("2", 1))
			r.claimedAt(1, r.claimed("2", 2, 1))
			r.reopen(2)
			r.accepted(r.claimed("3", 1))
		}},
		{name: "chosen ids stay taken", run: chosenStayTaken},
		{name: "states, ages and pauses survive", run: managedSurvives},
		{name: "mappings and sealed secrets survive", run: mappedSurvives},
		{name: "samples of the backlog survive", run: trendSurvives},
		{name: "records of attempts survive, later ones have greater ids", run: recordsSurvive},
		{name: "a ping succeeds", run: func(r *rig) {
			r.put("1")
			r.reopen(0)
			if err := r.queue.Ping(r.Context()); err != nil {
				r.Errorf("Ping: %v", err)
			}
		}},
	}
}

func leasesSurvive(r *rig) {
	r.put("acked", "nacked", "buried", "extended", "kept")
	leases := r.dequeue(request(5))
	r.reopen(5 * time.Second)
	r.wantCounts(counts{Leased: 5})
	r.wantPayloads()
	r.ack(leases[0].LeaseID)
	r.nack(leases[1].LeaseID, time.Hour)
	r.settle(queue.SettleRequest{LeaseIDs: []string{leases[2].LeaseID}, Route: routeA, Action: queue.Bury, Reason: "no"})
	r.extend(leases[3].LeaseID, time.Minute, nil)
	r.reopen(0)
	r.wantCounts(counts{Queued: 1, Leased: 2, Dead: 1})
	r.pass(55*time.Second - 1)
	r.wantPayloads()
	r.pass(1)
	if got := r.wantPayloads("kept")[0]; got.Attempt != 2 || got.ID != leases[4].ID {
		r.Errorf("got %+v, want attempt 2 of %s", got, leases[4].ID)
	}
	r.pass(time.Minute)
	r.wantPayloads("extended", "kept")
}

func contentSurvives(r *rig) {
	for i, body := range []string{"", "\x00\xff", strings.Repeat("long", 100000), "last"} {
		m := r.message(routeA, body)
		m.Target = []string{"x", "y"}[i%2]
		m.Envelope = queue.Envelope{
			Method: "POST", RawPath: "/p", RawQuery: "q=" + body[:min(4, len(body))],
			Headers: []queue.Pair{{Name: "A", Value: "2"}, {Name: "A", Value: "1"}},
		}
		r.enqueue(m)
		r.pass(time.Second)
	}
	r.settle(queue.SettleRequest{LeaseIDs: []string{r.lease(time.Minute).LeaseID}, Action: queue.Nack, Delay: time.Second})
	r.settle(queue.SettleRequest{LeaseIDs: []string{r.lease(time.Minute).LeaseID}, Action: queue.Bury})
	before := r.stats()
	r.reopen(0)
	r.wantStats(before)
	r.pass(time.Second)
	leases := r.wantPayloads(strings.Repeat("long", 100000), "last", "")
	want := queue.Leased{
		ID: leases[0].ID, LeaseID: leases[0].LeaseID, Route: routeA, Target: "x",
		ReceivedAt: start().Add(2 * time.Second), Due: start().Add(2 * time.Second), Attempt: 1, LeaseUntil: r.clock.Now().Add(time.Minute),
		Envelope: queue.Envelope{
			Method: "POST", RawPath: "/p", RawQuery: "q=long",
			Headers: []queue.Pair{{Name: "A", Value: "2"}, {Name: "A", Value: "1"}},
		},
		Payload: leases[0].Payload,
	}
	if diff := cmp.Diff(want, leases[0], cmpopts.EquateEmpty()); diff != "" {
		r.Errorf("lease (-want +got):\n%s", diff)
	}
	if leases[2].Attempt != 2 {
		r.Errorf("attempt %d of the message given back, want 2", leases[2].Attempt)
	}
}

func reopenLimitCases() []contractCase {
	lower := func(r *rig, policy queue.DropPolicy) {
		r.put("1", "2", "3", "4", "5")
		r.lease(time.Hour)
		r.opts.Limits = queue.Limits{MaxDepth: 3, DropPolicy: policy}
		r.reopen(0)
	}
	return []contractCase{
		{name: "C65: a lowered limit refuses until the queue has shrunk", run: func(r *rig) {
			lower(r, queue.Reject)
			r.refused(queue.ErrFull, r.batch("6"))
			for range 2 {
				r.ack(r.lease(time.Hour).LeaseID)
			}
			r.refused(queue.ErrFull, r.batch("6"))
			r.ack(r.lease(time.Hour).LeaseID)
			r.put("7")
			r.wantPayloads("5", "7")
		}},
		{name: "C65: a lowered limit with drop_oldest shrinks the queue at once", run: func(r *rig) {
			lower(r, queue.DropOldest)
			r.put("6")
			r.wantCounts(counts{Queued: 2, Leased: 1})
			r.wantPayloads("5", "6")
		}},
		{name: "a raised limit takes more", limits: queue.Limits{MaxDepth: 1}, run: func(r *rig) {
			r.put("1")
			r.opts.Limits = queue.Limits{MaxDepth: 2}
			r.reopen(0)
			r.put("2")
			r.refused(queue.ErrFull, r.batch("3"))
		}},
	}
}

func idsNeverAgain(r *rig) {
	seen := map[string]bool{}
	for range 20 {
		ids := r.put("1", "2")
		l := r.lease(time.Minute)
		for _, id := range append(ids, l.LeaseID) {
			if seen[id] {
				r.Fatalf("%s was given before", id)
			}
			seen[id] = true
		}
		r.ack(l.LeaseID, r.lease(time.Minute).LeaseID)
		r.wantCounts(counts{})
		r.reopen(0)
	}
}

func oldLeaseFitsNothing(r *rig) {
	r.put("1")
	old := r.lease(time.Minute)
	r.ack(old.LeaseID)
	r.reopen(0)
	r.put("2")
	r.lease(time.Minute)
	r.wantConflicts(queue.SettleRequest{LeaseIDs: []string{old.LeaseID}, Action: queue.Ack},
		queue.Conflict{LeaseID: old.LeaseID, Err: queue.ErrLeaseNotFound})
}

func oldDelayWakes(r *rig) {
	r.put("1")
	r.nack(r.lease(time.Minute).LeaseID, 30*time.Second)
	r.reopen(time.Second)
	c := r.await(time.Hour)
	r.pass(29*time.Second - 1)
	c.wantWaiting()
	r.pass(1)
	if got := c.wantPayloads("1")[0]; got.Attempt != 2 {
		r.Errorf("attempt %d, want 2", got.Attempt)
	}
}

func chosenStayTaken(r *rig) {
	m := r.message(routeA, "1")
	m.ID = "mine"
	r.enqueue(m)
	l := r.lease(time.Minute)
	r.reopen(0)
	r.refused(queue.ErrDuplicateID, queue.Batch{Messages: []queue.NewMessage{m}})
	r.ack(l.LeaseID)
	r.enqueue(m)
}

func lapsedMeanwhile(r *rig) {
	r.put("1", "2")
	lapsed := r.lease(10 * time.Second)
	r.lease(time.Hour)
	r.reopen(10 * time.Second)
	if got := r.wantPayloads("1")[0]; got.Attempt != 2 {
		r.Errorf("attempt %d, want 2", got.Attempt)
	}
	r.extend(lapsed.LeaseID, time.Minute, queue.ErrLeaseNotFound)
}
