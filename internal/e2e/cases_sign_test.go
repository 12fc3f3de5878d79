package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

const (
	body1     = `{"id":1}`
	shortKey  = "s3cret"
	gitlabKey = "whsec_ZTJlLXNpZ25pbmctc2VjcmV0LW9mLWVub3VnaC1sZW5ndGg="
)

// caseRoutes has a route for each way of signing that the cases of section A
// need, whose provider is told by its name.
const caseRoutes = githubRoute + `/stripe2 {
  auth hmac { provider stripe secret raw:whsec_new }
  pull { path /stripe2 }
}
/plain {
  auth hmac { provider github secret raw:` + shortKey + ` }
  pull { path /plain }
}
/bitbucket {
  auth hmac { provider bitbucket secret raw:` + shortKey + ` }
  pull { path /bitbucket }
}
/gitea {
  auth hmac { provider gitea secret raw:` + shortKey + ` }
  pull { path /gitea }
}
/standard {
  auth hmac { provider standard-webhooks secret raw:` + gitlabKey + ` }
  pull { path /standard }
}
/gitlab {
  auth hmac { provider gitlab secret raw:tok }
  pull { path /gitlab }
}
/gitlab-signed {
  auth hmac { provider gitlab secret raw:` + gitlabKey + ` }
  pull { path /gitlab-signed }
}
/cituro {
  auth hmac { provider cituro secret raw:k }
  pull { path /cituro }
}
/shopify {
  auth hmac { provider shopify secret raw:shpss }
  pull { path /shopify }
}
/square {
  auth hmac { provider square secret raw:sqkey url https://hooks.example.net/sq }
  pull { path /square }
}
/events {
  auth hmac { provider github secret raw:` + shortKey + ` }
  match { header X-GitHub-Event push }
  ignore_unmatched 204
  pull { path /events }
}
`

