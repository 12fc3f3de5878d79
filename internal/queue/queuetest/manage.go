package queuetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hookaido/internal/queue"
)

// Manager is for operators.
type Manager interface {
	List(ctx context.Context, r queue.ListRequest) ([]queue.Message, error)
	Get(ctx context.Context, ids []string) ([]queue.Message, error)
	Change(ctx context.Context, r queue.ChangeRequest) (queue.ChangeResult, error)
	SetPaused(ctx context.Context, route, target string, paused bool) error
	Paused(ctx context.Context) ([]queue.Pause, error)
}

func manageCases() []contractCase {
	return []contractCase{
		{name: "a list shows a message in every state", run: listShowsStates},
		{name: "the large parts are there if asked for", run: largePartsIfAsked},
		{name: "pages hold under equal times", run: pagesHold},
		{name: "a list is narrowed", run: listIsNarrowed},
		{name: "a lease that ran out is listed as queued", run: func(r *rig) {
			id := r.put("1")[0]
			r.lease(time.Minute)
			r.pass(time.Minute)
			if m := r.get(id); m.State != queue.StateQueued || !m.Due.Equal(r.clock.Now()) || m.Attempt != 1 {
				r.Errorf("got %+v", m)
			}
		}},
		{name: "messages are got by their ids", run: gotByIDs},
		{name: "a list of none is empty", run: func(r *rig) {
			r.put("1")
			for _, limit := range []int{0, -1} {
				list, err := r.queue.List(r.Context(), queue.ListRequest{Filter: queue.Filter{Limit: limit}})
				if err != nil || len(list) > 0 {
					r.Errorf("List of %d = %d messages, %v", limit, len(list), err)
				}
				r.changed(queue.ChangeRequest{Change: queue.Cancel, Filter: queue.Filter{Limit: limit}}, queue.ChangeResult{})
			}
		}},
		{name: "a cancel takes out what is queued, leased or dead", run: cancelTakesOut},
		{name: "a resume keeps due time and attempts", run: resumeKeeps},
		{name: "C61: a requeue gives a fresh budget", run: requeueIsFresh},
		{name: "a delete frees the id", run: deleteFrees},
		{name: "a move goes to another route", run: moveGoes},
		{name: "a change by a filter", run: changeByFilter},
		{name: "only the allowed states change", run: onlyAllowedChange},
		{name: "a requeue wakes a consumer that waits", run: func(r *rig) {
			id := r.put("1")[0]
			r.change(queue.Cancel, 1, id)
			c := r.await(time.Hour)
			r.change(queue.Requeue, 1, id)
			c.wantPayloads("1")
		}},
		{name: "badinput 98: a chosen id is taken in every state", run: chosenTakenInEveryState},
		{name: "an ended context changes nothing", run: endedContextChangesNothing},
		{name: "nothing works after Close", run: nothingManagedAfterClose},
	}
}

func (r *rig) get(id string) queue.Message {
	r.Helper()
	list, err := r.queue.Get(r.Context(), []string{id})
	if err != nil || len(list) != 1 {
		r.Fatalf("Get %q = %d messages, %v", id, len(list), err)
	}
	return list[0]
}

func (r *rig) list(req queue.ListRequest) []queue.Message {
	r.Helper()
	if req.Limit == 0 {
		req.Limit = queue.MaxList
	}
	list, err := r.queue.List(r.Context(), req)
	if err != nil {
		r.Fatalf("List: %v", err)
	}
	return list
}

// wantListed compares the ids that a filter selects.
func (r *rig) wantListed(f queue.Filter, want ...string) []queue.Message {
	r.Helper()
	list := r.list(queue.ListRequest{Filter: f})
	var got []string
	for i := range list {
		got = append(got, list[i].ID)
	}
	if !slices.Equal(got, want) {
		r.Fatalf("List %+v = %q, want %q", f, got, want)
	}
	return list
}

