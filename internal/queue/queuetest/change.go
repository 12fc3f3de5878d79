package queuetest

import (
	"time"

	"github.com/google/go-cmp/cmp"

	"hookaido/internal/queue"
)

func cancelTakesOut(r *rig) {
	ids := r.oneOfEach()
	leased := r.put("held")[0]
	r.change(queue.Cancel, 1, ids[queue.StateQueued])
	held := r.lease(time.Hour)
	r.change(queue.Cancel, 2, leased, ids[queue.StateDead], ids[queue.StateDelivered], ids[queue.StateCanceled], "no")
	r.wantConflicts(queue.SettleRequest{LeaseIDs: []string{held.LeaseID}, Action: queue.Ack},
		queue.Conflict{LeaseID: held.LeaseID, Err: queue.ErrLeaseNotFound})
	r.extend(held.LeaseID, time.Minute, queue.ErrLeaseNotFound)
	r.wantPayloads()
	if m := r.get(ids[queue.StateDead]); m.State != queue.StateCanceled || m.Reason != "" || !m.Since.Equal(r.clock.Now()) {
		r.Errorf("the dead one is %+v", m)
	}
	stats := r.stats()
	want := map[queue.State]int{0: 0, queue.StateLeased: 1, queue.StateDelivered: 1, queue.StateDead: 0, queue.StateCanceled: 4}
	if diff := cmp.Diff(want, stats.ByState); diff != "" {
		r.Errorf("states (-want +got):\n%s", diff)
	}
}

func resumeKeeps(r *rig) {
	later := r.message(routeA, "later")
	later.Due = start().Add(time.Hour)
	ids := r.put("1")
	r.nack(r.lease(time.Minute).LeaseID, 10*time.Second)
	ids = append(ids, r.enqueue(later)...)
	r.change(queue.Cancel, 2, ids...)
	r.pass(5 * time.Second)
	r.change(queue.Resume, 2, ids...)
	r.change(queue.Resume, 0, ids...)
	r.pass(5*time.Second - 1)
	r.wantPayloads()
	r.pass(1)
	got := r.wantPayloads("1")[0]
	if got.Attempt != 2 {
		r.Errorf("attempt %d, want 2", got.Attempt)
	}
	r.ack(got.LeaseID)
	r.pass(time.Hour - 10*time.Second - 1)
	r.wantPayloads()
	r.pass(1)
	r.wantPayloads("later")
}

func requeueIsFresh(r *rig) {
	ids := r.put("1", "2")
	for range 3 {
		for _, l := range r.wantPayloads("1", "2") {
			r.nack(l.LeaseID, 0)
		}
	}
	leases := r.wantPayloads("1", "2")
	r.settle(queue.SettleRequest{LeaseIDs: []string{leases[0].LeaseID}, Action: queue.Bury, Reason: "no"})
	r.change(queue.Cancel, 1, ids[1])
	r.pass(time.Second)
	r.change(queue.Requeue, 2, ids[1], ids[0])
	for i, id := range ids {
		m := r.get(id)
		if m.State != queue.StateQueued || m.Attempt != 0 || m.Reason != "" || !m.Due.Equal(r.clock.Now()) || !m.Since.Equal(r.clock.Now()) {
			r.Errorf("message %d after the requeue: %+v", i, m)
		}
	}
	for i, l := range r.wantPayloads("1", "2") {
		if l.Attempt != 1 {
			r.Errorf("attempt %d of message %d, want 1", l.Attempt, i)
		}
	}
}

func deleteFrees(r *rig) {
	ids := r.oneOfEach()
	r.change(queue.Delete, 2, ids...)
	r.wantListed(queue.Filter{}, ids[queue.StateQueued], ids[queue.StateLeased], ids[queue.StateDelivered])
	m := r.message(routeA, "chosen")
	m.ID = "mine"
	r.enqueue(m)
	r.change(queue.Cancel, 1, m.ID)
	r.change(queue.Delete, 1, m.ID)
	r.enqueue(m)
}

func moveGoes(r *rig) {
	ids := r.oneOfEach()
	c := r.consume(queue.DequeueRequest{Route: routeB, Target: "new", Max: 1, TTL: time.Minute, Wait: time.Hour})
	move := queue.ChangeRequest{Change: queue.Move, IDs: ids, Route: routeB, Target: "new"}
	r.changed(move, queue.ChangeResult{Matched: 3, Changed: 3})
	if got := c.wantPayloads("queued")[0]; got.ID != ids[queue.StateQueued] || got.Target != "new" {
		r.Errorf("got %+v", got)
	}
	r.wantListed(queue.Filter{Route: routeB}, ids[queue.StateQueued], ids[queue.StateCanceled], ids[queue.StateDead])
	r.wantListed(queue.Filter{Route: routeA}, ids[queue.StateLeased], ids[queue.StateDelivered])
	if m := r.get(ids[queue.StateDead]); m.Reason != "why" || m.Route != routeB {
		r.Errorf("the dead one is %+v", m)
	}
}