// TestSignatureCases has cases of section A about how providers sign.
func TestSignatureCases(t *testing.T) {
	d := newDaemon(t, caseRoutes).start()
	const ok, no = "202", "401 unauthorized"
	now, old := unixIn(0), unixIn(-time.Hour)
	v1 := func(secret, body string) string { return "v1=" + macHex(secret, now+"."+body) }
	stripe := func(body string, parts ...string) string {
		return rawPost("/stripe2", closing+"Stripe-Signature: t="+now+","+strings.Join(parts, ",")+"\r\n", body)
	}
	header := func(route, lines, body string) string { return rawPost(route, closing+lines+"\r\n", body) }
	hexOf := func(body string) string { return macHex(shortKey, body) }
	standardMAC := macBase64(signKey, "msg_16."+now+"."+body1)
	standardHead := func(prefix, signatures string) string {
		return fmt.Sprintf("%s-id: msg_16\r\n%s-timestamp: %s\r\n%s-signature: %s", prefix, prefix, now, prefix, signatures)
	}
	millis := millisOf(time.Now())
	shop, square := macBase64("shpss", body1), macBase64("sqkey", "https://hooks.example.net/sq"+body1)
	d.try(t, []attempt{
		// first, because the log has one line per second and class
		{"C22 another URL", header("/square", "X-Square-Hmacsha256-Signature: "+macBase64("sqkey", "https://hooks.example.net/sq/"+body1), body1), no},
		{"C01 old, then new", stripe("1", v1("whsec_old", "1"), v1("whsec_new", "1")), ok},
		{"C01 new, then old", stripe("2", v1("whsec_new", "2"), v1("whsec_old", "2")), ok},
		{"C01 old alone", stripe("3", v1("whsec_old", "3")), no},
		{"C01 the prefix is part of the secret", stripe("4", v1("new", "4")), no},
		{"C02 junk first", stripe("5", "v1=zz", "v1=", "v0=00", "v2=00", v1("whsec_new", "5")), ok},
		{"C02 10,000 entries", stripe("6", strings.Repeat("v1=,", 9999)+v1("whsec_new", "6")), no},
		{"C13 SHA-256 in X-Hub-Signature", header("/bitbucket", "X-Hub-Signature: sha256="+hexOf(body1), body1), ok},
		{"C13 unsigned ping", header("/bitbucket", "X-Event-Key: diagnostics:ping", body1), no},
		{"C14 both families", header("/gitea", "X-Gitea-Signature: "+hexOf("14")+"\r\nX-Hub-Signature-256: sha256="+hexOf("14"), "14"), ok},
		{"C14 its own header decides", header("/gitea", "X-Gitea-Signature: "+hexOf("x")+"\r\nX-Hub-Signature-256: sha256="+hexOf("14"), "14"), no},
		{"C16 a wrong one beside", header("/standard", standardHead("webhook", "v1a,AAAA v1,AAAA= v1,"+standardMAC), body1), ok},
		{"C16 the same again, with two blanks, is a repeat", header("/standard", standardHead("webhook", "v1a,AAAA  v1,AAAA=  v1,"+standardMAC), body1), ok},
		{"C16 asymmetric alone", header("/standard", standardHead("webhook", "v1a,"+standardMAC), body1), no},
		{"C16 names of svix", header("/standard", standardHead("svix", "v1,"+standardMAC), body1), ok},
		{"C17 a token", header("/gitlab", "X-Gitlab-Token: tok", "a"), ok},
		{"C17 b token beside an id", header("/gitlab", "X-Gitlab-Token: tok\r\nwebhook-id: 1\r\nwebhook-timestamp: "+now, "b"), ok},
		{"C17 c signature", header("/gitlab-signed", standardHead("webhook", "v1,"+standardMAC), body1), ok},
		{"C17 d token where a signature is due", header("/gitlab-signed", "X-Gitlab-Token: "+gitlabKey, body1), no},
		{"C17 wrong token", header("/gitlab", "X-Gitlab-Token: toc", "c"), no},
		{"C19 milliseconds", header("/cituro", "X-CITURO-SIGNATURE: t="+millis+",s="+macHex("k", millis+"."+body1), body1), ok},
		{"C19 milliseconds for seconds", rawPost("/stripe2", closing+"Stripe-Signature: t="+millis+",v1="+macHex("whsec_new", millis+".7")+"\r\n", "7"), no},
		{"C19 seconds for milliseconds", header("/cituro", "X-CITURO-SIGNATURE: t="+now+",s="+macHex("k", now+".8"), "8"), no},
		{"C20 base64", header("/shopify", "X-Shopify-Hmac-Sha256: "+shop, body1), ok},
		{"C20 hexadecimal", header("/shopify", "X-Shopify-Hmac-Sha256: "+macHex("shpss", body1), body1), no},
		{"C20 without padding", header("/shopify", "X-Shopify-Hmac-Sha256: "+strings.TrimRight(shop, "="), body1), no},
		{"C22 the URL as configured", header("/square", "X-Square-Hmacsha256-Signature: "+square, body1), ok},
		{"C31 ping is a success", header("/events", "X-GitHub-Event: ping\r\nX-Hub-Signature-256: sha256="+hexOf("ping"), "ping"), "204"},
		{"C31 unsigned ping", header("/events", "X-GitHub-Event: ping", "ping"), no},
		{"C31 push", header("/events", "X-GitHub-Event: push\r\nX-Hub-Signature-256: sha256="+hexOf("push"), "push"), ok},
		{"C31 ping without a matcher", header("/plain", "X-GitHub-Event: ping\r\nX-Hub-Signature-256: sha256="+hexOf("ping"), "ping"), ok},
		{"badinput 66 stale for Stripe", header("/stripe2", "Stripe-Signature: t="+old+",v1="+macHex("whsec_new", old+".9"), "9"), no},
	})
	d.eventually("hinting at the URL of C22 in the log", func() bool { return strings.Contains(d.log.String(), "to the last slash") })
	t.Run("C17 the token stays here", func(t *testing.T) {
		for _, it := range d.dequeue("/gitlab", `{"batch":10}`) {
			if _, kept := it.Headers["X-Gitlab-Token"]; kept {
				t.Error("the worker sees the token")
			}
		}
	})
	d.stored(t, "/stripe2", "1", "2", "5")
	d.stored(t, "/standard", body1)
	d.stored(t, "/events", "push")
}

