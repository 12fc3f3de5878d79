package queue

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// The prefixes of the ids that engines assign to messages, leases and records
// of attempts.
const (
	MessagePrefix = "evt_"
	LeasePrefix   = "lease_"
	AttemptPrefix = "att_"
)

const idDigits = 16

// FormatID returns prefix and n as 16 lower-case hexadecimal digits.
func FormatID(prefix string, n uint64) string {
	var b [len(LeasePrefix) + idDigits]byte
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], n)
	return string(hex.AppendEncode(append(b[:0], prefix...), raw[:]))
}

// ParseID reads what [FormatID] wrote, and nothing else: one number has one
// text, so upper-case digits are refused.
func ParseID(prefix, id string) (n uint64, ok bool) {
	digits, ok := strings.CutPrefix(id, prefix)
	if !ok || len(digits) != idDigits {
		return 0, false
	}
	for i := range len(digits) {
		switch c := digits[i]; {
		case '0' <= c && c <= '9':
			n = n<<4 | uint64(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}
