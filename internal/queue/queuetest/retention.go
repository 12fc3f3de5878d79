package queuetest

import (
	"slices"
	"testing/synctest"
	"time"

	"hookaido/internal/queue"
)

const day = 24 * time.Hour

// yearly is what the cases about age set.
func yearly() queue.Retention {
	return queue.Retention{Queued: 7 * day, Delivered: 2 * day, Dead: 30 * day, Interval: time.Hour}
}

func retentionCases() []contractCase {
	return []contractCase{
		{name: "each state has its age", run: eachStateHasItsAge},
		{name: "a requeue has a fresh age", run: requeueHasFreshAge},
		{name: "dead letters age from their death", run: deadAgeFromDeath},
		{name: "what was received long ago ages from when it was stored", run: replayAges},
		{name: "what was put off when it came in ages from its due time", run: putOffAges},
		{name: "C61: a message is not kept by being given back", run: nacksKeepNothing},
		{name: "what is leased stays", run: leasedStays},
		{name: "the first to die are dropped beyond the depth", run: deadDepth},
		{name: "without delivered retention nothing delivered is kept", run: func(r *rig) {
			r.put("1")
			r.ack(r.lease(time.Minute).LeaseID)
			r.wantStates(nil)
		}},
		{name: "no interval, no pruning", run: noIntervalNoPruning},
		{name: "an idle queue prunes from one interval to the next", run: idlePrunes},
		{name: "many at once", run: manyAtOnce},
		{name: "C64: records of attempts age and are counted", run: attemptsArePruned},
		{name: "a year goes by", run: aYearGoesBy},
	}
}

func requeueHasFreshAge(r *rig) {
	r.retain(yearly())
	ids := r.put("1", "2", "3")
	r.change(queue.Cancel, 3, ids...)
	r.pass(29 * day)
	r.change(queue.Requeue, 2, ids[:2]...)
	r.change(queue.Resume, 1, ids[2])
	r.pass(7*day - time.Hour)
	r.wantListed(queue.Filter{}, ids[2], ids[1], ids[0])
	r.pass(time.Hour)
	r.wantListed(queue.Filter{})
}

func deadAgeFromDeath(r *rig) {
	r.retain(queue.Retention{Dead: 30 * day, Interval: time.Hour})
	id := r.put("1")[0]
	r.pass(100 * day)
	r.bury(r.lease(time.Hour).LeaseID)
	r.pass(30*day - time.Hour)
	r.wantListed(queue.Filter{}, id)
	r.pass(time.Hour)
	r.wantListed(queue.Filter{})
}

func putOffAges(r *rig) {
	r.retain(yearly())
	m := r.message(routeA, "1")
	m.Due = start().Add(20 * day)
	r.enqueue(m)
	r.pass(20 * day)
	r.nack(r.lease(time.Minute).LeaseID, 0)
	r.pass(7*day - time.Hour)
	r.wantCounts(counts{Queued: 1})
	r.pass(time.Hour)
	r.wantCounts(counts{})
}

func replayAges(r *rig) {
	r.retain(yearly())
	m := r.message(routeA, "1")
	m.ReceivedAt = start().Add(-300 * day)
	id := r.enqueue(m)[0]
	r.pass(7*day - time.Hour)
	if got := r.get(id); !got.Since.Equal(start()) {
		r.Errorf("it is so since %v", got.Since)
	}
	r.pass(time.Hour)
	r.wantCounts(counts{})
}

func nacksKeepNothing(r *rig) {
	r.retain(yearly())
	r.put("1")
	for range 7*24 - 1 {
		r.pass(time.Hour)
		r.nack(r.lease(time.Minute).LeaseID, 0)
	}
	r.pass(time.Hour)
	r.wantCounts(counts{})
}

func leasedStays(r *rig) {
	r.retain(yearly())
	r.put("1")
	l := r.lease(300 * day)
	r.pass(299 * day)
	r.ack(l.LeaseID)
	r.wantStates(map[queue.State]int{queue.StateDelivered: 1})
}

func noIntervalNoPruning(r *rig) {
	keep := yearly()
	keep.Interval = 0
	r.retain(keep)
	r.put("1")
	r.pass(1000 * day)
	r.wantCounts(counts{Queued: 1})
	r.retain(yearly())
	r.wantCounts(counts{})
}

func idlePrunes(r *rig) {
	r.retain(queue.Retention{Queued: 90 * time.Minute, Interval: time.Hour})
	r.put("1")
	r.pass(time.Hour)
	r.wantCounts(counts{Queued: 1})
	r.pass(59 * time.Minute)
	r.wantCounts(counts{Queued: 1})
	r.pass(time.Minute)
	r.wantCounts(counts{})
}

func manyAtOnce(r *rig) {
	r.retain(yearly())
	for i := range 30 {
		batch := make([]queue.NewMessage, 50)
		for j := range batch {
			batch[j] = r.message([]string{routeA, routeB}[i%2], "x")
		}
		r.enqueue(batch...)
	}
	r.pass(7 * day)
	r.wantCounts(counts{})
	r.put("2")
	r.wantPayloads("2")
}

