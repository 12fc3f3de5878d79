// Package auth decides who may call an API. It has the bearer tokens of the
// pull and admin APIs; auth/hmac has the signatures of webhooks.
package auth

import (
	"net/http"
	"strings"

	"hookaido/internal/secret"
)

// Tokens is a list of bearer tokens, any of which opens the door (RFC 6750,
// section 2.1). It is immutable and safe for concurrent use.
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
	if t == nil || len(values) != 1 {
		return false
	}
	credential, ok := bearer(values[0])
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

// bearer returns the credential of a header value. Scheme names are
// case-insensitive (RFC 9110, section 11.1).
func bearer(value string) (string, bool) {
	const scheme = "bearer"
	value = strings.Trim(value, " \t")
	if len(value) <= len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return "", false
	}
	if c := value[len(scheme)]; c != ' ' && c != '\t' {
		return "", false
	}
	credential := strings.Trim(value[len(scheme):], " \t")
	return credential, credential != ""
}
