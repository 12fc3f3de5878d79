package pull

import (
	"testing"

	"hookaido/internal/queue"
)

// TestMaxDeliveries holds that a message is handed out as often as its route
// allows, and that a reload changes that for the requests after it.
func TestMaxDeliveries(t *testing.T) {
	f := newFixture(t, nil)
	set := Settings{Routes: []Route{{Endpoint: "/a", Path: "/hooks/a", MaxDeliveries: 2}}, Tokens: tokens("global"), Limits: defaults}
	f.Swap(f.Snapshot(set))
	e := f.endpoint("/a", "global")
	f.settle(e, queue.Nack, f.lease(e, 1)...)
	again := func(want int) []queue.Leased {
		t.Helper()
		items, err := f.Dequeue(t.Context(), e, DequeueRequest{Batch: 1})
		if err != nil || len(items) != want {
			t.Fatalf("dequeued %d, %v; want %d", len(items), err, want)
		}
		return items
	}
	f.settle(e, queue.Nack, again(1)[0].LeaseID)
	again(0)
	dead, err := f.store.List(t.Context(), queue.ListRequest{Filter: queue.Filter{States: []queue.State{queue.StateDead}, Limit: 9}})
	if err != nil || len(dead) != 1 || dead[0].Reason != queue.ReasonMaxDeliveries || dead[0].Attempt != 2 {
		t.Fatalf("dead letters: %+v, %v", dead, err)
	}
	set.Routes[0].MaxDeliveries = 0
	f.Swap(f.Snapshot(set))
	e = f.endpoint("/a", "global")
	f.enqueue(e)
	for range 5 {
		f.settle(e, queue.Nack, again(1)[0].LeaseID)
	}
}