// oneOfEach puts a message into each state and returns the ids by state.
func (r *rig) oneOfEach() []string {
	r.Helper()
	r.retain(queue.Retention{Delivered: time.Hour})
	ids := make([]string, len(queue.States()))
	for _, s := range []queue.State{queue.StateDelivered, queue.StateDead, queue.StateCanceled, queue.StateLeased, queue.StateQueued} {
		ids[s] = r.put(s.String())[0]
		r.pass(time.Second)
		switch s {
		case queue.StateDelivered:
			r.ack(r.lease(time.Hour).LeaseID)
		case queue.StateDead:
			r.settle(queue.SettleRequest{LeaseIDs: []string{r.lease(time.Hour).LeaseID}, Action: queue.Bury, Reason: "why"})
		case queue.StateCanceled:
			r.change(queue.Cancel, 1, ids[s])
		case queue.StateLeased:
			r.lease(time.Hour)
		}
	}
	return ids
}

func listShowsStates(r *rig) {
	ids := r.oneOfEach()
	at := func(d time.Duration) time.Time { return start().Add(d) }
	want := []queue.Message{
		{State: queue.StateQueued, ReceivedAt: at(4 * time.Second), Due: at(4 * time.Second), Since: at(4 * time.Second)},
		{State: queue.StateLeased, ReceivedAt: at(3 * time.Second), LeaseUntil: at(time.Hour + 4*time.Second), Since: at(3 * time.Second), Attempt: 1},
		{State: queue.StateCanceled, ReceivedAt: at(2 * time.Second), Due: at(2 * time.Second), Since: at(3 * time.Second)},
		{State: queue.StateDead, ReceivedAt: at(time.Second), Since: at(2 * time.Second), Attempt: 1, Reason: "why"},
		{State: queue.StateDelivered, ReceivedAt: at(0), Since: at(time.Second), Attempt: 1},
	}
	for i := range want {
		m := &want[i]
		m.ID, m.Route, m.Target, m.Size = ids[m.State], routeA, target, len(m.State.String())
		m.Place.ReceivedAt = m.ReceivedAt
	}
	got := r.list(queue.ListRequest{})
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(queue.Cursor{}, "Seq")); diff != "" {
		r.Errorf("List (-want +got):\n%s", diff)
	}
}

func largePartsIfAsked(r *rig) {
	m := r.message(routeA, "body")
	m.Envelope = queue.Envelope{Method: "PUT", RawPath: "/p", Headers: []queue.Pair{{Name: "A", Value: "1"}}}
	id := r.enqueue(m)[0]
	full := r.get(id)
	if string(full.Payload) != "body" || !cmp.Equal(full.Envelope, m.Envelope) {
		r.Errorf("Get: %+v", full)
	}
	for _, ask := range []queue.ListRequest{{}, {Envelope: true}, {Payload: true}, {Envelope: true, Payload: true}} {
		want := full
		if !ask.Envelope {
			want.Envelope = queue.Envelope{}
		}
		if !ask.Payload {
			want.Payload = nil
		}
		if diff := cmp.Diff([]queue.Message{want}, r.list(ask)); diff != "" {
			r.Errorf("List, envelope %v, payload %v (-want +got):\n%s", ask.Envelope, ask.Payload, diff)
		}
	}
}

func pagesHold(r *rig) {
	var oldest []string
	for range 4 { // groups that were received at the same time
		for i := range 3 {
			m := r.message([]string{routeA, routeB}[i%2], "x")
			oldest = append(oldest, r.enqueue(m)...)
		}
		r.pass(time.Second)
	}
	late := r.message(routeB, "came in last, was received first")
	late.ReceivedAt = start().Add(-time.Hour)
	oldest = slices.Insert(oldest, 0, r.enqueue(late)[0])
	for _, oldestFirst := range []bool{false, true} {
		want := slices.Clone(oldest)
		if !oldestFirst {
			slices.Reverse(want)
		}
		for size := 1; size <= 5; size++ {
			f := queue.Filter{OldestFirst: oldestFirst, Limit: size}
			for from := 0; from < len(want); from += size {
				page := r.wantListed(f, want[from:min(from+size, len(want))]...)
				f.After = &page[len(page)-1].Place
			}
			r.wantListed(f)
		}
	}
}