func changeByFilter(r *rig) {
	ids := r.put("1", "2", "3", "4", "5")
	other := r.enqueue(r.message(routeB, "6"))[0]
	req := queue.ChangeRequest{Change: queue.Cancel, Filter: queue.Filter{Route: routeA, Limit: 3}, Preview: true}
	r.changed(req, queue.ChangeResult{Matched: 3})
	r.wantCounts(counts{Queued: 6})
	req.Preview = false
	r.changed(req, queue.ChangeResult{Matched: 3, Changed: 3})
	canceled := queue.Filter{States: []queue.State{queue.StateCanceled}}
	r.wantListed(canceled, ids[4], ids[3], ids[2])
	r.changed(req, queue.ChangeResult{Matched: 2, Changed: 2})
	r.changed(req, queue.ChangeResult{})
	r.wantListed(queue.Filter{States: []queue.State{queue.StateQueued}}, other)
	r.changed(queue.ChangeRequest{Change: queue.Resume, Filter: queue.Filter{Limit: 1, OldestFirst: true}}, queue.ChangeResult{Matched: 1, Changed: 1})
	r.wantPayloads("1")
	none := queue.ChangeRequest{Change: queue.Resume, Filter: queue.Filter{States: []queue.State{queue.StateLeased}, Limit: 9}}
	r.changed(none, queue.ChangeResult{})
	noIDs := queue.ChangeRequest{Change: queue.Resume, IDs: []string{}, Filter: queue.Filter{Limit: 9}}
	r.changed(noIDs, queue.ChangeResult{})
}

func onlyAllowedChange(r *rig) {
	ids := r.oneOfEach()
	narrow := queue.ChangeRequest{Change: queue.Requeue, IDs: ids, Filter: queue.Filter{States: []queue.State{queue.StateDead}}}
	preview := narrow
	preview.Preview = true
	r.changed(preview, queue.ChangeResult{Matched: 1})
	r.changed(narrow, queue.ChangeResult{Matched: 1, Changed: 1})
	if m := r.get(ids[queue.StateCanceled]); m.State != queue.StateCanceled {
		r.Errorf("the canceled one is %v", m.State)
	}
	r.change(queue.Requeue, 1, ids...)
	r.wantStates(map[queue.State]int{queue.StateQueued: 3, queue.StateLeased: 1, queue.StateDelivered: 1})
	r.change(queue.Resume, 0, ids...)
	r.change(queue.Delete, 0, ids...)
}

func chosenTakenInEveryState(r *rig) {
	r.retain(queue.Retention{Delivered: time.Hour})
	m := r.message(routeA, "1")
	m.ID = "mine"
	taken := func() {
		r.Helper()
		r.refused(queue.ErrDuplicateID, queue.Batch{Messages: []queue.NewMessage{r.message(routeA, "beside"), m}})
		r.wantListed(queue.Filter{}, "mine")
	}
	r.enqueue(m)
	taken()
	r.change(queue.Cancel, 1, m.ID)
	taken()
	r.change(queue.Resume, 1, m.ID)
	l := r.lease(time.Minute)
	taken()
	r.settle(queue.SettleRequest{LeaseIDs: []string{l.LeaseID}, Action: queue.Bury})
	taken()
	r.change(queue.Requeue, 1, m.ID)
	r.ack(r.lease(time.Minute).LeaseID)
	taken()
}

// change changes messages by their ids, so many of them with success.
func (r *rig) change(c queue.Change, want int, ids ...string) {
	r.Helper()
	r.changed(queue.ChangeRequest{Change: c, IDs: ids}, queue.ChangeResult{Matched: want, Changed: want})
}

func (r *rig) changed(req queue.ChangeRequest, want queue.ChangeResult) {
	r.Helper()
	if got, err := r.queue.Change(r.Context(), req); err != nil || got != want {
		r.Fatalf("Change %+v = %+v, %v; want %+v", req, got, err, want)
	}
}

// wantStates compares all states; those left out are 0.
func (r *rig) wantStates(want map[queue.State]int) {
	r.Helper()
	got := r.stats().ByState
	for _, s := range queue.States() {
		if got[s] != want[s] {
			r.Fatalf("%d messages are %v, want %d", got[s], s, want[s])
		}
	}
}

// managedSurvives is for engines that keep their messages.
func managedSurvives(r *rig) {
	ids := r.oneOfEach()
	r.change(queue.Requeue, 1, ids[queue.StateDead])
	r.change(queue.Cancel, 1, ids[queue.StateQueued])
	m := r.message(routeB, "put off")
	m.Due = start().Add(time.Hour)
	r.enqueue(m)
	r.pause(routeB, "", true)
	r.pause(routeA, "x", true)
	before := r.list(queue.ListRequest{Envelope: true, Payload: true})
	at := r.clock.Now()
	r.reopen(time.Second)
	if diff := cmp.Diff(before, r.list(queue.ListRequest{Envelope: true, Payload: true})); diff != "" {
		r.Errorf("List after the restart (-before +after):\n%s", diff)
	}
	r.wantPaused(queue.Pause{Route: routeA, Target: "x", Since: at}, queue.Pause{Route: routeB, Since: at})
	r.pause(routeB, "", false)
	r.reopen(0)
	r.wantPaused(queue.Pause{Route: routeA, Target: "x", Since: at})
	r.wantStates(map[queue.State]int{queue.StateQueued: 2, queue.StateLeased: 1, queue.StateDelivered: 1, queue.StateCanceled: 2})
	r.retain(queue.Retention{Dead: 2 * time.Second, Interval: time.Hour})
	r.change(queue.Resume, 1, ids[queue.StateQueued], ids[queue.StateCanceled]) // the latter was dropped for its age
}
