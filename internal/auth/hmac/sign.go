package hmac

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/secret"
)

// Signer makes requests that look like those of a provider, for tests of a
// route. It is not safe for concurrent use.
type Signer struct {
	v      *Verifier
	format format
	// token is sent as it is, where the provider has no signature.
	token secret.Value
}

// format is how a provider writes its signature. The parsers of the table read
// more than one way; this is the one that the provider has.
type format struct {
	encode func([]byte) string
	// header is the value of the signature header; stamp is as sent.
	header func(stamp, signature string) string
}

// NewSigner makes a signer with the secrets of o that are valid now. It refuses
// providers that sign with a private key, which only they have.
func NewSigner(o Options) (*Signer, error) {
	v, err := New(o)
	if err != nil {
		return nil, err
	}
	s := &Signer{v: v, format: formatOf(o)}
	now := o.Clock.Now()
	if v.tokenHeader != "" {
		s.token = firstToken(o, now)
	}
	for i := range v.keys {
		if k := &v.keys[i]; k.validAt(now) && (k.kind == macKey || k.kind == tokenKey) {
			return s, nil
		}
	}
	for i := range v.keys {
		if v.keys[i].validAt(now) {
			return nil, fmt.Errorf("%s signs with a private key, which only the provider has: send a test from its own pages", v.name())
		}
	}
	return nil, errors.New("none of the secrets is valid now")
}

// firstToken is the token that is sent.
func firstToken(o Options, now time.Time) secret.Value {
	if newest, ok := o.Pool.Newest(now); ok && newest.Value.Len() > 0 {
		return newest.Value
	}
	for _, value := range o.Keys {
		if value.Len() > 0 {
			return value
		}
	}
	return secret.Value{}
}

func formatOf(o Options) format {
	after := func(prefix string) func(string, string) string {
		return func(_, signature string) string { return prefix + signature }
	}
	f := format{hex.EncodeToString, after("")}
	switch o.Provider {
	case config.GitHub, "meta", "bitbucket":
		f.header = after("sha256=")
	case "x":
		f = format{base64.StdEncoding.EncodeToString, after("sha256=")}
	case "slack", "zoom":
		f.header = after("v0=")
	case config.Stripe:
		f.header = func(stamp, signature string) string { return "t=" + stamp + ",v1=" + signature }
	case "cituro":
		f.header = func(stamp, signature string) string { return "t=" + stamp + ",s=" + signature }
	case "shopify", "twilio", "square", "trello", "hubspot":
		f.encode = base64.StdEncoding.EncodeToString
	case "standard-webhooks", "svix", "gitlab":
		f = format{base64.StdEncoding.EncodeToString, after("v1,")}
	case config.GenericScheme:
		f.header = after(o.Generic.Prefix)
		switch o.Generic.Encoding {
		case "base64":
			f.encode = base64.StdEncoding.EncodeToString
		case "base64url":
			f.encode = base64.URLEncoding.EncodeToString
		}
	}
	return f
}

// Sign adds to h what the provider would add to the request. The other headers
// must be there already, since a scheme may sign them.
func (s *Signer) Sign(h http.Header, r Signed) error {
	v := s.v
	now := v.clock.Now()
	a := v.take()
	defer a.Release()
	a.choose(now)
	key := -1
	for i, ok := range a.valid {
		if ok && v.keys[i].kind == macKey {
			key = i
			break
		}
	}
	if key < 0 {
		h.Set(v.tokenHeader, string(s.token.Reveal()))
		return nil
	}
	f := v.families[0]
	if v.stampOf != nil {
		a.stamp = stampAt(now, v.stampUnit)
	}
	if f.id != "" {
		a.id = "msg_" + nonce()
	}
	if v.nonceHeader != "" {
		a.nonce = nonce()
	}
	if failure := a.addSigned(h); failure != "" {
		return errors.New(failure)
	}
	if failure := a.assemble(&r); failure != OK {
		return errors.New("the provider signs forms: send a body with Content-Type: " + formType)
	}
	for name, value := range map[string]string{
		f.signature:   s.format.header(a.stamp, s.format.encode(a.digest(a.macs[key], r.Body))),
		f.stamp:       a.stamp,
		f.id:          a.id,
		v.nonceHeader: a.nonce,
	} {
		if name != "" {
			h.Set(name, value)
		}
	}
	return nil
}

// addSigned takes over the headers that are signed, and returns what is wrong.
func (a *Attempt) addSigned(h http.Header) (problem string) {
	a.contentType = h.Get("Content-Type")
	for _, p := range a.verifier.parts {
		if p.kind != partHeader {
			continue
		}
		value, failure := single(h, p.text)
		if failure != OK {
			return "the scheme signs the header " + p.text + ", which the request must have once"
		}
		a.headers = append(a.headers, value)
	}
	return ""
}

func stampAt(now time.Time, unit string) string {
	switch unit {
	case unitMilliseconds:
		return strconv.FormatInt(now.UnixMilli(), 10)
	case unitRFC3339:
		return now.UTC().Format(time.RFC3339)
	}
	return strconv.FormatInt(now.Unix(), 10)
}

func nonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
