package hmac

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/secret"
)

func version(id, value string, from, until int64) secret.Version {
	v := secret.Version{ID: id, Value: secret.New([]byte(value))}
	if from != 0 {
		v.From = time.Unix(from, 0)
	}
	if until != 0 {
		v.Until = time.Unix(until, 0)
	}
	return v
}

func values(texts ...string) []secret.Value {
	var all []secret.Value
	for _, text := range texts {
		all = append(all, secret.New([]byte(text)))
	}
	return all
}

// badinput 74: no key, no verifier; and an error never shows a key.
func TestNewRefusesKeys(t *testing.T) {
	const p384 = "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEKDwdc2XOR4jyn46/I07f/q1v6Zf76l/6LVjMnfp7HFCLBVJvVbnrsgQPBbSPttDhlHXJkGHkG4i6Uu/bjBaQRxph2GfteZcp2cks0B29IlYw2E7eMqePnmRmTNrFEu+M"
	tests := []struct {
		provider config.Provider
		secret   string
		want     string
	}{
		{"standard-webhooks", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "starts neither"},
		{"standard-webhooks", "whsec_", "not base64"},
		{"standard-webhooks", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY", "not base64"},
		{"standard-webhooks", "whsec_!!!!secret", "not base64"},
		{"standard-webhooks", "WHSEC_MDEyMzQ1", "starts neither"},
		{"standard-webhooks", "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMQ==", "ed25519"},
		{"standard-webhooks", "whsk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=", "starts neither"},
		{"svix", "secret-text", "starts neither"},
		{"gitlab", "whsec_?", "not base64"},
		{"discord", edKey[:62], "64 hex digits"},
		{"discord", "zz" + edKey[2:], "64 hex digits"},
		{"sendgrid", "AAAA", "P-256"},
		{"sendgrid", p384, "P-256"},
		{"sendgrid", "-" + sendGridPublic, "P-256"},
		{"paypal", "secret-text", "auth forward"},
		{"nobody", "secret-text", "unknown signature provider"},
	}
	for _, test := range tests {
		for _, pooled := range []bool{false, true} {
			o := Options{Provider: test.provider, Clock: clock.NewManual(stripeNow), Keys: values(test.secret)}
			if pooled {
				o.Keys, o.Pool = nil, secret.NewPool(version("july", test.secret, 1, 2))
			}
			v, err := New(o)
			if err == nil || v != nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), string(test.provider)) {
				t.Errorf("%s, %q: %v, want %q in it", test.provider, test.secret, err, test.want)
				continue
			}
			if bare := strings.TrimPrefix(strings.TrimPrefix(test.secret, "whsec_"), "whpk_"); len(bare) > 1 && strings.Contains(err.Error(), bare) {
				t.Errorf("%s: the error shows the secret: %v", test.provider, err)
			}
			if pooled && len(test.want) < 20 && test.provider != "paypal" && !strings.Contains(err.Error(), `"july"`) {
				t.Errorf("%s: the error does not say which secret: %v", test.provider, err)
			}
		}
	}
	for name, o := range map[string]Options{
		"nothing":       {Provider: config.GitHub},
		"empty keys":    {Provider: config.GitHub, Keys: []secret.Value{{}, secret.New(nil)}},
		"empty version": {Provider: config.GitHub, Pool: secret.NewPool(version("a", "", 0, 0))},
	} {
		if v, err := New(o); err == nil || v != nil {
			t.Errorf("badinput 74, %s: New = %v, %v, want an error", name, v, err)
		}
	}
}

// A version of a pool counts in its window: [from, until).
func TestPoolByTheClock(t *testing.T) {
	pool := secret.NewPool(version("old", "other", 0, at1), version("new", hubKey, at1, at1+10), version("far", "third", at1+1000, 0))
	h := http.Header{"X-Hub-Signature-256": {"sha256=" + good}}
	for off, want := range map[int64]Failure{-1: Mismatch, 0: OK, 9: OK, 10: Mismatch} {
		manual := clock.NewManual(time.Unix(at1+off, 0))
		v, err := New(Options{Provider: config.GitHub, Pool: pool, Clock: manual})
		if err != nil {
			t.Fatal(err)
		}
		if _, got := verify(v, h, body(body1)); got != want {
			t.Errorf("at %+d s: %v, want %v", off, got, want)
		}
		a, failure := v.Begin(h)
		if failure == OK {
			a.Release()
		} else if off != 10 {
			t.Errorf("at %+d s there is a key to try: %v", off, failure)
		}
	}
	// a plain secret counts at all times
	v, err := New(Options{Provider: config.GitHub, Pool: secret.NewPool(version("old", "other", 0, 1)), Keys: values(hubKey), Clock: clock.NewManual(stripeNow)})
	if err != nil {
		t.Fatal(err)
	}
	if _, got := verify(v, h, body(body1)); got != OK {
		t.Errorf("plain secret beside a pool that is over: %v", got)
	}
}

