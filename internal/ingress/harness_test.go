package ingress

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	sign "hookaido/internal/auth/hmac"
	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/httphead"
	"hookaido/internal/httpx"
	"hookaido/internal/queue"
	"hookaido/internal/queue/memory"
	"hookaido/internal/secret"
)

const key = "s3cret-MARKER"

// start is the time on the manual clock of tests.
var start = time.Unix(1764000000, 0)

// gate is an Enqueuer in front of a queue that fails as a test wants.
type gate struct {
	Enqueuer
	mu       sync.Mutex
	fail     error
	canceled bool // whether any call could be canceled by the client
}

func (g *gate) failWith(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fail = err
}

func (g *gate) Enqueue(ctx context.Context, b queue.Batch) ([]string, error) {
	g.mu.Lock()
	err := g.fail
	g.canceled = g.canceled || ctx.Done() != nil
	g.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return g.Enqueuer.Enqueue(ctx, b)
}

// world is a handler with a queue behind it and a server in front.
type world struct {
	t        testing.TB
	handler  *Handler
	queue    *memory.Store
	gate     *gate
	clock    clock.Clock
	server   *http.Server
	addr     string
	registry *prometheus.Registry
	logs     *observer.ObservedLogs
}

type worldOptions struct {
	clock      clock.Clock // nil for a manual one at start
	limits     queue.Limits
	bodyBudget int64
	server     func(*http.Server)
	wrap       func(http.Handler) http.Handler
	strict     bool // check heads as the daemon does
}

func newWorld(t testing.TB, o worldOptions, routes ...Route) *world {
	t.Helper()
	if o.clock == nil {
		o.clock = clock.NewManual(start)
	}
	core, logs := observer.New(zap.DebugLevel)
	w := &world{t: t, clock: o.clock, registry: prometheus.NewRegistry(), logs: logs}
	w.queue = memory.Open(memory.Options{Clock: o.clock, Limits: o.limits})
	w.gate = &gate{Enqueuer: w.queue}
	w.handler = New(Options{
		Enqueuer: w.gate, Clock: o.clock, Logger: zap.New(core), Metrics: w.registry, BodyBudget: o.bodyBudget,
	})
	w.handler.Swap(NewSnapshot(SnapshotOptions{Routes: routes}))
	served := http.Handler(w.handler)
	if o.wrap != nil {
		served = o.wrap(served)
	}
	w.server = httpx.NewServer(httpx.ServerOptions{Handler: served, Logger: zap.New(core)})
	if o.server != nil {
		o.server(w.server)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	if o.strict {
		l = httphead.Listen(l, httphead.Options{Now: clock.System{}.Now})
	}
	done := make(chan error, 1)
	go func() { done <- w.server.Serve(l) }()
	t.Cleanup(func() {
		_ = w.server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the server ended with %v", err)
		}
		_ = w.queue.Close()
	})
	return w
}

// open is an open pull route.
func open(path string) Route {
	return Route{
		Config:  config.Route{Path: path, MaxBody: 2 << 20, MaxHeaders: 64 << 10},
		Targets: []string{queue.PullTarget},
	}
}

// signed is open with a signature check by the given provider.
func (o worldOptions) signed(t testing.TB, path string, p config.Provider) Route {
	t.Helper()
	if o.clock == nil {
		o.clock = clock.NewManual(start)
	}
	v, err := sign.New(sign.Options{
		Provider: p, Route: path, Keys: []secret.Value{secret.New([]byte(key))}, Clock: o.clock,
		SignatureHeader: "X-Signature", TimestampHeader: "X-Timestamp", NonceHeader: "X-Nonce", Tolerance: 5 * time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := open(path)
	r.Verifier = v
	return r
}

func mac(text string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}

// answer is a response that was read whole.
type answer struct {
	status int
	header http.Header
	body   string
	close  bool
}

func (a answer) code(t testing.TB) string {
	t.Helper()
	var e struct{ Code, Detail string }
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || e.Detail == "" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("the body %q (%s) is no error: %v", a.body, a.header.Get("Content-Type"), err)
	}
	return e.Code
}

// client is a raw connection, on which a test sends what it likes.
type client struct {
	t testing.TB
	*net.TCPConn
	r *bufio.Reader
}

func (w *world) dial() *client {
	w.t.Helper()
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(clock.System{}.Now().Add(20 * time.Second)); err != nil {
		w.t.Fatal(err)
	}
	return &client{w.t, c.(*net.TCPConn), bufio.NewReader(c)}
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) answer() answer {
	c.t.Helper()
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body), res.Close}
}

// do sends one request on a connection of its own and returns the answer.
func (w *world) do(request string) answer {
	w.t.Helper()
	c := w.dial()
	c.send(request)
	return c.answer()
}

// post makes a request with a body of known length.
func post(target, headers, body string) string {
	return "POST " + target + " HTTP/1.1\r\nHost: h\r\n" + headers + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// chunked makes a request with the body in chunks.
func chunked(target, headers string, chunks ...string) string {
	var b strings.Builder
	b.WriteString("POST " + target + " HTTP/1.1\r\nHost: h\r\n" + headers + "Transfer-Encoding: chunked\r\n\r\n")
	for _, c := range append(chunks, "") {
		b.WriteString(strconv.FormatInt(int64(len(c)), 16) + "\r\n" + c + "\r\n")
	}
	return b.String()
}

// stored takes all messages of a route out of the queue.
func (w *world) stored(route string) []queue.Leased {
	w.t.Helper()
	messages, err := w.queue.Dequeue(context.Background(), queue.DequeueRequest{Route: route, Max: 1000, TTL: time.Minute})
	if err != nil {
		w.t.Fatal(err)
	}
	return messages
}

// metric returns the value of a counter with the given label values.
func (w *world) metric(name string, labels ...string) float64 {
	w.t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				values = append(values, l.GetValue())
			}
			if strings.Join(values, " ") == strings.Join(labels, " ") {
				return m.GetCounter().GetValue()
			}
		}
	}
	w.t.Fatalf("no metric %s %v", name, labels)
	return 0
}
