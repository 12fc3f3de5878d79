package hmac

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/secret"
)

// fuzzAttempt is an attempt of a scheme, to run its parser on.
func fuzzAttempt(f *testing.F, p config.Provider, key string) *Attempt {
	f.Helper()
	v, err := New(Options{Provider: p, Keys: values(key), Clock: clock.NewManual(stripeNow)})
	if err != nil {
		f.Fatal(err)
	}
	return v.take()
}

// checkOffered holds what a parser found to what stands in the header.
func checkOffered(t *testing.T, a *Attempt, value string, encode func([]byte) string) {
	t.Helper()
	if a.candidates > maxCandidates {
		t.Fatalf("%d signatures", a.candidates)
	}
	for _, s := range a.offered[:a.candidates] {
		if text := encode(s.bytes[:s.size]); !strings.Contains(value, text) && !strings.Contains(strings.ToLower(value), text) {
			t.Fatalf("%q offers %q", value, text)
		}
	}
}

func FuzzTagged(f *testing.F) {
	stripe := "t=1764000000,v1=" + good
	for _, s := range []string{"", "=", ",", "=,=,=", "t=,v1=", stripe, stripe + ",v1=zz", "v1=" + good, "t=1,t=2,v1=" + good, "t=1" + strings.Repeat(",v1="+good, 17), strings.ToUpper(stripe)} {
		f.Add(s)
	}
	a := fuzzAttempt(f, config.Stripe, "k")
	parse := tagged("t", "v1")
	f.Fuzz(func(t *testing.T, value string) {
		a.candidates, a.stamp = 0, ""
		if parse(a, value) != OK {
			return
		}
		if a.candidates == 0 || !strings.Contains(value, "t="+a.stamp) || strings.Contains(a.stamp, ",") {
			t.Fatalf("%q: %d signatures, timestamp %q", value, a.candidates, a.stamp)
		}
		checkOffered(t, a, value, hex.EncodeToString)
	})
}

func FuzzSpaced(f *testing.F) {
	for _, s := range []string{"", " ", "v1", "v1,", v1, v1a, v1 + " " + v1a, "v1a,AAAA  v1,AAAA=\t" + v1, strings.Repeat(v1+" ", 17), "v1,\r\n" + v1[3:], v1[:20] + "\n" + v1[20:]} {
		f.Add(s)
	}
	a := fuzzAttempt(f, "svix", whsec)
	f.Fuzz(func(t *testing.T, value string) {
		a.candidates = 0
		if spaced(a, value) != OK {
			return
		}
		if a.candidates == 0 {
			t.Fatal("no signature")
		}
		checkOffered(t, a, value, base64.StdEncoding.EncodeToString)
		for _, s := range a.offered[:a.candidates] {
			if want := map[keyKind]int{macKey: 32, ed25519Key: 64}[s.kind]; s.size != want {
				t.Fatalf("kind %d has %d bytes", s.kind, s.size)
			}
		}
	})
}

func FuzzPrefixed(f *testing.F) {
	for _, s := range []string{"", "sha256=", "sha256=" + good, good, "v0=" + good, "SHA256=" + good, sendGridSig, "izHHT/+BTdk+hYqCeTleJqTG0no7sCTO4rIZEi9fnxs=", strings.Repeat("a", 128)} {
		f.Add(s)
	}
	type parser struct {
		prefix  string
		attempt *Attempt
		encode  func([]byte) string
	}
	std := base64.StdEncoding.EncodeToString
	parsers := []parser{
		{"sha256=", fuzzAttempt(f, config.GitHub, "k"), hex.EncodeToString}, {"", fuzzAttempt(f, config.Gitea, "k"), hex.EncodeToString},
		{"v0=", fuzzAttempt(f, "slack", "k"), hex.EncodeToString}, {"", fuzzAttempt(f, "shopify", "k"), std}, {"sha256=", fuzzAttempt(f, "x", "k"), std},
		{"", fuzzAttempt(f, "twilio", "k"), std}, {"", fuzzAttempt(f, "discord", edKey), hex.EncodeToString}, {"", fuzzAttempt(f, "sendgrid", sendGridPublic), std},
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, p := range parsers {
			a := p.attempt
			a.candidates = 0
			if a.verifier.parse(a, value) != OK {
				continue
			}
			text := p.prefix + p.encode(a.offered[0].bytes[:a.offered[0].size])
			if a.candidates != 1 || text != value && text != p.prefix+strings.ToLower(value[len(p.prefix):]) {
				t.Fatalf("%s takes %q for %q", a.verifier.provider, value, text)
			}
		}
	})
}

