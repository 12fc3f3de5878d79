package hmac

import (
	"crypto/sha256"
	"time"

	"hookaido/internal/queue"
)

// The kinds of claims. They are part of stored keys and never change.
const (
	kindNonce     = "hmac nonce"
	kindSignature = "hmac signature"
	kindText      = "hmac text"
)

// claims makes the request good for one time, if it says when it was made.
func (a *Attempt) claims(matched int, body []byte) []queue.Claim {
	if a.at.IsZero() {
		return nil
	}
	until := a.at.Add(a.verifier.tolerance).UTC()
	if a.verifier.nonceHeader == "" {
		return []queue.Claim{a.claimText(until, body)}
	}
	// the nonce is not part of the signed text, so the signature itself is
	// claimed as well: a captured request with a fresh nonce is still a replay
	a.text = append(a.claimed(kindNonce), a.nonce...)
	nonce := sha256.Sum256(a.text)
	s := &a.offered[matched]
	a.text = append(a.claimed(kindSignature), s.bytes[:s.size]...)
	signature := sha256.Sum256(a.text)
	return []queue.Claim{
		{Key: [16]byte(nonce[:16]), Until: until},
		{Key: [16]byte(signature[:16]), Until: until},
	}
}

func (a *Attempt) claimText(until time.Time, body []byte) queue.Claim {
	h := sha256.New()
	a.sum = append(append(append(append(a.sum[:0], kindText...), 0), a.verifier.route...), 0)
	h.Write(a.sum) // a hash never fails
	a.writeText(h, body)
	a.sum = h.Sum(a.sum[:0])
	return queue.Claim{Key: [16]byte(a.sum[:16]), Until: until}
}

// claimed starts the text of a claim's key. The zero bytes keep kind, route
// and what follows apart; a route holds none.
func (a *Attempt) claimed(kind string) []byte {
	text := append(append(a.text[:0], kind...), 0)
	return append(append(text, a.verifier.route...), 0)
}
