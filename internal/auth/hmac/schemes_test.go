package hmac

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"hookaido/internal/config"
	"hookaido/internal/secret"
)

// named returns the vector of that name.
func named(t *testing.T, name string) vector {
	t.Helper()
	for _, v := range vectors() {
		if v.name == name {
			v.header = slices.Clone(v.header)
			return v
		}
	}
	t.Fatalf("no vector %q", name)
	return vector{}
}

// The names in the table are looked up as they are, so they must be canonical.
func TestHeaderNamesAreCanonical(t *testing.T) {
	for _, s := range schemes() {
		for _, f := range append(slices.Clone(s.families), family{signature: s.tokenHeader}) {
			for _, name := range []string{f.signature, f.stamp, f.id} {
				if name != textproto.CanonicalMIMEHeaderKey(name) {
					t.Errorf("%s: %s", s.provider, name)
				}
			}
		}
	}
}

// C16.
func TestStandardWebhooksLists(t *testing.T) {
	many := strings.Repeat("v1,AAAA ", 15)
	tests := []struct {
		name, value string
		secrets     []string
		want        Failure
	}{
		{"C16 junk ahead", "v1a,AAAA v1,AAAA= " + v1, []string{whsec}, OK},
		{"C16 double blanks", "v1a,AAAA  v1,AAAA=  " + v1, []string{whsec}, OK},
		{"tabs", v1 + "\tv1,AAAA", []string{whsec}, OK},
		{"C16 only v1a, with a secret", v1a, []string{whsec}, Mismatch},
		{"C16 only a v1a that is junk", "v1a,AAAA", []string{whsec}, Malformed},
		{"C16 only v1a, with a public key", v1a, []string{whpk}, OK},
		{"both keys, first", v1 + " v1a,AAAA", []string{whsec, whpk}, OK},
		{"both keys, second", "v1,AAAA " + v1a, []string{whsec, whpk}, OK},
		{"a v1 under the name of v1a", "v1a" + v1[2:], []string{whsec, whpk}, Malformed},
		{"a v1a under the name of v1", "v1" + v1a[3:], []string{whsec, whpk}, Malformed},
		{"another version", "v2" + v1[2:], []string{whsec}, Malformed},
		{"upper case", "V1" + v1[2:], []string{whsec}, Malformed},
		{"commas between", v1 + "," + v1, []string{whsec}, Malformed},
		{"16 entries", many + v1, []string{whsec}, OK},
		{"17 entries", many + "v1,AAAA " + v1, []string{whsec}, Malformed},
		{"4 entries for a public key", strings.Repeat("v1a,AAAA ", 3) + v1a, []string{whpk}, OK},
		{"5 entries for a public key", strings.Repeat("v1a,AAAA ", 4) + v1a, []string{whpk}, Malformed},
		{"entries of others don't count", strings.Repeat("v9,x ", 100) + v1, []string{whsec}, OK},
		{"rotated: the old key alone", v1, []string{whsecOther}, Mismatch},
		{"rotated: both", v1, []string{whsecOther, whsec}, OK},
	}
	for _, test := range tests {
		for _, prefix := range []string{"Webhook", "Svix"} {
			t.Run(test.name+" "+prefix, func(t *testing.T) {
				v := vector{provider: "standard-webhooks", now: at1, header: standardHeaders(prefix, test.value), signed: body(body1)}
				o := v.options()
				o.Keys = nil
				for _, s := range test.secrets {
					o.Keys = append(o.Keys, secret.New([]byte(s)))
				}
				verifier, err := New(o)
				if err != nil {
					t.Fatal(err)
				}
				if _, got := verify(verifier, v.headers(), v.signed); got != test.want {
					t.Errorf("got %v, want %v", got, test.want)
				}
			})
		}
	}
}

