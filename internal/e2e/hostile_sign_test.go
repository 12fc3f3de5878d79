package e2e

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what old senders sign with
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// mac is the HMAC of text; macHex and macBase64 are its common forms.
func mac(digest func() hash.Hash, secret, text string) []byte {
	m := hmac.New(digest, []byte(secret))
	m.Write([]byte(text))
	return m.Sum(nil)
}

func macHex(secret, text string) string { return hex.EncodeToString(mac(sha256.New, secret, text)) }

func macBase64(secret, text string) string {
	return base64.StdEncoding.EncodeToString(mac(sha256.New, secret, text))
}

func unixIn(offset time.Duration) string {
	return strconv.FormatInt(time.Now().Add(offset).Unix(), 10)
}

const signKey = "e2e-signing-secret-of-enough-length"

const signedRoutes = githubRoute + `/canon {
  auth hmac raw:` + signKey + `
  pull { path /canon }
}
/stripe {
  auth hmac { provider stripe secret raw:` + signKey + ` }
  pull { path /stripe }
}
/ids {
  auth hmac { provider github secret raw:` + signKey + ` }
  dedupe header X-GitHub-Delivery window 1h
  pull { path /ids }
}
/query {
  auth hmac {
    provider generic
    secret raw:` + signKey + `
    signature_header X-Signature
    signed_text "{query}|{body}"
  }
  pull { path /query }
}
/basic {
  auth basic ops e2e-basic-password
  pull { path /basic }
}
/bearer {
  auth bearer raw:e2e-bearer-token-of-enough-length
  pull { path /bearer }
}
`

// canonical makes the header lines of the canonical scheme for a POST.
func canonical(timestamp, nonce, path, body string) string {
	return fmt.Sprintf("%sX-Timestamp: %s\r\nX-Nonce: %s\r\nX-Signature: %s\r\n", closing,
		timestamp, nonce, canonicalSignature(signKey, timestamp, path, []byte(body)))
}

func stripeHeader(stamp, body string, extra ...string) string {
	parts := append([]string{"t=" + stamp}, extra...)
	return closing + "Stripe-Signature: " + strings.Join(append(parts, "v1="+macHex(signKey, stamp+"."+body)), ",") + "\r\n"
}

func hub(signature string) string { return closing + "X-Hub-Signature-256: " + signature + "\r\n" }

