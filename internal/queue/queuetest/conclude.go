package queuetest

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hookaido/internal/queue"
)

func concludeCases() []contractCase {
	return []contractCase{
		{name: "each lease ends in its own way", run: eachInItsWay},
		{name: "a released message is as it was before its lease", run: releasedIsAsBefore},
		{name: "a released retry is due as before", run: func(r *rig) {
			r.put("1", "2")
			first := r.lease(time.Minute)
			r.pass(time.Second)
			r.conclude(queue.Conclusion{LeaseID: first.LeaseID, Action: queue.Nack})
			r.pass(time.Second)
			both := r.wantPayloads("2", "1")
			r.conclude(release(both[1]), release(both[0]))
			if again := r.wantPayloads("2", "1")[1]; again.Attempt != 2 || !again.Due.Equal(both[1].Due) {
				r.Errorf("after the release %+v, want attempt 2 and due %v", again, both[1].Due)
			}
		}},
		{name: "a release without its due time is due now", run: func(r *rig) {
			r.put("1")
			l := r.lease(time.Minute)
			r.pass(time.Second)
			r.conclude(queue.Conclusion{LeaseID: l.LeaseID, Action: queue.Release})
			if again := r.lease(time.Minute); !again.Due.Equal(r.clock.Now()) || again.Attempt != 1 {
				r.Errorf("after the release %+v, want attempt 1 and due %v", again, r.clock.Now())
			}
		}},
		{name: "a release wakes a consumer that waits", run: func(r *rig) {
			r.put("1")
			l := r.lease(time.Minute)
			c := r.await(time.Minute)
			r.conclude(release(l))
			c.wantPayloads("1")
		}},
		{name: "a lost lease is a conflict, its attempt is kept", run: lostLease},
		{name: "records come back whole and newest first", run: recordsComeBack},
		{name: "records are selected, page by page", run: recordsSelected},
		{name: "an ended context concludes nothing", run: func(r *rig) {
			r.put("1")
			l := r.lease(time.Minute)
			ended, cancel := context.WithCancel(r.Context())
			cancel()
			_, err := r.queue.Conclude(ended, []queue.Conclusion{{LeaseID: l.LeaseID, Action: queue.Ack, Attempt: r.attempt(l)}})
			if !errors.Is(err, context.Canceled) {
				r.Errorf("Conclude = %v, want the error of the context", err)
			}
			r.wantCounts(counts{Leased: 1})
			r.wantAttempts(queue.AttemptFilter{Max: 9})
		}},
		{name: "nothing is concluded without a fault", run: func(r *rig) { r.conclude() }},
	}
}

// release gives l back.
func release(l queue.Leased) queue.Conclusion {
	return queue.Conclusion{LeaseID: l.LeaseID, Action: queue.Release, Due: l.Due}
}

// attempt is a record of l that has just begun.
func (r *rig) attempt(l queue.Leased) *queue.Attempt {
	return &queue.Attempt{
		MessageID: l.ID, Route: l.Route, Target: l.Target, Number: l.Attempt,
		StatusCode: 200, Outcome: queue.OutcomeAcked, At: r.clock.Now(), Latency: time.Millisecond,
	}
}

// conclude ends leases, all of which must be there.
func (r *rig) conclude(list ...queue.Conclusion) {
	r.Helper()
	if conflicts, err := r.queue.Conclude(r.Context(), list); err != nil || len(conflicts) != 0 {
		r.Fatalf("Conclude: conflicts %v, %v", conflicts, err)
	}
}