// The headers of one family must not help out another's.
func TestFamiliesDoNotMix(t *testing.T) {
	v := vector{provider: "standard-webhooks", secret: whsec, now: at1, signed: body(body1)}
	v.header = [][2]string{{"Webhook-Signature", v1}, {"Svix-Timestamp", "1764000000"}, {"Svix-Id", "id-1"}}
	if got := v.run(t); got != Missing {
		t.Errorf("timestamp of the other family: %v", got)
	}
	v.header = append(standardHeaders("Webhook", "v1,"+v1[6:]+"AAA="), standardHeaders("Svix", v1)...)
	if got := v.run(t); got == OK {
		t.Error("a wrong webhook-signature was overruled by svix-signature")
	}
	forgejo := vector{provider: "forgejo", secret: hubKey, now: at1, signed: body(body1)}
	forgejo.header = [][2]string{{"X-Forgejo-Signature", noBody}, {"X-Gitea-Signature", good}}
	if got := forgejo.run(t); got != Mismatch {
		t.Errorf("C14, a wrong X-Forgejo-Signature beside a right X-Gitea-Signature: %v", got)
	}
	forgejo.header = [][2]string{{"X-Hub-Signature-256", "sha256=" + good}}
	if got := forgejo.run(t); got != Missing {
		t.Errorf("C14, only X-Hub-Signature-256: %v", got)
	}
}

// C17.
func TestGitLab(t *testing.T) {
	token := http.Header{"X-Gitlab-Token": {"tok"}}
	with := func(extra ...string) http.Header {
		h := token.Clone()
		for i := 0; i < len(extra); i += 2 {
			h[extra[i]] = append(h[extra[i]], extra[i+1])
		}
		return h
	}
	signed := vector{header: standardHeaders("Webhook", v1)}.headers()
	tests := []struct {
		name     string
		provider config.Provider
		secrets  []string
		header   http.Header
		want     Failure
	}{
		{"C17 a", "gitlab", []string{"tok"}, token, OK},
		{"C17 b", "gitlab", []string{"tok"}, with("Webhook-Id", "id-1", "Webhook-Timestamp", "1764000000"), OK},
		{"C17 c", "gitlab", []string{whsec}, signed, OK},
		{"C17 c, token configured too", "gitlab", []string{"tok", whsec}, signed, OK},
		{"C17 d", "gitlab", []string{"tok", whsec}, token, Missing},
		{"C17 d, token with half a signature", "gitlab", []string{"tok", whsec}, with("Webhook-Signature", v1), Missing},
		{"a token that is the text of the signing token", "gitlab", []string{whsec}, http.Header{"X-Gitlab-Token": {whsec}}, Missing},
		{"wrong token", "gitlab", []string{"tok"}, http.Header{"X-Gitlab-Token": {"tok2"}}, Mismatch},
		{"part of the token", "gitlab", []string{"tok"}, http.Header{"X-Gitlab-Token": {"to"}}, Mismatch},
		{"other case", "gitlab", []string{"tok"}, http.Header{"X-Gitlab-Token": {"TOK"}}, Mismatch},
		{"no token", "gitlab", []string{"tok"}, http.Header{}, Missing},
		{"empty token", "gitlab", []string{"tok"}, http.Header{"X-Gitlab-Token": {""}}, Missing},
		{"two tokens", "gitlab", []string{"tok"}, http.Header{"X-Gitlab-Token": {"tok", "tok"}}, Malformed},
		{"second secret", "gitlab", []string{"new", "tok"}, token, OK},
		{"gitlab-token", "gitlab-token", []string{"tok"}, token, OK},
		{"gitlab-token, the prefix means nothing", "gitlab-token", []string{whsec}, http.Header{"X-Gitlab-Token": {whsec}}, OK},
		{"gitlab-token, wrong", "gitlab-token", []string{"tok"}, http.Header{"X-Gitlab-Token": {"x"}}, Mismatch},
		{"gitlab-token, signature", "gitlab-token", []string{whsec}, signed, Missing},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := check{provider: test.provider, keys: test.secrets, now: stripeNow, header: test.header, signed: body(body1)}
			claims, got := c.run(t)
			if got != test.want || (len(claims) == 1) != strings.HasPrefix(test.name, "C17 c") {
				t.Errorf("got %v with %v, want %v", got, claims, test.want)
			}
		})
	}
}

func TestCredentialHeaders(t *testing.T) {
	for _, v := range vectors() {
		verifier, err := New(v.options())
		if err != nil {
			t.Fatal(err)
		}
		if got := verifier.CredentialHeaders(); slices.Equal(got, []string{"X-Gitlab-Token"}) != (v.provider == "gitlab") {
			t.Errorf("%s: %v", v.name, got)
		}
	}
}

