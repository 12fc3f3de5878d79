// Package hmac checks that a webhook was signed by someone who has one of the
// route's secrets, or the private key to one of its public keys.
//
// A check has two steps, so that a request without a usable signature is
// refused before its body is read: [Verifier.Begin] reads the headers and looks
// at the clock, [Attempt.Check] compares the signatures with the body. What a
// provider's scheme looks like is a row of one table: where its headers stand,
// how signatures are written, which parts of the request are signed, and how
// its keys are read. The generic scheme is such a row in the operator's words;
// the canonical scheme, for senders without one, also has a nonce.
//
// # Replays
//
// A request with a signed timestamp yields a claim that lasts as long as its
// timestamp would pass. The claim is of the signed text and not of the
// signature: a request can carry several signatures, and some kinds of
// signature can be rewritten into another valid one. The canonical scheme
// claims its nonce and its signature. Schemes without a timestamp claim
// nothing, for a provider may well send the same octets twice.
//
// What a taken claim means differs. Stripe, Slack and Linear date each attempt
// anew, HubSpot counts attempts in the body and Discord's interactions are not
// repeated, so that the same text for the second time is a replay; it is one
// in the canonical and the generic scheme as well. Standard Webhooks (with
// Svix and GitLab's signing) has a message id by which receivers are to
// recognise repeats, and of SendGrid, Zoom and Cituro it is not documented that
// a repeated attempt is signed afresh. There [Verifier.RepeatIsAccepted] asks
// to answer as for the first one and to store nothing: a sender whose first
// answer got lost is content, and one who replays has gained nothing.
//
// No reason of a failure holds a secret or a computed signature. It is for the
// log and for metrics, never for the answer, which is the same for all.
package hmac

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/secret"
)

// Failure is the class of a failed check.
type Failure uint8

// The classes.
const (
	OK        Failure = iota
	Missing           // a header that the scheme needs is absent or empty
	Malformed         // a header is there twice, or can't be read
	Stale             // the timestamp is too far from now
	Mismatch          // no secret gives any of the signatures offered
)

var failureNames = [...]string{"ok", "missing", "malformed", "stale", "mismatch"}

// String returns the name of the class, for logs and metrics.
func (f Failure) String() string {
	if int(f) < len(failureNames) {
		return failureNames[f]
	}
	return "unknown"
}

// Options describe a [Verifier].
type Options struct {
	Provider config.Provider
	// Route is the path of the route. Claims of one route don't touch another.
	Route string
	// Keys are the secrets, or public keys where the provider signs with a
	// private one; any one of them may verify. Empty ones are left out.
	Keys []secret.Value
	// Pool has further secrets, each for the time of its validity: that is the
	// request's timestamp in the canonical scheme and in a generic one with a
	// timestamp, and the clock's time elsewhere.
	Pool secret.Pool
	// MayLackKeys permits a verifier without a key, which refuses every request:
	// the pool gets its secrets later, and then there is another verifier.
	MayLackKeys bool
	// URL is what the provider calls, for providers that sign it. Its query
	// does not count, that of the request does. If empty, the URL is put
	// together from the request.
	URL string
	// SignatureHeader, TimestampHeader (canonical names) and Tolerance are for
	// the canonical and the generic scheme, where an empty TimestampHeader is a
	// generic scheme without a timestamp; NonceHeader is for the canonical one.
	SignatureHeader string
	TimestampHeader string
	NonceHeader     string
	Tolerance       time.Duration
	// Generic is for the generic scheme only. An empty digest is sha256, an
	// empty encoding hex, an empty text the body and an empty unit seconds.
	Generic config.Generic
	// Clock tells how old a timestamp is.
	Clock clock.Clock
}

// Verifier checks the signatures of one route. It is safe for concurrent use.
type Verifier struct {
	scheme
	route string
	url   string // without a query; empty to take the request's
	parts []part
	clock clock.Clock
	keys  []key
	// digestSize is the size of a MAC in bytes.
	digestSize int
	hints      [Mismatch + 1]string
	attempts   sync.Pool // of *Attempt with hashes keyed by keys
}