// FuzzDecode: what is decoded is written in just one way, but for the case of
// hex and the padding of base64url.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "a", "ab", "AB", "zz", "QUI=", "QUI", "QUJ=", "Q\nUI=", "QUI=\r\n", "-_-_", "+/+/", "====", strings.Repeat("A", 96), strings.Repeat("A", 100)} {
		f.Add(s)
	}
	std, forURL := base64Decoder(), base64URLDecoder()
	f.Fuzz(func(t *testing.T, encoded string) {
		var dst [maxSignature]byte
		if n, ok := decodeHex(dst[:], encoded); ok && hex.EncodeToString(dst[:n]) != strings.ToLower(encoded) {
			t.Fatalf("hex %q", encoded)
		}
		if n, ok := std(dst[:], encoded); ok && base64.StdEncoding.EncodeToString(dst[:n]) != encoded {
			t.Fatalf("base64 %q", encoded)
		}
		if n, ok := forURL(dst[:], encoded); ok && base64.URLEncoding.EncodeToString(dst[:n]) != encoded && base64.RawURLEncoding.EncodeToString(dst[:n]) != encoded {
			t.Fatalf("base64url %q", encoded)
		}
	})
}

func FuzzParseStamp(f *testing.F) {
	for _, s := range []string{"", "0", "1764000000", "+1", "-1", "9223372036854775807", "9223372036854775808", "00000000000000000001", " 1", "1e3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, unit := range []time.Duration{time.Second, time.Millisecond} {
			at, ok := parseStamp(s, unit)
			if !ok {
				continue
			}
			n, err := strconv.ParseInt(s, 10, 64)
			if err != nil || strings.ContainsAny(s, "+-_") {
				t.Fatalf("parseStamp(%q) accepted what is no plain number", s)
			}
			want := time.Unix(n, 0)
			if unit == time.Millisecond {
				want = time.UnixMilli(n)
			}
			if !at.Equal(want) {
				t.Fatalf("parseStamp(%q, %v) = %v, want %v", s, unit, at, want)
			}
		}
	})
}

func FuzzRFC3339(f *testing.F) {
	for _, s := range []string{"", "2025-11-24T16:00:00Z", "2025-11-24T16:00:00.123456789+23:59", "2025-11-24T16:00:00,5Z", "2025-11-24t16:00:00z", "2025-11-24T6:00:00Z", "2025-02-30T16:00:00Z", "9999-12-31T23:59:59Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, ok := rfc3339(s)
		if !ok {
			return
		}
		again, err := time.Parse(time.RFC3339Nano, s)
		if err != nil || !at.Equal(again) || strings.ContainsAny(s, ", tz") {
			t.Fatalf("%q gives %v", s, at)
		}
	})
}

