package httphead

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"hookaido/internal/clock"
)

// serve starts a server behind the check and returns its address and a list of
// what was refused.
func serve(t *testing.T, handler http.HandlerFunc) (addr string, refusals func() []Refusal) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var list []Refusal
	checked := Listen(tellReads{l}, Options{Now: clock.System{}.Now, Refused: func(r Refusal) {
		mu.Lock()
		defer mu.Unlock()
		list = append(list, r)
	}})
	server := &http.Server{Handler: handler, ConnState: ConnState, ReadHeaderTimeout: 10 * time.Second}
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(checked) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the server ended with %v", err)
		}
	})
	return l.Addr().String(), func() []Refusal {
		mu.Lock()
		defer mu.Unlock()
		return list
	}
}

// tellReads tells about every read that gives bytes, before the check sees them.
type tellReads struct{ net.Listener }

func (l tellReads) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &readTeller{TCPConn: c.(*net.TCPConn), reads: make(chan struct{}, 1<<20)}, nil
}

type readTeller struct {
	*net.TCPConn
	reads chan struct{}
}

func (c *readTeller) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if n > 0 {
		c.reads <- struct{}{}
	}
	return n, err
}

// connKey is the key of a connection in the context of its requests.
type connKey struct{}

// readsOf returns the channel that tells about the reads of a connection.
func readsOf(r *http.Request) <-chan struct{} {
	return r.Context().Value(connKey{}).(*conn).NetConn().(*readTeller).reads
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(clock.System{}.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// answers reads responses until the server closes the connection.
func answers(t *testing.T, c net.Conn) (statuses []int, bodies []string) {
	t.Helper()
	r := bufio.NewReader(c)
	for {
		if _, err := r.Peek(1); err != nil {
			if err != io.EOF {
				t.Fatalf("after %v: %v", statuses, err)
			}
			return statuses, bodies
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("after %v: %v", statuses, err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatalf("body of %d: %v", res.StatusCode, err)
		}
		if res.StatusCode >= 300 && !res.Close {
			t.Errorf("the answer %d does not announce the close", res.StatusCode)
		}
		statuses, bodies = append(statuses, res.StatusCode), append(bodies, string(body))
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = fmt.Fprintf(w, "%s %s %q", r.Method, r.URL.Path, body)
}

// Every row of the table over a real connection: the messages before the fault
// are served, then comes the refusal, and nothing after it.
func TestRefusalsOverTheWire(t *testing.T) {
	addr, refusals := serve(t, echo)
	for _, test := range framings {
		if test.fault == none || test.fault == faultBody {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			before := len(refusals())
			c := dial(t, addr)
			// the last part may meet a closed connection, which is no fault
			_, _ = io.WriteString(c, test.input+strings.Repeat("GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", 3))
			statuses, bodies := answers(t, c)
			if len(statuses) != len(test.ends)+1 {
				t.Fatalf("statuses %v, want %d good ones and the refusal", statuses, len(test.ends))
			}
			last := len(statuses) - 1
			for i := range last {
				if statuses[i] != http.StatusOK {
					t.Errorf("statuses %v", statuses)
				}
			}
			want := test.fault.refusal(c.LocalAddr().String())
			var got struct{ Code, Detail string }
			if err := json.Unmarshal([]byte(bodies[last]), &got); err != nil || !strings.HasSuffix(bodies[last], "}\n") {
				t.Errorf("body %q: %v", bodies[last], err)
			}
			if statuses[last] != want.Status || got.Code != want.Code || got.Detail != want.Detail {
				t.Errorf("refused with %d %+v, want %+v", statuses[last], got, want)
			}
			if all := refusals(); len(all) != before+1 || all[before] != want {
				t.Errorf("told of %v, want %v", all[before:], want)
			}
		})
	}
}

func TestStatuses(t *testing.T) {
	for f, want := range map[fault]int{
		faultFraming: 400, faultTLS: 400, faultHTTP2: 400, faultFold: 400, faultHost: 400, faultLength: 400,
		faultFieldCount: 431, faultHeadSize: 431, faultCoding: 501, faultVersion: 505,
	} {
		if r := f.refusal("a"); r.Status != want || r.Code == "" || r.Detail == "" || strings.ContainsAny(r.Detail, "\"\\\r\n") {
			t.Errorf("%+v, want status %d", r, want)
		}
	}
}

// A client that sends one byte at a time gets the same answers.
func TestGoodRequestsInSmallPieces(t *testing.T) {
	addr, _ := serve(t, echo)
	c := dial(t, addr)
	if err := c.SetNoDelay(true); err != nil {
		t.Fatal(err)
	}
	input := post + "Content-Length: 2\r\n\r\nab" + post + "Transfer-Encoding: chunked\r\n\r\n2\r\ncd\r\n0\r\n\r\n" +
		"GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
	for i := range len(input) {
		send(t, c, input[i:i+1])
	}
	statuses, bodies := answers(t, c)
	want := `[POST /h "ab" POST /h "cd" GET /x ""]`
	if got := fmt.Sprint(bodies); got != want {
		t.Errorf("answers %v %s, want %s", statuses, got, want)
	}
}

// The refusal of a pipelined request waits for the answer to the one before,
// which must not be disturbed either.
func TestRefusalComesAfterTheAnswerBefore(t *testing.T) {
	const lineFeeds, tls = "GET / HTTP/1.1\nHost: h\n\n", "\x16\x03\x01\x02\x00"
	for _, test := range []struct {
		name, bad string
		apart     bool
	}{
		{"in one write", lineFeeds, false},
		{"in two writes", lineFeeds, true},
		{"in one write, first byte", tls, false},
		{"in two writes, first byte", tls, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			entered, leave := make(chan struct{}), make(chan struct{})
			addr, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				reads := readsOf(r)
				<-reads
				close(entered)
				if test.apart {
					<-reads // net/http looks out for a client that goes away
				}
				<-leave
				if err := r.Context().Err(); err != nil {
					t.Errorf("the request was canceled: %v", err)
				}
				_, _ = io.WriteString(w, "served")
			})
			c := dial(t, addr)
			if test.apart {
				send(t, c, post+"Content-Length: 2\r\n\r\nab")
				<-entered
				send(t, c, test.bad)
			} else {
				send(t, c, post+"Content-Length: 2\r\n\r\nab"+test.bad)
				<-entered
			}
			close(leave)
			statuses, bodies := answers(t, c)
			if fmt.Sprint(statuses) != "[200 400]" || bodies[0] != "served" {
				t.Errorf("answers %v %q", statuses, bodies)
			}
		})
	}
}

