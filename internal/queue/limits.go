package queue

import "fmt"

// DropPolicy says what happens to a new message when the queue is full.
type DropPolicy uint8

// The policies of [Limits].
const (
	Reject     DropPolicy = iota // refuse the new message
	DropOldest                   // delete the oldest queued one
)

// String returns the word of the Hookaidofile.
func (p DropPolicy) String() string {
	if p == DropOldest {
		return "drop_oldest"
	}
	return "reject"
}

// Limits bound the queue over all routes.
type Limits struct {
	// MaxDepth is the largest number of messages queued and leased; 0 is no
	// limit.
	MaxDepth   int
	DropPolicy DropPolicy
}

// Admit decides whether n more messages may come in while queued and leased
// messages are there. It returns how many of the oldest queued ones must be
// deleted first, or [ErrFull].
func (l Limits) Admit(queued, leased, n int) (drop int, err error) {
	over := queued + leased + n - l.MaxDepth
	if l.MaxDepth == 0 || over <= 0 {
		return 0, nil
	}
	if l.DropPolicy == DropOldest && over <= queued {
		return over, nil
	}
	return 0, fmt.Errorf("%w: %d of %d messages", ErrFull, queued+leased, l.MaxDepth)
}
