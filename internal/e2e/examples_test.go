package e2e

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const examples = "../../etc/examples/"

// loopback are the variables by which examples may deliver to this machine.
var loopback = []string{"APP_NETWORK", "BILLING_ALLOW", "NOTIFY_ALLOW"}

// example is a daemon on an example, which stays as it is: its sockets come as
// from systemd, its secrets are credentials, and its targets are variables of
// the environment.
type example struct {
	*daemon
	secrets map[string]string
	trusted *tls.Config
}

// startExample starts a daemon on an example. The variables that name targets
// get the URL of the receiver with their own names as the path.
func startExample(t *testing.T, name string, a *authority, to *inbox, sockets ...string) *example {
	t.Helper()
	text, err := os.ReadFile(examples + name + ".Hookaidofile")
	must(t, err)
	e := &example{daemon: newDaemon(t, ""), trusted: a.trust(""), secrets: map[string]string{
		"pull-token": pullToken, "admin-token": adminToken, "publish-token": adminToken, "github-webhook": githubSecret,
		"chat-signing-key": "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))),
	}}
	e.configure(string(text))
	cert, key := a.issue("hookaido")
	e.secrets["tls-cert"], e.secrets["tls-key"] = string(cert), string(key)
	must(t, os.Mkdir(e.path("credentials"), 0o700))
	for _, match := range regexp.MustCompile(`\bcredential:([a-z-]+)`).FindAllStringSubmatch(string(text), -1) {
		name := match[1]
		if e.secrets[name] == "" {
			e.secrets[name] = name + " with enough length for a secret"
		}
		must(t, os.WriteFile(filepath.Join(e.path("credentials"), name), []byte(e.secrets[name]), 0o600))
	}
	must(t, os.WriteFile(e.path("authority.pem"), a.pem, 0o600))
	t.Setenv("SSL_CERT_FILE", e.path("authority.pem"))
	t.Setenv("CREDENTIALS_DIRECTORY", e.path("credentials"))
	for _, variable := range loopback {
		t.Setenv(variable, "127.0.0.0/8")
	}
	for _, match := range regexp.MustCompile(`\{\$([A-Z]+_URL):`).FindAllStringSubmatch(string(text), -1) {
		t.Setenv(match[1], to.server.URL+"/"+match[1])
	}
	if _, stderr, code := e.hookaido("config", "validate", "--strict", "--strict-secrets", "--config", e.path("Hookaidofile")); code != 0 {
		t.Fatalf("%s is not valid: %s", name, stderr)
	}
	addresses := map[string]string{"ingress": e.ingress, "pull": e.pull, "admin": e.admin}
	var open []passed
	for _, name := range sockets {
		l, err := net.Listen("tcp", addresses[name])
		must(t, err)
		t.Cleanup(func() { _ = l.Close() })
		open = append(open, passed{name, l})
	}
	e.launchWith(open...)
	e.untilReady()
	return e
}

// delivery is a request that a target got.
type delivery struct {
	path   string
	header http.Header
	body   string
}

// inbox is a target with TLS that keeps what it gets.
type inbox struct {
	server *httptest.Server
	got    chan delivery
}

func newInbox(t *testing.T, a *authority) *inbox {
	t.Helper()
	pair, err := tls.X509KeyPair(a.issue("target"))
	must(t, err)
	in := &inbox{got: make(chan delivery, 100)}
	in.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		in.got <- delivery{r.URL.Path, r.Header, string(body)}
		w.WriteHeader(http.StatusNoContent)
	}))
	in.server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	in.server.StartTLS()
	t.Cleanup(in.server.Close)
	return in
}

// next waits for n deliveries and returns them in the order of their paths.
func (in *inbox) next(t *testing.T, n int) []delivery {
	t.Helper()
	var list []delivery
	for range n {
		select {
		case d := <-in.got:
			list = append(list, d)
		case <-time.After(patience):
			t.Fatalf("%d of %d deliveries came", len(list), n)
		}
	}
	slices.SortFunc(list, func(a, b delivery) int { return strings.Compare(a.path, b.path) })
	return list
}

func (e *example) github(t *testing.T, base, body string, more ...string) {
	t.Helper()
	headers := append([]string{"X-Hub-Signature-256", githubSignature(e.secrets["github-webhook"], []byte(body))}, more...)
	e.webhook(t, base+"/webhooks/github", body, headers...)
	if a := e.ask(e.client(t), http.MethodPost, base+"/webhooks/github", body, more...); a.status != http.StatusUnauthorized {
		t.Errorf("without a signature: %d %s", a.status, a.body)
	}
}

func (e *example) stripe(t *testing.T, base, body, secret string) {
	t.Helper()
	stamp := stampOf(time.Now())
	e.webhook(t, base+"/webhooks/stripe", body, "Stripe-Signature", "t="+stamp+",v1="+macHex(secret, stamp+"."+body))
}

