// Package httphead is a strict check of HTTP/1.x in front of net/http.
//
// net/http takes some requests that a proxy before us may frame in another
// way, which lets one sender put words into the mouth of another: a
// Content-Length beside a Transfer-Encoding, folded header lines, line ends
// without CR. A listener of this package looks at the bytes that the server
// reads, follows the framing from message to message, and answers such a
// request itself, with a status such as 400 or 431 and a code in JSON, then it
// closes. net/http never sees the end of its head. The same happens to a head
// that is too large, or that comes while many large ones are being held.
//
// net/http also forgets in which order the header fields came; [OrderOf] tells.
//
// The check works on the server's own buffer, copies nothing but the names of
// fields, and allocates nothing for requests that are in order after the first
// of a connection. Keep-alive, pipelining, Expect: 100-continue and hijacking
// work as without it.
package httphead

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// errBody is what a server reads in place of a malformed chunked body.
var errBody = errors.New(details[faultBody])

const (
	// answerTimeout is what a client has to take a refusal, lingerTimeout and
	// lingerBytes what is read after it: closing with unread bytes in the
	// kernel would reset the connection and lose the answer.
	answerTimeout = 5 * time.Second
	lingerTimeout = time.Second
	lingerBytes   = 1 << 20
)

// Options describe a listener.
type Options struct {
	// Now returns the wall time, for deadlines.
	Now func() time.Time
	// Refused is told of every request that was answered here; nil for nobody.
	// It is called by the goroutine of the connection.
	Refused func(Refusal)
}

// Listen returns l with the check on every connection. The server should have
// [ConnState] as its ConnState if its handlers hijack connections or ask for
// [OrderOf].
func Listen(l net.Listener, o Options) net.Listener {
	return &listener{Listener: l, options: o, budget: budget{max: headBudget}}
}

// ConnState ends the check of connections that are hijacked, because what
// comes on them is no longer HTTP, and forgets the heads of requests that were
// answered.
func ConnState(c net.Conn, s http.ConnState) {
	checked, ok := checkedConn(c)
	if !ok {
		return
	}
	switch s {
	case http.StateHijacked:
		checked.hijacked.Store(true)
	case http.StateIdle:
		checked.mu.Lock()
		defer checked.mu.Unlock()
		checked.heads.drop()
		checked.refund()
	}
}

type listener struct {
	net.Listener
	options Options
	budget  budget
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	checked := &conn{Conn: c, options: &l.options, budget: &l.budget}
	checked.scanner.heads = &checked.heads
	return withState(checked), nil
}

// conn checks what is read. As net/http does, one goroutine reads at a time.
type conn struct {
	net.Conn
	options *Options
	budget  *budget

	// mu guards what follows, because net/http reads ahead while a handler is
	// at work, and may close the connection from elsewhere.
	mu      sync.Mutex
	scanner scanner
	heads   heads
	charged int64 // bytes of the budget
	closed  bool

	// found is the fault of a message that waits for its turn, while earlier
	// ones are being answered; rest has the first bytes of that message.
	found fault
	rest  []byte
	// refused says that the answer is out. The server may add one of its own,
	// to the head that broke off, but the sending side is closed by then.
	refused bool

	// broken says that a handler answers to a malformed body.
	broken, hijacked atomic.Bool
}

// Read implements [net.Conn].
func (c *conn) Read(p []byte) (int, error) {
	switch {
	case c.hijacked.Load():
		return c.readHijacked(p)
	case c.refused:
		return 0, io.EOF
	case c.found != none:
		return c.readFault(p)
	}
	n, err := c.Conn.Read(p)
	good, begin, f := c.scan(p[:n])
	if f == none {
		return n, err
	}
	c.found = f
	if f == faultBody {
		// the chunks before the fault are good, and the handler answers
		c.broken.Store(true)
		if good > 0 {
			return good, nil
		}
		return 0, errBody
	}
	if begin > 0 {
		c.rest = slices.Clone(p[begin:n])
		return begin, nil
	}
	if len(p) == 1 {
		return n, nil
	}
	return 0, c.refuse()
}

// scan looks at the next bytes of the connection, as [scanner.scan] does.
func (c *conn) scan(p []byte) (good, begin int, f fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	good, begin, f = c.scanner.scan(p)
	if f == none && !c.charge() {
		f = faultBusy
	}
	return good, begin, f
}

// readFault goes on after the last good byte.
//
// net/http reads single bytes only to notice a client that goes away, while a
// handler is at work on the message before. The refusal must not overtake its
// answer, so such a read gets the byte that it would have got. The next read
// is for the head, and by then the answer is out.
func (c *conn) readFault(p []byte) (int, error) {
	if c.found == faultBody {
		return 0, errBody
	}
	if len(p) == 1 && len(c.rest) > 0 {
		p[0], c.rest = c.rest[0], c.rest[1:]
		return 1, nil
	}
	return 0, c.refuse()
}

func (c *conn) readHijacked(p []byte) (int, error) {
	if len(c.rest) > 0 {
		n := copy(p, c.rest)
		c.rest = c.rest[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// refuse answers the message with the fault and lets the server see the end of
// the connection.
func (c *conn) refuse() error {
	c.refused = true
	refusal := c.found.refusal(c.RemoteAddr().String())
	if c.options.Refused != nil {
		c.options.Refused(refusal)
	}
	// from here on nobody is left to tell about an error
	_ = c.SetWriteDeadline(c.options.Now().Add(answerTimeout))
	if _, err := c.Conn.Write(refusal.answer()); err == nil {
		c.linger()
	}
	return io.EOF
}

// linger ends the answer and reads on for a while, so that a client which is
// still sending finds the answer and no reset.
func (c *conn) linger() {
	_ = c.CloseWrite()
	_ = c.SetReadDeadline(c.options.Now().Add(lingerTimeout))
	_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
}

// Close implements [net.Conn]. If the body was malformed, the handler has
// answered by now.
func (c *conn) Close() error {
	if c.broken.Swap(false) {
		c.linger()
	}
	c.mu.Lock()
	c.closed = true
	c.refund()
	c.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite half-closes the connection, as net/http does after some answers.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// NetConn returns the connection underneath, as [crypto/tls.Conn.NetConn].
func (c *conn) NetConn() net.Conn { return c.Conn }
