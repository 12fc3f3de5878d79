// Package hmac checks that a webhook was signed by someone who has one of the
// route's secrets.
//
// A check has two steps, so that a request without a usable signature is
// refused before its body is read: [Verifier.Begin] reads the headers and looks
// at the clock, [Attempt.Check] compares the signatures with the body. What a
// provider's scheme looks like is a row of one table; the canonical scheme, for
// senders without one, also yields claims which make a request good for one
// time only.
//
// No reason of a failure holds a secret or a computed signature. It is for the
// log and for metrics, never for the answer, which is the same for all.
package hmac

import (
	stdhmac "crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"sync"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
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

const (
	maxNonce  = 256         // bytes
	maxDigest = sha512.Size // of any scheme, in bytes
)

// Options describe a [Verifier].
type Options struct {
	Provider config.Provider
	// Route is the path of the route. Claims of one route don't touch another.
	Route string
	// Keys are the secrets; any one of them may verify. Empty ones are left
	// out.
	Keys []secret.Value
	// SignatureHeader, TimestampHeader, NonceHeader (canonical names) and
	// Tolerance are for the canonical scheme only.
	SignatureHeader string
	TimestampHeader string
	NonceHeader     string
	Tolerance       time.Duration
	// Clock tells how old a timestamp is.
	Clock clock.Clock
}

// Verifier checks the signatures of one route. It is safe for concurrent use.
type Verifier struct {
	scheme
	route                        string
	timestampHeader, nonceHeader string // canonical scheme only
	clock                        clock.Clock
	keys                         [][]byte
	attempts                     sync.Pool // of *Attempt with hashes keyed by keys
}

// New makes a verifier. It fails for a provider that it does not know and when
// no key is left, because a check without a key would refuse or admit everyone.
func New(o Options) (*Verifier, error) {
	s, known := schemeOf(o)
	if !known {
		return nil, fmt.Errorf("unknown signature provider %q", o.Provider)
	}
	v := &Verifier{scheme: s, route: o.Route, clock: o.Clock}
	if o.Provider == config.Canonical {
		v.timestampHeader, v.nonceHeader = o.TimestampHeader, o.NonceHeader
	}
	for _, k := range o.Keys {
		if k.Len() > 0 {
			v.keys = append(v.keys, k.Reveal())
		}
	}
	if len(v.keys) == 0 {
		return nil, errors.New("signature authentication needs at least one secret that is not empty")
	}
	return v, nil
}

// Signed is the part of a request that signatures are made over.
type Signed struct {
	// Method is as sent. Path is cleaned and decoded, without the query.
	Method, Path string
	Body         []byte
}

// Attempt is the check of one request. It is used by one goroutine, and ends
// with Release.
type Attempt struct {
	verifier *Verifier
	macs     []hash.Hash // one per key
	size     int         // of a signature, in bytes

	signatures [maxCandidates][maxDigest]byte
	candidates int
	stamp      string // as sent
	at         time.Time
	nonce      string

	text, sum []byte // scratch
}

// Begin reads the signature headers of a request. On a failure there is no
// attempt to release.
func (v *Verifier) Begin(h http.Header) (*Attempt, Failure) {
	value, failure := single(h, v.header)
	if failure != OK {
		return nil, failure
	}
	a := v.take()
	if failure = a.read(h, value); failure != OK {
		a.Release()
		return nil, failure
	}
	return a, OK
}

func (v *Verifier) take() *Attempt {
	if a, ok := v.attempts.Get().(*Attempt); ok {
		return a
	}
	a := &Attempt{verifier: v}
	for _, k := range v.keys {
		a.macs = append(a.macs, stdhmac.New(v.digest, k))
	}
	a.size = a.macs[0].Size()
	return a
}

func (a *Attempt) read(h http.Header, value string) Failure {
	v := a.verifier
	if failure := v.parse(a, value); failure != OK {
		return failure
	}
	if v.nonceHeader != "" {
		if failure := a.readOnceOnly(h); failure != OK {
			return failure
		}
	}
	if v.unit == 0 {
		return OK
	}
	at, ok := parseStamp(a.stamp, v.unit)
	if !ok {
		return Malformed
	}
	a.at = at
	if v.clock.Now().Sub(at).Abs() > v.tolerance {
		return Stale
	}
	return OK
}

// readOnceOnly reads the headers that stand beside the canonical signature.
func (a *Attempt) readOnceOnly(h http.Header) (failure Failure) {
	if a.stamp, failure = single(h, a.verifier.timestampHeader); failure != OK {
		return failure
	}
	if a.nonce, failure = single(h, a.verifier.nonceHeader); failure != OK {
		return failure
	}
	if len(a.nonce) > maxNonce {
		return Malformed
	}
	return OK
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

func (a *Attempt) addCandidate(encoded string) bool {
	if a.candidates == maxCandidates || !a.verifier.decode(a.signatures[a.candidates][:a.size], encoded) {
		return false
	}
	a.candidates++
	return true
}

// Check compares the signatures with what was signed. On success it returns
// what must not be claimed already when the message is stored.
//
// Every key is tried against every signature, whichever fits, so that the time
// it takes says nothing about them.
func (a *Attempt) Check(s Signed) ([]queue.Claim, Failure) {
	v := a.verifier
	a.text = v.scheme.text(a.text[:0], a, &s)
	matched := -1
	for _, mac := range a.macs {
		mac.Reset()
		mac.Write(a.text) // a hash never fails
		if !v.bodyless {
			mac.Write(s.Body)
		}
		a.sum = mac.Sum(a.sum[:0])
		for i := range a.candidates {
			if subtle.ConstantTimeCompare(a.sum, a.signatures[i][:a.size]) == 1 {
				matched = i
			}
		}
	}
	if matched < 0 {
		return nil, Mismatch
	}
	if v.nonceHeader == "" {
		return nil, OK
	}
	return a.claims(matched), OK
}

// claims makes the request good for one time. The nonce is not part of the
// signed text, so the signature itself is claimed as well: a captured request
// with a fresh nonce is still a replay.
func (a *Attempt) claims(matched int) []queue.Claim {
	until := a.at.Add(a.verifier.tolerance).UTC()
	a.text = append(a.claimed(kindNonce), a.nonce...)
	nonce := sha256.Sum256(a.text)
	a.text = append(a.claimed(kindSignature), a.signatures[matched][:a.size]...)
	signature := sha256.Sum256(a.text)
	return []queue.Claim{
		{Key: [16]byte(nonce[:16]), Until: until},
		{Key: [16]byte(signature[:16]), Until: until},
	}
}

// The kinds of claims. They are part of stored keys and never change.
const (
	kindNonce     = "hmac nonce"
	kindSignature = "hmac signature"
)

// claimed starts the text of a claim's key. The zero bytes keep kind, route
// and what follows apart; a route holds none.
func (a *Attempt) claimed(kind string) []byte {
	text := append(append(a.text[:0], kind...), 0)
	return append(append(text, a.verifier.route...), 0)
}

// Release ends the attempt, which must not be used afterwards.
func (a *Attempt) Release() {
	// what pointed into the request must not be kept alive by the pool
	a.candidates, a.stamp, a.nonce, a.at = 0, "", "", time.Time{}
	a.verifier.attempts.Put(a)
}
