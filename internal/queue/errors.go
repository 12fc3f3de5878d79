package queue

import (
	"errors"
	"fmt"
)

// Errors of engines. They are compared with [errors.Is] and [errors.As], never
// by text.
var (
	// ErrFull is returned by Enqueue when the queue has reached its depth limit
	// and may not drop anything. Nothing was stored.
	ErrFull = errors.New("the queue is full")
	// ErrDiskFull is returned by Enqueue while free space is below the floor
	// that is kept for consumers. Nothing was stored.
	ErrDiskFull = errors.New("too little free disk space to accept messages")
	// ErrDuplicateID is returned by Enqueue when a message has a chosen id that
	// is in the queue already, in whatever state. Nothing was stored. Engines
	// return it as a [*DuplicateError], which tells the message.
	ErrDuplicateID = errors.New("a message with this id exists")
	// ErrClaimed is returned by Enqueue when a claim is taken: the request is a
	// replay. Nothing was stored. Engines return it as a [*ClaimedError], which
	// tells the claim.
	ErrClaimed = errors.New("claimed before")
	// ErrLeaseNotFound means that no message is held under the lease: it never
	// existed, was settled, or was replaced by a later one.
	ErrLeaseNotFound = errors.New("lease not found")
	// ErrLeaseExpired means that the lease ran out before this call. The
	// message is back in the queue.
	ErrLeaseExpired = errors.New("lease expired")
	// ErrClosed is returned by every operation after Close.
	ErrClosed = errors.New("the queue is closed")
)

// ClaimedError is an [ErrClaimed] that names the claim.
type ClaimedError struct {
	// Index is the place in [Batch].Claims of the first claim that is taken.
	Index int
}

// Error implements error.
func (e *ClaimedError) Error() string {
	return fmt.Sprintf("claim %d of the batch: %v", e.Index, ErrClaimed)
}

// Unwrap returns [ErrClaimed].
func (e *ClaimedError) Unwrap() error { return ErrClaimed }

// DuplicateError is an [ErrDuplicateID] that names the message.
type DuplicateError struct {
	// Index is the place in [Batch].Messages of the first one whose id is taken.
	Index int
}

// Error implements error.
func (e *DuplicateError) Error() string {
	return fmt.Sprintf("message %d of the batch: %v", e.Index, ErrDuplicateID)
}

// Unwrap returns [ErrDuplicateID].
func (e *DuplicateError) Unwrap() error { return ErrDuplicateID }

// UnavailableError means that the store could not commit. Nothing of the
// operation can be relied on; the caller answers 503.
type UnavailableError struct{ Cause error }

// Error implements error.
func (e *UnavailableError) Error() string {
	return fmt.Sprintf("the queue is unavailable: %v", e.Cause)
}

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Cause }
