package sqlite

import (
	"time"

	"hookaido/internal/queue"
)

// A message id carries the tag of the database and the key of the row, a lease
// id the key and the salt of the lease; so neither needs an index. That of a record of
// an attempt is made as that of a message.
const (
	seqBits  = 40
	saltBits = 24
	saltMask = 1<<saltBits - 1
	// attemptMask takes the key out of the id of a record.
	attemptMask = 1<<seqBits - 1
)

func attemptID(tag uint64, id int64) string {
	return queue.FormatID(queue.AttemptPrefix, tag<<seqBits|uint64(id)) //nolint:gosec // likewise
}

func messageID(tag uint64, seq int64) string {
	return queue.FormatID(queue.MessagePrefix, tag<<seqBits|uint64(seq)) //nolint:gosec // seq is a positive 40-bit number
}

func leaseID(seq, salt int64) string {
	return queue.FormatID(queue.LeasePrefix, uint64(seq)<<saltBits|uint64(salt)) //nolint:gosec // likewise
}

// parseLease reads what leaseID wrote, and nothing else.
func parseLease(id string) (seq, salt int64, ok bool) {
	n, ok := queue.ParseID(queue.LeasePrefix, id)
	seq, salt = int64(n>>saltBits), int64(n&saltMask) //nolint:gosec // 40 and 24 bits
	return seq, salt, ok && salt != 0
}

// ours reports whether id has the form of the ids that this database assigns.
// A publisher may not choose such a one: a later message could get it.
func ours(tag uint64, id string) bool {
	n, ok := queue.ParseID(queue.MessagePrefix, id)
	return ok && n>>seqBits == tag
}

// nextSalt returns a salt other than old. It starts at random and counts, so
// that a lease id of an earlier life or turn doesn't come back by chance.
func (w *writer) nextSalt(old int64) int64 {
	for {
		w.salt = (w.salt + 1) & saltMask
		if w.salt != 0 && w.salt != old {
			return w.salt
		}
	}
}

const never = queue.Never

func wallTime(at int64) time.Time { return time.Unix(0, at).UTC() }
