package queuetest

import (
	"context"
	"errors"
	"time"

	"hookaido/internal/queue"
)

func waitCases() []contractCase {
	return []contractCase{
		{name: "without a wait the answer is at once", run: func(r *rig) {
			r.await(0).wantPayloads()
		}},
		{name: "a wait does not delay what is there, nor fill up", run: func(r *rig) {
			r.put("1", "2")
			req := request(5)
			req.Wait = time.Hour
			r.consume(req).wantPayloads("1", "2")
		}},
		{name: "a wait ends empty, without an error, when its time is over", run: func(r *rig) {
			c := r.await(20 * time.Second)
			r.pass(20*time.Second - 1)
			c.wantWaiting()
			r.pass(1)
			c.wantPayloads()
			r.put("1")
			r.wantPayloads("1") // the wait that is over takes nothing
		}},
		{name: "a cancelled wait leases nothing", run: cancelledLeasesNothing},
		{name: "badinput 93: a cancel that meets a message loses nothing", run: cancelMeetsMessage},
		{name: "a wait ends with the deadline of its context", run: func(r *rig) {
			ctx, cancel := context.WithTimeout(r.Context(), time.Minute) // passes when all in the bubble rest
			defer cancel()
			req := request(1)
			req.Wait = time.Hour
			if leases, err := r.queue.Dequeue(ctx, req); !errors.Is(err, context.DeadlineExceeded) || len(leases) != 0 {
				r.Errorf("Dequeue = %v, %v", leases, err)
			}
		}},
		{name: "first come, first served", run: firstComeFirstServed},
		{name: "one batch serves several, in their order", run: func(r *rig) {
			two := request(2)
			two.Wait = time.Hour
			first, second, third := r.consume(two), r.consume(two), r.consume(two)
			r.enqueue(r.message(routeA, "1"), r.message(routeA, "2"), r.message(routeA, "3"))
			first.wantPayloads("1", "2")
			second.wantPayloads("3")
			third.wantWaiting()
		}},
		{name: "a consumer of another target does not stand in the way", run: otherTargetWaits},
		{name: "routes wait apart", run: routesWaitApart},
	}
}

func cancelMeetsMessage(r *rig) {
	for range 100 {
		c, next := r.await(time.Hour), r.await(time.Hour)
		go c.cancel(errors.New("the client hung up"))
		id := r.put("1")[0]
		var l queue.Leased
		switch a := c.answer(); {
		case a.err == nil && len(a.leases) == 1:
			l = a.leases[0]
			next.wantWaiting()
			next.cancel(nil)
			next.answer()
		case errors.Is(a.err, context.Canceled) && len(a.leases) == 0:
			l = next.wantPayloads("1")[0]
		default:
			r.Fatalf("Dequeue = %q, %v", payloads(a.leases), a.err)
		}
		if l.ID != id || l.Attempt != 1 {
			r.Fatalf("got %+v, want the first lease of %s", l, id)
		}
		r.ack(l.LeaseID)
	}
	r.wantCounts(counts{})
}

func wakeCases() []contractCase {
	return []contractCase{
		{name: "by an enqueue", run: func(r *rig) {
			c := r.await(time.Hour)
			r.put("1")
			c.wantPayloads("1")
		}},
		{name: "by a message given back", run: func(r *rig) {
			r.put("1")
			l := r.lease(time.Hour)
			c := r.await(time.Hour)
			r.nack(l.LeaseID, 0)
			if again := c.wantPayloads("1")[0]; again.Attempt != 2 {
				r.Errorf("attempt %d, want 2", again.Attempt)
			}
		}},
		{name: "by a message that comes due", run: wokenByDue},
		{name: "by a message that was enqueued while it waits and comes due", run: wokenByDueWhileWaiting},
		{name: "by a message that is due beyond the reach of a timer", run: wokenByFarDue},
		{name: "by the end of a nack's delay", run: func(r *rig) {
			r.put("1")
			l := r.lease(time.Minute)
			c := r.await(time.Hour)
			r.nack(l.LeaseID, 5*time.Second)
			r.pass(5*time.Second - 1)
			c.wantWaiting()
			r.pass(1)
			c.wantPayloads("1")
		}},
		{name: "by the end of a lease", run: func(r *rig) {
			r.put("1")
			l := r.lease(30 * time.Second)
			c := r.await(time.Hour)
			r.pass(30*time.Second - 1)
			c.wantWaiting()
			r.pass(1)
			if again := c.wantPayloads("1")[0]; again.ID != l.ID || again.Attempt != 2 {
				r.Errorf("got %+v, want attempt 2", again)
			}
		}},
		{name: "by the end of a lease that was extended", run: wokenByExtended},
		{name: "by what comes due at once, for each in turn", run: wokenTogether},
		{name: "not by an ack, a burial or another route", run: notWoken},
		{name: "a message handed to a waiting consumer is leased from then on", run: func(r *rig) {
			c := r.await(time.Hour)
			r.pass(10 * time.Minute)
			r.put("1")
			l := c.wantPayloads("1")[0]
			if want := r.clock.Now().Add(time.Minute); !l.LeaseUntil.Equal(want) {
				r.Errorf("leased until %v, want %v", l.LeaseUntil, want)
			}
		}},
	}
}

