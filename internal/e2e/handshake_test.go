package e2e

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Trello signs with it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	handshakeSecret = "e2e-handshake-secret-of-enough-length"
	trelloURL       = "https://hooks.example.org/trello"
	ebayToken       = "71745723-d031-455c-bfa5-f90d11b4f20a"
	ebayURL         = "http://www.testendpoint.com/webhook"
)

// handshakeRoutes has a route for each provider, and one without handshakes.
const handshakeRoutes = `/meta { handshake meta token raw:meatyhamhock pull { path /meta } }
/graph { handshake microsoft-graph pull { path /graph } }
/slack { handshake slack auth hmac { provider slack secret raw:` + handshakeSecret + ` } pull { path /slack } }
/zoom { handshake zoom auth hmac { provider zoom secret raw:` + handshakeSecret + ` } pull { path /zoom } }
/trello { handshake trello auth hmac { provider trello secret raw:` + handshakeSecret + ` url ` + trelloURL + ` } pull { path /trello } }
/dropbox { handshake dropbox pull { path /dropbox } }
/cloudevents { handshake cloudevents auth basic u secret-pw pull { path /cloudevents } }
/eventgrid { handshake eventgrid auth basic u secret-pw pull { path /eventgrid } }
/x { handshake x auth hmac { provider x secret raw:` + handshakeSecret + ` } pull { path /x } }
/sns { handshake sns pull { path /sns } }
/ebay { handshake ebay token raw:` + ebayToken + ` url ` + ebayURL + ` pull { path /ebay } }
/plain { pull { path /plain } }
`

// call is a request of a provider.
type call struct {
	name, method, target, body string
	headers                    []string // name, value, name, value
	status                     int
	contentType, want          string // of the answer; checked at 200
	also                       []string
}

func (d *daemon) send(t testing.TB, c call) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+d.ingress+c.target, strings.NewReader(c.body))
	must(t, err)
	for i := 0; i < len(c.headers); i += 2 {
		req.Header.Add(c.headers[i], c.headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer res.Body.Close() //nolint:errcheck // read to the end
	b, err := io.ReadAll(res.Body)
	must(t, err)
	return answer{res.StatusCode, res.Header, b}
}

func (d *daemon) check(t *testing.T, c call) {
	t.Helper()
	a := d.send(t, c)
	if a.status != c.status {
		t.Fatalf("%s %s: %d %s, want %d", c.method, c.target, a.status, a.body, c.status)
	}
	if c.status != http.StatusOK {
		return
	}
	if string(a.body) != c.want || a.header.Get("Content-Type") != c.contentType {
		t.Errorf("%s %s: %q %q, want %q %q", c.method, c.target, a.header.Get("Content-Type"), a.body, c.contentType, c.want)
	}
	if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %s: header %v", c.method, c.target, a.header)
	}
	for i := 0; i < len(c.also); i += 2 {
		if got := a.header.Values(c.also[i]); len(got) != 1 || got[0] != c.also[i+1] {
			t.Errorf("%s %s: %s: %q, want %q", c.method, c.target, c.also[i], got, c.also[i+1])
		}
	}
}

func sum256(text string) []byte {
	m := hmac.New(sha256.New, []byte(handshakeSecret))
	m.Write([]byte(text))
	return m.Sum(nil)
}

// signedV0 has the headers of Slack and Zoom, who sign alike.
func signedV0(provider, body string) []string {
	now := strconv.FormatInt(time.Now().Unix(), 10)
	signature := "v0=" + hex.EncodeToString(sum256("v0:"+now+":"+body))
	if provider == "slack" {
		return []string{"X-Slack-Request-Timestamp", now, "X-Slack-Signature", signature}
	}
	return []string{"X-Zm-Request-Timestamp", now, "X-Zm-Signature", signature}
}

func signedByX(body string) []string {
	return []string{"X-Twitter-Webhooks-Signature", "sha256=" + base64.StdEncoding.EncodeToString(sum256(body))}
}

func signedByTrello(body string) []string {
	m := hmac.New(sha1.New, []byte(handshakeSecret))
	m.Write([]byte(body + trelloURL))
	return []string{"X-Trello-Webhook", base64.StdEncoding.EncodeToString(m.Sum(nil))}
}

