package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// exchange writes raw bytes to the ingress and returns what comes back until
// the server closes or a second passes without a byte.
func (d *daemon) exchange(raw string) string {
	d.t.Helper()
	conn, err := net.Dial("tcp", d.ingress)
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the exchange is over
	if _, err := io.WriteString(conn, raw); err != nil {
		d.t.Fatal(err)
	}
	must(d.t, conn.SetReadDeadline(time.Now().Add(time.Second)))
	b, _ := io.ReadAll(conn) // a time-out means that the connection stays open
	return string(b)
}

// TestAmbiguousRequestsAreRefused has rows of bad input section B that the
// real listener must refuse, with nothing queued.
func TestAmbiguousRequestsAreRefused(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	tests := []struct{ name, raw, want string }{
		{"33 length and chunked", "POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400"},
		{"34 two lengths", "POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 400"},
		{"35 unknown coding", "POST /in HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 501"},
		{"36 space before colon", "POST /in HTTP/1.1\r\nHost: h\r\nX-A : b\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 400"},
		{"37 folded header", "POST /in HTTP/1.1\r\nHost: h\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 400"},
		{"39 body cut short", "POST /in HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400"},
		{"40 huge length", "POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 9200000000000000000\r\n\r\n", "HTTP/1.1 413"},
		{"43 many headers", "POST /in HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("X-A: b\r\n", 5000) + "Content-Length: 0\r\n\r\n", "HTTP/1.1 431"},
		{"44 no host", "POST /in HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 400"},
		{"46 dot segments", "POST /open/../in HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 400"},
		{"46 encoded dot segments", "POST /open%2f..%2fin HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 400"},
		{"48 encoded NUL", "POST /in%00 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 400"},
		{"50 TRACE", "TRACE /in HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 405"},
		{"54 TLS on the clear port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "HTTP/1.1 400"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := d.exchange(test.raw)
			if !strings.HasPrefix(got, test.want) || strings.Count(got, "HTTP/1.1 ") != 1 {
				t.Errorf("answer %q, want one %s", got, test.want)
			}
		})
	}
	if left := d.dequeue("/in", `{"batch":10}`); len(left) != 0 {
		t.Errorf("%d messages were queued by requests that must be refused", len(left))
	}
}

// TestExpectContinue is case C08.
func TestExpectContinue(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	head := "POST /in HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
	if got := d.exchange(fmt.Sprintf(head, 5_000_000)); !strings.HasPrefix(got, "HTTP/1.1 413") {
		t.Errorf("an oversized upload got %q, want 413 and no interim answer", got)
	}
	if got := d.exchange(fmt.Sprintf(head, 7) + "1234567"); !strings.HasPrefix(got, "HTTP/1.1 100") || !strings.Contains(got, "HTTP/1.1 202") {
		t.Errorf("a small body got %q, want 100 and then 202", got)
	}
}

// TestHeldBodiesCostLittle is row 59 of bad input: 400 senders that each hold
// a body of 1.9 MB back in the middle.
func TestHeldBodiesCostLittle(t *testing.T) {
	d := newDaemon(t, githubRoute).start()
	part := strings.Repeat("x", 1_800_000)
	refused := 0
	for range 400 {
		conn, err := net.Dial("tcp", d.ingress)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // held on purpose until the end
		must(t, conn.SetDeadline(time.Now().Add(patience)))
		_, err = fmt.Fprintf(conn, "POST /webhooks/github HTTP/1.1\r\nHost: h\r\nX-Hub-Signature-256: sha256=%064d\r\nContent-Length: 1900000\r\n\r\n", 1)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(conn, part) }() // may be refused half way
		must(t, conn.SetReadDeadline(time.Now().Add(30*time.Millisecond)))
		if line, err := bufio.NewReader(conn).ReadString('\n'); err == nil && strings.Contains(line, "503") {
			refused++
		}
	}
	if refused == 0 {
		t.Error("no sender was refused: the bytes in flight are not bounded")
	}
	if rss := residentMiB(t, d.cmd.Process.Pid); rss > 200 {
		t.Errorf("%d MiB resident while 400 bodies are held, want at most 200", rss)
	}
}

func residentMiB(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	for line := range strings.SplitSeq(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			must(t, err)
			return kb / 1024
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

const replayRoute = `/signed {
  auth hmac raw:` + githubSecret + `
  pull { path /signed }
}
`

// TestReplayIsRefusedOverRestart has rows 61 to 63 of bad input: a captured
// request, also with a fresh nonce, also after a restart.
func TestReplayIsRefusedOverRestart(t *testing.T) {
	d := newDaemon(t, replayRoute).start()
	ts := strconv.FormatInt(time.Now().Unix(), 10)
	body := []byte(`{"z":1}`)
	send := func(nonce string) int {
		return post(t, "http://"+d.ingress+"/signed", body, "X-Timestamp", ts, "X-Nonce", nonce,
			"X-Signature", canonicalSignature(githubSecret, ts, "/signed", body)).status
	}
	for _, step := range []struct {
		name, nonce string
		want        int
	}{{"first", "n1", http.StatusAccepted}, {"same nonce", "n1", http.StatusUnauthorized}, {"fresh nonce", "n2", http.StatusUnauthorized}} {
		if got := send(step.nonce); got != step.want {
			t.Errorf("%s: %d, want %d", step.name, got, step.want)
		}
	}
	d.stop()
	d.start()
	if got := send("n1"); got != http.StatusUnauthorized {
		t.Errorf("replay after a restart: %d, want 401", got)
	}
	if n := len(d.drain("/signed")); n != 1 {
		t.Errorf("%d messages queued, want 1", n)
	}
}

// TestSlowSendersShutNobodyOut is case C106: 2,000 senders that each hold a
// body back after its first octet, and one that doesn't.
func TestSlowSendersShutNobodyOut(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	for range 2000 {
		conn, err := net.Dial("tcp", d.ingress)
		must(t, err)
		defer conn.Close() //nolint:errcheck // held on purpose until the end
		_, err = io.WriteString(conn, "POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 16384\r\n\r\nx")
		must(t, err)
	}
	if a := post(t, "http://"+d.ingress+"/in", []byte("an ordinary webhook")); a.status != http.StatusAccepted {
		t.Errorf("beside 2,000 slow senders an ordinary one got %d %s", a.status, a.body)
	}
	d.stop()
}
