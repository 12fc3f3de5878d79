package queuetest

import (
	"slices"
	"time"

	"hookaido/internal/queue"
)

func maxDeliveryCases() []contractCase {
	return []contractCase{
		{name: "a message given back too often dies instead of a third delivery", run: diesInsteadOfThird},
		{name: "leases that run out count", run: func(r *rig) {
			r.put("1")
			for range 2 {
				r.takeTwice("1")
				r.pass(time.Minute)
			}
			r.takeTwice()
			r.wantCounts(counts{Dead: 1})
		}},
		{name: "a consumer that waits gets the next one", run: func(r *rig) {
			r.put("1")
			for range 2 {
				r.nack(r.takeTwice("1")[0].LeaseID, time.Minute)
				r.pass(time.Minute)
			}
			req := request(1)
			req.MaxDeliveries, req.Wait = 2, time.Hour
			c := r.consume(req)
			c.wantWaiting()
			r.wantCounts(counts{Dead: 1})
			r.put("2")
			c.wantPayloads("2")
		}},
		{name: "without a bound it lives on", run: func(r *rig) {
			r.put("1")
			for range 200 {
				r.nack(r.lease(time.Minute).LeaseID, 0)
			}
			r.wantCounts(counts{Queued: 1})
		}},
	}
}

// takeTwice takes two messages at most, of those handed out less than twice.
func (r *rig) takeTwice(want ...string) []queue.Leased {
	r.Helper()
	req := request(2)
	req.MaxDeliveries = 2
	got := r.dequeue(req)
	if !slices.Equal(payloads(got), want) {
		r.Fatalf("got %q, want %q", payloads(got), want)
	}
	return got
}

func diesInsteadOfThird(r *rig) {
	ids := r.put("1", "2", "3")
	for range 2 {
		for _, l := range r.takeTwice("1", "2") {
			r.nack(l.LeaseID, 0)
		}
	}
	r.wantCounts(counts{Queued: 3})
	r.takeTwice("3")
	r.wantCounts(counts{Leased: 1, Dead: 2})
	m := r.get(ids[0])
	if m.Reason != queue.ReasonMaxDeliveries || m.Attempt != 2 || !m.Since.Equal(r.clock.Now()) {
		r.Errorf("got %+v", m)
	}
	r.change(queue.Requeue, 2, ids...)
	r.takeTwice("1", "2")
}
