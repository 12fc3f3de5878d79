package hmac

import (
	stdhmac "crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"net/http"
	"time"

	"hookaido/internal/queue"
)

const (
	maxNonce     = 256 // bytes
	maxSignature = 72  // bytes: an ECDSA signature over P-256 in DER
	maxScratch   = 64 << 10
)

// Signed is the part of a request that signatures are made over.
type Signed struct {
	// Method is as sent. Path is cleaned and decoded, without the query.
	Method, Path string
	// RawPath and RawQuery are as sent; the query is without its question mark.
	RawPath, RawQuery string
	// Scheme is http or https, as the sender has it, and Host what it asked
	// for. An empty scheme is https.
	Scheme, Host string
	Body         []byte
}

// signature is one that a request offers.
type signature struct {
	kind  keyKind
	size  int
	bytes [maxSignature]byte
}

// Attempt is the check of one request. It is used by one goroutine, and ends
// with Release.
type Attempt struct {
	verifier *Verifier
	macs     []hash.Hash // one per key, nil for keys that make no MAC
	valid    []bool      // one per key

	offered     [maxCandidates]signature
	candidates  int
	admitted    bool   // by a token, whatever the body
	stamp, id   string // as sent
	nonce       string
	contentType string
	headers     []string // values of the header parts of the text, in order
	at          time.Time

	text, sum []byte // scratch
	cuts      []int  // where in text the body goes
}

// Begin reads the signature headers of a request. On a failure there is no
// attempt to release.
func (v *Verifier) Begin(h http.Header) (*Attempt, Failure) {
	a := v.take()
	if failure := a.begin(h); failure != OK {
		a.Release()
		return nil, failure
	}
	return a, OK
}

func (v *Verifier) take() *Attempt {
	if a, ok := v.attempts.Get().(*Attempt); ok {
		return a
	}
	a := &Attempt{verifier: v, macs: make([]hash.Hash, len(v.keys)), valid: make([]bool, len(v.keys))}
	for i := range v.keys {
		if v.keys[i].kind == macKey {
			a.macs[i] = stdhmac.New(v.digest, v.keys[i].secret)
		}
	}
	return a
}

func (a *Attempt) begin(h http.Header) Failure {
	v := a.verifier
	now := v.clock.Now()
	if v.tokenHeader != "" {
		a.choose(now)
		if !a.hasValid(macKey) {
			return a.checkToken(h)
		}
	}
	f := v.family(h)
	value, failure := single(h, f.signature)
	if failure != OK {
		return failure
	}
	if failure = v.parse(a, value); failure != OK {
		return failure
	}
	if failure = a.readBeside(h, f); failure != OK {
		return failure
	}
	at := now
	if v.stampOf != nil {
		var ok bool
		if a.at, ok = v.stampOf(a.stamp); !ok {
			return Malformed
		}
		if now.Sub(a.at).Abs() > v.tolerance {
			return Stale
		}
		if v.keysAtStamp {
			at = a.at
		}
	}
	a.choose(at)
	for _, ok := range a.valid {
		if ok {
			return OK
		}
	}
	return Mismatch
}

// readBeside reads the headers that stand beside the signature.
func (a *Attempt) readBeside(h http.Header, f family) (failure Failure) {
	for _, header := range [...]struct {
		name string
		into *string
	}{{f.stamp, &a.stamp}, {f.id, &a.id}, {a.verifier.nonceHeader, &a.nonce}} {
		if header.name == "" {
			continue
		}
		if *header.into, failure = single(h, header.name); failure != OK {
			return failure
		}
	}
	if len(a.nonce) > maxNonce {
		return Malformed
	}
	for _, p := range a.verifier.parts {
		switch p.kind {
		case partHeader:
			value, failure := single(h, p.text)
			if failure != OK {
				return failure
			}
			a.headers = append(a.headers, value)
		case partForm:
			if values := h["Content-Type"]; len(values) == 1 {
				a.contentType = values[0]
			}
		}
	}
	return OK
}

// choose marks the keys that are valid at a time.
func (a *Attempt) choose(at time.Time) {
	for i := range a.valid {
		a.valid[i] = a.verifier.keys[i].validAt(at)
	}
}

func (a *Attempt) hasValid(kind keyKind) bool {
	for i, ok := range a.valid {
		if ok && a.verifier.keys[i].kind == kind {
			return true
		}
	}
	return false
}

// checkToken compares the token that stands for a signature. Digests are
// compared, so that the time says nothing about the length either.
func (a *Attempt) checkToken(h http.Header) Failure {
	value, failure := single(h, a.verifier.tokenHeader)
	if failure != OK {
		return failure
	}
	sum := sha256.Sum256([]byte(value))
	for i, ok := range a.valid {
		k := &a.verifier.keys[i]
		if ok && k.kind == tokenKey && subtle.ConstantTimeCompare(sum[:], k.secret) == 1 {
			a.admitted = true
		}
	}
	if !a.admitted {
		return Mismatch
	}
	return OK
}

// Check compares the signatures with what was signed. On success it returns
// what must not be claimed already when the message is stored; what it means if
// it is, tells [Verifier.RepeatIsAccepted].
//
// Every key is tried against every signature, whichever fits, so that the time
// it takes says nothing about them.
func (a *Attempt) Check(s Signed) ([]queue.Claim, Failure) {
	if a.admitted {
		return nil, OK
	}
	if failure := a.assemble(&s); failure != OK {
		return nil, failure
	}
	matched := a.match(s.Body)
	if matched < 0 {
		return nil, Mismatch
	}
	v := a.verifier
	if v.bodyStamp != nil {
		var found, ok bool
		if a.at, found, ok = v.bodyStamp(s.Body); found && !ok {
			return nil, Malformed
		}
		if found && v.clock.Now().Sub(a.at).Abs() > v.tolerance {
			return nil, Stale
		}
	}
	return a.claims(matched, s.Body), OK
}

// match returns the index of a signature that a key fits, -1 if none does.
func (a *Attempt) match(body []byte) int {
	matched := -1
	var message []byte
	for i := range a.verifier.keys {
		if !a.valid[i] {
			continue
		}
		k := &a.verifier.keys[i]
		text := a.sum
		switch k.kind {
		case macKey:
			text = a.digest(a.macs[i], body)
		case ecdsaKey:
			text = a.digest(sha256.New(), body)
		case ed25519Key:
			if message == nil { // it takes the text in one piece
				message = make([]byte, 0, len(a.text)+len(a.cuts)*len(body))
				message = a.appendText(message, body)
			}
			text = message
		}
		for j := range a.candidates {
			if s := &a.offered[j]; s.kind == k.kind && k.fits(text, s.bytes[:s.size]) {
				matched = j
			}
		}
	}
	return matched
}

// digest returns the MAC or the hash of the signed text, good until the next
// call.
func (a *Attempt) digest(h hash.Hash, body []byte) []byte {
	h.Reset()
	a.writeText(h, body)
	a.sum = h.Sum(a.sum[:0])
	return a.sum
}

// Release ends the attempt, which must not be used afterwards.
func (a *Attempt) Release() {
	// what pointed into the request must not be kept alive by the pool
	a.stamp, a.id, a.nonce, a.contentType = "", "", "", ""
	clear(a.headers)
	a.headers = a.headers[:0]
	a.candidates, a.admitted, a.at = 0, false, time.Time{}
	if cap(a.text) > maxScratch {
		a.text = nil
	}
	a.verifier.attempts.Put(a)
}