const (
	slackHello = `{"type":"url_verification","token":"x","challenge":"3eZbrw1a"}`
	zoomHello  = `{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1654503849680,"event":"endpoint.url_validation"}`
	gridHello  = `[{"id":"1","data":{"validationCode":"512d38b6"},"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent"}]`
)

func basicHeader() []string {
	return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("u:secret-pw"))}
}

// handshakes has one good handshake of each provider that is answered. The MACs
// of Zoom and X were computed with Python.
func handshakes() []call {
	const plain, json = "text/plain", "application/json"
	return []call{
		{name: "meta", method: "GET", target: "/meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meatyhamhock", status: 200, contentType: plain, want: "1158201444"},
		{name: "C37 microsoft-graph", method: "POST", target: "/graph?validationToken=Validation%3a+Testing+client+application", status: 200,
			contentType: plain, want: "Validation: Testing client application"},
		{name: "C38 slack", method: "POST", target: "/slack", body: slackHello, headers: signedV0("slack", slackHello), status: 200, contentType: plain, want: "3eZbrw1a"},
		{name: "zoom", method: "POST", target: "/zoom", body: zoomHello, headers: signedV0("zoom", zoomHello), status: 200, contentType: json,
			want: `{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"583d84e96764c2c67ebdbd4d31b145cbd82bbb3bb80b69fb55cbb08ea1dc521e"}`},
		{name: "C40 trello", method: "HEAD", target: "/trello", status: 200},
		{name: "C41 dropbox", method: "GET", target: "/dropbox?challenge=abc-123", status: 200, contentType: plain, want: "abc-123"},
		{name: "C41 inert text", method: "GET", target: "/dropbox?challenge=%3Cb%3E", status: 200, contentType: plain, want: "<b>"},
		{name: "cloudevents", method: "OPTIONS", target: "/cloudevents", headers: []string{"WebHook-Request-Origin", "eventemitter.example.com", "WebHook-Request-Rate", "120"},
			status: 200, also: []string{"WebHook-Allowed-Origin", "eventemitter.example.com", "WebHook-Allowed-Rate", "120", "Allow", "POST"}},
		{name: "eventgrid", method: "POST", target: "/eventgrid", body: gridHello, headers: append(basicHeader(), "aeg-event-type", "SubscriptionValidation"),
			status: 200, contentType: json, want: `{"validationResponse":"512d38b6"}`},
		{name: "x", method: "GET", target: "/x?crc_token=9b4507b3-9040-4669-9ca3-6b94edb50553", status: 200, contentType: json,
			want: `{"response_token":"sha256=fBB24nleYiPqDu/hlwqvKaF52YHKMaUtovCZ8mA2kQ4="}`},
		{name: "ebay", method: "GET", target: "/ebay?challenge_code=a8628072-3d33-45ee-9004-bee86830a22d", status: 200, contentType: json,
			want: `{"challengeResponse":"ca527df75caa230092d7e90484071e8f05d63068f1317973d6a3a42593734bbb"}`},
	}
}

