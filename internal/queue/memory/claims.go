package memory

import (
	"container/heap"
	"time"

	"hookaido/internal/queue"
)

// claimCost is what a claim takes, in bytes.
const claimCost = 96

// claimSet holds what was claimed until its time has passed. Wall time rules
// here, because the signatures that are claimed carry wall times.
type claimSet struct {
	until map[[16]byte]time.Time
	order *claimHeap
}

func newClaimSet() claimSet {
	return claimSet{until: map[[16]byte]time.Time{}, order: &claimHeap{}}
}

// prune drops the claims that have passed and returns how many.
func (c *claimSet) prune(now time.Time) int {
	n := 0
	for ; c.order.Len() > 0 && !now.Before((*c.order)[0].Until); n++ {
		delete(c.until, heap.Pop(c.order).(queue.Claim).Key)
	}
	return n
}

func (c *claimSet) add(claim queue.Claim) {
	c.until[claim.Key] = claim.Until
	heap.Push(c.order, claim)
}

// claimHeap orders claims by their end, for container/heap.
type claimHeap []queue.Claim

// Len implements [heap.Interface].
func (h claimHeap) Len() int { return len(h) }

// Less implements [heap.Interface].
func (h claimHeap) Less(i, j int) bool { return h[i].Until.Before(h[j].Until) }

// Swap implements [heap.Interface].
func (h claimHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements [heap.Interface].
func (h *claimHeap) Push(x any) { *h = append(*h, x.(queue.Claim)) }

// Pop implements [heap.Interface].
func (h *claimHeap) Pop() any {
	last := len(*h) - 1
	claim := (*h)[last]
	*h = (*h)[:last]
	return claim
}
