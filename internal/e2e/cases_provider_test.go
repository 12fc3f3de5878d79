package e2e

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // what Twilio and Trello sign with
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// provider is a way of signing, as a sender does it.
type provider struct {
	name string
	// options are lines of the Hookaidofile beside provider and secret.
	options string
	secret  string // signKey if empty
	// sign returns the header lines for a body that was made at a time, as the
	// holder of the key or as somebody else.
	sign func(body string, at time.Time, forged bool) string
	// body has the digit 1, which is changed on the way; that of a token and
	// that of a timestamp in the body are special.
	body               func(at time.Time) string
	tokenOnly, stamped bool
}

func keyOf(forged bool) string {
	if forged {
		return "a-key-that-somebody-else-has-made-up"
	}
	return signKey
}

// overBody signs the body alone, after the last word of the header line.
func overBody(header string) func(string, time.Time, bool) string {
	return func(body string, _ time.Time, forged bool) string {
		return header + macHex(keyOf(forged), body) + "\r\n"
	}
}

func stampOf(at time.Time) string  { return strconv.FormatInt(at.Unix(), 10) }
func millisOf(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }

const hookURL = "https://hooks.example.net/sq"

func providers(t testing.TB) []provider {
	t.Helper()
	v0 := func(prefix string) func(string, time.Time, bool) string {
		return func(body string, at time.Time, forged bool) string {
			return fmt.Sprintf("%s-Request-Timestamp: %s\r\n%s-Signature: v0=%s\r\n", prefix, stampOf(at), prefix,
				macHex(keyOf(forged), "v0:"+stampOf(at)+":"+body))
		}
	}
	sha1Base64 := func(forged bool, text string) string {
		return base64.StdEncoding.EncodeToString(mac(sha1.New, keyOf(forged), text))
	}
	all := []provider{
		{name: "github", sign: overBody("X-Hub-Signature-256: sha256=")},
		{name: "meta", sign: overBody("X-Hub-Signature-256: sha256=")},
		{name: "gitea", sign: overBody("X-Gitea-Signature: ")},
		{name: "forgejo", sign: overBody("X-Forgejo-Signature: ")},
		{name: "bitbucket", sign: overBody("X-Hub-Signature: sha256=")},
		{name: "linear", sign: overBody("Linear-Signature: "), stamped: true, body: func(at time.Time) string { return `{"n":1,"webhookTimestamp":` + millisOf(at) + `}` }},
		{name: "gitlab-token", tokenOnly: true, sign: func(_ string, _ time.Time, forged bool) string { return "X-Gitlab-Token: " + keyOf(forged) + "\r\n" }},
		{name: "stripe", stamped: true, sign: func(body string, at time.Time, forged bool) string {
			return "Stripe-Signature: t=" + stampOf(at) + ",v1=" + macHex(keyOf(forged), stampOf(at)+"."+body) + "\r\n"
		}},
		{name: "cituro", stamped: true, sign: func(body string, at time.Time, forged bool) string {
			return "X-CITURO-SIGNATURE: t=" + millisOf(at) + ",s=" + macHex(keyOf(forged), millisOf(at)+"."+body) + "\r\n"
		}},
		{name: "slack", stamped: true, sign: v0("X-Slack")},
		{name: "zoom", stamped: true, sign: v0("x-zm")},
		{name: "shopify", sign: func(body string, _ time.Time, forged bool) string {
			return "X-Shopify-Hmac-Sha256: " + macBase64(keyOf(forged), body) + "\r\n"
		}},
		{name: "x", sign: func(body string, _ time.Time, forged bool) string {
			return "x-twitter-webhooks-signature: sha256=" + macBase64(keyOf(forged), body) + "\r\n"
		}},
		{name: "square", options: "url " + hookURL, sign: func(body string, _ time.Time, forged bool) string {
			return "X-Square-Hmacsha256-Signature: " + macBase64(keyOf(forged), hookURL+body) + "\r\n"
		}},
		{name: "trello", options: "url " + hookURL, sign: func(body string, _ time.Time, forged bool) string {
			return "X-Trello-Webhook: " + sha1Base64(forged, body+hookURL) + "\r\n"
		}},
		{name: "twilio", options: "url " + hookURL, body: func(time.Time) string { return "To=2&From=1" }, sign: func(body string, _ time.Time, forged bool) string {
			to, from, _ := strings.Cut(body, "&") // sorted by name, without separators
			text := hookURL + strings.Replace(from+to, "=", "", 2)
			return "Content-Type: application/x-www-form-urlencoded\r\nX-Twilio-Signature: " + sha1Base64(forged, text) + "\r\n"
		}},
		{name: "hubspot", options: "url " + hookURL, stamped: true, sign: func(body string, at time.Time, forged bool) string {
			return "X-HubSpot-Request-Timestamp: " + millisOf(at) + "\r\nX-HubSpot-Signature-v3: " +
				macBase64(keyOf(forged), "POST"+hookURL+body+millisOf(at)) + "\r\n"
		}},
		{name: "generic", options: "signature_header X-Acme-Signature\ntimestamp_header X-Acme-Time\nsignature_prefix v1=\nencoding base64url\nsigned_text \"{timestamp}.{body}\"",
			stamped: true, sign: func(body string, at time.Time, forged bool) string {
				return "X-Acme-Time: " + stampOf(at) + "\r\nX-Acme-Signature: v1=" +
					strings.TrimRight(base64.URLEncoding.EncodeToString(mac(sha256.New, keyOf(forged), stampOf(at)+"."+body)), "=") + "\r\n"
			}},
		standard("standard-webhooks", "webhook"), standard("svix", "svix"), standard("gitlab", "webhook"),
	}
	return append(all, standardPublic(t), discord(t), sendgrid(t))
}

