package memory

import (
	"container/heap"
	"time"

	"hookaido/internal/queue"
)

const (
	// claimCost is what a claim takes, in bytes.
	claimCost = 96
	// longClaim is the length from which a claim counts as long. Long ones are
	// made of ids that senders give to their deliveries, short ones of
	// signatures.
	longClaim = time.Hour
	// longShare is the part of the memory that long claims may take. Beyond it
	// those that end first are forgotten: a repeated delivery is a lesser evil
	// than a queue that refuses all of them for days.
	longShare = 4
	// pruneStep is how many claims of each kind are dropped at a time.
	pruneStep = 1024
)

// claimSet holds what was claimed until its time has passed. Wall time rules
// here, because the signatures that are claimed carry wall times.
type claimSet struct {
	until       map[[16]byte]time.Time
	short, long claimHeap
	maxLong     int
}

func newClaimSet(maxBytes int64) claimSet {
	return claimSet{until: map[[16]byte]time.Time{}, maxLong: int(maxBytes / longShare / claimCost)}
}

func (c *claimSet) taken(key [16]byte, now time.Time) bool {
	until, ok := c.until[key]
	return ok && now.Before(until)
}

// prune drops some of the claims that have passed and returns how many.
func (c *claimSet) prune(now time.Time) int {
	n := 0
	for _, h := range []*claimHeap{&c.short, &c.long} {
		for range pruneStep {
			if h.Len() == 0 || now.Before((*h)[0].Until) {
				break
			}
			c.drop(h)
			n++
		}
	}
	return n
}

// drop forgets the claim of h that ends first.
func (c *claimSet) drop(h *claimHeap) {
	claim := heap.Pop(h).(queue.Claim)
	if c.until[claim.Key].Equal(claim.Until) { // or it was made anew
		delete(c.until, claim.Key)
	}
}

// add makes a claim and returns by how many there are more.
func (c *claimSet) add(claim queue.Claim, now time.Time) int {
	c.until[claim.Key] = claim.Until
	if claim.Until.Sub(now) < longClaim {
		heap.Push(&c.short, claim)
		return 1
	}
	heap.Push(&c.long, claim)
	if c.long.Len() <= c.maxLong {
		return 1
	}
	c.drop(&c.long)
	return 0
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