// C20.
func TestShopifyForms(t *testing.T) {
	for value, want := range map[string]Failure{
		"8b31c74fff814dd93e858a8279395e26a4c6d27a3bb024cee2b219122f5f9f1b":                         Malformed,
		"izHHT/+BTdk+hYqCeTleJqTG0no7sCTO4rIZEi9fnxs":                                              Malformed,
		"izHHT_-BTdk-hYqCeTleJqTG0no7sCTO4rIZEi9fnxs=":                                             Malformed,
		"izHHT/+BTdk+hYqCeTleJqTG0no7sCTO4rIZEi9fnxt=":                                             Malformed, // bits in the padding
		"OGIzMWM3NGZmZjgxNGRkOTNlODU4YTgyNzkzOTVlMjZhNGM2ZDI3YTNiYjAyNGNlZTJiMjE5MTIyZjVmOWYxYg==": Malformed,
		"sha256=izHHT/+BTdk+hYqCeTleJqTG0no7sCTO4rIZEi9fnxs=":                                      Malformed,
	} {
		v := named(t, "C20 shopify")
		v.header[0][1] = value
		if got := v.run(t); got != want {
			t.Errorf("%s: %v, want %v", value, got, want)
		}
	}
}

// C19: units are not guessed by size.
func TestUnitsAreNotGuessed(t *testing.T) {
	v := named(t, "C19 cituro")
	v.header[0][1] = "t=1764000000,s=" + sign("k", "1764000000."+body1)
	if got := v.run(t); got != Stale {
		t.Errorf("seconds for milliseconds: %v", got)
	}
	v = named(t, "slack")
	v.header[0][1] = "v0=" + sign(hubKey, "v0:1764000000000:"+body1)
	v.header[1][1] = "1764000000000"
	if got := v.run(t); got != Stale {
		t.Errorf("milliseconds for seconds: %v", got)
	}
}

// C22: the URL counts to the last slash, and the log can say so.
func TestURLIsPartOfTheSignature(t *testing.T) {
	v := named(t, "C22 square")
	v.header[0][1] = "NkREHcdfowrS3cSdtd+l9OJWKLRgvBXTtHE1mbGJhFo="
	if got := v.run(t); got != Mismatch {
		t.Errorf("C22, made with a slash at the end: %v", got)
	}
	v.url += "/"
	if got := v.run(t); got != OK {
		t.Errorf("C22, with that URL: %v", got)
	}
	verifier, err := New(v.options())
	if err != nil {
		t.Fatal(err)
	}
	if hint := verifier.Hint(Mismatch); !strings.Contains(hint, "to the last slash") {
		t.Errorf("C22, hint %q", hint)
	}
	for _, name := range []string{"C22 square", "trello", "twilio, document"} {
		v := named(t, name)
		v.url += "?foo=1" // the query that counts is the one that came
		if got := v.run(t); got != OK {
			t.Errorf("%s: %v with a query in the URL", name, got)
		}
		v.signed.RawQuery += "&x=y"
		if got := v.run(t); got != Mismatch {
			t.Errorf("badinput 64, %s: %v with another query", name, got)
		}
	}
	v = named(t, "hubspot")
	for name, change := range map[string]func(*Signed){
		"scheme": func(s *Signed) { s.Scheme = "http" }, "host": func(s *Signed) { s.Host = "other" }, "path": func(s *Signed) { s.RawPath = "/h/" },
		"method": func(s *Signed) { s.Method = "PUT" }, "query": func(s *Signed) { s.RawQuery = "x=a:b@c+d&e=%7B" },
	} {
		bad := v
		change(&bad.signed)
		if got := bad.run(t); got != Mismatch {
			t.Errorf("another %s: %v", name, got)
		}
	}
}