func (e *example) webhook(t *testing.T, url, body string, headers ...string) {
	t.Helper()
	if a := e.ask(e.client(t), http.MethodPost, url, body, headers...); a.status != http.StatusAccepted {
		t.Fatalf("webhook to %s: %d %s", url, a.status, a.body)
	}
}

// client trusts whom the daemon trusts.
func (e *example) client(t *testing.T) *http.Client {
	t.Helper()
	return httpsClient(t, e.trusted, true)
}

// take dequeues one message and acknowledges it.
func (e *example) take(t *testing.T, url, token, want string) {
	t.Helper()
	headers := []string{"Authorization", "Bearer " + token}
	a := e.ask(e.client(t), http.MethodPost, url+"/dequeue", `{"max_wait":"10s"}`, headers...)
	var got struct{ Items []item }
	if err := json.Unmarshal(a.body, &got); err != nil || len(got.Items) != 1 || string(got.Items[0].Payload) != want {
		t.Fatalf("dequeue %s: %d %s, want one message %q", url, a.status, a.body, want)
	}
	if a := e.ask(e.client(t), http.MethodPost, url+"/ack", `{"lease_id":"`+got.Items[0].LeaseID+`"}`, headers...); a.status != http.StatusNoContent {
		t.Errorf("ack %s: %d %s", url, a.status, a.body)
	}
}

func (e *example) publish(t *testing.T, path, body string) {
	t.Helper()
	a := e.operate(http.MethodPost, path, body, because("a test", "X-Hookaido-Audit-Actor", "ada")...)
	if a.status != http.StatusOK {
		t.Fatalf("publish to %s: %d %s", path, a.status, a.body)
	}
}

// empty waits until nothing is left in the queue.
func (e *example) empty(t *testing.T) {
	t.Helper()
	e.eventually("empty", func() bool { c := e.queueCounts(); return c["queued"]+c["leased"]+c["dead"] == 0 })
	e.stop()
}

func TestExamplePull(t *testing.T) {
	a := newAuthority(t)
	e := startExample(t, "pull", a, nil, "ingress", "pull", "admin")
	in, pull := "http://"+e.ingress, "http://"+e.pull
	e.github(t, in, `{"n":1}`)
	e.stripe(t, in, `{"n":2}`, e.secrets["stripe-webhook"])
	e.take(t, pull+"/github", pullToken, `{"n":1}`)
	if a := e.call("/stripe/dequeue", `{}`); a.status != http.StatusUnauthorized {
		t.Errorf("the token of other workers: %d", a.status)
	}
	e.take(t, pull+"/stripe", e.secrets["billing-token"], `{"n":2}`)
	e.empty(t)
}

func TestExamplePush(t *testing.T) {
	a := newAuthority(t)
	to := newInbox(t, a)
	e := startExample(t, "push", a, to, "ingress", "admin")
	e.github(t, "http://"+e.ingress, `{"n":1}`, "Content-Type", "application/json", "X-GitHub-Event", "push")
	got := to.next(t, 2)
	app, audit := got[0], got[1]
	if app.path != "/APP_URL" || audit.path != "/AUDIT_URL" || app.body != `{"n":1}` || audit.body != app.body {
		t.Fatalf("delivered %+v", got)
	}
	stamp := app.header.Get("X-Hookaido-Timestamp")
	sum := sha256.Sum256([]byte(app.body))
	text := "POST\n/APP_URL\n" + stamp + "\n" + hex.EncodeToString(sum[:])
	if want := macHex(e.secrets["app-signing-key"], text); app.header.Get("X-Hookaido-Signature") != want {
		t.Errorf("signature %q of the time %q, want %q", app.header.Get("X-Hookaido-Signature"), stamp, want)
	}
	if app.header.Get("X-Source") != "hookaido" || app.header.Get("X-GitHub-Event") != "push" || app.header.Get("X-Hookaido-Route") != "/webhooks/github" {
		t.Errorf("headers %v", app.header)
	}
	if audit.header.Get("X-Hookaido-Signature") != "" {
		t.Error("the second target is signed for too")
	}
	e.empty(t)
}

func TestExampleHybrid(t *testing.T) {
	a := newAuthority(t)
	to := newInbox(t, a)
	e := startExample(t, "hybrid", a, to, "ingress", "pull", "admin")
	in := "http://" + e.ingress
	e.github(t, in, `{"n":1}`, "X-GitHub-Event", "push")
	star := []byte(`{"star":1}`)
	if a := post(t, in+"/webhooks/github", star, "X-GitHub-Event", "star", "X-Hub-Signature-256", githubSignature(githubSecret, star)); a.status != http.StatusOK {
		t.Errorf("an event that nobody wants: %d %s", a.status, a.body)
	}
	e.take(t, "http://"+e.pull+"/builds", pullToken, `{"n":1}`)
	for i, secret := range []string{e.secrets["stripe-webhook"], e.secrets["stripe-webhook-old"]} {
		body := `{"pay":` + itoa(i) + `}`
		e.stripe(t, in, body, secret)
		if got := to.next(t, 1)[0]; got.path != "/BILLING_URL" || got.body != body {
			t.Errorf("delivered %+v, want %s", got, body)
		}
	}
	e.empty(t)
}

