package queuetest

import (
	"time"

	"hookaido/internal/queue"
)

// batch is a fan-out of route a to as many targets as there are payloads.
func (r *rig) batch(payloads ...string) queue.Batch {
	var b queue.Batch
	for _, p := range payloads {
		m := r.message(routeA, p)
		m.Target = "to " + p
		b.Messages = append(b.Messages, m)
	}
	return b
}

func fanOutCases() []contractCase {
	return []contractCase{
		{name: "all targets get theirs", run: func(r *rig) {
			r.enqueue(r.batch("1", "2", "3").Messages...)
			r.wantPayloads("1", "2", "3")
		}},
		{name: "C62: too deep for one target is too deep for all", limits: queue.Limits{MaxDepth: 3}, run: func(r *rig) {
			r.put("there", "there")
			r.refused(queue.ErrFull, r.batch("1", "2"))
			r.wantCounts(counts{Queued: 2})
			for _, l := range r.wantPayloads("there", "there") {
				r.ack(l.LeaseID)
			}
			r.enqueue(r.batch("1", "2").Messages...) // the sender tries again: one each
			r.wantPayloads("1", "2")
		}},
		{name: "C62: a duplicate for one target stores none", run: func(r *rig) {
			first := r.batch("1")
			first.Messages[0].ID = "mine"
			r.enqueue(first.Messages...)
			again := r.batch("2", "3", "4")
			again.Messages[1].ID = "mine"
			again.Claims = []queue.Claim{claim(1, start().Add(time.Hour))}
			r.refused(queue.ErrDuplicateID, again)
			again.Messages[1].ID = ""
			r.wantPayloads("1")
			if _, err := r.queue.Enqueue(r.Context(), again); err != nil { // the claim was not made either
				r.Fatalf("Enqueue after the repair: %v", err)
			}
			r.wantPayloads("2", "3", "4")
		}},
	}
}

func limitCases() []contractCase {
	reject, drop := queue.Limits{MaxDepth: 2}, queue.Limits{MaxDepth: 2, DropPolicy: queue.DropOldest}
	return []contractCase{
		{name: "no limit", run: func(r *rig) {
			for range 50 {
				r.enqueue(r.batch("1", "2", "3", "4").Messages...)
			}
			r.wantCounts(counts{Queued: 200})
		}},
		{name: "C65: a full queue refuses", limits: queue.Limits{MaxDepth: 1}, run: func(r *rig) {
			r.put("1")
			r.refused(queue.ErrFull, r.batch("2"))
			r.refused(queue.ErrFull, queue.Batch{Messages: []queue.NewMessage{r.message(routeB, "3")}})
			r.wantPayloads("1")
		}},
		{name: "leased and delayed messages count", limits: reject, run: func(r *rig) {
			r.put("1", "2")
			r.lease(time.Minute)
			r.refused(queue.ErrFull, r.batch("3"))
			r.nack(r.lease(time.Minute).LeaseID, time.Hour)
			r.refused(queue.ErrFull, r.batch("3"))
		}},
		{name: "acked and dead messages do not count", limits: reject, run: doneDoNotCount},
		{name: "giving back is not limited", limits: reject, run: func(r *rig) {
			r.put("1", "2")
			l := r.lease(time.Minute)
			r.lease(time.Minute)
			r.nack(l.LeaseID, 0)
			r.pass(time.Minute)
			r.wantPayloads("1", "2")
		}},
		{name: "C65: drop_oldest makes room with the first to arrive", limits: drop, run: dropFirstToArrive},
		{name: "drop_oldest takes a delayed message too", limits: drop, run: func(r *rig) {
			r.put("1")
			r.nack(r.lease(time.Minute).LeaseID, time.Hour)
			r.put("2", "3")
			r.pass(time.Hour)
			r.wantPayloads("2", "3")
		}},
		{name: "drop_oldest leaves leased messages alone", limits: drop, run: dropLeavesLeased},
		{name: "drop_oldest drops nothing for a batch that is refused", limits: drop, run: dropNothing},
		{name: "drop_oldest drops as many as a fan-out needs", limits: queue.Limits{MaxDepth: 3, DropPolicy: queue.DropOldest}, run: func(r *rig) {
			r.put("1", "2", "3")
			r.enqueue(r.batch("4", "5").Messages...)
			r.wantPayloads("3", "4", "5")
		}},
		{name: "the id of a dropped message is free", limits: queue.Limits{MaxDepth: 1, DropPolicy: queue.DropOldest}, run: droppedIDFree},
	}
}

func dropNothing(r *rig) {
	later := start().Add(time.Hour)
	b := r.batch("1")
	b.Messages[0].ID, b.Claims = "mine", []queue.Claim{claim(1, later)}
	if _, err := r.queue.Enqueue(r.Context(), b); err != nil {
		r.Fatal(err)
	}
	b = r.batch("2")
	b.Messages[0].ID = "other"
	r.enqueue(b.Messages...)
	r.refused(queue.ErrFull, r.batch("3", "4", "5"))
	b = r.batch("6")
	b.Messages[0].ID = "other"
	r.refused(queue.ErrDuplicateID, b)
	b = r.batch("7")
	b.Claims = []queue.Claim{claim(1, later)}
	r.refused(queue.ErrClaimed, b)
	r.wantPayloads("1", "2")
}

func dropFirstToArrive(r *rig) {
	r.put("1")
	r.enqueue(r.message(routeB, "2"))
	r.put("3") // drops 1, of its own route
	r.put("4") // drops 2, of the other
	r.wantCounts(counts{Queued: 2})
	r.wantPayloads("3", "4")
}

func doneDoNotCount(r *rig) {
	r.put("1", "2")
	r.ack(r.lease(time.Minute).LeaseID)
	r.settle(queue.SettleRequest{LeaseIDs: []string{r.lease(time.Minute).LeaseID}, Action: queue.Bury})
	r.put("3", "4")
	r.refused(queue.ErrFull, r.batch("5"))
	r.wantCounts(counts{Queued: 2, Dead: 1})
}

func droppedIDFree(r *rig) {
	m := r.message(routeA, "1")
	m.ID = "mine"
	r.enqueue(m)
	r.put("2")
	m.Payload = []byte("3")
	r.enqueue(m)
	r.wantPayloads("3")
}

func dropLeavesLeased(r *rig) {
	r.put("1", "2")
	l := r.lease(time.Minute)
	r.put("3")
	r.wantPayloads("3")
	r.refused(queue.ErrFull, r.batch("4"))
	r.ack(l.LeaseID)
	r.put("5")
}
