package hmac

import (
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/secret"
)

// vector is a request that its provider signed. Those of documents are as the
// document has them; the others were computed with OpenSSL and Python.
type vector struct {
	name     string
	provider config.Provider
	secret   string
	other    string // of the same form, and not the right one
	url      string
	now      int64 // Unix seconds
	header   [][2]string
	signed   Signed
}

func (v vector) headers() http.Header {
	h := http.Header{}
	for _, pair := range v.header {
		h[pair[0]] = append(h[pair[0]], pair[1])
	}
	return h
}

// sigHeader is the name of the header with the signature, the first one.
func (v vector) sigHeader() string { return v.header[0][0] }

func (v vector) options() Options {
	return Options{Provider: v.provider, Route: "/h", Keys: []secret.Value{secret.New([]byte(v.secret))}, URL: v.url, Clock: clock.NewManual(time.Unix(v.now, 0))}
}

func (v vector) run(t *testing.T) Failure {
	t.Helper()
	verifier, err := New(v.options())
	if err != nil {
		t.Fatal(err)
	}
	_, failure := verify(verifier, v.headers(), v.signed)
	return failure
}

const (
	at1        = 1764000000
	edKey      = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
	edOther    = "79b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad049664"
	whpk       = "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
	whpkOther  = "whpk_ebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ="
	whsec      = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	whsecOther = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	// made with whsec and with the private key of whpk over id-1.1764000000.{"a":1}
	v1  = "v1,CobYu/r+HwKoQRA0cmJgV28Se29murc7QMvx1XQbvS8="
	v1a = "v1a,RPDqiI4exJxIk11csd9Ir6tAUhN7ZDbrZktuurhKyVMXRfYXhVnnl5tMT7u4dmrJWV9OBTCfLVN4Q6AgNt6hCg=="

	sendGridPublic = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqtKgWm6Qg+2nI4MVHSPi3Eyvq9jaL13qNveCW20IIO1DgVmfxrmkhiRVNBMogstGMyrMyBH8w5EX3yjQEhovdQ=="
	sendGridOther  = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEF8/6HUWfmhAaKImWLyeAsAmqa3ivLmRTBi4Pjy5aew5udsAh7rq7iu3D1nLz85rGTboLubA9sIgvIhQ3/N+YfQ=="
	sendGridSig    = "MEYCIQCv6WI3K/r7rWnFMvzuQ+nzwk/SjPNvXnYSHRfJaVzcnQIhAIzr5YxbUcB/Sh6soc6X7qagdflY8hiIllwbK/QTRdiQ"
	formContent    = "application/x-www-form-urlencoded"
)

func body(text string) Signed {
	return Signed{Method: "POST", Path: "/h", RawPath: "/h", Body: []byte(text)}
}

func asked(scheme, host, path, query, text string) Signed {
	return Signed{Method: "POST", Path: path, RawPath: path, RawQuery: query, Scheme: scheme, Host: host, Body: []byte(text)}
}

// standardHeaders are those of Standard Webhooks under a prefix.
func standardHeaders(prefix, signature string) [][2]string {
	return [][2]string{{prefix + "-Signature", signature}, {prefix + "-Timestamp", "1764000000"}, {prefix + "-Id", "id-1"}}
}

