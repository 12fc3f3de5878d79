package httphead

import (
	"bytes"
	"context"
	"net"
)

// Order has the names of the header fields of a request in the order in which
// they were sent, repeats included. It is good until the handler of the request
// returns.
type Order struct{ rest []byte }

// Name is a field name as it was sent, in whatever case.
type Name []byte

// Is reports whether n is the field that is called other, in whatever case.
func (n Name) Is(other string) bool {
	if len(n) != len(other) {
		return false
	}
	if string(n) == other {
		return true
	}
	for i, c := range n {
		if lower(c) != lower(other[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// orderKey is the key of the connection in the contexts of its requests.
type orderKey struct{}

// ConnContext lets [OrderOf] know the connection c of a server's requests. The
// server needs [ConnState] too, which tells where a request ends. Other
// connections than those of [Listen] leave ctx as it is.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if checked, ok := checkedConn(c); ok {
		return context.WithValue(ctx, orderKey{}, checked)
	}
	return ctx
}

// OrderOf returns the order of the fields of the request that ctx belongs to.
// It is empty if the request did not come in over a connection of this package,
// for instance over HTTP/2.
func OrderOf(ctx context.Context) Order {
	c, ok := ctx.Value(orderKey{}).(*conn)
	if !ok {
		return Order{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heads.first()
}

// Known reports whether there is anything left of the order.
func (o *Order) Known() bool { return len(o.rest) > 0 }

// Next returns the next name and takes it off, nil when there is none.
func (o *Order) Next() Name {
	n := bytes.IndexByte(o.rest, ':')
	if n < 0 {
		return nil
	}
	name := Name(o.rest[:n])
	o.rest = o.rest[n+1:]
	return name
}

// The buffers of a connection begin with room for the names of an ordinary
// webhook, and are given back after an unusual one.
const (
	namesRoom = 256
	keptNames = 4 << 10
)

// heads has the field names of the requests that were read from a connection
// and not answered yet.
type heads struct {
	names []byte // as sent, each with a colon behind
	ends  []int  // the ends in names of the heads that are complete
}

// add puts a part of a field name behind what is known of it.
func (h *heads) add(part []byte) {
	if h.names == nil {
		h.names = make([]byte, 0, namesRoom)
	}
	h.names = append(h.names, part...)
}

// endName ends the field name that was added.
func (h *heads) endName() { h.names = append(h.names, ':') }

// end ends a head.
func (h *heads) end() { h.ends = append(h.ends, len(h.names)) }

func (h *heads) first() Order {
	if len(h.ends) == 0 {
		return Order{}
	}
	return Order{h.names[:h.ends[0]]}
}

// drop forgets the first head, whose request was answered.
func (h *heads) drop() {
	if len(h.ends) == 0 {
		return
	}
	gone := h.ends[0]
	left := copy(h.names, h.names[gone:])
	h.names = h.names[:left]
	if left == 0 && cap(h.names) > keptNames {
		h.names = nil
	}
	h.ends = h.ends[:copy(h.ends, h.ends[1:])]
	for i := range h.ends {
		h.ends[i] -= gone
	}
}
