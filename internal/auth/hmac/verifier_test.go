package hmac

import (
	stdhmac "crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/secret"
)

const (
	hubKey = "s3cret"
	body1  = `{"a":1}`
	good   = "5910e62016ef5034272c926c27071992a465c2335cecf41851bda071577f4f6d" // of body1 with key
	noBody = "91dfac70c5348b04e1babb8b421ac92cec08b565b49ca16130dccb72503647b7" // of nothing with key
)

var stripeNow = time.Unix(1764000010, 0)

type check struct {
	provider config.Provider
	keys     []string
	now      time.Time
	header   http.Header
	signed   Signed
}

func (c check) run(t *testing.T) ([]queue.Claim, Failure) {
	t.Helper()
	o := Options{Provider: c.provider, Route: "/h", Clock: clock.NewManual(c.now)}
	if c.provider == config.Canonical {
		o.SignatureHeader, o.TimestampHeader, o.NonceHeader = "X-Signature", "X-Timestamp", "X-Nonce"
		o.Tolerance = 5 * time.Minute
	}
	for _, k := range c.keys {
		o.Keys = append(o.Keys, secret.New([]byte(k)))
	}
	v, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	var claims []queue.Claim
	var failure Failure
	// twice, because the second run meets what the first left in the pool
	for range 2 {
		claims, failure = verify(v, c.header, c.signed)
	}
	return claims, failure
}

func verify(v *Verifier, h http.Header, s Signed) ([]queue.Claim, Failure) {
	a, failure := v.Begin(h)
	if failure != OK {
		return nil, failure
	}
	defer a.Release()
	return a.Check(s)
}

func sign(with, text string) string {
	m := stdhmac.New(sha256.New, []byte(with))
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBodySchemes(t *testing.T) {
	upper := strings.ToUpper(good)
	tests := []struct {
		name     string
		provider config.Provider
		value    []string
		body     string
		want     Failure
	}{
		{"good", config.GitHub, []string{"sha256=" + good}, body1, OK},
		{"blanks around", config.GitHub, []string{" sha256=" + good + "\t"}, body1, OK},
		{"C10 upper-case hex", config.GitHub, []string{"sha256=" + upper}, body1, OK},
		{"C04 accents and an emoji", config.GitHub, []string{"sha256=d3571f38d227fea85d2fc2b0d01ff1382af2ebbafaac7c975446d37e48c4c564"},
			string(fromHex(t, "7b226d223a22c3a9f09f8e89227d")), OK},
		{"C05 no UTF-8", config.GitHub, []string{"sha256=2e145133ed259adc2b635fafa6b0a3f5b7f32753b3bf098905e96a467c998a44"},
			string(fromHex(t, "538053")), OK},
		{"C07 empty body", config.GitHub, []string{"sha256=" + noBody}, "", OK},
		{"C07 empty body unsigned", config.GitHub, nil, "", Missing},
		{"other body", config.GitHub, []string{"sha256=" + good}, body1 + " ", Mismatch},
		{"badinput 69 empty", config.GitHub, []string{""}, body1, Missing},
		{"badinput 68 two headers", config.GitHub, []string{"sha256=" + good, "sha256=" + good}, body1, Malformed},
		{"badinput 68 two, first empty", config.GitHub, []string{"", "sha256=" + good}, body1, Malformed},
		{"badinput 70 prefix in upper case", config.GitHub, []string{"SHA256=" + good}, body1, Malformed},
		{"badinput 70 sha1", config.GitHub, []string{"sha1=" + good[:40]}, body1, Malformed},
		{"no prefix", config.GitHub, []string{good}, body1, Malformed},
		{"C10 a", config.GitHub, []string{"a"}, body1, Malformed},
		{"C10 sha256", config.GitHub, []string{"sha256"}, body1, Malformed},
		{"C10 sha256=", config.GitHub, []string{"sha256="}, body1, Malformed},
		{"C10 not hex", config.GitHub, []string{"sha256=zz"}, body1, Malformed},
		{"C10 63 digits", config.GitHub, []string{"sha256=" + good[:63]}, body1, Malformed},
		{"C10 65 digits", config.GitHub, []string{"sha256=" + good + "0"}, body1, Malformed},
		{"C10 64 that are not hex", config.GitHub, []string{"sha256=" + strings.Repeat("g", 64)}, body1, Malformed},
		{"C10 8 kB of commas", config.GitHub, []string{strings.Repeat(",", 8192)}, body1, Malformed},
		{"C10 control character", config.GitHub, []string{"sha256=\x01" + good[1:]}, body1, Malformed},
		{"C10 multi-octet", config.GitHub, []string{"sha256=é" + good[2:]}, body1, Malformed},
		{"list of two", config.GitHub, []string{"sha256=" + good + ",sha256=" + good}, body1, Malformed},
		{"gitea", config.Gitea, []string{good}, body1, OK},
		{"gitea with a prefix", config.Gitea, []string{"sha256=" + good}, body1, Malformed},
		{"gitea wrong", config.Gitea, []string{noBody}, body1, Mismatch},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := http.Header{}
			name := map[config.Provider]string{config.GitHub: "X-Hub-Signature-256", config.Gitea: "X-Gitea-Signature"}[test.provider]
			if test.value != nil {
				h[name] = test.value
			}
			claims, got := check{test.provider, []string{hubKey}, stripeNow, h, Signed{Body: []byte(test.body)}}.run(t)
			if got != test.want || claims != nil {
				t.Errorf("got %v with claims %v, want %v", got, claims, test.want)
			}
		})
	}
}