func TestHubSpotDecodes(t *testing.T) {
	for in, want := range map[string]string{
		"%3a%2F%3F%40%21%24%27%28%29%2A%2C%3B": ":/?@!$'()*,;", "%20%25%26%3D%2B%7b": "%20%25%26%3D%2B%7b", "%": "%", "%3": "%3", "%zz%3A": "%zz:", "%253A": "%253A", "a%3A": "a:",
	} {
		if got := string(appendDecoded(nil, in)); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

// The body of a request to Twilio's scheme must be covered, whatever it says of
// itself.
func TestTwilioCoversTheBody(t *testing.T) {
	form, json := named(t, "twilio, document"), named(t, "twilio, JSON")
	empty := vector{provider: "twilio", secret: "12345", url: "https://mycompany.com/myapp.php", now: at1,
		header: [][2]string{{"X-Twilio-Signature", signSHA1("12345", "https://mycompany.com/myapp.php")}}, signed: body("")}
	tests := []struct {
		name   string
		from   vector
		change func(*vector)
		want   Failure
	}{
		{"no body at all", empty, func(*vector) {}, OK},
		{"a body beside it", empty, func(v *vector) { v.signed.Body = []byte("x") }, Mismatch},
		{"a form that adds nothing", empty, func(v *vector) {
			v.signed.Body, v.header = []byte("&&"), append(v.header, [2]string{"Content-Type", formContent})
		}, OK}, // it has no parameter
		{"the form under another type", form, func(v *vector) { v.header[1][1] = "text/plain" }, Mismatch},
		{"the form without a type", form, func(v *vector) { v.header = v.header[:1] }, Mismatch},
		{"the form under two types", form, func(v *vector) { v.header = append(v.header, v.header[1]) }, Mismatch},
		{"the type with a parameter", form, func(v *vector) { v.header[1][1] = "Application/X-WWW-Form-Urlencoded; charset=utf-8" }, OK},
		{"a bad escape", form, func(v *vector) { v.signed.Body = []byte("a=%zz") }, Malformed},
		{"one more parameter", form, func(v *vector) { v.signed.Body = append(slices.Clone(v.signed.Body), "&X=1"...) }, Mismatch},
		{"more parameters than anybody sends", form, func(v *vector) {
			v.signed.Body = append(slices.Clone(v.signed.Body), strings.Repeat("&Digits=1234", 20000)...)
		}, Malformed},
		{"JSON under the type of a form", json, func(v *vector) { v.header[1][1] = formContent }, OK}, // the digest covers it
		{"another body under the type of a form", json, func(v *vector) { v.header[1][1], v.signed.Body = formContent, nil }, Mismatch},
		{"no digest", json, func(v *vector) { v.signed.RawQuery = "" }, Mismatch},
		{"two digests", json, func(v *vector) { v.signed.RawQuery += "&" + v.signed.RawQuery }, Malformed},
		{"half a digest", json, func(v *vector) { v.signed.RawQuery = v.signed.RawQuery[:30] }, Malformed},
		{"a bad query", json, func(v *vector) { v.signed.RawQuery += "&%zz" }, Malformed},
		{"http", json, func(v *vector) { v.signed.Scheme = "http" }, Mismatch},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := test.from
			v.header = slices.Clone(v.header)
			test.change(&v)
			if got := v.run(t); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// The time that Linear signs is in the body.
func TestLinearTime(t *testing.T) {
	for text, want := range map[string]Failure{
		`{"webhookTimestamp":1764000060000}`:   OK,
		`{"webhookTimestamp":1763999940000}`:   OK,
		`{"webhookTimestamp":1764000060001}`:   Stale,
		`{"webhookTimestamp":1763999939999}`:   Stale,
		`{"webhookTimestamp":1764000000}`:      Stale,
		`{"webhookTimestamp":"1764000000000"}`: Malformed,
		`{"webhookTimestamp":1.764e12}`:        Malformed,
		`{"webhookTimestamp":-1}`:              Malformed,
		`{"webhookTimestamp":null}`:            Malformed,
		`{"action":"create"}`:                  OK,
		`no JSON`:                              OK,
		``:                                     OK,
	} {
		v := vector{provider: "linear", secret: hubKey, now: at1, header: [][2]string{{"Linear-Signature", sign(hubKey, text)}}, signed: body(text)}
		verifier, err := New(v.options())
		if err != nil {
			t.Fatal(err)
		}
		claims, got := verify(verifier, v.headers(), v.signed)
		if got != want || (len(claims) == 1) != (got == OK && strings.Contains(text, "Timestamp")) {
			t.Errorf("%s: %v with %v, want %v", text, got, claims, want)
		}
	}
}

// C23, with a key made for it: the line end belongs to the body.
func TestSendGridCRLF(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	v := named(t, "C23 sendgrid")
	v.secret = base64.StdEncoding.EncodeToString(der)
	sum := sha256.Sum256(append([]byte("1764000000"), v.signed.Body...))
	signature, err := ecdsa.SignASN1(rand.Reader, private, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	v.header[0][1] = base64.StdEncoding.EncodeToString(signature)
	if got := v.run(t); got != OK || len(v.signed.Body) != 16 {
		t.Errorf("as sent, %d octets: %v", len(v.signed.Body), got)
	}
	v.signed.Body = v.signed.Body[:14]
	if got := v.run(t); got != Mismatch {
		t.Errorf("trimmed: %v", got)
	}
}
