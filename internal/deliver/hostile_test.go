package deliver

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hookaido/internal/config"
)

// says is a target that reads a request's head and answers with a text, then
// waits until the connection is closed.
func says(t testing.TB, answer string) string {
	return raw(t, func(c net.Conn) {
		readHead(c)
		fmt.Fprint(c, answer)
		hang(c)
	})
}

// ends is such a target that closes the connection instead.
func ends(t testing.TB, answer string) string {
	return raw(t, func(c net.Conn) {
		readAll(c)
		fmt.Fprint(c, answer)
	})
}

// readAll reads a whole request of message, so that closing resets nothing.
func readAll(c net.Conn) {
	readHead(c)
	_, _ = io.ReadFull(c, make([]byte, len(message().Payload)))
}

// hang reads until the other side closes.
func hang(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// badinput 106: answers that are none, or lie about themselves. What is no
// status is no delivery, and may be better later.
func TestLyingAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"two lengths":               "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nok",
		"negative length":           "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"length that is no number":  "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
		"length that is too long":   "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok",
		"unknown transfer encoding": "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
		"HTTP/0.9":                  "<html>200 OK</html>\n",
		"HTTP/2 without being told": "HTTP/2.0\x00200 OK\r\n\r\n",
		"status of two digits":      "HTTP/1.1 20 OK\r\n\r\n",
		"status of four digits":     "HTTP/1.1 2000 OK\r\n\r\n",
		"negative status":           "HTTP/1.1 -20 OK\r\n\r\n",
		"no status":                 "HTTP/1.1 OK\r\n\r\n",
		"header without a colon":    "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
		"header with a blank name":  "HTTP/1.1 200 OK\r\n : x\r\n\r\n",
		"NUL in a header's name":    "HTTP/1.1 200 OK\r\nA\x00B: x\r\n\r\n",
		"an e-mail server":          "220 mail.example ESMTP\r\n",
		"many small headers":        "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 2*maxResponseHeaders/6) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) { wantResult(t, deliverTo(t, says(t, answer)), Retry, 0, ReasonProtocol) })
	}
}

// badinput 106: a status tells all, whatever is wrong with what comes after it.
func TestStatusTellsAll(t *testing.T) {
	for name, answer := range map[string]string{
		"longer than the length": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and much more",
		"shorter":                "HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\nok",
		"bad chunk":              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nok\r\n",
		"chunk without an end":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\nok",
		"endless chunk header":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("0", 1<<16),
		"endless trailers":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("A: b\r\n", 1<<14),
		"HTTP/1.0 to its end":    "HTTP/1.0 200 OK\r\n\r\nok",
		"no reason":              "HTTP/1.1 200\r\n\r\n",
		"hints before":           strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 4) + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"goes on, unasked":       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) { wantResult(t, deliverTo(t, ends(t, answer)), Done, 200, None) })
	}
}

// ssrf.md section 3, response attacks: a compressed answer is never unpacked,
// and of one that is larger than the bound the rest is not fetched.
func TestBombs(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err := z.Write(make([]byte, 64<<20))
	must(t, err)
	must(t, z.Close())
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
	wantResult(t, deliverTo(t, s.URL), Done, 200, None)
	if req, _ := s.last(t); req.Header.Get("Accept-Encoding") != "" {
		t.Errorf("the target was asked for %q", req.Header.Get("Accept-Encoding"))
	}
	var taken atomic.Int64
	over := make(chan struct{})
	large := raw(t, func(c net.Conn) {
		defer close(over)
		readHead(c)
		fmt.Fprintf(c, "HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n", 1<<30)
		for chunk := make([]byte, 64<<10); ; {
			n, err := c.Write(chunk)
			if taken.Add(int64(n)); err != nil {
				return
			}
		}
	})
	wantResult(t, deliverTo(t, large), Retry, 500, "status_500")
	<-over
	if n := taken.Load(); n > 64<<20 { // what the buffers of two sockets take
		t.Errorf("%d bytes of an answer were taken", n)
	}
}

// badinput 106: targets that stop in the middle are bounded by the timeout, the
// cause of which tells how far the attempt had come.
func TestHangingTargets(t *testing.T) {
	m := message()
	m.Payload = make([]byte, 32<<20) // more than the buffers of two sockets take
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	for name, c := range map[string]struct{ url, text string }{
		"never reads": {raw(t, func(c net.Conn) {
			_ = c.(*net.TCPConn).SetReadBuffer(4096)
			<-over
		}), "it was sending the request"},
		"hints for ever":  {says(t, "HTTP/1.1 103 Early Hints\r\n\r\n"), "it was"},
		"stops in a head": {says(t, "HTTP/1.1 200 OK\r\nA: "), "it was reading the answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := newTarget(t, newDeliverer(t, options()), config.Target{URL: c.url, Timeout: 10 * time.Second})
			r := target.Attempt(t.Context(), m)
			wantResult(t, r, Retry, 0, ReasonTimeout)
			if text := fmt.Sprint(r.Cause); !strings.Contains(text, c.text) {
				t.Errorf("the cause is %q, want something about %q", text, c.text)
			}
		})
	}
}

