package sqlite

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

// scaleOf is how deep the queue of TestScale is, and what a median may be.
// SCALE_DEPTH=200000 is for a machine that has nothing else to do.
func scaleOf(t *testing.T) (depth int, limit time.Duration) {
	depth, limit = 20_000, time.Second
	if text := os.Getenv("SCALE_DEPTH"); text != "" {
		if _, err := fmt.Sscan(text, &depth); err != nil {
			t.Fatal(err)
		}
		limit = 50 * time.Millisecond
	}
	return depth, limit
}

// TestScale holds that what operators ask for costs no scan of a deep queue, by
// the median of 20.
func TestScale(t *testing.T) {
	depth, limit := scaleOf(t)
	s := open(t, Options{})
	batch := make([]queue.NewMessage, 1000)
	var last []string
	for n := 0; n < depth; n += len(batch) {
		for i := range batch {
			batch[i] = message(fmt.Sprint("/r", i%10), "payload of a message")
			batch[i].ReceivedAt = start.Add(time.Duration(n+i) * time.Microsecond)
		}
		last = enqueue(t, s, batch...)
	}
	prepareScale(t, s, last)
	states := func(list ...queue.State) queue.Filter { return queue.Filter{States: list, Limit: 100} }
	lists := map[string]queue.ListRequest{
		"all":              {Filter: queue.Filter{Limit: 100}},
		"all, oldest":      {Filter: queue.Filter{Limit: 100, OldestFirst: true}},
		"all, 1000, whole": {Filter: queue.Filter{Limit: 1000}, Envelope: true, Payload: true},
		"a route":          {Filter: queue.Filter{Route: "/r3", Limit: 100}},
		"no such route":    {Filter: queue.Filter{Route: "/none", Limit: 100}},
		"queued":           {Filter: states(queue.StateQueued)},
		"leased":           {Filter: states(queue.StateLeased)},
		"dead":             {Filter: states(queue.StateDead)},
		"dead and more":    {Filter: states(queue.StateDead, queue.StateCanceled, queue.StateLeased, queue.StateDelivered)},
		"dead of a route":  {Filter: queue.Filter{Route: "/r3", States: []queue.State{queue.StateDead}, Limit: 100}},
	}
	for name, r := range lists {
		median(t, limit, "list "+name, func() error { _, err := s.List(t.Context(), r); return err })
	}
	median(t, limit, "a page in the middle", func() error {
		middle := &queue.Cursor{ReceivedAt: start.Add(time.Duration(depth/2) * time.Microsecond)}
		_, err := s.List(t.Context(), queue.ListRequest{Filter: queue.Filter{After: middle, Limit: 100}})
		return err
	})
	median(t, limit, "get", func() error { _, err := s.Get(t.Context(), last[:1]); return err })
	median(t, limit, "stats", func() error { _, err := s.Stats(t.Context()); return err })
	median(t, limit, "preview of a requeue", func() error {
		_, err := s.Change(t.Context(), queue.ChangeRequest{Change: queue.Requeue, Filter: queue.Filter{Limit: 100}, Preview: true})
		return err
	})
	median(t, limit, "cancel of 100", func() error {
		_, err := s.Change(t.Context(), queue.ChangeRequest{Change: queue.Cancel, Filter: queue.Filter{Limit: 100}})
		return err
	})
	checkCounters(t, s)
}

// prepareScale leases some messages of the front and buries others.
func prepareScale(t *testing.T, s *Store, last []string) {
	t.Helper()
	var buried []string
	for i := range 40 {
		got, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: fmt.Sprint("/r", i%10), Max: 50, TTL: time.Hour})
		must(t, err)
		for _, l := range got[:25] {
			buried = append(buried, l.LeaseID)
		}
	}
	_, err := s.Settle(t.Context(), queue.SettleRequest{LeaseIDs: buried, Action: queue.Bury, Reason: "no"})
	must(t, err)
	_, err = s.Change(t.Context(), queue.ChangeRequest{Change: queue.Cancel, IDs: last[:50]})
	must(t, err)
}

func median(t *testing.T, limit time.Duration, name string, f func() error) {
	t.Helper()
	var times []time.Duration
	for range 20 {
		begin := clock.System{}.Monotonic()
		must(t, f())
		times = append(times, clock.System{}.Monotonic()-begin)
	}
	slices.Sort(times)
	t.Logf("%-24s median %v, most %v", name, times[10], times[19])
	if times[10] > limit {
		t.Errorf("%s: the median is %v, more than %v", name, times[10], limit)
	}
}