// standard is the scheme of Standard Webhooks, whose secrets are base64.
func standard(name, prefix string) provider {
	return provider{name: name, secret: "whsec_" + base64.StdEncoding.EncodeToString([]byte(signKey)), stamped: true,
		sign: func(body string, at time.Time, forged bool) string {
			id := "msg_" + strconv.Itoa(len(body))
			return fmt.Sprintf("%s-id: %s\r\n%s-timestamp: %s\r\n%s-signature: v1a,AAAA v1,%s\r\n", prefix, id, prefix, stampOf(at), prefix,
				macBase64(keyOf(forged), id+"."+stampOf(at)+"."+body))
		}}
}

func edwards(t testing.TB) (public ed25519.PublicKey, sign func(text string, forged bool) []byte) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	_, other, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	return public, func(text string, forged bool) []byte {
		if forged {
			return ed25519.Sign(other, []byte(text))
		}
		return ed25519.Sign(private, []byte(text))
	}
}

func standardPublic(t testing.TB) provider {
	t.Helper()
	public, sign := edwards(t)
	return provider{name: "standard-webhooks", secret: "whpk_" + base64.StdEncoding.EncodeToString(public), stamped: true,
		sign: func(body string, at time.Time, forged bool) string {
			return "webhook-id: msg_pub\r\nwebhook-timestamp: " + stampOf(at) + "\r\nwebhook-signature: v1,AAAA v1a," +
				base64.StdEncoding.EncodeToString(sign("msg_pub."+stampOf(at)+"."+body, forged)) + "\r\n"
		}}
}

func discord(t testing.TB) provider {
	t.Helper()
	public, sign := edwards(t)
	return provider{name: "discord", secret: hex.EncodeToString(public), stamped: true,
		sign: func(body string, at time.Time, forged bool) string {
			return "X-Signature-Timestamp: " + stampOf(at) + "\r\nX-Signature-Ed25519: " + hex.EncodeToString(sign(stampOf(at)+body, forged)) + "\r\n"
		}}
}

func sendgrid(t testing.TB) provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	must(t, err)
	const header = "X-Twilio-Email-Event-Webhook-"
	return provider{name: "sendgrid", secret: base64.StdEncoding.EncodeToString(der), stamped: true,
		sign: func(body string, at time.Time, forged bool) string {
			signer := key
			if forged {
				signer = other
			}
			sum := sha256.Sum256([]byte(stampOf(at) + body))
			signature, err := ecdsa.SignASN1(rand.Reader, signer, sum[:])
			if err != nil {
				t.Error(err)
			}
			return header + "Timestamp: " + stampOf(at) + "\r\n" + header + "Signature: " + base64.StdEncoding.EncodeToString(signature) + "\r\n"
		}}
}

