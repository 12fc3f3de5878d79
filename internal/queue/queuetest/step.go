package queuetest

import "time"

// clockCases are C56: the wall clock is set while the queue works.
func clockCases() []contractCase {
	under := []struct {
		name string
		run  func(r *rig, step time.Duration)
	}{
		{"a lease lasts as long as it was given for", leaseLasts},
		{"a lease that nobody touches in between", leaseUntouched},
		{"a lease's deadline moves with the wall clock", deadlineMoves},
		{"a consumer waits for a lease to end", stepWhileLeaseAwaited},
		{"a consumer waits for a delay to end", stepWhileDelayAwaited},
		{"a wait lasts its time", waitLasts},
		{"a delay is not prolonged", delayNotProlonged},
		{"what is due stays due, what comes in is due", dueStaysDue},
	}
	cases := []contractCase{{name: "many steps do not add up", run: manySteps}}
	for _, step := range []time.Duration{-time.Hour, 2 * time.Hour} {
		for _, u := range under {
			cases = append(cases, contractCase{
				name: "step of " + step.String() + ": " + u.name,
				run:  func(r *rig) { u.run(r, step) },
			})
		}
	}
	return cases
}

func leaseLasts(r *rig, step time.Duration) {
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
}

func leaseUntouched(r *rig, step time.Duration) {
	r.put("1")
	r.lease(30 * time.Second)
	r.clock.Step(step)
	r.pass(30 * time.Second)
	r.wantPayloads("1")
}

func deadlineMoves(r *rig, step time.Duration) {
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
}

func stepWhileLeaseAwaited(r *rig, step time.Duration) {
	r.put("1")
	r.lease(30 * time.Second)
	c := r.await(time.Hour)
	r.clock.Step(step)
	r.pass(30*time.Second - 1)
	c.wantWaiting()
	r.pass(1)
	c.wantPayloads("1")
}

func stepWhileDelayAwaited(r *rig, step time.Duration) {
	r.put("1")
	r.nack(r.lease(time.Minute).LeaseID, 10*time.Second)
	c := r.await(time.Hour)
	r.clock.Step(step)
	r.pass(10 * time.Second)
	c.wantPayloads("1")
}

func waitLasts(r *rig, step time.Duration) {
	c := r.await(5 * time.Second)
	r.clock.Step(step)
	r.pass(5*time.Second - 1)
	c.wantWaiting()
	r.pass(1)
	c.wantPayloads()
}

func delayNotProlonged(r *rig, step time.Duration) {
	r.put("1")
	r.nack(r.lease(time.Minute).LeaseID, 10*time.Second)
	r.clock.Step(step)
	r.pass(10 * time.Second)
	r.wantPayloads("1")
}

func dueStaysDue(r *rig, step time.Duration) {
	r.put("old")
	r.clock.Step(step)
	r.put("new")
	if got := r.dequeue(request(9)); len(got) != 2 {
		r.Errorf("got %q, want both", payloads(got))
	}
}

func manySteps(r *rig) {
	r.put("1")
	r.lease(30 * time.Second)
	for i := range 29 {
		r.clock.Step(time.Duration(i%5-2) * time.Hour)
		r.pass(time.Second)
		r.wantPayloads()
	}
	r.pass(time.Second)
	r.wantPayloads("1")
}
