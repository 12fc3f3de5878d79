package deliver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/secret"
)

func hmacHex(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

func sha256Hex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func hmacSign() *config.Sign {
	return &config.Sign{Scheme: config.SignHMAC, SignatureHeader: "X-Hookaido-Signature", TimestampHeader: "X-Hookaido-Timestamp"}
}

func version(id, key string, from, until time.Duration) secret.Version {
	v := secret.Version{ID: id, Value: secret.New([]byte(key)), From: now.Add(from)}
	if until != 0 {
		v.Until = now.Add(until)
	}
	return v
}

// signedWith makes an attempt and returns what the target got.
func signedWith(t *testing.T, s *sink, path string, sign *config.Sign, keys ...secret.Version) (signature, stamp string) {
	t.Helper()
	target := newTarget(t, newDeliverer(t, options()), config.Target{URL: s.URL + path, Sign: sign}, keys...)
	wantResult(t, target.Attempt(t.Context(), message()), Done, 200, None)
	req, _ := s.last(t)
	return req.Header.Get("X-Hookaido-Signature"), req.Header.Get("X-Hookaido-Timestamp")
}

// The values were computed with the command line of OpenSSL:
//
//	printf 'POST\n/in%%20side\n1795608000\n%s' $(printf '{"a":1}' | openssl sha256 -r | cut -c1-64) | openssl sha256 -hmac key
func TestSignature(t *testing.T) {
	s := newSink(t, nil)
	for path, want := range map[string]string{
		"/in%20side?not=signed": "93568c5573e88ec59f705191955ab1a343d73d71577c9a62e6bd6629c9633df6",
		"":                      "532f6f919a4cee81a086a2dc8edd166c8fa30cc4df4166c278c8b8a9104655ea",
	} {
		if got, stamp := signedWith(t, s, path, hmacSign(), version("", "key", -time.Hour, 0)); got != want || stamp != "1795608000" {
			t.Errorf("the signature for %q is %s at %s, want %s", path, got, stamp, want)
		}
	}
}

// The signature was computed with OpenSSL as well: base64 of the HMAC of
// "msg_0001.1795608000.{"a":1}" under the bytes 00 01 … 17.
func TestStandardWebhooks(t *testing.T) {
	for _, key := range []string{"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"} {
		s := newSink(t, nil)
		target := newTarget(t, newDeliverer(t, options()), config.Target{URL: s.URL, Sign: &config.Sign{Scheme: config.SignStandardWebhooks}}, version("", key, -1, 0))
		wantResult(t, target.Attempt(t.Context(), message()), Done, 200, None)
		req, _ := s.last(t)
		if id, at := req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp"); id != "msg_0001" || at != "1795608000" {
			t.Errorf("id %q, timestamp %q", id, at)
		}
		if got := req.Header.Get("webhook-signature"); got != "v1,GmlRMQYHW6KcGA01zw1LNvQuzx2XOE2sXklqLWtMG/U=" {
			t.Errorf("the signature is %s", got)
		}
	}
	for _, key := range []string{"whsec_", "whsec_!!!", "not base64!", ""} {
		_, err := newDeliverer(t, options()).Target(&config.Target{URL: "https://x.example", Timeout: 1, Sign: &config.Sign{Scheme: config.SignStandardWebhooks}},
			secret.NewPool(version("k", key, 0, 0)))
		if err == nil || key != "" && strings.Contains(err.Error(), key) && key != "whsec_" {
			t.Errorf("the key %q gave error %v", key, err)
		}
	}
}

func TestSelection(t *testing.T) {
	keys := []secret.Version{
		version("past", "past", -4*time.Hour, -time.Hour), version("old", "old", -3*time.Hour, 0), version("mid", "mid", -2*time.Hour, time.Hour),
		version("new-b", "new-b", -time.Hour, time.Hour), version("new-a", "new-a", -time.Hour, time.Hour), version("future", "future", time.Nanosecond, 0),
	}
	s := newSink(t, nil)
	text := "POST\n/\n1795608000\n" + sha256Hex(`{"a":1}`)
	for selection, want := range map[config.Selection]string{config.NewestValid: "new-a", config.OldestValid: "old", "": "new-a"} {
		sign := hmacSign()
		sign.Selection = selection
		if got, _ := signedWith(t, s, "", sign, keys...); got != hmacHex(want, text) {
			t.Errorf("%q did not sign with %s", selection, want)
		}
	}
}

