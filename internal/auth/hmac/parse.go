package hmac

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"time"
)

// maxCandidates bounds the signatures that one header may offer. Senders put
// two or three there while a secret is being replaced.
const maxCandidates = 16

// maxPublic bounds the signatures that are checked with public keys, each of
// which costs a pass over the body.
const maxPublic = 4

// maxStamp bounds timestamps, in seconds: some 139,000 years, far enough from
// the limits of time arithmetic, and enough for a stamp in milliseconds to be
// stale and not malformed.
const maxStamp = 1 << 42

// The names of units, for hints.
const (
	unitSeconds      = "Unix seconds"
	unitMilliseconds = "Unix milliseconds"
	unitRFC3339      = "the form of RFC 3339"
)

// prefixed reads a header that holds one signature after a fixed prefix.
func prefixed(prefix string, kind keyKind) func(*Attempt, string) Failure {
	return func(a *Attempt, value string) Failure {
		encoded, ok := strings.CutPrefix(value, prefix)
		if !ok || !a.addCandidate(kind, encoded) {
			return Malformed
		}
		return OK
	}
}

// spaced reads a header of version,signature elements with blanks between
// them, as in v1,… v1a,…. Elements of other versions and signatures that can't
// be decoded are skipped, because a sender may offer some that are not for us.
func spaced(a *Attempt, value string) Failure {
	offered, public := 0, 0
	for element := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ' ' || r == '\t' }) {
		version, encoded, _ := strings.Cut(element, ",")
		kind := macKey
		switch version {
		case "v1":
		case "v1a":
			kind = ed25519Key
			public++
		default:
			continue
		}
		if offered++; offered > maxCandidates || public > maxPublic {
			return Malformed
		}
		a.addCandidate(kind, encoded)
	}
	if a.candidates == 0 {
		return Malformed
	}
	return OK
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
				a.addCandidate(macKey, content)
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

// seconds, milliseconds and rfc3339 read timestamps in their units.
func seconds(text string) (time.Time, bool)      { return parseStamp(text, time.Second) }
func milliseconds(text string) (time.Time, bool) { return parseStamp(text, time.Millisecond) }

func rfc3339(text string) (time.Time, bool) {
	var at time.Time
	// the method is strict, unlike time.Parse, but takes a comma for the dot
	if len(text) > len("2006-01-02T15:04:05.999999999-07:00") || strings.Contains(text, ",") || at.UnmarshalText([]byte(text)) != nil {
		return time.Time{}, false
	}
	return at, true
}

// addCandidate decodes a signature that the request offers. It refuses those
// whose size no signature of that kind has.
func (a *Attempt) addCandidate(kind keyKind, encoded string) bool {
	if a.candidates == maxCandidates {
		return false
	}
	s := &a.offered[a.candidates]
	var ok bool
	s.kind = kind
	if s.size, ok = a.verifier.decode(s.bytes[:], encoded); !ok || !a.verifier.sized(s) {
		return false
	}
	a.candidates++
	return true
}

func (v *Verifier) sized(s *signature) bool {
	switch s.kind {
	case macKey:
		return s.size == v.digestSize
	case ed25519Key:
		return s.size == ed25519.SignatureSize
	}
	return s.size > 0 // of the others the size varies
}

// decodeHex reads hex in either case.
func decodeHex(dst []byte, encoded string) (int, bool) {
	n := len(encoded) / 2
	if len(encoded)%2 != 0 || n > len(dst) {
		return 0, false
	}
	for i := range n {
		high, ok1 := hexDigit(encoded[2*i])
		low, ok2 := hexDigit(encoded[2*i+1])
		if !ok1 || !ok2 {
			return 0, false
		}
		dst[i] = high<<4 | low
	}
	return n, true
}

// decodeBase64 reads base64. The decoder of the library skips line ends, which
// would be one more way to write the same signature.
func decodeBase64(encoding *base64.Encoding, dst []byte, encoded string) (int, bool) {
	var src [(maxSignature + 2) / 3 * 4]byte
	if len(encoded) > len(src) || strings.ContainsAny(encoded, "\r\n") {
		return 0, false
	}
	n, err := encoding.Decode(dst, src[:copy(src[:], encoded)])
	return n, err == nil
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
