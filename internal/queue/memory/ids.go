package memory

import "hookaido/internal/queue"

const (
	tagBits  = 24
	saltBits = 24
	saltMask = 1<<saltBits - 1
)

// messageID returns the id of message seq of the process with the given tag.
func messageID(tag, seq uint64) string {
	return queue.FormatID(queue.MessagePrefix, tag<<(64-tagBits)|seq)
}

// leaseID returns the id of the lease salt on message seq, so that a lease
// leads to its message without an index.
func leaseID(seq uint64, salt uint32) string {
	return queue.FormatID(queue.LeasePrefix, seq<<saltBits|uint64(salt))
}

// parseLease reads what leaseID wrote, and nothing else.
func parseLease(id string) (seq uint64, salt uint32, ok bool) {
	n, ok := queue.ParseID(queue.LeasePrefix, id)
	return n >> saltBits, uint32(n & saltMask), ok && n&saltMask != 0
}

// nextSalt returns a salt that no lease had for a long time; 0 means no lease.
func (s *Store) nextSalt() uint32 {
	s.salt = (s.salt + 1) & saltMask
	if s.salt == 0 {
		s.salt = 1
	}
	return s.salt
}

// taken reports whether a publisher may not choose this id: a message has it,
// or a later one will get it.
func (s *Store) taken(id string) bool {
	if s.chosen[id] != nil {
		return true
	}
	n, ok := queue.ParseID(queue.MessagePrefix, id)
	if !ok || n>>(64-tagBits) != s.tag {
		return false
	}
	seq := n & (1<<(64-tagBits) - 1)
	it := s.items[seq]
	return seq > s.lastSeq || it != nil && it.id == id
}