// No key valid: the request is refused before its body.
func TestPoolWithNothingValid(t *testing.T) {
	v, err := New(Options{Provider: config.GitHub, Pool: secret.NewPool(version("far", hubKey, at1+1000, 0)), Clock: clock.NewManual(time.Unix(at1, 0))})
	if err != nil {
		t.Fatalf("a pool may be for later: %v", err)
	}
	if a, got := v.Begin(http.Header{"X-Hub-Signature-256": {"sha256=" + good}}); got != Mismatch || a != nil {
		t.Errorf("got %v", got)
	}
}

// Canonical and generic requests are judged by the keys of their timestamp,
// providers by those of the clock.
func TestPoolByTheTimestamp(t *testing.T) {
	now := clock.NewManual(time.Unix(at1+60, 0))
	keys := func(old, fresh string) secret.Pool {
		return secret.NewPool(version("old", old, 0, at1+30), version("new", fresh, at1+30, 0))
	}
	text := fmt.Sprintf("%d.%s", at1, body1)
	stamp := fmt.Sprint(at1)
	generic := genericOptions("{timestamp}.{body}", "X-Time", config.Generic{})
	canonical := Options{SignatureHeader: "X-Sig", TimestampHeader: "X-Time", NonceHeader: "X-Nonce", Tolerance: time.Hour}
	stripe := Options{Provider: config.Stripe}
	slack := Options{Provider: "slack"}
	tests := []struct {
		name    string
		options Options
		header  http.Header
		byStamp bool
	}{
		{"generic", generic, http.Header{"X-Sig": {sign(hubKey, text)}, "X-Time": {stamp}}, true},
		{"canonical", canonical, http.Header{"X-Sig": {sign(hubKey, stamp+"\nPOST\n/h\n015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862")},
			"X-Time": {stamp}, "X-Nonce": {"n"}}, true},
		{"stripe", stripe, http.Header{"Stripe-Signature": {"t=" + stamp + ",v1=" + sign(hubKey, text)}}, false},
		{"slack", slack, http.Header{"X-Slack-Signature": {"v0=" + sign(hubKey, "v0:"+stamp+":"+body1)}, "X-Slack-Request-Timestamp": {stamp}}, false},
	}
	for _, test := range tests {
		for _, old := range []bool{true, false} {
			o := test.options
			o.Keys, o.Clock, o.Pool = nil, now, keys("other", hubKey)
			if old {
				o.Pool = keys(hubKey, "other")
			}
			v, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			want := Mismatch
			if old == test.byStamp {
				want = OK
			}
			if _, got := verify(v, test.header, body(body1)); got != want {
				t.Errorf("%s, signed with the old key %v: %v, want %v", test.name, old, got, want)
			}
		}
	}
}

// A pool can take GitLab from its token to its signing token.
func TestPoolTakesGitLabToSigning(t *testing.T) {
	pool := secret.NewPool(version("token", "tok", 0, 0), version("signing", whsec, at1, 0))
	for off, want := range map[int64]Failure{-1: OK, 0: Missing} {
		v, err := New(Options{Provider: "gitlab", Pool: pool, Clock: clock.NewManual(time.Unix(at1+off, 0))})
		if err != nil {
			t.Fatal(err)
		}
		if _, got := v.Begin(http.Header{"X-Gitlab-Token": {"tok"}}); got != want {
			t.Errorf("at %+d s: %v, want %v", off, got, want)
		}
	}
}

// C11: what is said of failures is the same for all requests and has no secret
// in it.
func TestHintsShowNothing(t *testing.T) {
	for _, v := range vectors() {
		verifier, err := New(v.options())
		if err != nil {
			t.Fatal(err)
		}
		for f := OK; f <= Mismatch+1; f++ {
			hint := verifier.Hint(f)
			if len(v.secret) > 1 && strings.Contains(hint, v.secret) || v.url != "" && strings.Contains(hint, v.url) {
				t.Errorf("%s: %q", v.name, hint)
			}
			if f == Missing && !strings.Contains(hint, verifier.families[0].signature) {
				t.Errorf("%s: what is missing? %q", v.name, hint)
			}
			if (f == Stale) != strings.Contains(hint, "clock") && verifier.tolerance > 0 {
				t.Errorf("%s, %v: %q", v.name, f, hint)
			}
		}
	}
	c := canonicalRequest()
	v, err := New(Options{SignatureHeader: "X-Signature", TimestampHeader: "X-Timestamp", NonceHeader: "X-Nonce", Keys: values("sek1"), Clock: clock.NewManual(c.now)})
	if err != nil {
		t.Fatal(err)
	}
	if hint := v.Hint(Mismatch); !strings.Contains(hint, "timestamp, method, path") {
		t.Errorf("badinput 65: the log must say what is signed, in which order: %q", hint)
	}
}
