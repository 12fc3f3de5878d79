package memory

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
)

const (
	messagePrefix = "evt_"
	leasePrefix   = "lease_"
	tagBits       = 24
	saltBits      = 24
	saltMask      = 1<<saltBits - 1
	hexLen        = 16
)

// messageID returns the id of message seq of the process with the given tag.
func messageID(tag, seq uint64) string { return formatID(messagePrefix, tag<<(64-tagBits)|seq) }

// leaseID returns the id of the lease salt on message seq, so that a lease
// leads to its message without an index.
func leaseID(seq uint64, salt uint32) string {
	return formatID(leasePrefix, seq<<saltBits|uint64(salt))
}

// parseLease reads what leaseID wrote, and nothing else.
func parseLease(id string) (seq uint64, salt uint32, ok bool) {
	n, ok := parseID(leasePrefix, id)
	return n >> saltBits, uint32(n & saltMask), ok && n&saltMask != 0
}

func formatID(prefix string, n uint64) string {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], n)
	b := make([]byte, 0, len(leasePrefix)+hexLen)
	b = append(b, prefix...)
	return string(hex.AppendEncode(b, raw[:]))
}

func parseID(prefix, id string) (uint64, bool) {
	digits, ok := strings.CutPrefix(id, prefix)
	if !ok || len(digits) != hexLen {
		return 0, false
	}
	var n uint64
	for i := range len(digits) {
		switch c := digits[i]; {
		case '0' <= c && c <= '9':
			n = n<<4 | uint64(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | uint64(c-'a'+10)
		default: // upper case too: one lease has one name
			return 0, false
		}
	}
	return n, true
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
	n, ok := parseID(messagePrefix, id)
	if !ok || n>>(64-tagBits) != s.tag {
		return false
	}
	seq := n & (1<<(64-tagBits) - 1)
	it := s.items[seq]
	return seq > s.lastSeq || it != nil && it.id == id
}