// What one request offered must not help the next, which meets it in the pool.
func TestNothingIsLeftFromTheRequestBefore(t *testing.T) {
	v, err := New(Options{Provider: config.GitHub, Keys: []secret.Value{secret.New([]byte(hubKey))}, Clock: clock.NewManual(stripeNow)})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, got := verify(v, http.Header{"X-Hub-Signature-256": {"sha256=" + good}}, Signed{Body: []byte(body1)}); got != OK {
			t.Fatalf("good: %v", got)
		}
		if _, got := verify(v, http.Header{"X-Hub-Signature-256": {"sha256=" + noBody}}, Signed{Body: []byte(body1)}); got != Mismatch {
			t.Fatalf("wrong, after a good one: %v", got)
		}
	}
}

// The same of a token, which admits a request before its body.
func TestNothingIsLeftOfATokenBefore(t *testing.T) {
	for _, provider := range []config.Provider{"gitlab", "gitlab-token"} {
		v, err := New(Options{Provider: provider, Keys: values("tok"), Pool: secret.NewPool(version("over", "old", 0, 1)), Clock: clock.NewManual(stripeNow)})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if _, got := verify(v, http.Header{"X-Gitlab-Token": {"tok"}}, Signed{}); got != OK {
				t.Fatalf("good: %v", got)
			}
			for _, wrong := range []string{"other", "old"} {
				if _, got := verify(v, http.Header{"X-Gitlab-Token": {wrong}}, Signed{}); got != Mismatch {
					t.Fatalf("%s, after a good one: %v", wrong, got)
				}
			}
		}
	}
}

// C14: the provider's own header decides, whatever stands beside it.
func TestGiteaIgnoresTheHubHeader(t *testing.T) {
	h := http.Header{"X-Hub-Signature-256": {"sha256=" + good}, "X-Gitea-Signature": {good}}
	c := check{config.Gitea, []string{hubKey}, stripeNow, h, Signed{Body: []byte(body1)}}
	if _, got := c.run(t); got != OK {
		t.Errorf("both right: %v", got)
	}
	h["X-Gitea-Signature"] = []string{noBody}
	if _, got := c.run(t); got != Mismatch {
		t.Errorf("only the hub header right: %v", got)
	}
	delete(h, "X-Gitea-Signature")
	h["X-Forgejo-Signature"] = []string{good}
	if _, got := c.run(t); got != Missing {
		t.Errorf("only a Forgejo header: %v", got)
	}
}

func TestAnyKeyVerifies(t *testing.T) {
	h := http.Header{"X-Hub-Signature-256": {"sha256=" + good}}
	for _, keys := range [][]string{{"old", hubKey}, {hubKey, "new"}, {"", hubKey}} {
		if _, got := (check{config.GitHub, keys, stripeNow, h, Signed{Body: []byte(body1)}}).run(t); got != OK {
			t.Errorf("keys %q: %v", keys, got)
		}
	}
	if _, got := (check{config.GitHub, []string{"old", "new"}, stripeNow, h, Signed{Body: []byte(body1)}}).run(t); got != Mismatch {
		t.Errorf("no key fits: %v", got)
	}
}