func cancelledLeasesNothing(r *rig) {
	c, next := r.await(time.Hour), r.await(time.Hour)
	c.cancel(nil)
	if a := c.answer(); !errors.Is(a.err, context.Canceled) || len(a.leases) != 0 {
		r.Errorf("a cancelled wait gave %q, %v", payloads(a.leases), a.err)
	}
	r.put("1", "2")
	if l := next.wantPayloads("1")[0]; l.Attempt != 1 {
		r.Errorf("attempt %d of a message that nobody had", l.Attempt)
	}
	if l := r.wantPayloads("2")[0]; l.Attempt != 1 {
		r.Errorf("attempt %d of a message that nobody had", l.Attempt)
	}
}

func firstComeFirstServed(r *rig) {
	first, second, third := r.await(time.Hour), r.await(time.Hour), r.await(time.Hour)
	r.put("1")
	first.wantPayloads("1")
	second.wantWaiting()
	late := r.await(time.Hour)
	r.put("2", "3")
	second.wantPayloads("2")
	third.wantPayloads("3")
	late.wantWaiting()
	r.put("4")
	late.wantPayloads("4")
}

func otherTargetWaits(r *rig) {
	req := request(1)
	req.Wait, req.Target = time.Hour, "elsewhere"
	elsewhere := r.consume(req)
	any1, any2 := r.await(time.Hour), r.await(time.Hour)
	r.put("1")
	any1.wantPayloads("1")
	m := r.message(routeA, "2")
	m.Target = "elsewhere"
	r.enqueue(m)
	elsewhere.wantPayloads("2")
	any2.wantWaiting()
}

func routesWaitApart(r *rig) {
	a := r.await(time.Hour)
	req := request(1)
	req.Wait, req.Route = time.Hour, routeB
	b := r.consume(req)
	r.enqueue(r.message(routeB, "b"))
	b.wantPayloads("b")
	a.wantWaiting()
	r.enqueue(r.message(routeB, "b2"), r.message(routeA, "a"))
	a.wantPayloads("a")
}

func wokenByDueWhileWaiting(r *rig) {
	c := r.await(time.Hour)
	for _, due := range []time.Duration{30 * time.Second, 10 * time.Second, 20 * time.Second} {
		m := r.message(routeA, due.String())
		m.Due = start().Add(due)
		r.enqueue(m)
	}
	r.pass(10*time.Second - 1)
	c.wantWaiting()
	r.pass(1)
	c.wantPayloads("10s")
	c = r.await(time.Hour)
	r.pass(10 * time.Second)
	c.wantPayloads("20s")
}

// An engine's timer may reach less far than a message is due.
func wokenByFarDue(r *rig) {
	m := r.message(routeA, "far")
	m.Due = start().Add(30 * time.Hour)
	r.enqueue(m)
	c := r.await(48 * time.Hour)
	r.pass(24 * time.Hour)
	c.wantWaiting()
	r.pass(6*time.Hour - 1)
	c.wantWaiting()
	r.pass(1)
	c.wantPayloads("far")
}

func wokenTogether(r *rig) {
	for _, p := range []string{"1", "2", "3"} {
		m := r.message(routeA, p)
		m.Due = start().Add(time.Second)
		r.enqueue(m)
	}
	first, second, third, fourth := r.await(time.Hour), r.await(time.Hour), r.await(time.Hour), r.await(time.Hour)
	r.pass(time.Second)
	first.wantPayloads("1")
	second.wantPayloads("2")
	third.wantPayloads("3")
	fourth.wantWaiting()
}

func notWoken(r *rig) {
	r.put("1", "2")
	ack, bury := r.lease(time.Minute), r.lease(time.Minute)
	c := r.await(time.Hour)
	r.ack(ack.LeaseID)
	r.settle(queue.SettleRequest{LeaseIDs: []string{bury.LeaseID}, Action: queue.Bury})
	r.enqueue(r.message(routeB, "3"))
	c.wantWaiting()
}

func wokenByExtended(r *rig) {
	r.put("1")
	l := r.lease(30 * time.Second)
	c := r.await(time.Hour)
	r.extend(l.LeaseID, 30*time.Second, nil)
	r.pass(30 * time.Second)
	c.wantWaiting()
	r.pass(30 * time.Second)
	c.wantPayloads("1")
}

func wokenByDue(r *rig) {
	m := r.message(routeA, "later")
	m.Due = start().Add(3 * time.Second)
	r.enqueue(m)
	c := r.await(7 * time.Second)
	r.pass(3*time.Second - 1)
	c.wantWaiting()
	r.pass(1)
	c.wantPayloads("later")
}