// retain sets the retention and waits until the engine has pruned.
func (r *rig) retain(keep queue.Retention) {
	r.queue.SetRetention(keep)
	synctest.Wait()
}

func (r *rig) bury(leaseID string) {
	r.Helper()
	r.settle(queue.SettleRequest{LeaseIDs: []string{leaseID}, Action: queue.Bury, Reason: "no"})
}

func eachStateHasItsAge(r *rig) {
	r.retain(yearly())
	ids := r.put("delivered", "dead", "canceled", "queued")
	r.ack(r.lease(time.Hour).LeaseID)
	r.bury(r.lease(time.Hour).LeaseID)
	r.change(queue.Cancel, 1, ids[2])
	for _, step := range []struct {
		age  time.Duration
		left []string
	}{
		{2*day - time.Hour, []string{ids[3], ids[2], ids[1], ids[0]}},
		{2 * day, []string{ids[3], ids[2], ids[1]}},
		{7*day - time.Hour, []string{ids[3], ids[2], ids[1]}},
		{7 * day, []string{ids[2], ids[1]}},
		{30*day - time.Hour, []string{ids[2], ids[1]}},
		{30 * day, nil},
	} {
		r.pass(start().Add(step.age).Sub(r.clock.Now()))
		r.wantListed(queue.Filter{}, step.left...)
	}
	r.wantStates(nil)
}

func deadDepth(r *rig) {
	r.retain(queue.Retention{DeadDepth: 2, Interval: time.Hour})
	ids := r.put("1", "2", "3", "4", "5")
	leases := r.dequeue(request(5))
	for _, i := range []int{4, 0, 2, 1} { // the order of their deaths
		r.bury(leases[i].LeaseID)
		r.pass(time.Second)
	}
	r.change(queue.Cancel, 1, ids[3])
	r.pass(time.Hour)
	r.wantListed(queue.Filter{}, ids[3], ids[2], ids[1])
}

func attemptsArePruned(r *rig) {
	r.retain(queue.Retention{AttemptAge: day, AttemptRows: 5, Interval: time.Hour})
	r.put("1")
	record := func() {
		r.Helper()
		l := r.lease(time.Minute)
		r.conclude(queue.Conclusion{LeaseID: l.LeaseID, Action: queue.Nack, Attempt: r.attempt(l)})
		r.pass(time.Minute)
	}
	numbers := func() (list []int) {
		r.Helper()
		found, err := r.queue.Attempts(r.Context(), queue.AttemptFilter{Max: 100})
		if err != nil {
			r.Fatal(err)
		}
		for i := range found {
			list = append(list, found[i].Number)
		}
		return list
	}
	for range 8 {
		record()
	}
	r.pass(time.Hour)
	if got := numbers(); !slices.Equal(got, []int{8, 7, 6, 5, 4}) {
		r.Fatalf("attempts %v are left of 8, want the last 5", got)
	}
	r.pass(22 * time.Hour)
	record()
	r.pass(time.Hour)
	if got := numbers(); !slices.Equal(got, []int{9}) {
		r.Fatalf("attempts %v are left, want the last", got)
	}
	r.pass(day)
	if got := numbers(); len(got) > 0 {
		r.Fatalf("attempts %v are left after a day", got)
	}
}

// aYearGoesBy has a steady traffic of which some is never taken, some dies and
// some is canceled: after the longest age the queue must stay as large as it
// is, with exactly what is younger than its age.
func aYearGoesBy(r *rig) {
	keep := yearly()
	keep.Interval = 5 * time.Minute
	r.retain(keep)
	born := map[string]time.Time{} // since when each message is what it is
	state := map[string]queue.State{}
	for range 365 {
		delivered, dead, canceled := r.put("delivered")[0], r.put("dead")[0], r.put("canceled")[0]
		leases := r.dequeue(queue.DequeueRequest{Route: routeA, Max: 2, TTL: time.Minute})
		r.ack(leases[0].LeaseID)
		r.bury(leases[1].LeaseID)
		r.change(queue.Cancel, 1, canceled)
		waits := r.enqueue(r.message(routeB, "never taken"))[0]
		for id, s := range map[string]queue.State{
			delivered: queue.StateDelivered, dead: queue.StateDead, canceled: queue.StateCanceled, waits: queue.StateQueued,
		} {
			born[id], state[id] = r.clock.Now(), s
		}
		r.pass(day)
		want := map[queue.State]int{}
		for id, since := range born {
			if r.clock.Now().Sub(since) >= keep.Age(state[id]) {
				delete(born, id)
				continue
			}
			want[state[id]]++
		}
		r.wantStates(want)
	}
	for _, m := range r.list(queue.ListRequest{}) {
		if since, left := born[m.ID]; !left || !since.Equal(m.Since) || state[m.ID] != m.State {
			r.Errorf("%+v is left; it should be %v since %v", m, state[m.ID], since)
		}
	}
}