// badinput 39: the handler of a malformed chunked body gets an error and no
// byte of what follows, and the connection ends.
func TestMalformedChunks(t *testing.T) {
	addr, refusals := serve(t, echo)
	for _, test := range framings {
		if test.fault != faultBody {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			c := dial(t, addr)
			_, _ = io.WriteString(c, test.input+"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
			statuses, bodies := answers(t, c)
			if fmt.Sprint(statuses) != "[400]" {
				t.Errorf("answers %v %q, want one 400 of the handler", statuses, bodies)
			}
		})
	}
	if all := refusals(); len(all) != 0 {
		t.Errorf("the check answered itself: %v", all)
	}
}

func TestExpectContinue(t *testing.T) {
	addr, _ := serve(t, echo)
	c := dial(t, addr)
	send(t, c, post+"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
		t.Fatalf("interim answer %q, %v", line, err)
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	send(t, c, "ab")
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("answer %v, %v", res, err)
	}
}

// What comes on a hijacked connection is not HTTP, even if it came together
// with the head, and even if it was looked at before the hijack.
func TestHijack(t *testing.T) {
	const raw = "\x16raw\n\n\x00bytes"
	for name, apart := range map[string]bool{"in one write": false, "in two writes": true} {
		t.Run(name, func(t *testing.T) {
			addr, refusals := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				c, rw, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close() //nolint:errcheck // the test is over
				_, _ = io.WriteString(c, "go\n")
				got := make([]byte, len(raw))
				if _, err := io.ReadFull(rw, got); err != nil {
					t.Error(err)
				}
				_, _ = c.Write(bytes.ToUpper(got))
			})
			c := dial(t, addr)
			head := "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\n"
			if apart {
				send(t, c, head)
				ready := make([]byte, 3)
				if _, err := io.ReadFull(c, ready); err != nil {
					t.Fatal(err)
				}
				send(t, c, raw)
			} else {
				send(t, c, head+raw)
			}
			got, err := io.ReadAll(c)
			if want := strings.ToUpper(raw); err != nil || strings.TrimPrefix(string(got), "go\n") != want {
				t.Errorf("echoed %q, %v, want %q", got, err, want)
			}
			if all := refusals(); len(all) != 0 {
				t.Errorf("refused: %v", all)
			}
		})
	}
}

// A client that is still sending gets the whole answer, not a reset.
func TestAnswerSurvivesUnreadInput(t *testing.T) {
	addr, _ := serve(t, echo)
	c := dial(t, addr)
	send(t, c, "GET / HTTP/1.1\n")
	for range 8 {
		if _, err := io.WriteString(c, strings.Repeat("X: y\r\n", 8<<10)); err != nil {
			t.Fatalf("the connection was reset: %v", err)
		}
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if statuses, _ := answers(t, c); fmt.Sprint(statuses) != "[400]" {
		t.Errorf("answers %v", statuses)
	}
}

// BenchmarkServer measures whole requests, to compare with and without.
func BenchmarkServer(b *testing.B) {
	request := []byte(post + "Content-Type: application/json\r\nContent-Length: 16\r\n\r\n0123456789abcdef")
	for _, checked := range []bool{false, true} {
		b.Run(fmt.Sprintf("checked=%v", checked), func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			if checked {
				l = Listen(l, Options{Now: clock.System{}.Now})
			}
			server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
			}), ReadHeaderTimeout: 10 * time.Second}
			go func() { _ = server.Serve(l) }()
			defer server.Close() //nolint:errcheck // the benchmark is over
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			answer := make([]byte, 1024)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Write(request); err != nil {
					b.Fatal(err)
				}
				if _, err := c.Read(answer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
