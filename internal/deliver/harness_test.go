package deliver

import (
	"context"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/secret"
)

var noKeys secret.Pool

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// inside is a policy that lets the servers of tests be reached, and nothing
// else that is not public.
func inside() config.Egress {
	return config.Egress{DNSRebindProtection: true, Allow: []config.EgressRule{
		{Prefix: netip.MustParsePrefix("127.0.0.1/32")}, {Host: "*"},
	}}
}

func options() Options {
	return Options{Egress: inside(), Clock: clock.NewManual(now), Path: "/usr/bin:/bin", UserAgent: "hookaido-test"}
}

func newDeliverer(t testing.TB, o Options) *Deliverer {
	t.Helper()
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func newTarget(t testing.TB, d *Deliverer, cfg config.Target, keys ...secret.Version) *Target {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	target, err := d.Target(&cfg, secret.NewPool(keys...))
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func message() *queue.Leased {
	return &queue.Leased{
		ID: "msg_0001", Route: "/hooks/shop", Attempt: 3, ReceivedAt: now.Add(-time.Minute), Payload: []byte(`{"a":1}`),
		Envelope: queue.Envelope{Method: "PUT", RawPath: "/hooks/shop", Headers: []queue.Pair{{Name: "Content-Type", Value: "application/json"}}},
	}
}

// deliverTo makes one attempt to reach url under the policy of tests.
func deliverTo(t testing.TB, url string) Result {
	t.Helper()
	return newTarget(t, newDeliverer(t, options()), config.Target{URL: url}).Attempt(t.Context(), message())
}

func wantResult(t *testing.T, r Result, class Class, status int, reason Reason) {
	t.Helper()
	if r.Class != class || r.Status != status || r.Reason != reason {
		t.Errorf("got %v, status %d, reason %q (%v); want %v, %d, %q", r.Class, r.Status, r.Reason, r.Cause, class, status, reason)
	}
	if (r.Cause == nil) != (class == Done) {
		t.Errorf("the cause of a %v is %v", class, r.Cause)
	}
}

// sink is a target that records what it is sent.
type sink struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

func newSink(t testing.TB, answer http.HandlerFunc) *sink {
	s := &sink{}
	s.Server = httptest.NewServer(s.handler(answer))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) handler(answer http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.requests = append(s.requests, r)
		s.bodies = append(s.bodies, string(body))
		s.mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	})
}

func (s *sink) last(t *testing.T) (*http.Request, string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == 0 {
		t.Fatal("the target was sent nothing")
	}
	return s.requests[len(s.requests)-1], s.bodies[len(s.bodies)-1]
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// raw serves one connection after the other with a function, for targets that
// no HTTP library would be.
func raw(t testing.TB, serve func(net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				serve(c)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// readHead reads from c until the request's head is over.
func readHead(c net.Conn) {
	buf := make([]byte, 1)
	for tail := ""; tail != "\r\n\r\n"; {
		if _, err := c.Read(buf); err != nil {
			return
		}
		tail = tail + string(buf)
		tail = tail[max(0, len(tail)-4):]
	}
}

// names is a resolver that gives its answers to a host one after the other, the
// last again and again. The host "*" stands for all others.
type names struct {
	mu      sync.Mutex
	answers map[string][][]string
	asked   int
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	if n.answers[host] == nil {
		host = "*"
	}
	list := n.answers[host]
	if len(list) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(list) > 1 {
		n.answers[host] = list[1:]
	}
	var addrs []netip.Addr
	for _, text := range list[0] {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	return addrs, nil
}

func resolve(host string, answers ...[]string) *names {
	return &names{answers: map[string][][]string{host: answers}}
}

func certPool(certs ...*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool
}

func port(t testing.TB, url string) string {
	t.Helper()
	i := slices.Index([]byte(url[len("https:"):]), ':')
	if i < 0 {
		t.Fatalf("%s has no port", url)
	}
	return url[len("https:")+i+1:]
}

func contextWithCancel(t testing.TB) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, cancel
}

// toSink dials s whatever the address, for tests of what happens above that.
func toSink(s *sink) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
	}
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// realNow is the time that certificates are held to.
func realNow() time.Time { return clock.System{}.Now() }

// hostileHeaders are headers of a connection that is not ours.
func hostileHeaders() []queue.Pair {
	return []queue.Pair{
		{Name: "Connection", Value: "X-Secret, keep-alive ,x-other"}, {Name: "X-Secret", Value: "1"}, {Name: "X-Other", Value: "1"},
		{Name: "Keep-Alive", Value: "timeout=5"}, {Name: "Te", Value: "trailers"}, {Name: "Trailer", Value: "X-T"}, {Name: "Transfer-Encoding", Value: "chunked"},
		{Name: "Upgrade", Value: "h2c"}, {Name: "Http2-Settings", Value: "AAMAAABk"}, {Name: "Proxy-Authorization", Value: "Basic x"},
		{Name: "Proxy-Connection", Value: "close"}, {Name: "Host", Value: "evil.example"}, {Name: "Content-Length", Value: "7777"},
		{Name: "Expect", Value: "100-continue"},
	}
}