// TestHandshakes has the handshakes and what must not pass for one. Nothing of
// it is queued but the webhooks that are meant to be.
func TestHandshakes(t *testing.T) {
	d := newDaemon(t, handshakeRoutes).start()
	event := `{"type":"event_callback","challenge":"x"}`
	card := `{"action":"createCard"}`
	dm := `{"for_user_id":"1"}`
	tests := append(handshakes(),
		call{name: "C37 over 4 kB", method: "POST", target: "/graph?validationToken=" + strings.Repeat("a", 4097), status: 400},
		call{name: "C37 a notification", method: "POST", target: "/graph", body: "g1", status: 202},
		call{name: "meta, a wrong token", method: "GET", target: "/meta?hub.mode=subscribe&hub.challenge=1&hub.verify_token=wrong", status: 403},
		call{name: "meta, a GET without anything", method: "GET", target: "/meta", status: 405},
		call{name: "meta, a webhook", method: "POST", target: "/meta", body: "m1", status: 202},
		call{name: "C38 unsigned", method: "POST", target: "/slack", body: slackHello, status: 401},
		call{name: "C38 signed for another body", method: "POST", target: "/slack", body: slackHello + " ", headers: signedV0("slack", slackHello), status: 401},
		call{name: "C38 only the type decides", method: "POST", target: "/slack", body: event, headers: signedV0("slack", event), status: 202},
		call{name: "zoom, unsigned", method: "POST", target: "/zoom", body: zoomHello, status: 401},
		call{name: "C40 a signed webhook", method: "POST", target: "/trello", body: card, headers: signedByTrello(card), status: 202},
		call{name: "C40 HEAD of another provider", method: "HEAD", target: "/dropbox", status: 405},
		call{name: "C40 HEAD without handshakes", method: "HEAD", target: "/plain", status: 405},
		call{name: "C41 10 kB", method: "GET", target: "/dropbox?challenge=" + strings.Repeat("a", 10<<10), status: 400},
		call{name: "GET without handshakes", method: "GET", target: "/plain?challenge=a", status: 405},
		call{name: "OPTIONS without an origin", method: "OPTIONS", target: "/cloudevents", status: 405},
		call{name: "eventgrid, a wrong password", method: "POST", target: "/eventgrid", body: gridHello, status: 401,
			headers: []string{"Authorization", "Basic dTpu", "aeg-event-type", "SubscriptionValidation"}},
		call{name: "x, a body to be signed", method: "GET", target: "/x?crc_token=%7B%22for_user_id%22%3A%221%22%7D", status: 400},
		call{name: "x, a webhook", method: "POST", target: "/x", body: dm, headers: signedByX(dm), status: 202},
		call{name: "x, a CRC's answer as a signature", method: "POST", target: "/x", body: "9b4507b3", headers: signedByX("9b4507b3"), status: 401},
		call{name: "ebay, too long", method: "GET", target: "/ebay?challenge_code=" + strings.Repeat("a", 5000), status: 400},
	)
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) { d.check(t, c) })
	}
	kept := map[string][]string{"/meta": {"m1"}, "/graph": {"g1"}, "/slack": {event}, "/trello": {card}, "/x": {dm}}
	for _, endpoint := range []string{"/meta", "/graph", "/slack", "/zoom", "/trello", "/dropbox", "/cloudevents", "/eventgrid", "/x", "/ebay", "/plain"} {
		d.stored(t, endpoint, kept[endpoint]...)
	}
	d.stop()
	if strings.Contains(d.log.String(), "meatyhamhock") || strings.Contains(d.log.String(), handshakeSecret) {
		t.Error("a secret is in the log")
	}
}

// TestSubscriptionConfirmationIsKept is C43: the URL in the message is for a
// worker to judge, and nobody calls it.
func TestSubscriptionConfirmationIsKept(t *testing.T) {
	d := newDaemon(t, handshakeRoutes).start()
	trap, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer trap.Close() //nolint:errcheck // nothing comes of it
	called := make(chan struct{}, 1)
	go func() {
		if conn, err := trap.Accept(); err == nil {
			called <- struct{}{}
			_ = conn.Close()
		}
	}()
	var want []string
	for _, url := range []string{
		"https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription", "https://169.254.169.254/", "https://sns.evil.example/",
		"http://sns.eu-central-1.amazonaws.com/", "http://" + trap.Addr().String() + "/",
	} {
		body := `{"Type":"SubscriptionConfirmation","SubscribeURL":"` + url + `"}`
		want = append(want, body)
		d.check(t, call{method: "POST", target: "/sns", body: body, status: 202,
			headers: []string{"Content-Type", "text/plain; charset=UTF-8", "x-amz-sns-message-type", "SubscriptionConfirmation"}})
	}
	items := d.dequeue("/sns", `{"batch":10,"lease_ttl":"1s"}`)
	if len(items) != len(want) || items[0].Headers["X-Amz-Sns-Message-Type"] != "SubscriptionConfirmation" {
		t.Errorf("kept %+v", items)
	}
	for i, it := range items {
		if i < len(want) && string(it.Payload) != want[i] {
			t.Errorf("kept %s, want %s", it.Payload, want[i])
		}
	}
	d.stop()
	select {
	case <-called:
		t.Error("the URL was called")
	default:
	}
}

