package hmac

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/secret"
)

// FuzzHeaders checks that no header crashes the parsers, and that none gets
// through that does not hold the right signature, in hex, in so many words.
func FuzzHeaders(f *testing.F) {
	stripe := "t=1764000000,v1=" + sign(hubKey, "1764000000."+body1)
	for _, value := range []string{
		"", "a", "sha256=", "sha256=" + good, good, stripe, stripe + ",v1=zz", "t=+1,v1=", "=,=,=", "t=,v1", "v1=" + good,
		strings.Repeat(",", 100), "sha256=é", "t=99999999999999999999,v1=" + good,
	} {
		f.Add(value, "1764000000", "nonce")
	}
	var verifiers []*Verifier
	for _, p := range []config.Provider{config.GitHub, config.Gitea, config.Stripe, config.Canonical} {
		v, err := New(Options{
			Provider: p, Route: "/h", Keys: []secret.Value{secret.New([]byte(hubKey))}, Clock: clock.NewManual(stripeNow),
			SignatureHeader: "X-Signature", TimestampHeader: "X-Timestamp", NonceHeader: "X-Nonce", Tolerance: time.Minute,
		})
		if err != nil {
			f.Fatal(err)
		}
		verifiers = append(verifiers, v)
	}
	f.Fuzz(func(t *testing.T, value, stamp, nonce string) {
		for _, v := range verifiers {
			h := http.Header{v.families[0].signature: {value}, "X-Timestamp": {stamp}, "X-Nonce": {nonce}}
			s := Signed{Method: "POST", Path: "/h", Body: []byte(body1)}
			if _, failure := verify(v, h, s); failure != OK {
				continue
			}
			signatureOf := map[config.Provider]func() string{
				config.GitHub: func() string { return good },
				config.Gitea:  func() string { return good },
				config.Stripe: func() string {
					_, after, _ := strings.Cut(value, "t=")
					at, _, _ := strings.Cut(after, ",")
					return sign(hubKey, strings.TrimSpace(at)+"."+body1)
				},
				config.Canonical: func() string {
					sum := "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
					return sign(hubKey, strings.TrimSpace(stamp)+"\nPOST\n/h\n"+sum)
				},
			}[v.provider]()
			if !strings.Contains(strings.ToLower(value), signatureOf) {
				t.Fatalf("%s let %q through (timestamp %q)", v.provider, value, stamp)
			}
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