// TestRefusalsTellNothing is case C11: whatever the reason, the answer is the
// same, and no answer and no log has the secret or the signature that would
// have been right.
func TestRefusalsTellNothing(t *testing.T) {
	d := newDaemon(t, "observability { runtime_log debug }\n"+signedRoutes).start()
	now, old := unixIn(0), unixIn(-time.Hour)
	replayed := rawPost("/canon", canonical(now, "n", "/canon", "b"), "b")
	if got := summary(d.wire(t, replayed)); got != "202" {
		t.Fatalf("the first one: %s", got)
	}
	wrong := canonical(now, "n1", "/canon", "other")
	bodies := map[string]string{}
	for class, raw := range map[string]string{
		"missing":   rawPost("/canon", closing, "b"),
		"malformed": rawPost("/canon", closing+"X-Timestamp: "+now+"\r\nX-Nonce: n\r\nX-Signature: zz\r\n", "b"),
		"stale":     rawPost("/canon", canonical(old, "n2", "/canon", "b"), "b"),
		"mismatch":  rawPost("/canon", wrong, "b"),
		"replay":    replayed,
	} {
		got := d.wire(t, raw)
		if summary(got) != "401 unauthorized" {
			t.Errorf("C11 %s: %s", class, summary(got))
		}
		bodies[string(got[0].body)] = class
		d.eventually("in the log: "+class, func() bool { return strings.Contains(d.log.String(), `"reason":"auth_`+class) })
	}
	if len(bodies) != 1 {
		t.Errorf("C11: the answers differ: %v", bodies)
	}
	if !strings.Contains(d.log.String(), "timestamp, method, path") {
		t.Error("badinput 65: the log doesn't say which text was expected")
	}
	for _, hidden := range []string{signKey, canonicalSignature(signKey, now, "/canon", []byte("b")), canonicalSignature(signKey, old, "/canon", []byte("b"))} {
		if strings.Contains(d.log.String(), hidden) {
			t.Errorf("C11: the log has %q", hidden)
		}
	}
}

// TestSecretFiles is case C28: the line end of a secret in a file isn't part of
// it.
func TestSecretFiles(t *testing.T) {
	contents := []string{"", "\n", "\r\n", " \n", "\n\n"}
	d := newDaemon(t, "")
	var routes strings.Builder
	for i, end := range contents {
		must(t, os.WriteFile(d.path("key"+itoa(i)), []byte(signKey+end), 0o600))
		_, _ = fmt.Fprintf(&routes, "/f%d {\n  auth hmac { provider github secret file:%s }\n  pull { path /f%d }\n}\n", i, d.path("key"+itoa(i)), i)
	}
	d.writeConfig(routes.String())
	if _, errs, code := d.hookaido("config", "validate", "--config", d.path("Hookaidofile")); code != 0 || strings.Count(errs, "white space around the secret") != 2 {
		t.Errorf("C28: exit code %d, want warnings for the two with more than a line end:\n%s", code, errs)
	}
	d.start()
	for i, end := range contents {
		if got := summary(d.wire(t, rawPost("/f"+itoa(i), hub("sha256="+macHex(signKey, "b")), "b"))); got != "202" {
			t.Errorf("C28: with %q behind the secret: %s", end, got)
		}
	}
}

