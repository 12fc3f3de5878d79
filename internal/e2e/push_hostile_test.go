package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// try is the record of an attempt, as the admin API shows it.
type try struct {
	Attempt    int
	StatusCode int `json:"status_code"`
	Error      string
	Outcome    string
	DeadReason string `json:"dead_reason"`
}

// tries are the records of a route, the first attempt first. More of a query may
// follow the route.
func (d *daemon) tries(route string) []try {
	d.t.Helper()
	a := d.operate("GET", "/attempts?limit=100&route="+route, "")
	var page struct{ Items []try }
	if err := json.Unmarshal(a.body, &page); err != nil || a.status != http.StatusOK {
		d.t.Fatalf("attempts: %d %s", a.status, a.body)
	}
	all := make([]try, len(page.Items))
	for _, one := range page.Items {
		if one.Attempt < 1 || one.Attempt > len(all) {
			d.t.Fatalf("attempts of %s: %+v", route, page.Items)
		}
		all[one.Attempt-1] = one
	}
	return all
}

// rawTarget answers each connection by a function that gets it after the head
// of a request, and closes it then.
func rawTarget(t *testing.T, serve func(c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close() //nolint:errcheck // whatever came of it
				head, buf := "", make([]byte, 4096)
				for !strings.Contains(head, "\r\n\r\n") {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					head += string(buf[:n])
				}
				serve(c)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// over writes a text again and again until the other side has enough.
func over(first, again string) func(net.Conn) {
	return func(c net.Conn) {
		_, err := io.WriteString(c, first)
		for err == nil {
			_, err = io.WriteString(c, again)
		}
	}
}

// answering is a target that answers by a function.
func answering(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s.URL
}

func answers(status int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
	}
}

// hostile is a target, and what a message to it comes to: how many attempts,
// what the last one was and why the message is dead, if it is.
type hostile struct {
	name, url, options string
	attempts, status   int
	outcome, dead      string
	text               string // of the error
}

func hostileTargets(t *testing.T) []hostile {
	forever := func(w http.ResponseWriter, r *http.Request) {
		for chunk := make([]byte, 4096); ; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
	secure := httptest.NewUnstartedServer(answers(200))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	nobody := "http://" + freeAddress(t)
	const again, quick = "retry exponential max 1 base 20ms jitter 0", " timeout 400ms"
	dead := func(name, url, options, text string) hostile {
		return hostile{name, url, again + options, 2, 0, "dead", "max_retries", text}
	}
	return []hostile{
		{"C67 301", answering(t, answers(301, "Location", "https://x.example/there?token=s3cret")), again, 1, 301, "dead", "no_retry", "it points to https://x.example/there"},
		{"C67 304", answering(t, answers(304)), again, 1, 304, "dead", "no_retry", "304"},
		{"badinput 103 307 inside", answering(t, answers(307, "Location", "http://169.254.169.254/latest")), again, 1, 307, "dead", "no_retry", "307"},
		{"badinput 104 401", answering(t, answers(401)), again, 1, 401, "dead", "no_retry", "401"},
		{"badinput 104 401 that may pass", answering(t, answers(401)), again + " retry_status 401", 2, 401, "dead", "max_retries", "401"},
		{"C73 404", answering(t, answers(404)), again, 1, 404, "dead", "no_retry", "404"},
		{"C73 408", answering(t, answers(408)), again, 2, 408, "dead", "max_retries", "408"},
		{"C73 410", answering(t, answers(410)), again, 1, 410, "dead", "gone", "410"},
		{"C73 425", answering(t, answers(425)), again, 2, 425, "dead", "max_retries", "425"},
		{"badinput 105 429, -1", answering(t, answers(429, "Retry-After", "-1")), again, 2, 429, "dead", "max_retries", "429"},
		{"badinput 105 429, a text", answering(t, answers(429, "Retry-After", "soon")), again, 2, 429, "dead", "max_retries", "429"},
		{"badinput 105 503, a date that is over", answering(t, answers(503, "Retry-After", "Mon, 02 Jan 2006 15:04:05 GMT")), again, 2, 503, "dead", "max_retries", "503"},
		{"badinput 106 endless body", answering(t, forever), again, 1, 200, "acked", "", ""},
		dead("badinput 106 1xx for ever", rawTarget(t, over("", "HTTP/1.1 102 Processing\r\n\r\n")), "", ""),
		dead("badinput 106 20 MB header", rawTarget(t, over("HTTP/1.1 200 OK\r\nX: ", strings.Repeat("x", 20<<20))), "", "header"),
		dead("badinput 106 garbage", rawTarget(t, over("\x00\x01\x02\r\n\r\n", "\xff\xfe")), "", "malformed"),
		dead("slow", rawTarget(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), quick, "the target's timeout of 400ms; it was waiting for the answer"),
		dead("slow in the head", rawTarget(t, func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nA: "); _, _ = io.Copy(io.Discard, c) }), quick, "it was reading the answer"),
		dead("resets", rawTarget(t, func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }), "", "reset"),
		dead("closes in the head", rawTarget(t, func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nA: b") }), "", "EOF"),
		{"says more than it should", rawTarget(t, func(c net.Conn) {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"+strings.Repeat("<3>forged\n", 300))
			_, _ = io.Copy(io.Discard, c)
		}), again, 1, 200, "acked", "", ""},
		{"closes in the body", rawTarget(t, func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf") }), again, 1, 200, "acked", "", ""},
		dead("lies about its length", rawTarget(t, func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: -9\r\n\r\n") }), "", "Content-Length"),
		dead("nobody listens", nobody, "", "connection refused"),
		dead("badinput 109 unknown authority", secure.URL, "", "unknown authority"),
		dead("badinput 109 no TLS", strings.Replace(answering(t, answers(200)), "http:", "https:", 1), "", "TLS"),
	}
}

// TestPushToHostileTargets has the daemon deliver to targets of every bad kind
// at once. Each message comes to its end, with the reason on record, and
// nothing of the environment's proxy plays a part (badinput 110).
func TestPushToHostileTargets(t *testing.T) {
	proxied := receive(t, nil)
	targets := hostileTargets(t)
	routes := here
	for i, h := range targets {
		routes += fmt.Sprintf("/t%d { deliver %s { %s } }\n", i, h.url, h.options)
	}
	d := newManaged(t, routes)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		d.env = append(d.env, name+"="+proxied.server.URL)
	}
	d.startQuietly()
	for i := range targets {
		d.accept(fmt.Sprintf("/t%d", i), "x")
	}
	d.eventually("at an end", func() bool { c := d.queueCounts(); return c["queued"]+c["leased"] == 0 })
	for i, h := range targets {
		t.Run(h.name, func(t *testing.T) {
			all := d.tries(fmt.Sprintf("/t%d", i))
			if len(all) != h.attempts {
				t.Fatalf("%d attempts, want %d: %+v", len(all), h.attempts, all)
			}
			last := all[len(all)-1]
			if last.Outcome != h.outcome || last.StatusCode != h.status || last.DeadReason != h.dead || !strings.Contains(last.Error, h.text) {
				t.Errorf("the last attempt is %+v, want %s of %d, %q, %q", last, h.outcome, h.status, h.dead, h.text)
			}
			for _, one := range all[:len(all)-1] {
				if one.Outcome != "retry" || one.StatusCode != h.status {
					t.Errorf("an attempt before is %+v", one)
				}
			}
		})
	}
	if begun, _, _ := proxied.counts(); begun > 0 {
		t.Errorf("the proxy of the environment saw %d requests", begun)
	}
	d.stop()
	if strings.Contains(d.log.String(), "s3cret") {
		t.Error("the log has the query of a Location")
	}
	for line := range strings.Lines(d.log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a target wrote into the log: %q", line)
		}
	}
}

// TestPushRetryAfterIsBounded is badinput 105: a target that wants to be left
// alone for years gets an hour.
func TestPushRetryAfterIsBounded(t *testing.T) {
	years := answering(t, answers(429, "Retry-After", "99999999"))
	date := answering(t, answers(503, "Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT"))
	d := newManaged(t, here+fmt.Sprintf("/seconds { deliver %s { } }\n/date { deliver %s { } }\n", years, date))
	d.startQuietly()
	for _, path := range []string{"/seconds", "/date"} {
		before := time.Now()
		d.accept(path, "x")
		var list []listed
		d.eventually("put off", func() bool {
			list, _ = d.page("/messages?state=queued&route=" + url.QueryEscape(path))
			return len(list) == 1 && list[0].Attempt == 1
		})
		least, most := before.Add(time.Hour-time.Second), time.Now().Add(time.Hour+time.Second)
		if at := list[0].NextRunAt; at.Before(least) || at.After(most) {
			t.Errorf("%s: the next attempt is at %v, want an hour after the first", path, at)
		}
	}
	d.stop()
}
