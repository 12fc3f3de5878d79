package sqlite

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// A message id carries the tag of the database and the key of the row, a lease
// id the key and the salt of the lease; so neither needs an index.
const (
	messagePrefix = "evt_"
	leasePrefix   = "lease_"
	seqBits       = 40
	saltBits      = 24
	saltMask      = 1<<saltBits - 1
	hexLen        = 16
)

func messageID(tag uint64, seq int64) string {
	return formatID(messagePrefix, tag<<seqBits|uint64(seq)) //nolint:gosec // seq is a positive 40-bit number
}

func leaseID(seq, salt int64) string {
	return formatID(leasePrefix, uint64(seq)<<saltBits|uint64(salt)) //nolint:gosec // likewise
}

// parseLease reads what leaseID wrote, and nothing else.
func parseLease(id string) (seq, salt int64, ok bool) {
	n, ok := parseID(leasePrefix, id)
	seq, salt = int64(n>>saltBits), int64(n&saltMask) //nolint:gosec // 40 and 24 bits
	return seq, salt, ok && salt != 0
}

// ours reports whether id has the form of the ids that this database assigns.
// A publisher may not choose such a one: a later message could get it.
func ours(tag uint64, id string) bool {
	n, ok := parseID(messagePrefix, id)
	return ok && n>>seqBits == tag
}

func formatID(prefix string, n uint64) string {
	var b [len(leasePrefix) + hexLen]byte
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], n)
	return string(hex.AppendEncode(append(b[:0], prefix...), raw[:]))
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

// never is a time that does not come.
const never = 1<<63 - 1

// nanos returns the Unix time of t, limited to what 64 bits hold.
func nanos(t time.Time) int64 {
	switch year := t.Year(); {
	case year > 2261:
		return never - 1
	case year < 1678:
		return -never
	}
	return t.UnixNano()
}

// later returns the time d after at. It stops short of never instead of
// wrapping around, so that a huge delay is not an instant one.
func later(at int64, d time.Duration) int64 {
	sum := at + int64(d)
	switch {
	case d > 0 && (sum < at || sum == never):
		return never - 1
	case d < 0 && sum > at:
		return -never
	}
	return sum
}

func wallTime(at int64) time.Time { return time.Unix(0, at).UTC() }