func TestStripe(t *testing.T) {
	const (
		older = "v1=8284fd857aefa26ea861557fb786d46c4ac20357b6de3688f78e29ae9e369a3f"
		newer = "v1=936c12672706a63830dfb73c2266ccc810383abe0a6f3dd004ed11dcaae8b2a7"
		stamp = "t=1764000000"
	)
	wrapped := uint64(1764000010) + 18446744073 // badinput 67: in nanoseconds this wraps to about now
	signed := func(stamp string) string { return "t=" + stamp + ",v1=" + sign("whsec_new", stamp+"."+body1) }
	tests := []struct {
		name  string
		value string
		want  Failure
	}{
		{"C01 old first", stamp + "," + older + "," + newer, OK},
		{"C01 new first", stamp + "," + newer + "," + older, OK},
		{"only the old key", stamp + "," + older, Mismatch},
		{"timestamp last", newer + "," + stamp, OK},
		{"blanks after commas", stamp + ", " + newer, OK},
		{"C02 junk ahead", stamp + ",v1=zz,v1=," + newer, OK},
		{"C02 other schemes", stamp + ",v0=aa,v2=bb," + newer, OK},
		{"v0 alone", stamp + ",v0=" + newer[3:], Malformed},
		{"C02 10,000 entries", stamp + strings.Repeat(","+older, 10000) + "," + newer, Malformed},
		{"16 entries", stamp + strings.Repeat(","+older, 15) + "," + newer, OK},
		{"badinput 73 17 entries", stamp + strings.Repeat(","+older, 16) + "," + newer, Malformed},
		{"first t wins", stamp + ",t=1,t=x," + newer, OK},
		{"first t wins, wrong one first", "t=1764000001," + stamp + "," + newer, Mismatch},
		{"no t", newer, Malformed},
		{"no v1", stamp, Malformed},
		{"C10 equals and commas", "=,=,=", Malformed},
		{"C10 commas", strings.Repeat(",", 8192), Malformed},
		{"300 s old", signed("1763999710"), OK},
		{"badinput 66 301 s old", signed("1763999709"), Stale},
		{"300 s ahead", signed("1764000310"), OK},
		{"badinput 66 301 s ahead", signed("1764000311"), Stale},
		{"badinput 66 plus sign", signed("+1764000000"), Malformed},
		{"minus sign", signed("-1764000000"), Malformed},
		{"blank in front", signed(" 1764000000"), Malformed},
		{"fraction", signed("1764000000.0"), Malformed},
		{"empty", signed(""), Malformed},
		{"badinput 66 greatest int64", signed("9223372036854775807"), Malformed},
		{"badinput 66 beyond int64", signed("9223372036854775808"), Malformed},
		{"20 digits", signed("18446744073709551616"), Malformed},
		{"C19 milliseconds", signed("1764000000000"), Stale},
		{"badinput 67 wraps in nanoseconds", signed(fmt.Sprint(wrapped)), Stale},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := http.Header{"Stripe-Signature": {test.value}}
			claims, got := check{config.Stripe, []string{"whsec_new"}, stripeNow, h, Signed{Body: []byte(body1)}}.run(t)
			if got != test.want || (got == OK) != (len(claims) == 1) {
				t.Errorf("got %v with claims %v, want %v", got, claims, test.want)
			}
		})
	}
}

// The worked example of the compatible scheme: the order of the lines is
// timestamp, method, path, hash (badinput 65).
func canonicalRequest() check {
	sum := sha256.Sum256([]byte(`{"z":1}`))
	text := "1795600000\nPOST\n/hm\n" + hex.EncodeToString(sum[:])
	return check{
		keys: []string{"sek1"}, now: time.Unix(1795600000, 0),
		header: http.Header{"X-Signature": {sign("sek1", text)}, "X-Timestamp": {"1795600000"}, "X-Nonce": {"abc"}},
		signed: Signed{Method: "POST", Path: "/hm", Body: []byte(`{"z":1}`)},
	}
}