// wantAttempts compares records without their ids, which it returns.
func (r *rig) wantAttempts(f queue.AttemptFilter, want ...queue.Attempt) []string {
	r.Helper()
	got, err := r.queue.Attempts(r.Context(), f)
	if err != nil {
		r.Fatalf("Attempts: %v", err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(queue.Attempt{}, "ID"), cmpopts.EquateEmpty()); diff != "" {
		r.Fatalf("Attempts %+v (-want +got):\n%s", f, diff)
	}
	var ids []string
	for _, a := range got {
		ids = append(ids, a.ID)
	}
	return ids
}

func eachInItsWay(r *rig) {
	r.put("acked", "nacked", "buried", "released")
	l := r.wantPayloads("acked", "nacked", "buried", "released")
	r.conclude(
		queue.Conclusion{LeaseID: l[0].LeaseID, Action: queue.Ack, Attempt: r.attempt(l[0])},
		queue.Conclusion{LeaseID: l[1].LeaseID, Action: queue.Nack, Delay: time.Minute, Attempt: r.attempt(l[1])},
		queue.Conclusion{LeaseID: l[2].LeaseID, Action: queue.Bury, Reason: "gone", Attempt: r.attempt(l[2])},
		release(l[3]),
	)
	r.wantCounts(counts{Queued: 2, Dead: 1})
	r.wantPayloads("released")
	r.pass(time.Minute - 1)
	r.wantPayloads()
	r.pass(1)
	if got := r.wantPayloads("nacked", "released"); got[0].Attempt != 2 {
		r.Errorf("attempt %d after a nack, want 2", got[0].Attempt)
	}
	if all, err := r.queue.Attempts(r.Context(), queue.AttemptFilter{Max: 9}); err != nil || len(all) != 3 {
		r.Errorf("%d records, %v; want 3", len(all), err)
	}
}

func releasedIsAsBefore(r *rig) {
	r.put("1", "2", "3")
	r.pass(time.Second)
	first := r.lease(time.Minute)
	r.conclude(release(first))
	again := r.wantPayloads("1", "2", "3")[0]
	if again.ID != first.ID || again.Attempt != 1 || !again.Due.Equal(first.Due) || again.LeaseID == first.LeaseID {
		r.Errorf("after the release %+v, before %+v", again, first)
	}
	conflicts, err := r.queue.Conclude(r.Context(), []queue.Conclusion{release(first)})
	if err != nil || len(conflicts) != 1 || !errors.Is(conflicts[0].Err, queue.ErrLeaseNotFound) {
		r.Errorf("a second release: %v, %v", conflicts, err)
	}
}

func lostLease(r *rig) {
	r.put("1")
	l := r.lease(time.Second)
	r.pass(time.Second)
	a := r.attempt(l)
	conflicts, err := r.queue.Conclude(r.Context(), []queue.Conclusion{{LeaseID: l.LeaseID, Action: queue.Ack, Attempt: a}})
	if err != nil || len(conflicts) != 1 || conflicts[0].LeaseID != l.LeaseID || !errors.Is(conflicts[0].Err, queue.ErrLeaseExpired) {
		r.Fatalf("Conclude: %v, %v; want a lease that is expired", conflicts, err)
	}
	r.wantAttempts(queue.AttemptFilter{Max: 9}, *a)
	r.wantPayloads("1")
}

func recordsComeBack(r *rig) {
	r.put("1")
	l := r.lease(time.Hour)
	full := queue.Attempt{
		MessageID: "an id \x00 ✓", Route: routeB, Target: "https://example.test/hook?a=b", Number: 7, StatusCode: 503,
		Error: "the target answered 503", Outcome: queue.OutcomeDead, DeadReason: "max_retries",
		At: r.clock.Now(), Latency: 1234567 * time.Nanosecond,
	}
	bare := queue.Attempt{Outcome: queue.OutcomeRetry, At: r.clock.Now()}
	later := *r.attempt(l)
	later.At = later.At.Add(time.Nanosecond)
	r.conclude(queue.Conclusion{LeaseID: l.LeaseID, Action: queue.Ack, Attempt: &later})
	for _, a := range []queue.Attempt{full, bare} {
		if _, err := r.queue.Conclude(r.Context(), []queue.Conclusion{{LeaseID: "lease_0000000000000001", Action: queue.Ack, Attempt: &a}}); err != nil {
			r.Fatal(err)
		}
	}
	ids := r.wantAttempts(queue.AttemptFilter{Max: 9}, later, bare, full)
	form := regexp.MustCompile(`^att_[0-9a-f]{16}$`)
	for i, id := range ids {
		if !form.MatchString(id) || slices.Index(ids, id) != i {
			r.Errorf("ids %q: malformed or twice", ids)
		}
	}
}

func recordsSelected(r *rig) {
	var all []queue.Attempt // newest first
	outcomes := []queue.Outcome{queue.OutcomeAcked, queue.OutcomeRetry, queue.OutcomeDead}
	for i := range 60 { // three at a time
		if i%3 == 0 {
			r.clock.Advance(time.Second)
		}
		r.put("x")
		l := r.lease(time.Minute)
		a := *r.attempt(l)
		a.MessageID, a.Outcome = []string{"a", "b"}[i%2], outcomes[i%3]
		a.Route, a.Target = []string{routeA, routeB}[i/2%2], []string{"one", "two"}[i/4%2]
		r.conclude(queue.Conclusion{LeaseID: l.LeaseID, Action: queue.Ack, Attempt: &a})
		all = slices.Insert(all, 0, a)
	}
	for _, f := range []queue.AttemptFilter{
		{}, {MessageID: "b"}, {Route: routeB}, {Target: "two"}, {Outcome: queue.OutcomeDead},
		{MessageID: "a", Route: routeA, Target: "one", Outcome: queue.OutcomeAcked}, {MessageID: "nobody"},
	} {
		var want []queue.Attempt
		for i := range all {
			if f.Selects(&all[i]) {
				want = append(want, all[i])
			}
		}
		r.wantPages(f, want)
	}
	f := queue.AttemptFilter{Max: 99, Before: &queue.AttemptCursor{At: all[6].At}}
	r.wantAttempts(f, all[9:]...) // strictly before, although others are of that time
}

// wantPages reads records four at a time.
func (r *rig) wantPages(f queue.AttemptFilter, want []queue.Attempt) {
	r.Helper()
	for f.Max = 4; ; {
		page := want[:min(4, len(want))]
		ids := r.wantAttempts(f, page...)
		if len(ids) == 0 {
			return
		}
		f.Before = &queue.AttemptCursor{At: page[len(page)-1].At, ID: ids[len(ids)-1]}
		want = want[len(page):]
	}
}

func recordsSurvive(r *rig) {
	r.put("1", "2")
	l := r.wantPayloads("1", "2")
	first, second := *r.attempt(l[0]), *r.attempt(l[1])
	r.conclude(queue.Conclusion{LeaseID: l[0].LeaseID, Action: queue.Ack, Attempt: &first})
	r.reopen(0)
	r.conclude(queue.Conclusion{LeaseID: l[1].LeaseID, Action: queue.Ack, Attempt: &second})
	ids := r.wantAttempts(queue.AttemptFilter{Max: 9}, second, first)
	if ids[0] <= ids[1] {
		r.Errorf("ids %q, want the later one to be greater", ids)
	}
}
