package hmac

import (
	"crypto/elliptic"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"testing"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/secret"
)

func (v vector) claims(t *testing.T, keys ...string) []queue.Claim {
	t.Helper()
	o := v.options()
	for _, k := range keys {
		o.Keys = append(o.Keys, secret.New([]byte(k)))
	}
	verifier, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	claims, failure := verify(verifier, v.headers(), v.signed)
	if failure != OK {
		t.Fatalf("%s: %v", v.name, failure)
	}
	return claims
}

// Schemes with a signed time yield one claim, the same for the same text, until
// that time would no longer pass.
func TestClaimsOfProviders(t *testing.T) {
	timed := map[config.Provider]bool{
		"stripe": true, "cituro": true, "slack": true, "zoom": true, "linear": true, "standard-webhooks": true,
		"svix": true, "gitlab": true, "hubspot": true, "discord": true, "sendgrid": true,
	}
	keys := map[[16]byte]string{}
	for _, v := range vectors() {
		claims := v.claims(t)
		if !timed[v.provider] {
			if claims != nil {
				t.Errorf("%s: claims %v without a time", v.name, claims)
			}
			continue
		}
		tolerance := 5 * time.Minute
		if v.provider == "linear" {
			tolerance = time.Minute
		}
		if len(claims) != 1 || !claims[0].Until.Equal(time.Unix(v.now, 0).Add(tolerance)) {
			t.Errorf("%s: claims %v", v.name, claims)
			continue
		}
		v.now += 7
		if again := v.claims(t); len(again) != 1 || again[0] != claims[0] {
			t.Errorf("%s: a replay is claimed as %v, the first was %v", v.name, again, claims)
		}
		keys[claims[0].Key] = v.name
	}
	// slack and zoom have the same text, as have those of standardHeaders
	if len(keys) != 11 {
		t.Errorf("%d different claims: %v", len(keys), keys)
	}
}

// badinput 72: what of a replay can be changed, gives no new claim.
func TestReplaysInOtherWords(t *testing.T) {
	const (
		older = "v1=8284fd857aefa26ea861557fb786d46c4ac20357b6de3688f78e29ae9e369a3f" // with whsec_old
		newer = "v1=936c12672706a63830dfb73c2266ccc810383abe0a6f3dd004ed11dcaae8b2a7"
	)
	stripe := named(t, "stripe")
	first := stripe.claims(t, "whsec_old")
	for _, value := range []string{
		"t=1764000000," + older, "t=1764000000," + older + "," + newer, newer + ", t=1764000000", "t=1764000000,v1=936C12672706A63830" + newer[21:], "t=1764000000,a=b," + newer,
	} {
		stripe.header[0][1] = value
		if got := stripe.claims(t, "whsec_old"); got[0] != first[0] {
			t.Errorf("%s has another claim", value)
		}
	}
	standard := vector{name: "svix", provider: "svix", secret: whsec, now: at1, header: standardHeaders("Svix", v1), signed: body(body1)}
	first = standard.claims(t, whpk)
	standard.header = standardHeaders("Webhook", v1a)
	if got := standard.claims(t, whpk); got[0] != first[0] {
		t.Error("another family with another signature has another claim")
	}
	sendgrid := named(t, "C23 sendgrid")
	first = sendgrid.claims(t)
	sendgrid.header[0][1] = flipped(t, sendGridSig)
	if got := sendgrid.claims(t); got[0] != first[0] {
		t.Error("the other ECDSA signature of the same text has another claim")
	}
}

// flipped turns (r, s) into (r, n-s), which is as valid.
func flipped(t *testing.T, encoded string) string {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	var pair struct{ R, S *big.Int }
	if _, err = asn1.Unmarshal(der, &pair); err != nil {
		t.Fatal(err)
	}
	pair.S.Sub(elliptic.P256().Params().N, pair.S)
	if der, err = asn1.Marshal(pair); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// Another text is another claim: body, time and id count, and so does the route.
func TestClaimsOfOtherTexts(t *testing.T) {
	claim := func(route, stamp, text string) [16]byte {
		v := vector{name: "stripe", provider: config.Stripe, secret: hubKey, now: at1,
			header: [][2]string{{"Stripe-Signature", "t=" + stamp + ",v1=" + sign(hubKey, stamp+"."+text)}}, signed: body(text)}
		o := v.options()
		o.Route = route
		verifier, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		claims, failure := verify(verifier, v.headers(), v.signed)
		if failure != OK || len(claims) != 1 {
			t.Fatal(failure, claims)
		}
		return claims[0].Key
	}
	keys := map[[16]byte]bool{}
	for _, key := range [][16]byte{claim("/h", "1764000000", "a"), claim("/h", "1764000001", "a"), claim("/h", "1764000000", "b"), claim("/i", "1764000000", "a")} {
		keys[key] = true
	}
	if len(keys) != 4 {
		t.Errorf("%d claims of 4 requests", len(keys))
	}
}

func TestRepeatIsAccepted(t *testing.T) {
	repeats := map[config.Provider]bool{"standard-webhooks": true, "svix": true, "gitlab": true, "sendgrid": true, "zoom": true, "cituro": true}
	for _, v := range vectors() {
		verifier, err := New(v.options())
		if err != nil {
			t.Fatal(err)
		}
		if got := verifier.RepeatIsAccepted(); got != repeats[v.provider] {
			t.Errorf("%s: %v", v.provider, got)
		}
	}
	for _, o := range []Options{
		genericOptions("{timestamp}{body}", "X-Time", config.Generic{}),
		{SignatureHeader: "X-Signature", TimestampHeader: "X-Timestamp", NonceHeader: "X-Nonce", Keys: values("k")},
	} {
		verifier, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		if verifier.RepeatIsAccepted() {
			t.Errorf("%q accepts repeats", o.Provider)
		}
	}
}