// FuzzLinearStamp: a time comes only from a plain number, and nothing crashes.
func FuzzLinearStamp(f *testing.F) {
	for _, s := range []string{"", "{}", `{"webhookTimestamp":1764000000000}`, `{"webhookTimestamp":"1"}`, `{"webhookTimestamp":1e3}`, `{"WEBHOOKTIMESTAMP":1}`, `[1]`, `{"webhookTimestamp":{}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		at, found, ok := linearStamp(text)
		if ok && (!found || !bytes.Contains(text, []byte(strconv.FormatInt(at.UnixMilli(), 10)))) {
			t.Fatalf("%q gives %v", text, at)
		}
	})
}

// FuzzText: a template that can be read says the same when it is put together
// again.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "{body}", "{timestamp}.{body}", "{", "}", "{}", "{{body}}", "{header.X-A}{header.}", "a{body}b{url}c", "{clean_path}{form}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parts, err := parseText(text)
		if err != nil {
			return
		}
		literal := 0
		for _, p := range parts {
			if p.kind == partLiteral {
				if strings.Contains(p.text, "{") || !strings.Contains(text, p.text) {
					t.Fatalf("%q has the text %q", text, p.text)
				}
				literal += len(p.text)
			}
		}
		if named := len(parts); literal > len(text) || named > len(text) || text != "" && named == 0 {
			t.Fatalf("%q has %d parts", text, named)
		}
	})
}

// FuzzForm: a body that anything is signed of is covered: with one parameter
// more there is another text.
func FuzzForm(f *testing.F) {
	f.Add("a=1&b=2", "", formContent)
	f.Add("", "", "")
	f.Add(body1, "bodySHA256=015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862", "application/json")
	f.Add("a=%zz", "%zz", formContent+";charset=x")
	f.Add("a=1&a=1&=&%00=%ff", "x=1&bodySHA256=", formContent)
	a := fuzzAttempt(f, "twilio", "k")
	f.Fuzz(func(t *testing.T, form, query, contentType string) {
		a.contentType = contentType
		text, failure := a.appendForm(nil, &Signed{RawQuery: query, Body: []byte(form)})
		if failure != OK {
			return
		}
		if values, err := url.ParseQuery(query); err != nil {
			t.Fatalf("query %q", query)
		} else if values.Has(bodyDigest) {
			if _, failure = a.appendForm(nil, &Signed{RawQuery: query, Body: []byte(form + "x")}); failure == OK {
				t.Fatalf("query %q covers two bodies", query)
			}
			return
		}
		more, failure := a.appendForm(nil, &Signed{RawQuery: query, Body: []byte(form + "&zzq=zzq")})
		if failure == OK && bytes.Equal(text, more) && !strings.Contains(form, "zzq=zzq") {
			t.Fatalf("%q has no other text with another parameter", form)
		}
	})
}

// FuzzDecodedURL: only the characters that HubSpot decodes become shorter.
func FuzzDecodedURL(f *testing.F) {
	for _, s := range []string{"", "%", "%3", "%3A", "%3a%2f", "%253A", "https://h.example/a%20b?x=%40%zz", "%%3A"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		out := string(appendDecoded(nil, address))
		decoded := len(address) - len(out)
		if decoded < 0 || decoded%2 != 0 || decoded/2 > strings.Count(address, "%") {
			t.Fatalf("%q gives %q", address, out)
		}
		a, err1 := url.PathUnescape(address)
		b, err2 := url.PathUnescape(out)
		if err1 == nil && err2 == nil && a != b {
			t.Fatalf("%q gives %q, which means another URL", address, out)
		}
	})
}

// FuzzKeys: no secret crashes a reader of keys, or shows in its error.
func FuzzKeys(f *testing.F) {
	for _, s := range []string{"", "x", whsec, whpk, "whsec_", "whpk_AAAA", edKey, sendGridPublic, "MEUCIGHQ"} {
		f.Add([]byte(s))
	}
	readers := map[string]func([]byte) (key, error){"standard": standardKey, "gitlab": gitlabKey, "discord": discordKey, "sendgrid": sendGridKey}
	f.Fuzz(func(t *testing.T, text []byte) {
		for name, read := range readers {
			k, err := read(text)
			if err != nil {
				if len(text) > 24 && strings.Contains(err.Error(), string(text)) {
					t.Fatalf("%s: %v", name, err)
				}
				continue
			}
			if len(k.secret) == 0 && len(k.edwards) != 32 && k.curve == nil {
				t.Fatalf("%s: %q is a key of nothing", name, text)
			}
		}
	})
}

// FuzzHeaders checks that no headers crash a verifier, and that none get
// through that don't have a signature of the vector in them.
func FuzzHeaders(f *testing.F) {
	type target struct {
		verifier *Verifier
		vector   vector
		proof    string
	}
	var targets []target
	for _, v := range vectors() {
		verifier, err := New(v.options())
		if err != nil {
			f.Fatal(err)
		}
		value := v.header[0][1]
		targets = append(targets, target{verifier, v, strings.ToLower(value[max(0, len(value)-20) : len(value)-2])})
		stamp := ""
		if len(v.header) > 1 {
			stamp = v.header[1][1]
		}
		f.Add(value, stamp, "id-1")
	}
	f.Add("sha256=", "", "")
	f.Fuzz(func(t *testing.T, value, stamp, id string) {
		for _, x := range targets {
			h := x.vector.headers()
			h[x.vector.sigHeader()] = []string{value}
			for _, fam := range x.verifier.families {
				if fam.stamp != "" {
					h[fam.stamp] = []string{stamp}
				}
				if fam.id != "" {
					h[fam.id] = []string{id}
				}
			}
			if _, failure := verify(x.verifier, h, x.vector.signed); failure == OK && !strings.Contains(strings.ToLower(value), x.proof) && x.vector.name != "forgejo" {
				t.Fatalf("%s let %q through (timestamp %q, id %q)", x.vector.name, value, stamp, id)
			}
		}
	})
}

func BenchmarkGitHub(b *testing.B) {
	body := make([]byte, 1024)
	v, err := New(Options{Provider: config.GitHub, Keys: []secret.Value{secret.New([]byte(hubKey))}, Clock: clock.System{}})
	if err != nil {
		b.Fatal(err)
	}
	h := http.Header{"X-Hub-Signature-256": {"sha256=" + sign(hubKey, string(body))}}
	b.ReportAllocs()
	for b.Loop() {
		if _, failure := verify(v, h, Signed{Body: body}); failure != OK {
			b.Fatal(failure)
		}
	}
}

func BenchmarkCanonical(b *testing.B) {
	c := canonicalRequest()
	v, err := New(Options{
		Route: "/hm", Keys: []secret.Value{secret.New([]byte("sek1"))}, Clock: clock.NewManual(c.now), Tolerance: time.Minute,
		SignatureHeader: "X-Signature", TimestampHeader: "X-Timestamp", NonceHeader: "X-Nonce",
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, failure := verify(v, c.header, c.signed); failure != OK {
			b.Fatal(failure)
		}
	}
}

func BenchmarkStripe(b *testing.B) {
	body := make([]byte, 1024)
	v, err := New(Options{Provider: config.Stripe, Keys: []secret.Value{secret.New([]byte(hubKey))}, Clock: clock.NewManual(stripeNow)})
	if err != nil {
		b.Fatal(err)
	}
	h := http.Header{"Stripe-Signature": {"t=1764000000,v1=" + sign(hubKey, "1764000000."+string(body))}}
	b.ReportAllocs()
	for b.Loop() {
		if _, failure := verify(v, h, Signed{Body: body}); failure != OK {
			b.Fatal(failure)
		}
	}
}
