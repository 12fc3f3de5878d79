package hmac

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"mime"
	"net/url"
	"slices"
	"strings"
	"time"
)

// appendURL appends the URL that the sender called: the configured one, or one
// put together from the request, and the query as it was sent. The query is
// never the configured one: with that, anybody could change the request's.
func (v *Verifier) appendURL(buf []byte, s *Signed) []byte {
	switch {
	case v.url != "":
		buf = append(buf, v.url...)
	default:
		scheme := s.Scheme
		if scheme == "" {
			scheme = "https"
		}
		buf = append(append(append(append(buf, scheme...), "://"...), s.Host...), s.RawPath...)
	}
	if s.RawQuery != "" {
		buf = append(append(buf, '?'), s.RawQuery...)
	}
	return buf
}

// hubSpotDecoded are the characters that HubSpot signs decoded; any other
// stays as it was sent.
const hubSpotDecoded = ":/?@!$'()*,;"

func appendDecoded(buf []byte, address string) []byte {
	for i := 0; i < len(address); i++ {
		if address[i] == '%' && i+2 < len(address) {
			high, ok1 := hexDigit(address[i+1])
			low, ok2 := hexDigit(address[i+2])
			if c := high<<4 | low; ok1 && ok2 && strings.IndexByte(hubSpotDecoded, c) >= 0 {
				buf = append(buf, c)
				i += 2
				continue
			}
		}
		buf = append(buf, address[i])
	}
	return buf
}

const (
	formType   = "application/x-www-form-urlencoded"
	bodyDigest = "bodySHA256"
)

// appendForm appends what Twilio signs of a body: of a form the names and
// values, sorted and without anything between them. Of another body it signs
// the digest, which stands in the query and so in the URL; the body has to be
// held against it.
func (a *Attempt) appendForm(buf []byte, s *Signed) ([]byte, Failure) {
	query, err := url.ParseQuery(s.RawQuery)
	if err != nil {
		return buf, Malformed
	}
	if digests := query[bodyDigest]; len(digests) > 0 {
		return buf, checkBodyDigest(digests, s.Body)
	}
	if len(s.Body) == 0 {
		return buf, OK
	}
	if kind, _, err := mime.ParseMediaType(a.contentType); err != nil || kind != formType {
		return buf, Mismatch // nothing of the body is signed
	}
	form, err := url.ParseQuery(string(s.Body))
	if err != nil {
		return buf, Malformed
	}
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := form[name]
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			buf = append(append(buf, name...), value...)
		}
	}
	return buf, OK
}

func checkBodyDigest(digests []string, body []byte) Failure {
	var claimed [sha256.Size]byte
	if n, ok := decodeHex(claimed[:], digests[0]); !ok || n != len(claimed) || len(digests) > 1 {
		return Malformed
	}
	sum := sha256.Sum256(body)
	if subtle.ConstantTimeCompare(sum[:], claimed[:]) != 1 {
		return Mismatch
	}
	return OK
}

// linearStamp finds the time at which Linear sent a body. Where there is none,
// the body can't be told from a replay, as with providers that have no
// timestamp at all.
func linearStamp(body []byte) (at time.Time, found, ok bool) {
	var fields struct {
		Sent json.RawMessage `json:"webhookTimestamp"`
	}
	if json.Unmarshal(body, &fields) != nil || fields.Sent == nil {
		return time.Time{}, false, false
	}
	at, ok = milliseconds(string(fields.Sent))
	return at, true, ok
}
