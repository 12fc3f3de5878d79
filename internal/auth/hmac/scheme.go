package hmac

import (
	"crypto/sha256"
	"hash"
	"slices"
	"time"

	"hookaido/internal/config"
)

// scheme is one row of the table of providers: where the signature stands, how
// its header is written, and what it was made over. A provider that needs
// nothing new is one more row.
type scheme struct {
	provider config.Provider
	// header is the signature header, in canonical form.
	header string
	// parse reads the value of the signature header into a.
	parse func(a *Attempt, value string) Failure
	// unit is the unit of the timestamp, 0 for a scheme without one; tolerance
	// is how far it may be from now, either way.
	unit, tolerance time.Duration
	// text appends the signed text that stands before the body to buf.
	text func(buf []byte, a *Attempt, s *Signed) []byte
	// bodyless says that the body is not part of the signed text after what
	// text gives.
	bodyless bool
	// decode reads one encoded signature of digest size into dst.
	decode func(dst []byte, encoded string) bool
	digest func() hash.Hash
}

// stripeTolerance is the window that Stripe's own libraries use.
const stripeTolerance = 5 * time.Minute

func schemes() []scheme {
	return []scheme{
		{
			provider: config.GitHub, header: "X-Hub-Signature-256",
			parse: prefixed("sha256="), text: nothing, decode: decodeHex, digest: sha256.New,
		},
		{
			provider: config.Gitea, header: "X-Gitea-Signature",
			parse: prefixed(""), text: nothing, decode: decodeHex, digest: sha256.New,
		},
		{
			provider: config.Stripe, header: "Stripe-Signature",
			parse: tagged("t", "v1"), text: stampDot, decode: decodeHex, digest: sha256.New,
			unit: time.Second, tolerance: stripeTolerance,
		},
	}
}

// canonical is the scheme of senders that have none of their own. Its headers
// and its tolerance are the operator's.
func canonical(o Options) scheme {
	return scheme{
		provider: config.Canonical, header: o.SignatureHeader,
		parse: prefixed(""), text: requestText, bodyless: true, decode: decodeHex, digest: sha256.New,
		unit: time.Second, tolerance: o.Tolerance,
	}
}

func schemeOf(o Options) (scheme, bool) {
	if o.Provider == config.Canonical {
		return canonical(o), true
	}
	all := schemes()
	i := slices.IndexFunc(all, func(s scheme) bool { return s.provider == o.Provider })
	if i < 0 {
		return scheme{}, false
	}
	return all[i], true
}

// nothing is the text of schemes that sign the body alone.
func nothing(buf []byte, _ *Attempt, _ *Signed) []byte { return buf }

// stampDot puts the timestamp, as sent, and a dot before the body.
func stampDot(buf []byte, a *Attempt, _ *Signed) []byte {
	return append(append(buf, a.stamp...), '.')
}

// requestText is the whole signed text of the canonical scheme: timestamp as
// sent, method, cleaned path and the hex SHA-256 of the body, one per line,
// without a line end after the last.
func requestText(buf []byte, a *Attempt, s *Signed) []byte {
	buf = append(append(buf, a.stamp...), '\n')
	buf = append(append(buf, s.Method...), '\n')
	buf = append(append(buf, s.Path...), '\n')
	sum := sha256.Sum256(s.Body)
	return appendHex(buf, sum[:])
}