func forgeVectors() []vector {
	sum := "sha256=" + good
	return []vector{
		{"github, document", config.GitHub, "It's a Secret to Everybody", "other", "", at1,
			[][2]string{{"X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}}, body("Hello, World!")},
		{"gitea", config.Gitea, hubKey, "other", "", at1, [][2]string{{"X-Gitea-Signature", good}}, body(body1)},
		{"forgejo", "forgejo", hubKey, "other", "", at1, [][2]string{{"X-Forgejo-Signature", good}, {"X-Gitea-Signature", noBody}}, body(body1)},
		{"forgejo, old", "forgejo", hubKey, "other", "", at1, [][2]string{{"X-Gitea-Signature", good}}, body(body1)},
		{"C13 bitbucket", "bitbucket", hubKey, "other", "", at1, [][2]string{{"X-Hub-Signature", sum}}, body(body1)},
		{"C17 gitlab signing", "gitlab", whsec, whsecOther, "", at1, standardHeaders("Webhook", v1), body(body1)},
		{"meta", "meta", hubKey, "other", "", at1, [][2]string{{"X-Hub-Signature-256", sum}}, body(body1)},
	}
}

func serviceVectors() []vector {
	const v0 = "v0=1bcfa9a5ade07826a2a319ac1f93b7b51e999a15cb6872a2902f818f46190962"
	slash := "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar" +
		"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=" +
		"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
		"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	return []vector{
		{"stripe", config.Stripe, "whsec_new", "whsec_old", "", at1,
			[][2]string{{"Stripe-Signature", "t=1764000000,v1=936c12672706a63830dfb73c2266ccc810383abe0a6f3dd004ed11dcaae8b2a7"}}, body(body1)},
		{"C19 cituro", "cituro", "k", "other", "", at1,
			[][2]string{{"X-Cituro-Signature", "t=1764000000000,s=db41c3508c53e045c8661adff86aea8348ab23e7a9e344e5999046e1e6da0804"}}, body(body1)},
		{"slack, document", "slack", "8f742231b10e8888abcd99yyyzzz85a5", "other", "", 1531420618, [][2]string{
			{"X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"},
			{"X-Slack-Request-Timestamp", "1531420618"}}, body(slash)},
		{"slack", "slack", hubKey, "other", "", at1, [][2]string{{"X-Slack-Signature", v0}, {"X-Slack-Request-Timestamp", "1764000000"}}, body(body1)},
		{"zoom", "zoom", hubKey, "other", "", at1, [][2]string{{"X-Zm-Signature", v0}, {"X-Zm-Request-Timestamp", "1764000000"}}, body(body1)},
		{"C20 shopify", "shopify", "shpss", "other", "", at1,
			[][2]string{{"X-Shopify-Hmac-Sha256", "izHHT/+BTdk+hYqCeTleJqTG0no7sCTO4rIZEi9fnxs="}}, body(body1)},
		{"x", "x", hubKey, "other", "", at1,
			[][2]string{{"X-Twitter-Webhooks-Signature", "sha256=WRDmIBbvUDQnLJJsJwcZkqRlwjNc7PQYUb2gcVd/T20="}}, body(body1)},
		{"linear", "linear", hubKey, "other", "", at1,
			[][2]string{{"Linear-Signature", "761212d7f9b423c03dd7c983f85596afd7a4a22e9cbdd00f0083a23f0600a21e"}},
			body(`{"action":"create","webhookTimestamp":1764000000000}`)},
		{"standard-webhooks, document", "standard-webhooks", whsecOther, whsec, "", 1614265330, [][2]string{
			{"Webhook-Signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
			{"Webhook-Timestamp", "1614265330"}, {"Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJek"}}, body(`{"test": 2432232314}`)},
		{"standard-webhooks, ed25519", "standard-webhooks", whpk, whpkOther, "", at1, standardHeaders("Webhook", v1a), body(body1)},
		{"svix", "svix", whsec, whsecOther, "", at1, standardHeaders("Svix", v1), body(body1)},
		{"svix, ed25519", "svix", whpk, whpkOther, "", at1, standardHeaders("Webhook", v1a), body(body1)},
	}
}

func specialVectors() []vector {
	twilio := func(name, sum, form string) vector {
		return vector{name, "twilio", "12345", "54321", "https://mycompany.com/myapp.php", at1,
			[][2]string{{"X-Twilio-Signature", sum}, {"Content-Type", formContent}},
			asked("http", "inner", "/h", "foo=1&bar=2", form)}
	}
	digest := "bodySHA256=015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
	dropped := `[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",` +
		`"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",` +
		`"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",` +
		`"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]` + "\r\n"
	const sendGrid = "X-Twilio-Email-Event-Webhook-"
	return []vector{
		twilio("twilio, document", "0/KCTR6DLpKmkAf8muzZqo1nDgQ=",
			"CallSid=CA1234567890ABCDE&Caller=%2B12349013030&Digits=1234&From=%2B12349013030&To=%2B18005551212"),
		twilio("twilio, former document", "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
			"To=%2B18005551212&Digits=1234&Digits=1234&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE"),
		{"twilio, JSON", "twilio", "12345", "54321", "", at1,
			[][2]string{{"X-Twilio-Signature", "u+jilinUFhwZ0qfB+8OeOojoXfs="}, {"Content-Type", "application/json"}},
			asked("https", "example.com", "/myapp", digest, body1)},
		{"C22 square", "square", "sqkey", "other", "https://hooks.example.net/sq", at1,
			[][2]string{{"X-Square-Hmacsha256-Signature", "dX4S6Qvy9OZf2YnGS0OaxFBXbUE0gZRul8JRsrhbG1g="}}, body(body1)},
		{"trello", "trello", hubKey, "other", "https://hooks.example.net/tr", at1,
			[][2]string{{"X-Trello-Webhook", "lxzuMRd9FhfJX4VrhQGrNOOfty4="}}, body(body1)},
		{"hubspot", "hubspot", hubKey, "other", "", at1, [][2]string{
			{"X-Hubspot-Signature-V3", "fjPaprxr1m0pEJFZsKC0KKPp7EiJbXFLmHw1uyf0qfQ="}, {"X-Hubspot-Request-Timestamp", "1764000000000"}},
			asked("", "hooks.example.net", "/h", "x=a%3ab%40c%20d&e=%7B", body1)},
		{"discord", "discord", edKey, edOther, "", at1, [][2]string{
			{"X-Signature-Ed25519", "2edc2cc07709fbc2c7d1dc862ff09ec9d0ba24c97670effeb341d21e3dbb9dae18a3b44408d8ab2ea22b04e462157a3daf0e9edbab687ee9109d9b955009540b"},
			{"X-Signature-Timestamp", "1764000000"}}, body(body1)},
		{"C23 sendgrid", "sendgrid", sendGridPublic, sendGridOther, "", at1,
			[][2]string{{sendGrid + "Signature", sendGridSig}, {sendGrid + "Timestamp", "1764000000"}}, body("[{\"e\":\"open\"}]\r\n")},
		{"sendgrid, its library", "sendgrid",
			"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==",
			sendGridOther, "", 1600112502, [][2]string{
				{sendGrid + "Signature", "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="},
				{sendGrid + "Timestamp", "1600112502"}}, body(dropped)},
	}
}

func vectors() []vector { return slices.Concat(forgeVectors(), serviceVectors(), specialVectors()) }

// A vector holds as it is, and no longer when anything of it is changed.
func TestVectors(t *testing.T) {
	seen := map[config.Provider]bool{"gitlab-token": true} // has no signature
	for _, good := range vectors() {
		seen[good.provider] = true
		t.Run(good.name, func(t *testing.T) {
			if got := good.run(t); got != OK {
				t.Fatalf("as it is: %v", got)
			}
			for i := range good.signed.Body {
				bad := good
				bad.signed.Body = slices.Clone(good.signed.Body)
				bad.signed.Body[i] ^= 1
				if got := bad.run(t); got == OK {
					t.Fatalf("byte %d of the body changed: %v", i, got)
				}
			}
			for _, changed := range []string{"", string(good.signed.Body) + "\n", string(good.signed.Body[1:])} {
				bad := good
				bad.signed.Body = []byte(changed)
				if got := bad.run(t); got == OK {
					t.Errorf("body %q: %v", changed, got)
				}
			}
			bad := good
			bad.secret = good.other
			if got := bad.run(t); got != Mismatch {
				t.Errorf("another secret: %v", got)
			}
			testHeaders(t, good)
			testTime(t, good)
			testMalformed(t, good)
		})
	}
	for _, s := range schemes() {
		if !seen[s.provider] {
			t.Errorf("provider %s has no vector", s.provider)
		}
	}
}

// testHeaders takes away, doubles and changes the headers that count.
func testHeaders(t *testing.T, good vector) {
	t.Helper()
	for i, pair := range good.header {
		if pair[0] == "Content-Type" || good.name == "forgejo" && i > 0 {
			continue
		}
		without := good
		without.header = slices.Delete(slices.Clone(good.header), i, i+1)
		if got := without.run(t); got != Missing && good.name != "forgejo" {
			t.Errorf("no %s: %v", pair[0], got)
		}
		double := good
		double.header = append(slices.Clone(good.header), pair)
		if got := double.run(t); got != Malformed {
			t.Errorf("badinput 68, two %s: %v", pair[0], got)
		}
		empty := good
		empty.header = slices.Clone(good.header)
		empty.header[i][1] = " "
		if got := empty.run(t); got != Missing {
			t.Errorf("badinput 69, an empty %s: %v", pair[0], got)
		}
		changed := good
		changed.header = slices.Clone(good.header)
		last := len(pair[1]) - 1
		at := last
		if strings.HasSuffix(pair[1], "=") { // padding
			at = last - 5
		}
		digit := "5"
		if pair[1][at] == '5' {
			digit = "6"
		}
		changed.header[i][1] = pair[1][:at] + digit + pair[1][at+1:]
		if got := changed.run(t); got != Mismatch {
			t.Errorf("another %s: %v", pair[0], got)
		}
	}
}

// testTime moves the clock, for a timestamp is good to the second.
func testTime(t *testing.T, good vector) {
	t.Helper()
	verifier, err := New(good.options())
	if err != nil {
		t.Fatal(err)
	}
	window := int64(verifier.tolerance / time.Second)
	for off, want := range map[int64]Failure{window: OK, -window: OK, window + 1: Stale, -window - 1: Stale} {
		moved := good
		moved.now += off
		if window == 0 {
			moved.now, want = moved.now+off*86400, OK // a scheme without time
		}
		if got := moved.run(t); got != want {
			t.Errorf("badinput 66, clock %+d s: %v, want %v", off, got, want)
		}
	}
	if stamp := verifier.families[0].stamp; stamp != "" && !strings.HasPrefix(good.sigHeader(), "Svix") {
		for _, text := range []string{"+1764000000", "-1", "1764000000.5", "9223372036854775807", "9223372036854775808", "x", "1e9"} {
			bad := good
			bad.header = slices.Clone(good.header)
			for i := range bad.header {
				if bad.header[i][0] == stamp {
					bad.header[i][1] = text
				}
			}
			if got := bad.run(t); got != Malformed && got != Stale {
				t.Errorf("badinput 66, timestamp %s: %v", text, got)
			}
		}
	}
}

// testMalformed is C10 for one provider.
func testMalformed(t *testing.T, good vector) {
	t.Helper()
	value := good.header[0][1]
	hex64 := strings.Repeat("a", 64)
	for _, text := range []string{
		"a", "sha256", "sha256=", "sha256=zz", "sha256=" + hex64[:63], "sha256=" + hex64 + "a", "sha256=" + strings.Repeat("g", 64),
		hex64, hex64[:63], hex64 + "a", strings.Repeat(",", 8192), strings.Repeat(" ", 100) + "=", "=,=,=", "\x01", "\u00e9" + value, value + "\u00e9",
		"v0=", "v0=" + hex64[:63], "v1,", "v1", "v1a,AAAA", "t=,v1=", "t=1,s=", "=", "====", "A===", value + "=", "x" + value + value, value[:len(value)-1],
		strings.Repeat("A", 10000), "\"" + value + "\"", value + ";", value[:len(value)-6] + "\n" + value[len(value)-6:], "\x00" + value,
	} {
		bad := good
		bad.header = slices.Clone(good.header)
		bad.header[0][1] = text
		if got := bad.run(t); got != Malformed && got != Mismatch && got != Stale {
			t.Errorf("C10, signature %.40q: %v", text, got)
		}
	}
	upper := good
	upper.header = slices.Clone(good.header)
	at := strings.LastIndex(value, "=") + 1
	if _, err := hex.DecodeString(value[at:]); err == nil && at < len(value) {
		upper.header[0][1] = value[:at] + strings.ToUpper(value[at:])
		if got := upper.run(t); got != OK {
			t.Errorf("C10, upper-case hex: %v", got)
		}
	}
}
