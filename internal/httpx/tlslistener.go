package httpx

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"hookaido/internal/clock"
)

const (
	// handshakeLast is what handshakes have to end once the listener is closed:
	// their requests follow in a moment and are to be answered.
	handshakeLast = 2 * time.Second
	// plainTimeout is what a client that speaks plain HTTP to a TLS port has to
	// take the answer, plainBytes what is read of its request meanwhile.
	plainTimeout = time.Second
	plainBytes   = 64 << 10
	// The pauses after an Accept that failed for want of something.
	firstPause = 5 * time.Millisecond
	longestOne = time.Second
)

// TLSOptions describe a [TLSListener].
type TLSOptions struct {
	// Config says how; its NextProtos should have h2 and http/1.1.
	Config *tls.Config
	Clock  clock.Clock
	// Failed is told of each handshake that failed; nil for nobody. It is called
	// by the goroutine of the connection.
	Failed func(*HandshakeError)
}

// TLSListener does the handshakes of the connections of a listener, each in a
// goroutine of its own, and sorts them by what was agreed on. HTTP/1.1 and
// HTTP/2 need different treatment before net/http sees them.
type TLSListener struct {
	raw          net.Listener
	options      TLSOptions
	http1, http2 *handed
	handshakes   sync.WaitGroup
	closed       chan struct{}

	mu      sync.Mutex
	pending map[net.Conn]struct{} // in their handshake
	closing bool
}

// ListenTLS returns a listener that serves the connections of raw once Run
// runs.
func ListenTLS(raw net.Listener, o TLSOptions) *TLSListener {
	return &TLSListener{
		raw: raw, options: o, http1: newHanded(raw), http2: newHanded(raw),
		closed: make(chan struct{}), pending: map[net.Conn]struct{}{},
	}
}

// HTTP1 returns the connections for HTTP/1.1, each a [*tls.Conn].
func (t *TLSListener) HTTP1() net.Listener { return t.http1 }

// HTTP2 returns the connections on which HTTP/2 was agreed, each a [*tls.Conn].
func (t *TLSListener) HTTP2() net.Listener { return t.http2 }

// Run accepts connections until Close is called, and then ends the listeners
// as soon as the last handshake has ended. It returns net.ErrClosed then, or
// why it can't go on.
func (t *TLSListener) Run() error {
	defer t.http1.end()
	defer t.http2.end()
	defer t.handshakes.Wait()
	pause := firstPause
	for {
		c, err := t.raw.Accept()
		switch {
		case err == nil:
			pause = firstPause
			t.begin(c)
		case !scarce(err) || !t.rest(pause):
			return err
		default:
			pause = min(2*pause, longestOne)
		}
	}
}

// rest waits, and returns false if the listener was closed meanwhile.
func (t *TLSListener) rest(d time.Duration) bool {
	timer := t.options.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
		return true
	case <-t.closed:
		return false
	}
}

// scarce reports whether an Accept failed for a reason that passes.
func scarce(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// Close ends the accepting. Handshakes get a moment to end.
func (t *TLSListener) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closing {
		return nil
	}
	t.closing = true
	close(t.closed)
	last := t.options.Clock.Now().Add(handshakeLast)
	for c := range t.pending {
		_ = c.SetDeadline(last) // one that fails is at its end already
	}
	return t.raw.Close()
}

// begin starts the handshake of a connection.
func (t *TLSListener) begin(c net.Conn) {
	t.mu.Lock()
	limit := ReadHeaderTimeout
	if t.closing {
		limit = handshakeLast
	}
	t.pending[c] = struct{}{}
	_ = c.SetDeadline(t.options.Clock.Now().Add(limit)) // the handshake finds out
	t.mu.Unlock()
	t.handshakes.Go(func() { t.handshake(c) })
}

func (t *TLSListener) handshake(raw net.Conn) {
	c := tls.Server(raw, t.options.Config)
	err := c.Handshake()
	t.mu.Lock()
	delete(t.pending, raw)
	t.mu.Unlock()
	if err == nil {
		err = raw.SetDeadline(time.Time{})
	}
	switch {
	case err != nil:
		t.refuse(raw, err)
	case c.ConnectionState().NegotiatedProtocol == "h2":
		t.http2.hand(c)
	default:
		t.http1.hand(c)
	}
}

// refuse ends a connection whose handshake failed.
func (t *TLSListener) refuse(raw net.Conn, err error) {
	failure := newHandshakeError(raw.RemoteAddr(), err)
	if t.options.Failed != nil {
		t.options.Failed(failure)
	}
	if failure.Reason == HandshakePlain {
		t.answerPlain(raw)
	}
	_ = raw.Close() // it failed already
}

// answerPlain tells a client that it should speak TLS, and reads on for a
// while, because closing with unread bytes would lose the answer.
func (t *TLSListener) answerPlain(raw net.Conn) {
	const body = `{"code":"bad_request","detail":"this port speaks HTTPS, not plain HTTP"}` + "\n"
	_ = raw.SetDeadline(t.options.Clock.Now().Add(plainTimeout)) // the write finds out
	_, err := io.WriteString(raw, "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: "+
		strconv.Itoa(len(body))+"\r\nConnection: close\r\n\r\n"+body)
	half, ok := raw.(interface{ CloseWrite() error })
	if err == nil && ok && half.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, raw, plainBytes) // whatever comes
	}
}

// handed is a listener for connections that were accepted elsewhere.
type handed struct {
	addr  net.Addr
	conns chan net.Conn
	ended chan struct{}
	once  sync.Once
}

func newHanded(raw net.Listener) *handed {
	return &handed{addr: raw.Addr(), conns: make(chan net.Conn), ended: make(chan struct{})}
}

// hand gives a connection to the server, or closes it if there is none.
func (h *handed) hand(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.ended:
		_ = c.Close() // nobody serves it
	}
}

func (h *handed) end() { h.once.Do(func() { close(h.ended) }) }

// Accept implements [net.Listener].
func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.ended:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (h *handed) Close() error {
	h.end()
	return nil
}

// Addr implements [net.Listener].
func (h *handed) Addr() net.Addr { return h.addr }
