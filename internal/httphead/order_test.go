package httphead

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"hookaido/internal/clock"
)

func namesOf(r *http.Request) []string {
	var names []string
	order := OrderOf(r.Context())
	for name := order.Next(); name != nil; name = order.Next() {
		names = append(names, string(name))
	}
	return names
}

// serveOrder starts a server that answers with the names that it was sent,
// before and after it has read the body.
func serveOrder(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, ConnState: ConnState, ConnContext: ConnContext}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ignored" {
			return // a handler that doesn't ask must not shift what others get
		}
		before := strings.Join(namesOf(r), " ")
		_, _ = io.Copy(io.Discard, r.Body)
		if after := strings.Join(namesOf(r), " "); after != before {
			before += " but later " + after
		}
		_, _ = io.WriteString(w, before)
	})
	done := make(chan error, 1)
	go func() { done <- server.Serve(Listen(l, Options{Now: clock.System{}.Now})) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the server ended with %v", err)
		}
	})
	return l
}

const bye = "GET / HTTP/1.1\r\nZ: 1\r\nhost: h\r\nConnection: close\r\n\r\n"

var orders = []struct {
	name, input string
	want        []string // one per request but the last, which is bye
}{
	{"one", "GET / HTTP/1.1\r\nX-b: 1\r\nx-A: 2\r\nHost: h\r\nX-B: 3\r\n\r\n", []string{"X-b x-A Host X-B"}},
	{"pipelined", post + "B: 1\r\nA: 1\r\n\r\n" + post + "A: 1\r\nB: 1\r\nA: 2\r\n\r\n", []string{"Host B A", "Host A B A"}},
	{"pipelined, one not asked for", "POST /ignored HTTP/1.1\r\nHost: h\r\nQ: 1\r\n\r\n" + post + "A: 1\r\n\r\n", []string{"", "Host A"}},
	{"bodies", post + "Content-Length: 3\r\nB: 1\r\n\r\nX:\n" + post + "A: 1\r\n\r\n", []string{"Host Content-Length B", "Host A"}},
	{"a body beyond the buffer", post + "B: 1\r\nContent-Length: 70000\r\n\r\n" + strings.Repeat("x", 70000) + post + "A: 1\r\n\r\n",
		[]string{"Host B Content-Length", "Host A"}},
	{"trailers are no headers", post + "Transfer-Encoding: chunked\r\nB: 1\r\n\r\n1\r\na\r\n0\r\nTr: 1\r\n\r\n" + post + "A: 1\r\n\r\n",
		[]string{"Host Transfer-Encoding B", "Host A"}},
	{"empty lines between", post + "B: 1\r\n\r\n\r\n" + post + "A: 1\r\n\r\n", []string{"Host B", "Host A"}},
	{"many fields, then few", post + strings.Repeat("X-Long-Name-Of-A-Field: 1\r\n", 199) + "\r\n" + post + "A: 1\r\n\r\n",
		[]string{"Host" + strings.Repeat(" X-Long-Name-Of-A-Field", 199), "Host A"}},
}

func TestOrder(t *testing.T) {
	addr := serveOrder(t).Addr().String()
	for _, test := range orders {
		for size, how := range map[int]string{1: "in single bytes", 1 << 20: "in one write"} {
			t.Run(test.name+" "+how, func(t *testing.T) {
				if size == 1 && len(test.input) > 10000 {
					size = 1000
				}
				c := dial(t, addr)
				input := test.input + bye
				for piece := range slices.Chunk([]byte(input), size) {
					send(t, c, string(piece))
				}
				_, got := answers(t, c)
				if want := append(slices.Clone(test.want), "Z host Connection"); !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		}
	}
}

// A head that comes in while the handler before it looks at its own is none of
// its business, and no race.
func TestOrderWhileTheNextRequestComesIn(t *testing.T) {
	first, sent := make(chan struct{}), make(chan struct{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			close(first)
			for looking := true; looking; {
				if got := strings.Join(namesOf(r), " "); got != "Host A" {
					t.Errorf("got %q", got)
				}
				select {
				case <-sent:
					looking = false
				default:
				}
			}
		}
		_, _ = io.WriteString(w, strings.Join(namesOf(r), " "))
	}))
	server.Listener = Listen(l, Options{Now: clock.System{}.Now})
	server.Config.ConnState, server.Config.ConnContext = ConnState, ConnContext
	server.Start()
	defer server.Close()
	c := dial(t, l.Addr().String())
	// half of the second head lies in the server's buffer, so that its look-out
	// for the client's end reads a byte of a name
	send(t, c, "GET /first HTTP/1.1\r\nHost: h\r\nA: 1\r\n\r\n"+post)
	<-first
	send(t, c, "B: 1\r\nConnection: close\r\n\r\n")
	close(sent)
	if _, got := answers(t, c); !slices.Equal(got, []string{"Host A", "Host B Connection"}) {
		t.Errorf("got %q", got)
	}
}

func TestOrderOfOtherRequests(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	ctx := ConnContext(context.Background(), &net.TCPConn{})
	if got := namesOf(r.WithContext(ctx)); got != nil {
		t.Errorf("a connection of another kind has the order %q", got)
	}
}

// A connection keeps no more memory than it needs, however many requests it
// serves and however long their names are.
func TestHeadsAreForgotten(t *testing.T) {
	h := &heads{}
	s := scanner{heads: h}
	scan := func(text string) {
		if _, _, f := s.scan([]byte(text)); f != none {
			t.Fatal(f)
		}
	}
	scan(post + strings.Repeat("x", 10*keptNames) + ": 1\r\n\r\n")
	h.drop()
	if h.names != nil || len(h.ends) != 0 {
		t.Errorf("%d bytes of names and %d ends are kept", cap(h.names), len(h.ends))
	}
	scan(post + "A: 1\r\n\r\n")
	for range 10000 { // never empty, because one request is always ahead
		scan(post + "A: 1\r\n\r\n")
		h.drop()
	}
	if cap(h.names) > keptNames || len(h.ends) != 1 {
		t.Errorf("%d bytes of names and %d ends are kept", cap(h.names), len(h.ends))
	}
	h.drop()
	h.drop() // of a request that was answered without a head
}

// FuzzOrder holds the names to those that net/http gives its handlers.
func FuzzOrder(f *testing.F) {
	for _, name := range []string{"x", "X-GitHub-Event", "-a-", "a--b", "TE", "x_y-z9", "ß", "^", "~"} {
		f.Add(name, "Hop", uint8(1))
		f.Add(name, strings.ToUpper(name), uint8(0))
	}
	f.Fuzz(func(t *testing.T, name, other string, size uint8) {
		if strings.ContainsRune(name+other, ':') {
			return // that is no name
		}
		s := scanner{heads: &heads{}}
		for piece := range slices.Chunk([]byte(post+name+": 1\r\n"+other+": 1\r\n\r\n"), int(size)+1) {
			if _, _, f := s.scan(piece); f != none {
				return
			}
		}
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		order := s.heads.first()
		host, got, next, end := order.Next(), order.Next(), order.Next(), order.Next()
		if !host.Is("Host") || string(got) != name || !got.Is(canonical) || string(next) != other || end != nil {
			t.Errorf("%q, %q: names %q %q %q %q", name, other, host, got, next, end)
		}
		if same := textproto.CanonicalMIMEHeaderKey(other) == canonical; next.Is(canonical) != same {
			t.Errorf("%q is %q: %v, want %v", other, canonical, !same, same)
		}
	})
}