// TestMissingSecrets is case C29 and row 74 of bad input: a secret that isn't
// there, or is empty, is an error that names the line, and never a way in.
func TestMissingSecrets(t *testing.T) {
	t.Setenv("HOOKAIDO_E2E_EMPTY", "")
	routes := func(ref string) string {
		return openRoute + "/signed {\n  auth hmac { provider github secret " + ref + " }\n  pull { path /signed }\n}\n"
	}
	for name, ref := range map[string]string{
		"badinput 74 empty": "raw:", "C29 variable that isn't set": "env:HOOKAIDO_E2E_NOT_SET", "C29 empty variable": "env:HOOKAIDO_E2E_EMPTY",
		"C29 no file": "file:/nonexistent", "C29 empty file": "file:EMPTY", "C29 no credential": "credential:nope",
	} {
		t.Run(name, func(t *testing.T) {
			d := newDaemon(t, openRoute)
			must(t, os.WriteFile(d.path("empty"), nil, 0o600))
			bad := routes(strings.Replace(ref, "EMPTY", d.path("empty"), 1))
			d.writeConfig(bad)
			d.launch()
			if code := d.wait(); code == 0 || !strings.Contains(d.log.String(), "Hookaidofile:") {
				t.Errorf("start: exit code %d, want an error that names the line:\n%s", code, d.log)
			}
			d.writeConfig(openRoute)
			d.start()
			d.writeConfig(bad)
			if _, errs, code := d.hookaido("reload", "--socket", d.socket); code == 0 {
				t.Errorf("reload: exit code 0: %s", errs)
			}
			if got := summary(d.wire(t, rawPost("/signed", closing, "b"))); got != "404 not_found" {
				t.Errorf("after the failed reload: %s, want the old routes", got)
			}
			if got := summary(d.wire(t, rawPost("/in", closing, "b"))); got != "202" {
				t.Errorf("after the failed reload the old route answers %s", got)
			}
			d.kill()
		})
	}
}

// TestRetryAfterOurFailure is case C32: what we could not store is no replay
// when it comes again.
func TestRetryAfterOurFailure(t *testing.T) {
	routes := "queue_limits { max_depth 1 }\n/open { pull { path /open } }\n" + signedRoutes
	d := newDaemon(t, routes).start()
	send := func(step, want string, raw string) {
		t.Helper()
		got := d.wire(t, raw)
		if summary(got) != want {
			t.Errorf("C32, %s: %s, want %s", step, summary(got), want)
		}
		if want == "503 queue_full" && got[0].header.Get("Retry-After") == "" {
			t.Errorf("C32, %s: no Retry-After", step)
		}
	}
	signed := rawPost("/canon", canonical(unixIn(0), "n", "/canon", "b"), "b")
	send("fill", "202", rawPost("/open", closing, "full"))
	send("full", "503 queue_full", signed)
	d.drain("/open")
	send("retry", "202", signed)
	send("replay while full", "401 unauthorized", signed)
	d.stored(t, "/canon", "b")
	send("replay", "401 unauthorized", signed)
	d.writeConfig(routes + "/more { pull { path /more } }\n")
	d.reload()
	send("replay after a reload", "401 unauthorized", signed)
	d.stored(t, "/canon")
}

// envelope is what the pull API says of a request beside its body.
type envelope struct {
	Method  string            `json:"method"`
	Query   string            `json:"query"`
	Headers map[string]string `json:"headers"`
	Values  [][2]string       `json:"header_values"`
	Trace   map[string]string `json:"trace"`
	Payload string            `json:"payload_b64"`
}

// envelopes takes all that is ready at an endpoint.
func (d *daemon) envelopes(t *testing.T, endpoint string) []envelope {
	t.Helper()
	a := d.call(endpoint+"/dequeue", `{"batch":100}`)
	var got struct{ Items []envelope }
	if err := json.Unmarshal(a.body, &got); err != nil || a.status != http.StatusOK {
		t.Fatalf("dequeue: %d %s", a.status, a.body)
	}
	return got.Items
}
