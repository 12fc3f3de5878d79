package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// wire sends raw bytes to the ingress and returns all that the server answers
// until it closes the connection, which it must do by itself.
func (d *daemon) wire(t *testing.T, raw string) []answer {
	t.Helper()
	conn := d.dial(t)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(conn, raw) // a server that refuses may close in the middle
	}()
	defer func() { <-sent }()
	defer conn.Close() //nolint:errcheck // the exchange is over
	return answersOf(t, conn, raw)
}

// dial connects to the ingress.
func (d *daemon) dial(t testing.TB) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", d.ingress)
	must(t, err)
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

// answersOf reads the answers to raw from conn until its end.
func answersOf(t *testing.T, conn net.Conn, raw string) []answer {
	t.Helper()
	method, _, _ := strings.Cut(raw, " ") // HEAD has answers without body
	var all []answer
	r := bufio.NewReader(conn)
	for {
		if _, err := r.Peek(1); err == io.EOF {
			return all
		}
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("after %s: %v", summary(all), err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatalf("body of the answer %d: %v", res.StatusCode, err)
		}
		all = append(all, answer{res.StatusCode, res.Header, body})
	}
}

// summary has the statuses of answers, with the code of each refusal.
func summary(all []answer) string {
	var parts []string
	for _, a := range all {
		part := itoa(a.status)
		var refusal struct{ Code, Detail string }
		if json.Unmarshal(a.body, &refusal) == nil && refusal.Code != "" && refusal.Detail != "" {
			part += " " + refusal.Code
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// closing is the header line of requests after whose answer the server is to
// close. Requests that make it close by themselves don't have it.
const closing = "Connection: close\r\n"

// rawPost is a POST with a body of known length. headers has whole lines.
func rawPost(target, headers, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: h\r\n%sContent-Length: %d\r\n\r\n%s", target, headers, len(body), body)
}

// rawChunks is a POST with a body in chunks.
func rawChunks(target, headers string, chunks ...string) string {
	var b strings.Builder
	b.WriteString("POST " + target + " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n" + headers + "\r\n")
	for _, c := range append(chunks, "") {
		_, _ = fmt.Fprintf(&b, "%x\r\n%s\r\n", len(c), c)
	}
	return b.String()
}

// attempt is a row of a table: what is sent and which answers are wanted, in
// the form of summary.
type attempt struct{ row, raw, want string }

// try sends each attempt as a test of its own. None may say anything of the
// secrets that these tests use.
func (d *daemon) try(t *testing.T, attempts []attempt) {
	t.Helper()
	for _, a := range attempts {
		t.Run(a.row, func(t *testing.T) {
			got := d.wire(t, a.raw)
			if summary(got) != a.want {
				t.Errorf("answers %q, want %q", summary(got), a.want)
			}
			for _, g := range got {
				if strings.Contains(string(g.body), "secret") {
					t.Errorf("the answer %s speaks of a secret", g.body)
				}
			}
		})
	}
}

// stored drains a pull endpoint and fails unless exactly the payloads of want
// were in it, each once.
func (d *daemon) stored(t *testing.T, endpoint string, want ...string) {
	t.Helper()
	got := d.drain(endpoint)
	for _, payload := range want {
		if got[payload] != 1 {
			t.Errorf("%s: payload %.60q is stored %d times, want once", endpoint, payload, got[payload])
		}
		delete(got, payload)
	}
	for payload, n := range got {
		t.Errorf("%s: payload %.60q (%d bytes) is stored %d times, want none", endpoint, payload, len(payload), n)
	}
}

// reload makes the daemon take the Hookaidofile as it is now.
func (d *daemon) reload() {
	d.t.Helper()
	if _, errs, code := d.hookaido("reload", "--socket", d.socket); code != 0 {
		d.t.Fatalf("reload: %d %s", code, errs)
	}
}
