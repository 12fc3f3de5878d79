package httphead

import "sync/atomic"

const (
	// freeHead is what every connection may hold for the head of a request.
	// Beyond it, in steps, the connections of a listener share headBudget: so
	// many senders that each hold back a head of the largest size cost no more
	// memory than a few of them.
	freeHead   = 8 << 10
	headStep   = 16 << 10
	headBudget = 16 << 20
)

// budget is memory that connections share. It is safe for concurrent use.
type budget struct {
	max  int64
	used atomic.Int64
}

// take takes n bytes, if they are there.
func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.max {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// charge makes the share of the connection fit the head that it reads, and
// reports whether there was enough.
func (c *conn) charge() bool {
	head := int64(c.scanner.head)
	if head <= freeHead {
		return true
	}
	want := (head - freeHead + headStep - 1) / headStep * headStep
	if want <= c.charged {
		return true
	}
	if c.closed || !c.budget.take(want-c.charged) {
		return false
	}
	c.charged = want
	return true
}

// refund gives the share of the connection back, when its request was answered
// or it is closed.
func (c *conn) refund() {
	if c.charged > 0 {
		c.budget.give(c.charged)
		c.charged = 0
	}
}