func TestExampleOutbound(t *testing.T) {
	a := newAuthority(t)
	to := newInbox(t, a)
	e := startExample(t, "outbound", a, to, "ingress", "admin")
	e.publish(t, "/applications/notify/endpoints/chat/messages/publish", `{"items":[{"id":"release-1","payload_b64":"eyJuIjoxfQ=="}]}`)
	e.publish(t, "/messages/publish", `{"items":[{"id":"release-42","route":"/notify/pager","payload_b64":"eyJuIjo0Mn0=","headers":{"Content-Type":"application/json"}}]}`)
	got := to.next(t, 2)
	chat, pager := got[0], got[1]
	if chat.path != "/CHAT_URL" || chat.body != `{"n":1}` || pager.path != "/PAGER_URL" || pager.body != `{"n":42}` {
		t.Fatalf("delivered %+v", got)
	}
	signed := chat.header.Get("Webhook-Id") + "." + chat.header.Get("Webhook-Timestamp") + "." + chat.body
	if want := "v1," + macBase64(strings.Repeat("k", 32), signed); chat.header.Get("Webhook-Signature") != want {
		t.Errorf("signature %q, want %q", chat.header.Get("Webhook-Signature"), want)
	}
	if pager.header.Get("X-Hookaido-Event-Id") != "release-42" || pager.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", pager.header)
	}
	again := `{"items":[{"id":"release-42","route":"/notify/pager"}]}`
	if a := e.operate(http.MethodPost, "/messages/publish", again, because("no actor")...); a.outcome() != "400 audit_actor_required" {
		t.Errorf("without an actor: %s", a.outcome())
	}
	if a := post(t, "http://"+e.ingress+"/notify/pager", []byte("x")); a.status != http.StatusNotFound {
		t.Errorf("a webhook to an outbound route: %d", a.status)
	}
	e.empty(t)
}

func TestExampleInternal(t *testing.T) {
	a := newAuthority(t)
	e := startExample(t, "internal", a, nil, "ingress", "pull", "admin")
	e.publish(t, "/messages/publish", `{"items":[{"id":"job-1","route":"/jobs/export","next_run_at":"2037-01-01T00:00:00Z"},`+
		`{"id":"job-2","route":"/jobs/export","payload_b64":"Mg=="}]}`)
	e.publish(t, "/applications/search/endpoints/reindex/messages/publish", `{"items":[{"id":"job-3","payload_b64":"Mw=="}]}`)
	pull := "http://" + e.pull
	e.take(t, pull+"/export", pullToken, "2")
	e.take(t, pull+"/reindex", e.secrets["search-token"], "3")
	if got := e.dequeue("/export", `{}`); len(got) != 0 {
		t.Errorf("a job before its time: %v", got)
	}
	if a := post(t, "http://"+e.ingress+"/jobs/export", []byte("x")); a.status != http.StatusNotFound {
		t.Errorf("a webhook to an internal route: %d", a.status)
	}
	if c := e.queueCounts(); c["queued"] != 1 {
		t.Errorf("left in the queue: %v, want the job that waits", c)
	}
	e.stop()
}

func TestExampleShared(t *testing.T) {
	a := newAuthority(t)
	to := newInbox(t, a)
	e := startExample(t, "shared", a, to, "ingress")
	base := "https://" + e.ingress
	e.github(t, base, `{"n":1}`)
	e.stripe(t, base, `{"n":2}`, e.secrets["stripe-webhook"])
	e.take(t, base+"/_pull/github", pullToken, `{"n":1}`)
	if got := to.next(t, 1)[0]; got.path != "/BILLING_URL" || got.body != `{"n":2}` {
		t.Errorf("delivered %+v", got)
	}
	for token, want := range map[string]int{adminToken: http.StatusOK, pullToken: http.StatusUnauthorized} {
		if got := ask(t, e.client(t), http.MethodGet, base+"/_ops/status", "Authorization", "Bearer "+token); got.status != want {
			t.Errorf("status with the token %q: %d, want %d", token, got.status, want)
		}
	}
	e.empty(t)
}

// TestExamplesAreTested has the folder and the tests agree.
func TestExamplesAreTested(t *testing.T) {
	files, err := filepath.Glob(examples + "*.Hookaidofile")
	must(t, err)
	source, err := os.ReadFile("examples_test.go")
	must(t, err)
	readme, err := os.ReadFile(examples + "README.md")
	must(t, err)
	for _, file := range files {
		name := filepath.Base(file)
		if !strings.Contains(string(source), `startExample(t, "`+strings.TrimSuffix(name, ".Hookaidofile")+`"`) || !strings.Contains(string(readme), "("+name+")") {
			t.Errorf("%s is not started by a test, or not in the README of the examples", name)
		}
	}
	if len(files) < 6 {
		t.Errorf("%d examples", len(files))
	}
}
