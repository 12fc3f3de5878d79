package queuetest

import (
	"errors"
	"time"

	"hookaido/internal/queue"
)

func claim(n byte, until time.Time) queue.Claim {
	return queue.Claim{Key: [16]byte{0: n, 15: 0xff}, Until: until}
}

// claimed is a batch of one message with claims that last an hour from now.
func (r *rig) claimed(payload string, keys ...byte) queue.Batch {
	b := queue.Batch{Messages: []queue.NewMessage{r.message(routeA, payload)}}
	for _, k := range keys {
		b.Claims = append(b.Claims, claim(k, r.clock.Now().Add(time.Hour)))
	}
	return b
}

func (r *rig) accepted(b queue.Batch) {
	r.Helper()
	if _, err := r.queue.Enqueue(r.Context(), b); err != nil {
		r.Fatalf("Enqueue: %v", err)
	}
}

// claimedAt enqueues one batch, which must fail for the claim at that place.
func (r *rig) claimedAt(index int, b queue.Batch) {
	r.Helper()
	ids, err := r.queue.Enqueue(r.Context(), b)
	var taken *queue.ClaimedError
	if !errors.As(err, &taken) || !errors.Is(err, queue.ErrClaimed) || taken.Index != index || len(ids) != 0 {
		r.Fatalf("Enqueue = %v, %v; want the claim at %d to be taken", ids, err, index)
	}
}

func claimCases() []contractCase {
	return []contractCase{
		{name: "a claim is made once", run: func(r *rig) {
			r.accepted(r.claimed("1", 1))
			r.refused(queue.ErrClaimed, r.claimed("2", 1))
			r.accepted(r.claimed("3", 2))
			r.accepted(r.claimed("4"))
			r.wantPayloads("1", "3", "4")
		}},
		{name: "one taken claim refuses the batch and makes none of the others", run: func(r *rig) {
			r.accepted(r.claimed("1", 1))
			r.refused(queue.ErrClaimed, r.claimed("2", 2, 1, 3))
			r.accepted(r.claimed("3", 2))
			r.accepted(r.claimed("4", 3))
			r.wantPayloads("1", "3", "4")
		}},
		{name: "the error names the first claim that is taken", run: func(r *rig) {
			r.accepted(r.claimed("1", 1, 2))
			r.claimedAt(0, r.claimed("2", 1))
			r.claimedAt(0, r.claimed("3", 2, 1))
			r.claimedAt(2, r.claimed("4", 3, 4, 2, 1))
			r.accepted(r.claimed("5", 3, 4))
			r.wantPayloads("1", "5")
		}},
		{name: "a claim outlives its message", run: func(r *rig) {
			r.accepted(r.claimed("1", 1))
			r.ack(r.lease(time.Minute).LeaseID)
			r.refused(queue.ErrClaimed, r.claimed("2", 1))
		}},
		{name: "a claim ends with its time", run: func(r *rig) {
			r.accepted(r.claimed("1", 1))
			r.pass(time.Hour - 1)
			r.refused(queue.ErrClaimed, r.claimed("2", 1))
			r.pass(2)
			r.accepted(r.claimed("3", 1))
			r.refused(queue.ErrClaimed, r.claimed("4", 1)) // claimed anew, for another hour
			r.pass(time.Hour - 1)
			r.refused(queue.ErrClaimed, r.claimed("5", 1))
			r.wantPayloads("1", "3")
		}},
		{name: "a claim is not made when the queue is full", limits: queue.Limits{MaxDepth: 1}, run: func(r *rig) {
			r.put("1")
			r.refused(queue.ErrFull, r.claimed("2", 1))
			r.ack(r.lease(time.Minute).LeaseID)
			r.accepted(r.claimed("3", 1))
		}},
		{name: "claims of different lengths end one by one", run: mixedClaims},
	}
}

func mixedClaims(r *rig) {
	for n := byte(1); n <= 200; n++ {
		b := r.claimed("x")
		// in a mixed order: 7 has no factor in common with 200
		b.Claims = []queue.Claim{claim(n, start().Add(time.Duration(1+int(n)*7%200)*time.Second))}
		r.accepted(b)
	}
	r.pass(100*time.Second + 1)
	for n := byte(1); n <= 200; n++ {
		if int(n)*7%200 < 100 {
			r.accepted(r.claimed("y", n))
		} else {
			r.refused(queue.ErrClaimed, r.claimed("z", n))
		}
	}
}
