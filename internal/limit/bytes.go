// Package limit has the limits on admission: how much the program takes on at
// once, whoever asks. None of them blocks; who gets no share answers that the
// service is busy, and the client comes back.
package limit

import "sync/atomic"

// Bytes is a budget of memory that requests share. It is safe for concurrent
// use. The zero value has nothing to give.
type Bytes struct {
	max, used atomic.Int64
}

// NewBytes returns a budget of max bytes.
func NewBytes(max int64) *Bytes {
	b := &Bytes{}
	b.Resize(max)
	return b
}

// Resize sets the size of the budget. What is held stays held, even if that is
// more than the new size.
func (b *Bytes) Resize(max int64) { b.max.Store(max) }

// TryAcquire takes n bytes, n ≥ 0, and reports whether they were there to take.
// Who gets them gives them back with Release.
func (b *Bytes) TryAcquire(n int64) bool {
	for {
		used := b.used.Load()
		// the difference can't overflow, a sum could
		if n > b.max.Load()-used {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// Release gives back n bytes that TryAcquire gave.
func (b *Bytes) Release(n int64) { b.used.Add(-n) }

// Used returns the bytes that are held.
func (b *Bytes) Used() int64 { return b.used.Load() }
