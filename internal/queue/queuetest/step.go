package queuetest

import "time"

// clockCases are C56: the wall clock is set while the queue works.
func clockCases() []contractCase {
	var cases []contractCase
	add := func(name string, run func(r *rig)) { cases = append(cases, contractCase{name: name, run: run}) }
	for _, step := range []time.Duration{-time.Hour, 2 * time.Hour} {
		name := "step of " + step.String()
		add(name+": a lease lasts as long as it was given for", func(r *rig) {
			r.put("1", "2")
			held, lost := r.lease(30*time.Second), r.lease(30*time.Second)
			r.pass(time.Second)
			r.clock.Step(step)
			r.wantPayloads()
			r.pass(29*time.Second - 1)
			r.wantPayloads()
			r.ack(held.LeaseID)
			r.pass(1)
			if got := r.wantPayloads("2")[0]; got.ID != lost.ID || got.Attempt != 2 {
				r.Errorf("got %+v, want attempt 2", got)
			}
		})
		add(name+": a lease that nobody touches in between", func(r *rig) {
			r.put("1")
			r.lease(30 * time.Second)
			r.clock.Step(step)
			r.pass(30 * time.Second)
			r.wantPayloads("1")
		})
		add(name+": a lease's deadline moves with the wall clock", func(r *rig) {
			r.put("1")
			r.clock.Step(step)
			l := r.lease(30 * time.Second)
			if want := r.clock.Now().Add(30 * time.Second); !l.LeaseUntil.Equal(want) {
				r.Errorf("leased until %v, want %v", l.LeaseUntil, want)
			}
			r.clock.Step(-step)
			r.extend(l.LeaseID, 30*time.Second, nil)
			r.pass(time.Minute - 1)
			r.wantPayloads()
			r.pass(1)
			r.wantPayloads("1")
		})
		add(name+": a consumer waits for a lease to end", func(r *rig) {
			r.put("1")
			r.lease(30 * time.Second)
			c := r.await(time.Hour)
			r.clock.Step(step)
			r.pass(30*time.Second - 1)
			c.wantWaiting()
			r.pass(1)
			c.wantPayloads("1")
		})
		add(name+": a wait lasts its time", func(r *rig) {
			c := r.await(5 * time.Second)
			r.clock.Step(step)
			r.pass(5*time.Second - 1)
			c.wantWaiting()
			r.pass(1)
			c.wantPayloads()
		})
		add(name+": a delay is not prolonged", func(r *rig) {
			r.put("1")
			r.nack(r.lease(time.Minute).LeaseID, 10*time.Second)
			r.clock.Step(step)
			r.pass(10 * time.Second)
			r.wantPayloads("1")
		})
		add(name+": a consumer waits for a delay to end", func(r *rig) {
			r.put("1")
			r.nack(r.lease(time.Minute).LeaseID, 10*time.Second)
			c := r.await(time.Hour)
			r.clock.Step(step)
			r.pass(10 * time.Second)
			c.wantPayloads("1")
		})
		add(name+": what is due stays due, what comes in is due", func(r *rig) {
			r.put("old")
			r.clock.Step(step)
			r.put("new")
			if got := r.dequeue(request(9)); len(got) != 2 {
				r.Errorf("got %q, want both", payloads(got))
			}
		})
	}
	add("many steps do not add up", func(r *rig) {
		r.put("1")
		r.lease(30 * time.Second)
		for i := range 29 {
			r.clock.Step(time.Duration(i%5-2) * time.Hour)
			r.pass(time.Second)
			r.wantPayloads()
		}
		r.pass(time.Second)
		r.wantPayloads("1")
	})
	return cases
}
