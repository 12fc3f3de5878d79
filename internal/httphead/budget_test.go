package httphead

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"hookaido/internal/clock"
)

// Heads that are held back share a budget: who finds it used up is refused,
// ordinary heads need none of it, and it comes back with the answer and with
// the end of the connection.
func TestHeldHeadsShareABudget(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	checked := Listen(l, Options{Now: clock.System{}.Now}).(*listener)
	checked.budget.max = 4 * headStep
	closed := make(chan struct{}, 100)
	server := &http.Server{Handler: http.HandlerFunc(echo), ReadHeaderTimeout: 10 * time.Second, ConnContext: ConnContext}
	server.ConnState = func(c net.Conn, s http.ConnState) {
		ConnState(c, s)
		if s == http.StateClosed {
			closed <- struct{}{}
		}
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(checked) }()
	defer func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the server ended with %v", err)
		}
	}()
	addr := l.Addr().String()
	part := post + "X: " + strings.Repeat("x", freeHead+headStep+headStep/2) // two steps
	held := []net.Conn{dial(t, addr), dial(t, addr)}
	for i, c := range held {
		send(t, c, part)
		waitFor(t, func() bool { return checked.budget.used.Load() == int64(i+1)*2*headStep })
	}

	c := dial(t, addr)
	_, _ = io.WriteString(c, part) // may be refused in the middle
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != strconv.Itoa(retryAfter) || !res.Close {
		t.Fatalf("a head beyond the budget got %v, %v; want 503, Retry-After and the close", res, err)
	}
	<-closed
	statuses := func(c net.Conn, text string) {
		t.Helper()
		send(t, c, text)
		if got, _ := answers(t, c); len(got) != 1 || got[0] != http.StatusOK {
			t.Errorf("%.40q: answers %v, want 200", text, got)
		}
	}
	statuses(dial(t, addr), post+"Connection: close\r\n\r\n")
	if used := checked.budget.used.Load(); used != 4*headStep {
		t.Errorf("%d bytes are used, want those of the two that are held", used)
	}

	_ = held[0].Close() // gives back what it held
	<-closed
	<-closed
	large := dial(t, addr)
	r := bufio.NewReader(large)
	for range 3 { // each answer gives back what its request held
		send(t, large, part+"\r\n\r\n")
		if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("a large head within the budget got %v, %v", res, err)
		}
		_, _ = r.Discard(r.Buffered())
	}
	waitFor(t, func() bool { return checked.budget.used.Load() == 2*headStep })
	statuses(held[1], "\r\nConnection: close\r\n\r\n")
	waitFor(t, func() bool { return checked.budget.used.Load() == 0 })
}

// waitFor polls, because the other side has no way to tell.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	clk := clock.System{}
	for deadline := clk.Monotonic() + 10*time.Second; !ok(); {
		if clk.Monotonic() > deadline {
			t.Fatal("it never came about")
		}
		pause := clk.NewTimer(time.Millisecond)
		<-pause.C()
	}
}
