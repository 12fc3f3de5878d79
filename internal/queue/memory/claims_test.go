package memory

import (
	"testing"
	"time"

	"hookaido/internal/queue"
)

func claimOf(n int, until time.Time) queue.Claim {
	return queue.Claim{Key: [16]byte{byte(n), byte(n >> 8), byte(n >> 16)}, Until: until}
}

// Claims of days make place for later ones and leave those of minutes alone.
func TestLongClaimsAreBounded(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := newClaimSet(100 * longShare * claimCost)
	count := c.add(claimOf(0, now.Add(time.Minute)), now)
	for n := 1; n <= 1000; n++ {
		count += c.add(claimOf(n, now.Add(24*time.Hour+time.Duration(n))), now)
	}
	if count != 101 || len(c.until) != 101 {
		t.Errorf("%d claims are counted and %d kept, want 101", count, len(c.until))
	}
	for n, want := range map[int]bool{0: true, 1: false, 900: false, 901: true, 1000: true} {
		if got := c.taken(claimOf(n, now).Key, now); got != want {
			t.Errorf("claim %d is taken: %v, want %v", n, got, want)
		}
	}
}

// However many claims have passed, one call drops few of them, and none counts.
func TestPassedClaimsGoInSteps(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := newClaimSet(DefaultMaxBytes)
	const n = 10 * pruneStep
	for i := range n {
		c.add(claimOf(i, now.Add(time.Duration(1+i%2)*40*time.Minute)), now) // short and long ones
	}
	now = now.Add(3 * time.Hour)
	if c.taken(claimOf(5, now).Key, now) {
		t.Error("a claim that has passed is taken")
	}
	again := claimOf(7, now.Add(time.Minute))
	c.add(again, now)
	left := n
	for step := c.prune(now); step > 0; step = c.prune(now) {
		if left -= step; step > 2*pruneStep {
			t.Fatalf("%d claims were dropped at a time", step)
		}
	}
	if left != 0 || len(c.until) != 1 || !c.taken(again.Key, now) {
		t.Errorf("%d claims are left uncounted and %d are kept, want only the one made anew", left, len(c.until))
	}
}
