package hmac

import (
	"strings"
	"time"
)

// maxCandidates bounds the signatures that one header may offer. Senders put
// two or three there while a secret is being replaced.
const maxCandidates = 16

// maxStamp bounds timestamps, in seconds: some 139,000 years, far enough from
// the limits of time arithmetic, and enough for a stamp in milliseconds to be
// stale and not malformed.
const maxStamp = 1 << 42

// prefixed reads a header that holds one signature after a fixed prefix.
func prefixed(prefix string) func(*Attempt, string) Failure {
	return func(a *Attempt, value string) Failure {
		encoded, ok := strings.CutPrefix(value, prefix)
		if !ok || !a.addCandidate(encoded) {
			return Malformed
		}
		return OK
	}
}

// tagged reads a header of name=value elements with a timestamp and at least
// one signature in it, as in t=1764000000,v1=…,v1=…. The first timestamp
// counts. Elements with other names and signatures that can't be decoded are
// skipped, because a sender may offer some that are not for us.
func tagged(stampTag, signatureTag string) func(*Attempt, string) Failure {
	return func(a *Attempt, value string) Failure {
		offered, stamped := 0, false
		for more := true; more; {
			var element string
			element, value, more = strings.Cut(value, ",")
			tag, content, found := strings.Cut(trimBlanks(element), "=")
			switch {
			case !found:
			case tag == stampTag && !stamped:
				a.stamp, stamped = content, true
			case tag == signatureTag:
				if offered++; offered > maxCandidates {
					return Malformed
				}
				a.addCandidate(content)
			}
		}
		if !stamped || a.candidates == 0 {
			return Malformed
		}
		return OK
	}
}

// parseStamp reads a timestamp of plain decimal digits in the given unit, which
// is a second or a fraction of it.
func parseStamp(text string, unit time.Duration) (time.Time, bool) {
	if text == "" || len(text) > 19 {
		return time.Time{}, false
	}
	var n int64
	for i := range len(text) {
		c := text[i]
		// 19 digits are too many for int64 only if the last step overflows
		if c < '0' || c > '9' || n > (1<<63-10)/10 {
			return time.Time{}, false
		}
		n = n*10 + int64(c-'0')
	}
	perSecond := int64(time.Second / unit)
	seconds := n / perSecond
	if seconds > maxStamp {
		return time.Time{}, false
	}
	return time.Unix(seconds, (n%perSecond)*int64(unit)), true
}

func trimBlanks(s string) string { return strings.Trim(s, " \t") }

// decodeHex reads exactly len(dst) bytes of hex, in either case.
func decodeHex(dst []byte, encoded string) bool {
	if len(encoded) != 2*len(dst) {
		return false
	}
	for i := range dst {
		high, ok1 := hexDigit(encoded[2*i])
		low, ok2 := hexDigit(encoded[2*i+1])
		if !ok1 || !ok2 {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func appendHex(buf, b []byte) []byte {
	const digits = "0123456789abcdef"
	for _, c := range b {
		buf = append(buf, digits[c>>4], digits[c&0xf])
	}
	return buf
}