// TestHandshakesWithoutTheQueue is C44: revalidation comes in bad times.
func TestHandshakesWithoutTheQueue(t *testing.T) {
	answerAll := func(t *testing.T, d *daemon) {
		for _, c := range handshakes() {
			t.Run(c.name, func(t *testing.T) { d.check(t, c) })
		}
	}
	t.Run("full", func(t *testing.T) {
		d := newDaemon(t, "queue_limits { max_depth 1 }\n"+handshakeRoutes).start()
		d.check(t, call{method: "POST", target: "/plain", body: "1", status: 202})
		full := d.send(t, call{method: "POST", target: "/graph", body: "2"})
		if full.status != 503 || !strings.Contains(string(full.body), "queue_full") {
			t.Fatalf("the queue isn't full: %d %s", full.status, full.body)
		}
		answerAll(t, d)
		d.stop()
	})
	t.Run("unwritable", func(t *testing.T) {
		d := newDaemon(t, handshakeRoutes)
		must(t, os.MkdirAll(d.path("data"), 0o700))
		if err := syscall.Mount("hookaido-test", d.path("data"), "tmpfs", 0, "size=6m,mode=0700"); err != nil {
			t.Fatalf("this test mounts a small file system and needs root: %v", err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(d.path("data"), syscall.MNT_DETACH) })
		d.start()
		_ = os.WriteFile(d.path("data/filler"), make([]byte, 8<<20), 0o600) // as much as fits
		d.eventually("out of space", func() bool {
			return d.send(t, call{method: "POST", target: "/plain", body: strings.Repeat("x", 4096)}).status == 503
		})
		answerAll(t, d)
	})
	t.Run("draining", testHandshakeWhileDraining)
}

// testHandshakeWhileDraining has a handshake whose head is on its way when the
// daemon is told to stop.
func testHandshakeWhileDraining(t *testing.T) {
	d := newDaemon(t, handshakeRoutes).start()
	conn := d.dial(t)
	defer conn.Close() //nolint:errcheck // the exchange is over
	head := "GET /dropbox?challenge=late HTTP/1.1\r\nHost: h\r\n"
	_, err := io.WriteString(conn, head)
	must(t, err)
	d.eventually("the head is read", func() bool { return hasRead(t, conn) })
	d.signal(syscall.SIGTERM)
	d.eventually("closed to newcomers", func() bool {
		c, err := net.Dial("tcp", d.ingress)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	_, err = io.WriteString(conn, "\r\n")
	must(t, err)
	got := answersOf(t, conn, head)
	if len(got) != 1 || got[0].status != 200 || string(got[0].body) != "late" {
		t.Errorf("answers %s", summary(got))
	}
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// hasRead reports whether the other end of conn, a process of this machine, has
// taken everything out of its socket; see proc_net_tcp in the kernel's documents.
func hasRead(t *testing.T, conn net.Conn) bool {
	t.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	must(t, err)
	port := func(a net.Addr) string { return fmt.Sprintf(":%04X", a.(*net.TCPAddr).Port) }
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) > 4 && strings.HasSuffix(f[1], port(conn.RemoteAddr())) && strings.HasSuffix(f[2], port(conn.LocalAddr())) {
			return strings.HasSuffix(f[4], ":00000000")
		}
	}
	return false
}

// TestHandshakesAreCounted is C44: a flood of challenges is a flood, and takes
// nothing from other routes.
func TestHandshakesAreCounted(t *testing.T) {
	d := newDaemon(t, `/dropbox { handshake dropbox rate_limit { rps 0.001 burst 20 } pull { path /dropbox } }
/slack { handshake slack auth hmac { provider slack secret raw:`+handshakeSecret+` } rate_limit { rps 0.001 burst 2 } pull { path /slack } }
/other { handshake dropbox pull { path /other } }
`).start()
	count := map[int]int{}
	for range 1000 {
		a := d.send(t, call{method: "GET", target: "/dropbox?challenge=a"})
		count[a.status]++
		if a.status == 429 && (a.header.Get("Retry-After") == "" || !strings.Contains(string(a.body), `"code":"rate_limit`)) {
			t.Fatalf("429 %s, Retry-After %q", a.body, a.header.Get("Retry-After"))
		}
	}
	if count[200] != 20 || count[429] != 980 {
		t.Errorf("answers by status %v, want 20 of 200 and 980 of 429", count)
	}
	// a handshake with a body counts once, not twice
	for _, status := range []int{200, 200, 429} {
		d.check(t, call{method: "POST", target: "/slack", body: slackHello, headers: signedV0("slack", slackHello), status: status, contentType: "text/plain", want: "3eZbrw1a"})
	}
	d.check(t, call{method: "GET", target: "/other?challenge=a", status: 200, contentType: "text/plain", want: "a"})
	d.stop()
}
