package queuetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"hookaido/internal/queue"
)

func concurrentCases() []contractCase {
	return []contractCase{
		{name: "many producers and consumers: nothing lost, nothing doubled", run: func(r *rig) {
			newLoad(r, 8, 60).run(8)
		}},
		{name: "one consumer", run: func(r *rig) { newLoad(r, 8, 20).run(1) }},
		{name: "many consumers that hang up", run: manyHangUp},
		{name: "only one of many gets a message, or settles it", run: onlyOne},
		{name: "only one of many makes a claim, or takes an id", run: onlyOneClaims},
	}
}

// load is a run of producers and consumers.
type load struct {
	rig                 *rig
	producers, messages int // messages of each producer

	mu     sync.Mutex
	ids    map[string]string // payload of each id enqueued
	leases map[string]int    // leases of each id
	acked  map[string]string // payload of each id acked
	all    context.CancelFunc
}

func newLoad(r *rig, producers, messages int) *load {
	return &load{
		rig: r, producers: producers, messages: messages,
		ids: map[string]string{}, leases: map[string]int{}, acked: map[string]string{},
	}
}

func (l *load) run(consumers int) {
	ctx, cancel := context.WithCancel(l.rig.Context())
	defer cancel()
	l.all = cancel
	var work sync.WaitGroup
	for p := range l.producers {
		work.Go(func() { l.produce(p) })
	}
	for range consumers {
		work.Go(func() { l.consume(ctx) })
	}
	work.Wait()
	if len(l.ids) != l.producers*l.messages || len(l.acked) != len(l.ids) {
		l.rig.Errorf("%d ids and %d acked of %d messages", len(l.ids), len(l.acked), l.producers*l.messages)
	}
	for id, payload := range l.acked {
		if l.ids[id] != payload {
			l.rig.Errorf("%s has payload %q, enqueued was %q", id, payload, l.ids[id])
		}
	}
	l.rig.wantCounts(counts{})
}

// produce enqueues alternately single messages and pairs.
func (l *load) produce(p int) {
	for i := 0; i < l.messages; {
		b := queue.Batch{}
		for range min(1+i%3%2, l.messages-i) {
			b.Messages = append(b.Messages, l.rig.message(routeA, fmt.Sprintf("%d of %d", i, p)))
			i++
		}
		ids, err := l.rig.queue.Enqueue(l.rig.Context(), b)
		if err != nil {
			l.rig.Errorf("Enqueue: %v", err)
			l.all()
			return
		}
		l.mu.Lock()
		for k, id := range ids {
			l.ids[id] = string(b.Messages[k].Payload)
		}
		l.mu.Unlock()
	}
}

// consume gives every fifth message back at first, and acks the rest.
func (l *load) consume(ctx context.Context) {
	req := request(4)
	req.Wait = time.Hour
	for {
		leases, err := l.rig.queue.Dequeue(ctx, req)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				l.rig.Errorf("Dequeue: %v", err)
			}
			return
		}
		var ack, nack []string
		for _, m := range leases {
			if l.saw(m) {
				ack = append(ack, m.LeaseID)
			} else {
				nack = append(nack, m.LeaseID)
			}
		}
		l.settle(queue.SettleRequest{LeaseIDs: nack, Action: queue.Nack})
		l.settle(queue.SettleRequest{LeaseIDs: ack, Action: queue.Ack})
		l.mu.Lock()
		if len(l.acked) == l.producers*l.messages {
			l.all()
		}
		l.mu.Unlock()
	}
}

// saw notes a lease and says whether to ack it.
func (l *load) saw(m queue.Leased) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leases[m.ID]++
	if m.Attempt != l.leases[m.ID] {
		l.rig.Errorf("%s: attempt %d at lease %d", m.ID, m.Attempt, l.leases[m.ID])
	}
	if m.Attempt == 1 && m.Payload[0]%5 == 0 {
		return false
	}
	if _, twice := l.acked[m.ID]; twice {
		l.rig.Errorf("%s was handed out after its ack", m.ID)
	}
	l.acked[m.ID] = string(m.Payload)
	return true
}

func (l *load) settle(req queue.SettleRequest) {
	if conflicts, err := l.rig.queue.Settle(l.rig.Context(), req); err != nil || len(conflicts) != 0 {
		l.rig.Errorf("Settle: conflicts %v, error %v", conflicts, err)
	}
}

// manyHangUp has consumers that give up at any moment. Whatever they were not
// told of is not leased.
func manyHangUp(r *rig) {
	var mu sync.Mutex
	got := map[string]bool{}
	var work sync.WaitGroup
	for range 40 {
		ctx, hangUp := context.WithCancel(r.Context())
		work.Go(func() {
			req := request(2)
			req.Wait = time.Hour
			leases, err := r.queue.Dequeue(ctx, req)
			if err != nil && (len(leases) != 0 || !errors.Is(err, context.Canceled)) {
				r.Errorf("Dequeue = %q, %v", payloads(leases), err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, l := range leases {
				if l.Attempt != 1 || got[l.ID] {
					r.Errorf("%+v was handed out before", l)
				}
				got[l.ID] = true
			}
		})
		work.Go(hangUp)
		work.Go(func() {
			if _, err := r.queue.Enqueue(r.Context(), r.batch("1", "2")); err != nil {
				r.Errorf("Enqueue: %v", err)
			}
		})
	}
	work.Wait()
	r.wantCounts(counts{Queued: 80 - len(got), Leased: len(got)})
	for _, l := range r.dequeue(request(100)) {
		if l.Attempt != 1 || got[l.ID] {
			r.Errorf("%+v was handed out before", l)
		}
	}
}

func onlyOne(r *rig) {
	for range 20 {
		r.put("1")
		leases := make(chan queue.Leased, 8)
		var work sync.WaitGroup
		for range 8 {
			work.Go(func() {
				got, err := r.queue.Dequeue(r.Context(), request(1))
				if err != nil {
					r.Errorf("Dequeue: %v", err)
				}
				for _, l := range got {
					leases <- l
				}
			})
		}
		work.Wait()
		if len(leases) != 1 {
			r.Fatalf("%d consumers got the message", len(leases))
		}
		id := (<-leases).LeaseID
		done := make(chan struct{}, 8)
		for range 8 {
			work.Go(func() {
				conflicts, err := r.queue.Settle(r.Context(), queue.SettleRequest{LeaseIDs: []string{id}, Action: queue.Ack})
				if err == nil && len(conflicts) == 0 {
					done <- struct{}{}
				}
			})
		}
		work.Wait()
		if len(done) != 1 {
			r.Fatalf("%d acks of one lease succeeded", len(done))
		}
	}
	r.wantCounts(counts{})
}

func onlyOneClaims(r *rig) {
	for n := range byte(20) {
		won := make(chan string, 16)
		var work sync.WaitGroup
		for i := range 16 {
			b, lost := r.claimed("claimed", n), queue.ErrClaimed
			if i%2 == 1 {
				b, lost = r.claimed("chosen"), queue.ErrDuplicateID
				b.Messages[0].ID = fmt.Sprintf("chosen %d", n)
			}
			work.Go(func() {
				_, err := r.queue.Enqueue(r.Context(), b)
				if err == nil {
					won <- string(b.Messages[0].Payload)
				} else if !errors.Is(err, lost) {
					r.Errorf("Enqueue: %v, want %v", err, lost)
				}
			})
		}
		work.Wait()
		if a := <-won; len(won) != 1 || a == <-won {
			r.Fatalf("one claim and one id were taken more than once, or not at all")
		}
	}
	r.wantCounts(counts{Queued: 40})
}
