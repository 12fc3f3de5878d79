package queuetest

import (
	"slices"
	"time"
)

func orderCases() []contractCase {
	return []contractCase{
		{name: "arrival decides among messages due together", run: func(r *rig) {
			r.enqueue(r.message(routeA, "1"), r.message(routeA, "2"))
			r.put("3", "4")
			r.wantPayloads("1", "2", "3", "4")
		}},
		{name: "the due time comes before arrival", run: dueBeforeArrival},
		{name: "a message without a due time is due when it was received", run: func(r *rig) {
			m := r.message(routeA, "of the future")
			m.ReceivedAt = start().Add(time.Second)
			r.enqueue(m)
			r.wantPayloads()
			r.pass(time.Second)
			r.wantPayloads("of the future")
		}},
		{name: "at most as many as asked for, the rest stays", run: func(r *rig) {
			r.put("1", "2", "3")
			if got := payloads(r.dequeue(request(2))); !slices.Equal(got, []string{"1", "2"}) {
				r.Errorf("got %q", got)
			}
			r.wantCounts(counts{Queued: 1, Leased: 2})
			r.wantPayloads("3")
		}},
		{name: "routes do not mix", run: func(r *rig) {
			r.put("a")
			r.enqueue(r.message(routeB, "b"))
			r.wantPayloads("a")
			r.wantPayloads()
			unknown := request(5)
			unknown.Route = "/never/seen"
			if got := r.dequeue(unknown); len(got) != 0 {
				r.Errorf("an unknown route gave %q", payloads(got))
			}
		}},
		{name: "a target takes its own, no target takes all in order", run: targetsInOrder},
		{name: "a message given back at once goes behind those due before", run: func(r *rig) {
			r.put("1", "2", "3")
			r.pass(time.Second)
			r.nack(r.lease(time.Minute).LeaseID, 0)
			r.wantPayloads("2", "3", "1")
		}},
		{name: "a message whose lease ran out goes behind those due before", run: func(r *rig) {
			r.put("1", "2", "3")
			r.lease(time.Second)
			r.pass(time.Second)
			r.put("4") // due at the same moment, arrived later
			r.wantPayloads("2", "3", "1", "4")
		}},
	}
}

func targetsInOrder(r *rig) {
	for _, m := range []struct{ target, payload string }{{"x", "x1"}, {"y", "y1"}, {"z", "z1"}, {"x", "x2"}, {"y", "y2"}, {"x", "x3"}} {
		msg := r.message(routeA, m.payload)
		msg.Target = m.target
		r.enqueue(msg)
		r.pass(time.Millisecond)
	}
	of := func(target string) []string {
		req := request(2)
		req.Target = target
		return payloads(r.dequeue(req))
	}
	if got := of("y"); !slices.Equal(got, []string{"y1", "y2"}) {
		r.Errorf("target y gave %q", got)
	}
	if got := of("y"); len(got) != 0 {
		r.Errorf("target y gave %q after its last message", got)
	}
	if got := of(""); !slices.Equal(got, []string{"x1", "z1"}) {
		r.Errorf("any target gave %q", got)
	}
	r.wantPayloads("x2", "x3")
}

func dueBeforeArrival(r *rig) {
	for _, m := range []struct {
		payload string
		due     time.Duration
	}{{"third", -1}, {"second", -time.Second}, {"first", -time.Hour}, {"fourth", 0}, {"later", 1}} {
		msg := r.message(routeA, m.payload)
		msg.Due = start().Add(m.due)
		r.enqueue(msg)
	}
	r.wantPayloads("first", "second", "third", "fourth")
	r.pass(1)
	r.wantPayloads("later")
}