// TestHostileSignatures has the rows of bad input section C that need no
// restart.
func TestHostileSignatures(t *testing.T) {
	d := newDaemon(t, signedRoutes).start()
	const ok, no = "202", "401 unauthorized"
	path := "/webhooks/github"
	good := githubSignature(githubSecret, []byte("b"))
	digits := strings.TrimPrefix(good, "sha256=")
	oldHub := "X-Hub-Signature: sha1=" + hex.EncodeToString(mac(sha1.New, githubSecret, "b")) + "\r\n"
	now := unixIn(0)
	captured := canonical(now, "n61", "/canon", "61")
	queried := canonical(now, "n64", "/canon", "64")
	sum := sha256.Sum256([]byte("65"))
	asDocumented := macHex(signKey, "POST\n/canon\n"+now+"\n"+hex.EncodeToString(sum[:]))
	wrapping := strconv.FormatUint(uint64(time.Now().Unix())+18_446_744_073, 10)
	many := strings.Split(strings.Repeat("v1="+strings.Repeat("0", 64)+" ", 16), " ")[:16]
	once := stripeHeader(now, "72")
	attempts := []attempt{
		{"badinput 61 first", rawPost("/canon", captured, "61"), ok},
		{"badinput 61 again", rawPost("/canon", captured, "61"), no},
		{"badinput 62 fresh nonce", rawPost("/canon", strings.Replace(captured, "n61", "n62", 1), "61"), no},
		{"badinput 61 same nonce, other body", rawPost("/canon", canonical(now, "n61", "/canon", "other"), "other"), no},
		{"badinput 64 the query is not signed", rawPost("/canon?a=1", queried, "64"), ok},
		{"badinput 64 another query is a replay", rawPost("/canon?a=2", queried, "64"), no},
		{"badinput 64 a scheme that signs the query", rawPost("/query?a=1", closing+"X-Signature: "+macHex(signKey, "a=1|64")+"\r\n", "64"), ok},
		{"badinput 64 another query there", rawPost("/query?a=2", closing+"X-Signature: "+macHex(signKey, "a=1|64")+"\r\n", "64"), no},
		{"badinput 65 the order of the documents of 2.11", rawPost("/canon", fmt.Sprintf("%sX-Timestamp: %s\r\nX-Nonce: n65\r\nX-Signature: %s\r\n", closing, now, asDocumented), "65"), no},
		{"badinput 67 a timestamp that wraps", rawPost("/stripe", stripeHeader(wrapping, "67"), "67"), no},
		{"badinput 68 two signatures", rawPost(path, hub(good)+"X-Hub-Signature-256: "+good+"\r\n", "b"), no},
		{"badinput 68 two timestamps", rawPost("/canon", canonical(now, "n68", "/canon", "68")+"X-Timestamp: "+now+"\r\n", "68"), no},
		{"badinput 70 SHA-1 alone", rawPost(path, closing+oldHub, "b"), no},
		{"badinput 70 prefix in capitals", rawPost(path, hub("SHA256="+digits), "b"), no},
		{"badinput 71 GitHub", rawPost(path, hub(good)+"X-GitHub-Delivery: 71\r\n", "b"), ok},
		{"badinput 71 GitHub again, kept twice", rawPost(path, hub(good)+"X-GitHub-Delivery: 71\r\n", "b"), ok},
		{"badinput 71 with dedupe", rawPost("/ids", hub("sha256="+macHex(signKey, "71"))+"X-GitHub-Delivery: 71\r\n", "71"), ok},
		{"badinput 71 with dedupe again, kept once", rawPost("/ids", hub("sha256="+macHex(signKey, "71"))+"X-GitHub-Delivery: 71\r\n", "71"), ok},
		{"badinput 71 with dedupe, forged", rawPost("/ids", hub("sha256="+macHex("forged", "71"))+"X-GitHub-Delivery: 71\r\n", "71"), no},
		{"badinput 72 Stripe", rawPost("/stripe", once, "72"), ok},
		{"badinput 72 Stripe again", rawPost("/stripe", once, "72"), no},
		{"badinput 73 16 values", rawPost("/stripe", stripeHeader(now, "73", many[:15]...), "73"), ok},
		{"badinput 73 17 values", rawPost("/stripe", stripeHeader(now, "73b", many...), "73b"), no},
		{"badinput 75 two basic credentials", rawPost("/basic", closing+authorization("ops")+authorization("ops"), "75"), no},
		{"badinput 75 two bearer tokens", rawPost("/bearer", closing+strings.Repeat("Authorization: Bearer e2e-bearer-token-of-enough-length\r\n", 2), "75"), no},
		{"badinput 75 two credentials beside a signature", rawPost(path, hub(good)+authorization("ops")+authorization("ops"), "b"), no},
		{"badinput 75 one", rawPost("/basic", closing+authorization("ops"), "75"), ok},
	}
	for name, stamp := range map[string]string{
		"302 s early": unixIn(302 * time.Second), "302 s late": unixIn(-302 * time.Second), "plus": "+" + now, "minus": "-" + now,
		"zero": "0", "largest": "9223372036854775807", "least": "-9223372036854775808", "beyond": "18446744073709551616",
		"fraction": now + ".5", "exponent": "1e9", "milliseconds": now + "000",
	} {
		attempts = append(attempts, attempt{"badinput 66 " + name, rawPost("/canon", canonical(stamp, "n66"+name, "/canon", "66"), "66"), no})
	}
	for name, signature := range map[string]string{
		"empty": "", "prefix alone": "sha256=", "odd": "sha256=" + digits[:63], "short": "sha256=" + digits[:62], "long": "sha256=" + digits + "00",
		"no hex": "sha256=" + digits[:63] + "g", "trailing bytes": "sha256=" + digits + ";", "in quotes": `"` + good + `"`,
	} {
		attempts = append(attempts, attempt{"badinput 69 " + name, rawPost(path, hub(signature), "b"), no})
	}
	attempts = append(attempts, attempt{"badinput 69 upper-case hex", rawPost(path, hub("sha256="+strings.ToUpper(digits)), "b"), ok})
	d.try(t, attempts)
	d.stored(t, "/canon", "61", "64")
	d.stored(t, "/query", "64")
	d.stored(t, "/stripe", "72", "73")
	d.stored(t, "/ids", "71")
	d.stored(t, "/basic", "75")
	d.stored(t, "/bearer")
	if got := d.drain("/github"); got["b"] != 3 || len(got) != 1 {
		t.Errorf("stored %v, want b three times", got)
	}
}

func authorization(user string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":e2e-basic-password")) + "\r\n"
}

// TestReplayIsRefusedOverRestart has rows 61 to 63 of bad input: a captured
// request, also with a fresh nonce, also after a reload and a restart.
func TestReplayIsRefusedOverRestart(t *testing.T) {
	d := newDaemon(t, signedRoutes).start()
	ts := unixIn(0)
	check := func(step, nonce, want string) {
		t.Helper()
		raw := rawPost("/canon", strings.Replace(canonical(ts, "n", "/canon", "z"), "X-Nonce: n", "X-Nonce: "+nonce, 1), "z")
		if got := summary(d.wire(t, raw)); got != want {
			t.Errorf("badinput 63, %s: %s, want %s", step, got, want)
		}
	}
	const ok, no = "202", "401 unauthorized"
	check("first", "n", ok)
	d.writeConfig(signedRoutes + "/more { pull { path /more } }\n")
	d.reload()
	check("after a reload", "n", no)
	check("after a reload, fresh nonce", "n2", no)
	d.stop()
	d.start()
	check("after a restart", "n", no)
	check("after a restart, fresh nonce", "n3", no)
	d.stored(t, "/canon", "z")
}

// TestFloodOfForgeries is row 76: it leaves a line per second and class in the
// log, and all of it in the metrics.
func TestFloodOfForgeries(t *testing.T) {
	d := newDaemon(t, "observability { access_log off }\n"+githubRoute).start()
	conn := &rawConn{}
	defer conn.close()
	began := time.Now()
	for range 1000 {
		must(t, conn.expect(http.StatusUnauthorized, d.ingress, request("/webhooks/github", "X-Hub-Signature-256: sha256="+strings.Repeat("0", 64)+"\r\n", []byte("b"))))
	}
	most := int(time.Since(began)/time.Second) + 2
	d.eventually("told of", func() bool { return strings.Contains(d.log.String(), "request refused") })
	if n := strings.Count(d.log.String(), "request refused"); n > most {
		t.Errorf("badinput 76: %d lines, want 1 to %d", n, most)
	}
}