// A target that resets the connection while it is sent a large body, and one
// that refuses such a body before it has come.
func TestLargeBodies(t *testing.T) {
	m := message()
	m.Payload = make([]byte, 8<<20)
	reset := raw(t, func(c net.Conn) {
		readHead(c)
		_ = c.(*net.TCPConn).SetLinger(0)
	})
	wantResult(t, newTarget(t, newDeliverer(t, options()), config.Target{URL: reset}).Attempt(t.Context(), m), Retry, 0, ReasonConnection)
	early := says(t, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
	wantResult(t, newTarget(t, newDeliverer(t, options()), config.Target{URL: early}).Attempt(t.Context(), m), GiveUp, 413, "status_413")
}

// A target can't leave anything with us for the next message.
func TestNoCookies(t *testing.T) {
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		w.Header().Set("WWW-Authenticate", "Basic")
		w.WriteHeader(500)
	})
	target := newTarget(t, newDeliverer(t, options()), config.Target{URL: s.URL})
	for range 2 {
		wantResult(t, target.Attempt(t.Context(), message()), Retry, 500, "status_500")
	}
	if req, _ := s.last(t); len(req.Cookies()) > 0 || req.Header.Get("Authorization") != "" {
		t.Errorf("the second attempt has %v", req.Header)
	}
}

// http2Target is a target over HTTP/2, and an attempter for it.
func http2Target(t *testing.T, answer http.HandlerFunc) (*sink, *Target) {
	t.Helper()
	s := &sink{}
	s.Server = httptest.NewUnstartedServer(s.handler(answer))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	o := options()
	o.RootCAs = certPool(s.Certificate())
	return s, newTarget(t, newDeliverer(t, o), config.Target{URL: s.URL, Timeout: time.Minute})
}

// A server that wants to be rid of a connection says GOAWAY. Requests that it
// has not looked at go elsewhere, without a failed attempt.
func TestGoAway(t *testing.T) {
	const n, partings = 50, 2 // the library waits longer with each one that a request meets
	var answered atomic.Int32
	s, target := http2Target(t, func(w http.ResponseWriter, _ *http.Request) {
		if answered.Add(1) <= partings {
			w.Header().Set("Connection", "close")
		}
	})
	results := make(chan Result)
	for range n {
		go func() { results <- target.Attempt(t.Context(), message()) }()
	}
	for range n {
		wantResult(t, <-results, Done, 200, None)
	}
	wantResult(t, target.Attempt(t.Context(), message()), Done, 200, None)
	peers := map[string]bool{}
	for _, r := range s.requests {
		peers[r.RemoteAddr] = true
	}
	if len(peers) < 2 || s.count() != n+1 {
		t.Errorf("%d requests over %d connections, want %d over several", s.count(), len(peers), n+1)
	}
}

// What a stream of HTTP/2 can come to.
func TestBrokenStreams(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		class  Class
		status int
		reason Reason
	}{
		"reset": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Retry, 0, ReasonConnection},
		"reset after the status": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(202)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, Done, 202, None},
		"huge head": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Large", strings.Repeat("x", 4*maxResponseHeaders))
		}, Retry, 0, ReasonConnection}, // the library gives the whole connection up
		"hints": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusEarlyHints)
		}, Done, 200, None},
		"endless body": {func(w http.ResponseWriter, _ *http.Request) {
			for chunk := make([]byte, 4096); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, Done, 200, None},
	} {
		t.Run(name, func(t *testing.T) {
			_, target := http2Target(t, c.answer)
			wantResult(t, target.Attempt(t.Context(), message()), c.class, c.status, c.reason)
			// the connection is fit for use, or there is another
			wantResult(t, target.Attempt(t.Context(), message()), c.class, c.status, c.reason)
		})
	}
}

// badinput 109: handshakes that don't come to an end.
func TestBrokenHandshakes(t *testing.T) {
	mutual := httptest.NewUnstartedServer(nil)
	mutual.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12, MinVersion: tls.VersionTLS12}
	mutual.Config.ErrorLog = quiet()
	mutual.StartTLS()
	defer mutual.Close()
	trusting := options()
	trusting.RootCAs = certPool(mutual.Certificate())
	secure := func(url string) string { return strings.Replace(url, "http:", "https:", 1) }
	for name, c := range map[string]struct {
		o   Options
		url string
	}{
		"wants a certificate of ours": {trusting, mutual.URL},
		"closes at once":              {options(), secure(raw(t, func(net.Conn) {}))},
		"closes after the hello":      {options(), secure(raw(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<16)) }))},
		"alert":                       {options(), secure(raw(t, func(c net.Conn) { fmt.Fprint(c, "\x15\x03\x03\x00\x02\x02\x28"); hang(c) }))},
		"speaks first":                {options(), secure(raw(t, func(c net.Conn) { fmt.Fprint(c, "220 mail.example ESMTP\r\n"); hang(c) }))},
	} {
		t.Run(name, func(t *testing.T) {
			wantResult(t, newTarget(t, newDeliverer(t, c.o), config.Target{URL: c.url}).Attempt(t.Context(), message()), Retry, 0, ReasonTLS)
		})
	}
}