// TestEveryProvider signs as each provider does. A changed octet of the body,
// another secret, an old timestamp and an absent header are refused alike, and
// so is every malformed signature of case C10.
func TestEveryProvider(t *testing.T) {
	all := providers(t)
	var routes strings.Builder
	for i, p := range all {
		secret := p.secret
		if secret == "" {
			secret = signKey
		}
		_, _ = fmt.Fprintf(&routes, "/p%d {\n  auth hmac {\n    provider %s\n    secret raw:%s\n    %s\n  }\n  pull { path /p%d }\n}\n", i, p.name, secret, p.options, i)
	}
	d := newDaemon(t, routes.String()).start()
	for i, p := range all {
		t.Run(p.name, func(t *testing.T) {
			route, now := "/p"+strconv.Itoa(i), time.Now()
			bodyAt := p.body
			if bodyAt == nil {
				bodyAt = func(time.Time) string { return `{"n":1}` }
			}
			body := bodyAt(now)
			good := p.sign(body, now, false)
			const ok, no = "202", "401 unauthorized"
			changed := no
			if p.tokenOnly {
				changed = ok
			}
			other := strings.Replace(body, "1", "3", 1)
			attempts := []attempt{
				{"forged", rawPost(route, closing+p.sign(body, now, true), body), no},
				{"changed body", rawPost(route, closing+good, other), changed},
				{"no header", rawPost(route, closing, body), no},
			}
			if p.stamped {
				for name, at := range map[string]time.Time{"stale": now.Add(-time.Hour), "early": now.Add(time.Hour)} {
					body := bodyAt(at)
					attempts = append(attempts, attempt{name, rawPost(route, closing+p.sign(body, at, false), body), no})
				}
			}
			attempts = append(append(attempts, withoutEachHeader(route, good, body)...), malformed(route, good, body)...)
			// the good one comes last, or others would be refused as replays of it
			d.try(t, append(attempts, attempt{"good", rawPost(route, closing+good, body), ok}))
			want := []string{body}
			if p.tokenOnly {
				want = append(want, other)
			}
			d.stored(t, route, want...)
		})
	}
}

// withoutEachHeader drops one of the lines that sign a request at a time.
func withoutEachHeader(route, signed, body string) []attempt {
	var attempts []attempt
	lines := strings.SplitAfter(strings.TrimSuffix(signed, "\r\n"), "\r\n")
	for i, line := range lines {
		rest := strings.Join(append(append([]string{closing}, lines[:i]...), lines[i+1:]...), "")
		if !strings.HasSuffix(rest, "\r\n") {
			rest += "\r\n"
		}
		name, _, _ := strings.Cut(line, ":")
		attempts = append(attempts, attempt{"without " + name, rawPost(route, rest, body), "401 unauthorized"})
	}
	return attempts
}

// malformed is case C10: the header with the signature, which is the last line,
// with what no sender writes.
func malformed(route, signed, body string) []attempt {
	lines := strings.SplitAfter(strings.TrimSuffix(signed, "\r\n"), "\r\n")
	before := strings.Join(lines[:len(lines)-1], "")
	name, value, _ := strings.Cut(lines[len(lines)-1], ": ")
	values := map[string]string{
		"empty": "", "letter": "a", "sha256": "sha256", "sha256=": "sha256=", "no hex": "sha256=zz", "63 digits": "sha256=" + strings.Repeat("0", 63),
		"65 digits": "sha256=" + strings.Repeat("0", 65), "commas": strings.Repeat(",", 8000), "equals": "=,=,=", "two octets each": strings.Repeat("é", 32),
		"v0": "v0=", "v1": "v1,", "t alone": "t=1", "quoted": `"` + value + `"`, "longer": value + "0", "shorter": value[:len(value)-1],
	}
	var attempts []attempt
	for what, bad := range values {
		attempts = append(attempts, attempt{"C10 " + what, rawPost(route, closing+before+name+": "+bad+"\r\n", body), "401 unauthorized"})
	}
	attempts = append(attempts,
		attempt{"C10 control character", rawPost(route, closing+before+name+": a\x01b\r\n", body), "400 bad_request"},
		attempt{"C10 the header twice", rawPost(route, closing+signed+name+": "+value+"\r\n", body), "401 unauthorized"})
	return attempts
}