// New makes a verifier. It fails for a provider that it does not know, for a
// key that does not have the provider's form and, unless that is wanted, when
// there is no key at all, because a check without a key refuses everyone. Errors
// never hold a key.
func New(o Options) (*Verifier, error) {
	s, err := schemeOf(o)
	if err != nil {
		return nil, err
	}
	v := &Verifier{scheme: s, route: o.Route, clock: o.Clock, digestSize: s.digest().Size()}
	v.url, _, _ = strings.Cut(o.URL, "?")
	v.url, _, _ = strings.Cut(v.url, "#")
	if v.parts, err = parseText(s.text); err != nil {
		return nil, fmt.Errorf("%s: %w", v.name(), err)
	}
	if v.keys, err = v.readKeys(o); err != nil {
		return nil, fmt.Errorf("%s: %w", v.name(), err)
	}
	if len(v.keys) == 0 && !o.MayLackKeys {
		return nil, errors.New("signature authentication needs at least one secret that is not empty")
	}
	v.hints = v.allHints()
	return v, nil
}

// name says which scheme an error is about.
func (v *Verifier) name() string {
	if v.provider == config.Canonical {
		return "signature authentication"
	}
	return "provider " + string(v.provider)
}

// CredentialHeaders are the headers that carry a secret as it is. They are not
// for those who process the message.
func (v *Verifier) CredentialHeaders() []string {
	if v.tokenHeader == "" {
		return nil
	}
	return []string{v.tokenHeader}
}

// RepeatIsAccepted tells what it means that a claim of [Attempt.Check] is taken
// already. If true, the request is to be answered as if it were new, and not to
// be stored again; if false it is a replay, to be refused.
func (v *Verifier) RepeatIsAccepted() bool { return v.repeats }

// Hint says in a sentence what to look at when requests fail with f, for the
// log. It may be empty, and has nothing of the request or of a secret in it.
func (v *Verifier) Hint(f Failure) string {
	if int(f) < len(v.hints) {
		return v.hints[f]
	}
	return ""
}

func (v *Verifier) allHints() (h [Mismatch + 1]string) {
	var names []string
	for _, f := range v.families {
		names = append(names, f.signature)
	}
	wanted := strings.Join(names, " or ")
	switch {
	case v.tokenHeader == "":
		h[Missing] = "the scheme needs the header " + wanted + " and those beside it"
	case wanted == "":
		h[Missing] = "the provider sends its token in the header " + v.tokenHeader
	default:
		h[Missing] = "with a signing token among the secrets the header " + wanted + " is needed, and " + v.tokenHeader + " otherwise"
	}
	if v.stampOf != nil || v.bodyStamp != nil {
		h[Stale] = fmt.Sprintf("the timestamp is in %s and may be %v from the clock of this machine", v.stampUnit, v.tolerance)
	}
	switch {
	case v.signsURL():
		h[Mismatch] = "the URL is part of what is signed: the directive url must be what the provider calls, to the last slash"
	case v.provider == config.Canonical:
		h[Mismatch] = "the signed text is timestamp, method, path without query and hex SHA-256 of the body, in this order and one per line, with no line end after the last"
	case v.provider == config.GenericScheme:
		h[Mismatch] = "compare signed_text, digest and encoding with what the sender documents"
	}
	return h
}

func (v *Verifier) signsURL() bool {
	for _, p := range v.parts {
		if p.kind == partURL || p.kind == partDecodedURL {
			return true
		}
	}
	return false
}

// single returns the value of a header that must be there exactly once: with
// two of them, we and a proxy before us could look at different ones.
func single(h http.Header, name string) (string, Failure) {
	values := h[name]
	if len(values) > 1 {
		return "", Malformed
	}
	if len(values) == 0 {
		return "", Missing
	}
	value := trimBlanks(values[0])
	if value == "" {
		return "", Missing
	}
	return value, OK
}
