package hmac

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/secret"
)

// signed is a request to sign.
func signed(body string) Signed {
	return Signed{
		Method: "POST", Path: "/hook", RawPath: "/hook", RawQuery: "a=b", Scheme: "https", Host: "hooks.example", Body: []byte(body),
	}
}

const signingSecret = "a-secret-that-is-long-enough-for-all"

func signOptions(p config.Provider) Options {
	o := Options{Provider: p, Route: "/hook", Keys: []secret.Value{secret.New([]byte(signingSecret))},
		Clock: clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)), Tolerance: time.Minute}
	switch p {
	case config.Canonical:
		o.SignatureHeader, o.TimestampHeader, o.NonceHeader = "X-Signature", "X-Timestamp", "X-Nonce"
	case "standard-webhooks", "svix", "gitlab":
		o.Keys = []secret.Value{secret.New([]byte("whsec_" + base64.StdEncoding.EncodeToString([]byte(signingSecret))))}
	}
	return o
}

// Every provider that can be signed for is believed by its own verifier.
func TestSignedRequestsVerify(t *testing.T) {
	const form = "To=1&Body=hello"
	list := []config.Provider{config.Canonical}
	for _, s := range schemes() {
		list = append(list, s.provider)
	}
	for _, p := range list {
		if p == "discord" || p == "sendgrid" {
			continue
		}
		t.Run(string(p), func(t *testing.T) { roundTrip(t, signOptions(p), form) })
	}
}

func roundTrip(t *testing.T, o Options, body string) {
	t.Helper()
	signer, err := NewSigner(o)
	if err != nil {
		t.Fatal(err)
	}
	v, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{"Content-Type": {formType}, "X-Kind": {"order"}}
	if err := signer.Sign(h, signed(body)); err != nil {
		t.Fatal(err)
	}
	for other, want := range map[string]Failure{body: OK, body + "x": Mismatch} {
		a, failure := v.Begin(h)
		if failure == OK {
			_, failure = a.Check(signed(other))
			if a.admitted {
				want = OK // a token says nothing about the body
			}
			a.Release()
		}
		if failure != want {
			t.Errorf("a body of %q: %v, want %v; headers %v", other, failure, want, h)
		}
	}
}

func TestSignedGenericRequestsVerify(t *testing.T) {
	for name, g := range map[string]struct {
		generic config.Generic
		stamp   string
	}{
		"plain":  {config.Generic{}, ""},
		"all":    {config.Generic{Prefix: "v1=", Digest: "sha512", Encoding: "base64url", SignedText: "{timestamp}.{method}.{path}?{query}.{header.x-kind}.{body}", TimestampUnit: "rfc3339"}, "X-Time"},
		"base64": {config.Generic{Encoding: "base64", Digest: "sha1", SignedText: "{url}|{timestamp}|{body_sha256}", TimestampUnit: "ms"}, "X-Time"},
	} {
		t.Run(name, func(t *testing.T) {
			o := signOptions(config.GenericScheme)
			o.SignatureHeader, o.TimestampHeader, o.Generic = "X-Sig", g.stamp, g.generic
			roundTrip(t, o, "{}")
		})
	}
}

func TestSignerTakesThePoolOfNow(t *testing.T) {
	o := signOptions("gitlab-token")
	now := o.Clock.Now()
	o.Keys, o.Pool = nil, secret.NewPool(
		secret.Version{ID: "old", Value: secret.New([]byte("old-token")), Until: now},
		secret.Version{ID: "new", Value: secret.New([]byte("new-token")), From: now})
	signer, err := NewSigner(o)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	if err := signer.Sign(h, signed("{}")); err != nil || h.Get("X-Gitlab-Token") != "new-token" {
		t.Errorf("%v, %v", h, err)
	}
	o.Pool = secret.NewPool(secret.Version{ID: "old", Value: secret.New([]byte("old-token")), Until: now})
	if _, err := NewSigner(o); err == nil || !strings.Contains(err.Error(), "valid now") {
		t.Errorf("with an expired secret: %v", err)
	}
}

func TestSignerRefuses(t *testing.T) {
	discord := signOptions("discord")
	discord.Keys = []secret.Value{secret.New([]byte(hex.EncodeToString(make([]byte, 32))))}
	if _, err := NewSigner(discord); err == nil || !strings.Contains(err.Error(), "private key") {
		t.Errorf("discord: %v", err)
	}
	signer, err := NewSigner(signOptions("twilio"))
	if err != nil {
		t.Fatal(err)
	}
	if err := signer.Sign(http.Header{"Content-Type": {"application/json"}}, signed("{}")); err == nil || !strings.Contains(err.Error(), "form") {
		t.Errorf("twilio with JSON: %v", err)
	}
	o := signOptions(config.GenericScheme)
	o.SignatureHeader, o.Generic.SignedText = "X-Sig", "{header.x-kind}{body}"
	if signer, err = NewSigner(o); err != nil {
		t.Fatal(err)
	}
	if err := signer.Sign(http.Header{}, signed("{}")); err == nil || !strings.Contains(err.Error(), "X-Kind") {
		t.Errorf("without a signed header: %v", err)
	}
}