func listIsNarrowed(r *rig) {
	ids := r.oneOfEach()
	m := r.message(routeB, "b")
	m.Target = "other"
	b := r.enqueue(m)[0]
	delivered, dead, canceled, leased, queued := ids[2], ids[3], ids[4], ids[1], ids[0]
	for name, test := range map[string]struct {
		filter queue.Filter
		want   []string
	}{
		"all":             {queue.Filter{}, []string{b, queued, leased, canceled, dead, delivered}},
		"a route":         {queue.Filter{Route: routeB}, []string{b}},
		"no such route":   {queue.Filter{Route: "/hooks"}, nil},
		"a target":        {queue.Filter{Target: target}, []string{queued, leased, canceled, dead, delivered}},
		"no such pair":    {queue.Filter{Route: routeA, Target: "other"}, nil},
		"queued":          {queue.Filter{States: []queue.State{queue.StateQueued}}, []string{b, queued}},
		"leased":          {queue.Filter{States: []queue.State{queue.StateLeased}}, []string{leased}},
		"three states":    {queue.Filter{States: []queue.State{queue.StateDead, queue.StateLeased, queue.StateDelivered}}, []string{leased, dead, delivered}},
		"before":          {queue.Filter{Before: start().Add(2 * time.Second)}, []string{dead, delivered}},
		"dead, oldest":    {queue.Filter{States: []queue.State{queue.StateDead}, OldestFirst: true}, []string{dead}},
		"limit":           {queue.Filter{Limit: 2}, []string{b, queued}},
		"oldest, limit":   {queue.Filter{Limit: 2, OldestFirst: true}, []string{delivered, dead}},
		"all at one time": {queue.Filter{Route: routeA, Target: target, States: queue.States(), Before: start().Add(time.Nanosecond)}, []string{delivered}},
	} {
		r.Logf("case %q", name)
		r.wantListed(test.filter, test.want...)
	}
}

func gotByIDs(r *rig) {
	m := r.message(routeA, "chosen")
	m.ID = "mine; DROP TABLE message" // badinput 100
	r.enqueue(m)
	ids := r.put("1", "2")
	ask := []string{ids[1], "nothing", m.ID, ids[0], m.ID, "evt_0000000000000000", "evt_ffffffffffffffff", ids[1]}
	list, err := r.queue.Get(r.Context(), ask)
	if err != nil {
		r.Fatal(err)
	}
	var got []string
	for i := range list {
		got = append(got, string(list[i].Payload))
	}
	if want := []string{"2", "chosen", "1"}; !slices.Equal(got, want) {
		r.Errorf("Get gave %q, want %q", got, want)
	}
}

func endedContextChangesNothing(r *rig) {
	id := r.put("1")[0]
	ended, cancel := context.WithCancel(r.Context())
	cancel()
	for name, err := range r.manageErrors(ended, id) {
		if !errors.Is(err, context.Canceled) {
			r.Errorf("%s = %v", name, err)
		}
	}
	r.wantPayloads("1")
}

func nothingManagedAfterClose(r *rig) {
	id := r.put("1")[0]
	if err := r.queue.Close(); err != nil {
		r.Fatal(err)
	}
	for name, err := range r.manageErrors(r.Context(), id) {
		if !errors.Is(err, queue.ErrClosed) {
			r.Errorf("%s = %v", name, err)
		}
	}
}

func (r *rig) manageErrors(ctx context.Context, id string) map[string]error {
	errs := map[string]error{"SetPaused": r.queue.SetPaused(ctx, routeA, "", true)}
	_, errs["List"] = r.queue.List(ctx, queue.ListRequest{Filter: queue.Filter{Limit: 1}})
	_, errs["Get"] = r.queue.Get(ctx, []string{id})
	_, errs["Change"] = r.queue.Change(ctx, queue.ChangeRequest{Change: queue.Cancel, IDs: []string{id}})
	_, errs["Paused"] = r.queue.Paused(ctx)
	return errs
}