func TestCanonical(t *testing.T) {
	const s, ts, n = "X-Signature", "X-Timestamp", "X-Nonce"
	tests := []struct {
		name   string
		change func(*check)
		want   Failure
	}{
		{"worked example", func(*check) {}, OK},
		{"upper-case hex", func(c *check) { c.header.Set(s, strings.ToUpper(c.header.Get(s))) }, OK},
		{"other method", func(c *check) { c.signed.Method = "PUT" }, Mismatch},
		{"other path", func(c *check) { c.signed.Path = "/hm/x" }, Mismatch},
		{"other body", func(c *check) { c.signed.Body = nil }, Mismatch},
		{"other time", func(c *check) { c.header.Set(ts, "1795600001") }, Mismatch},
		{"no signature", func(c *check) { c.header.Del(s) }, Missing},
		{"no timestamp", func(c *check) { c.header.Del(ts) }, Missing},
		{"no nonce", func(c *check) { c.header.Del(n) }, Missing},
		{"blank nonce", func(c *check) { c.header.Set(n, "  ") }, Missing},
		{"nonce of 256 bytes", func(c *check) { c.header.Set(n, strings.Repeat("n", 256)) }, OK},
		{"nonce of 257 bytes", func(c *check) { c.header.Set(n, strings.Repeat("n", 257)) }, Malformed},
		{"two timestamps", func(c *check) { c.header.Add(ts, "1795600000") }, Malformed},
		{"two nonces", func(c *check) { c.header.Add(n, "x") }, Malformed},
		{"badinput 68 two signatures", func(c *check) { c.header.Add(s, "x") }, Malformed},
		{"badinput 66 plus sign", func(c *check) { c.header.Set(ts, "+1795600000") }, Malformed},
		{"300 s late", func(c *check) { c.now = c.now.Add(300 * time.Second) }, OK},
		{"badinput 66 over 300 s late", func(c *check) { c.now = c.now.Add(300*time.Second + 1) }, Stale},
		{"300 s early", func(c *check) { c.now = c.now.Add(-300 * time.Second) }, OK},
		{"badinput 66 over 300 s early", func(c *check) { c.now = c.now.Add(-300*time.Second - 1) }, Stale},
		{"badinput 65 documented order", func(c *check) {
			sum := sha256.Sum256(c.signed.Body)
			c.header.Set(s, sign("sek1", "POST\n/hm\n1795600000\n"+hex.EncodeToString(sum[:])))
		}, Mismatch},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := canonicalRequest()
			test.change(&c)
			claims, got := c.run(t)
			if got != test.want || (got == OK) != (len(claims) == 2) {
				t.Errorf("got %v with claims %v, want %v", got, claims, test.want)
			}
		})
	}
}

// badinput 61 and 62: a replay has the nonce or the signature in common with
// the first request, whatever else was changed.
func TestCanonicalClaims(t *testing.T) {
	claims := func(c check) []queue.Claim {
		got, failure := c.run(t)
		if failure != OK {
			t.Fatalf("failed: %v", failure)
		}
		return got
	}
	first := claims(canonicalRequest())
	if first[0].Key == first[1].Key {
		t.Error("nonce and signature give the same claim")
	}
	until := time.Unix(1795600000, 0).Add(5 * time.Minute).UTC()
	for _, c := range first {
		if c.Until != until {
			t.Errorf("claimed until %v, want %v", c.Until, until)
		}
	}
	c := canonicalRequest()
	c.header.Set("X-Nonce", "fresh")
	if fresh := claims(c); fresh[0] == first[0] || fresh[1] != first[1] {
		t.Error("badinput 62: a fresh nonce must leave the claim of the signature as it was")
	}
	c = canonicalRequest()
	c.header.Set("X-Signature", strings.ToUpper(c.header.Get("X-Signature")))
	if upper := claims(c); upper[1] != first[1] {
		t.Error("the case of the hex digits gives another claim")
	}
	c = canonicalRequest()
	sum := sha256.Sum256(c.signed.Body)
	c.header.Set("X-Timestamp", "1795600001")
	c.header.Set("X-Signature", sign("sek1", "1795600001\nPOST\n/hm\n"+hex.EncodeToString(sum[:])))
	if other := claims(c); other[0].Key != first[0].Key || other[1].Key == first[1].Key {
		t.Error("badinput 61: a later request with the same nonce must share the claim of the nonce only")
	}
}

func TestClaimsBelongToTheRoute(t *testing.T) {
	c := canonicalRequest()
	keys := map[[16]byte]bool{}
	for _, route := range []string{"/h", "/hm"} {
		v, err := New(Options{
			Route: route, Keys: []secret.Value{secret.New([]byte("sek1"))}, Clock: clock.NewManual(c.now), Tolerance: time.Minute,
			SignatureHeader: "X-Signature", TimestampHeader: "X-Timestamp", NonceHeader: "X-Nonce",
		})
		if err != nil {
			t.Fatal(err)
		}
		claims, failure := verify(v, c.header, c.signed)
		if failure != OK {
			t.Fatal(failure)
		}
		for _, claim := range claims {
			keys[claim.Key] = true
		}
	}
	if len(keys) != 4 {
		t.Errorf("two routes have %d claims between them, want 4", len(keys))
	}
}

func signSHA1(with, text string) string {
	m := stdhmac.New(sha1.New, []byte(with))
	m.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}