// C70: each attempt has its own time and signature and the same id; a secret
// that takes over in between signs.
func TestEachAttemptIsSignedAnew(t *testing.T) {
	s := newSink(t, status(500))
	o := options()
	clk := clock.NewManual(now)
	o.Clock = clk
	target := newTarget(t, newDeliverer(t, o), config.Target{URL: s.URL, Sign: hmacSign()},
		version("a", "first", -time.Hour, 5*time.Minute), version("b", "second", 5*time.Minute, 20*time.Minute))
	for i, c := range []struct{ key, stamp string }{{"first", "1795608000"}, {"second", "1795608600"}} {
		wantResult(t, target.Attempt(t.Context(), message()), Retry, 500, "status_500")
		req, _ := s.last(t)
		if got := req.Header.Get("X-Hookaido-Signature"); got != hmacHex(c.key, "POST\n/\n"+c.stamp+"\n"+sha256Hex(`{"a":1}`)) {
			t.Errorf("attempt %d is not signed with the %s secret at %s", i, c.key, c.stamp)
		}
		if id := req.Header.Get("X-Hookaido-Event-Id"); id != "msg_0001" {
			t.Errorf("attempt %d has the id %q", i, id)
		}
		clk.Advance(10 * time.Minute)
	}
	before := s.count()
	r := target.Attempt(t.Context(), message())
	wantResult(t, r, Retry, 0, ReasonSigning)
	if s.count() != before || !errors.Is(r.Cause, errNoKey) {
		t.Errorf("without a valid secret %d requests were sent, cause %v", s.count()-before, r.Cause)
	}
}

func TestEmptySecretSignsNothing(t *testing.T) {
	s := newSink(t, nil)
	target := newTarget(t, newDeliverer(t, options()), config.Target{URL: s.URL, Sign: hmacSign()}, version("", "", -1, 0))
	wantResult(t, target.Attempt(t.Context(), message()), Retry, 0, ReasonSigning)
	if s.count() != 0 {
		t.Error("a request was sent")
	}
}

// Ours replace what the sender and the configuration put in the same headers.
func TestSignatureHeadersWin(t *testing.T) {
	s := newSink(t, nil)
	sign := hmacSign()
	sign.SignatureHeader = "X-Signature"
	target := newTarget(t, newDeliverer(t, options()), config.Target{URL: s.URL, Sign: sign,
		Headers: []config.Header{{Name: "X-Signature", Value: secret.New([]byte("forged"))}}}, version("", "key", -1, 0))
	wantResult(t, target.Attempt(t.Context(), message()), Done, 200, None)
	req, _ := s.last(t)
	if got := req.Header["X-Signature"]; len(got) != 1 || len(got[0]) != 64 {
		t.Errorf("X-Signature is %q", got)
	}
}

// An independent look at the base64 alphabet: the standard one, with padding.
func TestWebhookSignatureIsStandardBase64(t *testing.T) {
	s := newSink(t, nil)
	target := newTarget(t, newDeliverer(t, options()), config.Target{URL: s.URL, Sign: &config.Sign{Scheme: config.SignStandardWebhooks}},
		version("", "whsec_"+base64.StdEncoding.EncodeToString([]byte{0xfb, 0xff, 0xfe}), -1, 0))
	wantResult(t, target.Attempt(t.Context(), message()), Done, 200, None)
	req, _ := s.last(t)
	mac := hmac.New(sha256.New, []byte{0xfb, 0xff, 0xfe})
	mac.Write([]byte(`msg_0001.1795608000.{"a":1}`))
	if got, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(req.Header.Get("Webhook-Signature"), "v1,")); err != nil || !hmac.Equal(got, mac.Sum(nil)) {
		t.Errorf("the signature is %x, %v", got, err)
	}
}
