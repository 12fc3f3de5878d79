package queuetest

import (
	"slices"
	"time"

	"hookaido/internal/queue"
)

func pauseCases() []contractCase {
	return []contractCase{
		{name: "a paused route hands nothing out, others do", run: func(r *rig) {
			r.put("1")
			r.enqueue(r.message(routeB, "2"))
			r.pause(routeA, "", true)
			r.wantPayloads()
			req := request(1)
			req.Route = routeB
			if got := r.dequeue(req); len(got) != 1 {
				r.Errorf("got %q of the other route", payloads(got))
			}
			r.pause(routeA, "", false)
			r.wantPayloads("1")
		}},
		{name: "a paused target leaves the others of its route", run: pausedTarget},
		{name: "consumers that wait get what waited when it goes on", run: func(r *rig) {
			r.put("1")
			r.pause(routeA, "", true)
			c, d := r.await(time.Hour), r.await(time.Minute)
			r.put("2")
			r.pass(time.Minute)
			c.wantWaiting()
			d.wantPayloads()
			r.pause(routeA, "", false)
			c.wantPayloads("1")
		}},
		{name: "a pause while a consumer waits", run: func(r *rig) {
			c := r.await(time.Hour)
			r.pause(routeA, target, true)
			r.put("1")
			c.wantWaiting()
			r.pause(routeA, target, false)
			c.wantPayloads("1")
		}},
		{name: "both pauses must end", run: func(r *rig) {
			r.put("1")
			r.pause(routeA, "", true)
			r.pause(routeA, target, true)
			r.pause(routeA, "", false)
			r.wantPayloads()
			r.pause(routeA, target, false)
			r.wantPayloads("1")
		}},
		{name: "what is leased goes on", run: func(r *rig) {
			r.put("1", "2", "3")
			leases := r.dequeue(request(3))
			r.pause(routeA, "", true)
			r.ack(leases[0].LeaseID)
			r.nack(leases[1].LeaseID, 0)
			r.extend(leases[2].LeaseID, time.Minute, nil)
			r.pass(2 * time.Minute)
			r.wantPayloads()
			r.pause(routeA, "", false)
			r.wantPayloads("2", "3")
		}},
		{name: "pauses are listed", run: pausesListed},
	}
}

func (r *rig) pause(route, target string, paused bool) {
	r.Helper()
	if err := r.queue.SetPaused(r.Context(), route, target, paused); err != nil {
		r.Fatalf("SetPaused: %v", err)
	}
}

func (r *rig) wantPaused(want ...queue.Pause) {
	r.Helper()
	got, err := r.queue.Paused(r.Context())
	same := func(a, b queue.Pause) bool {
		return a.Route == b.Route && a.Target == b.Target && a.Since.Equal(b.Since)
	}
	if err != nil || !slices.EqualFunc(got, want, same) {
		r.Fatalf("Paused = %+v, %v; want %+v", got, err, want)
	}
}

func pausedTarget(r *rig) {
	m := r.message(routeA, "other")
	m.Target = "other"
	r.pause(routeA, "other", true) // before there is such a lane
	r.enqueue(m)
	r.put("1")
	r.wantPayloads("1")
	req := request(1)
	req.Target, req.Wait = "other", time.Hour
	c := r.consume(req)
	c.wantWaiting()
	r.pause(routeA, "other", false)
	c.wantPayloads("other")
}

func pausesListed(r *rig) {
	r.wantPaused()
	r.pause(routeB, "", true)
	r.pass(time.Second)
	r.pause(routeA, "y", true)
	r.pause(routeA, "x", true)
	r.pass(time.Second)
	r.pause(routeA, "x", true)
	r.pause(routeA, "", false)
	at := start().Add(time.Second)
	r.wantPaused(queue.Pause{Route: routeA, Target: "x", Since: at}, queue.Pause{Route: routeA, Target: "y", Since: at},
		queue.Pause{Route: routeB, Since: start()})
	r.pause(routeA, "y", false)
	r.pause(routeB, "", false)
	r.wantPaused(queue.Pause{Route: routeA, Target: "x", Since: at})
}
