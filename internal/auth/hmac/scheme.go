package hmac

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"slices"
	"time"

	"hookaido/internal/config"
)

// scheme is one row of the table of providers: where the signature stands, how
// its header is written, and what it was made over. A provider that needs
// nothing new is one more row.
type scheme struct {
	provider config.Provider
	// families are the sets of headers in which the signature may come. The
	// first whose signature header is there counts, the others are not looked
	// at.
	families []family
	// nonceHeader is a header with a text that is used once.
	nonceHeader string
	// tokenHeader is where a token stands that is compared as it is, if no key
	// that checks signatures is valid.
	tokenHeader string
	// parse reads the value of the signature header into a.
	parse func(a *Attempt, value string) Failure
	// decode reads an encoded signature into dst and returns its size.
	decode func(dst []byte, encoded string) (int, bool)
	// text is the signed text with the names of its parts in braces.
	text string
	// newKey reads a secret; digest is the hash of keys that make a MAC.
	newKey func(text []byte) (key, error)
	digest func() hash.Hash
	// stampOf reads the timestamp that parse or a header gave; bodyStamp finds
	// one in the body. stampUnit names the unit, and tolerance is how far the
	// time may be from now, either way.
	stampOf   func(string) (time.Time, bool)
	bodyStamp func(body []byte) (at time.Time, found, ok bool)
	stampUnit string
	tolerance time.Duration
	// keysAtStamp takes the keys that are valid at the timestamp, not now.
	keysAtStamp bool
	// repeats says that a sender may send the same text again for good reason.
	repeats bool
}

// family are headers that belong together, in canonical form. Those of stamp
// and id are empty if there are none.
type family struct{ signature, stamp, id string }

// family returns the headers that a request has to be judged by.
func (s *scheme) family(h http.Header) family {
	for _, f := range s.families[:len(s.families)-1] {
		if len(h[f.signature]) > 0 {
			return f
		}
	}
	return s.families[len(s.families)-1]
}

// bodyScheme is a scheme with one signature in one header, made with the text
// of the secret over what the row says.
func bodyScheme(p config.Provider, header, text string) scheme {
	return scheme{
		provider: p, families: []family{{signature: header}}, parse: prefixed("", macKey), decode: decodeHex,
		text: text, newKey: textKey, digest: sha256.New,
	}
}

// stamped is a bodyScheme with a timestamp in Unix seconds that is signed.
func stamped(p config.Provider, header, stampHeader, text string) scheme {
	s := bodyScheme(p, header, text)
	s.families[0].stamp = stampHeader
	s.stampOf, s.stampUnit, s.tolerance = seconds, unitSeconds, usualTolerance
	return s
}

// canonical is the scheme of senders that have none of their own. Its headers
// and its tolerance are the operator's.
func canonical(o Options) scheme {
	s := stamped(config.Canonical, o.SignatureHeader, o.TimestampHeader, "{timestamp}\n{method}\n{clean_path}\n{body_sha256}")
	s.nonceHeader, s.tolerance, s.keysAtStamp = o.NonceHeader, o.Tolerance, true
	return s
}

func schemeOf(o Options) (scheme, error) {
	switch o.Provider {
	case config.Canonical:
		return canonical(o), nil
	case config.GenericScheme:
		return generic(o)
	case "paypal":
		return scheme{}, errors.New("provider paypal can't be verified here: its signatures need a certificate that is fetched from PayPal; " +
			"use auth forward with a service that verifies them")
	}
	all := schemes()
	i := slices.IndexFunc(all, func(s scheme) bool { return s.provider == o.Provider })
	if i < 0 {
		return scheme{}, fmt.Errorf("unknown signature provider %q", o.Provider)
	}
	return all[i], nil
}
