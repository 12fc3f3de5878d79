// Package auth decides who may call. [Tokens] are the bearer tokens of the pull
// and admin APIs and of routes, [Basic] has users with passwords, and [Forward]
// asks another service; auth/hmac has the signatures of webhooks.
//
// Basic and Tokens need the head of a request alone and belong before its body
// is read; Forward needs the body. All of them fail closed: what can't be
// decided is never allowed, and the zero verdict is a refusal.
package auth

import (
	"net/http"

	"hookaido/internal/secret"
)

// Tokens is a list of bearer tokens, any of which opens the door (RFC 6750,
// section 2.1), be it that of an API or of a route. It is immutable and safe
// for concurrent use.
type Tokens struct{ allowed []secret.Value }

// NewTokens makes a list of tokens. Empty values are left out, because they
// would match nothing anyway.
func NewTokens(values []secret.Value) *Tokens {
	t := &Tokens{}
	for _, v := range values {
		if v.Len() > 0 {
			t.allowed = append(t.allowed, v)
		}
	}
	return t
}

// Empty reports whether there is no token, so that nobody may pass.
func (t *Tokens) Empty() bool { return t == nil || len(t.allowed) == 0 }

// Allow reports whether r carries one of the tokens. Two Authorization headers
// are refused, because a proxy in front may have looked at the other one.
func (t *Tokens) Allow(r *http.Request) bool { return t.AllowHeader(r.Header["Authorization"]) }

// AllowHeader is Allow for the values of an Authorization header. Every token
// is compared, each in constant time, so that the time taken tells nothing
// about them.
func (t *Tokens) AllowHeader(values []string) bool {
	if t == nil {
		return false
	}
	credential, ok := credentialOf(values, "bearer")
	if !ok {
		return false
	}
	candidate := []byte(credential)
	allowed := false
	for _, token := range t.allowed {
		if token.Equal(candidate) {
			allowed = true
		}
	}
	return allowed
}
