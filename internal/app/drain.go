package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/httphead"
)

// connections counts what a server has open, by state. net/http drops a
// request that it has read but not yet given to the handler when Shutdown is
// called; so at a stop we close the listeners, let each connection come to its
// end by itself, and call Shutdown when there is nothing left to drop.
type connections struct {
	mu      sync.Mutex
	states  map[net.Conn]http.ConnState
	changed chan struct{} // closed and replaced at each change while draining
}

// freshTime is how long accepted connections have for sending the first byte
// once the daemon stops. Their request lies in the kernel already, unless the
// client only connected, or runs on a machine that is short of processor time;
// to that one it must not look as if its request was lost. It is as long as
// net/http takes a connection for a new one.
const freshTime = 5 * time.Second

// note is the server's ConnState.
func (c *connections) note(conn net.Conn, state http.ConnState) {
	httphead.ConnState(conn, state)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateClosed, http.StateHijacked:
		delete(c.states, conn)
	default:
		c.states[conn] = state
	}
	if c.changed != nil {
		close(c.changed)
		c.changed = make(chan struct{})
	}
}

// wait returns when no connection is in one of the states, or the context or
// timer ends.
func (c *connections) wait(ctx context.Context, timer clock.Timer, states ...http.ConnState) {
	var expired <-chan time.Time
	if timer != nil {
		defer timer.Stop()
		expired = timer.C()
	}
	for {
		c.mu.Lock()
		if c.changed == nil {
			c.changed = make(chan struct{})
		}
		changed, found := c.changed, false
		for _, state := range c.states {
			for _, wanted := range states {
				found = found || state == wanted
			}
		}
		c.mu.Unlock()
		if !found {
			return
		}
		select {
		case <-changed:
		case <-expired:
			return
		case <-ctx.Done():
			return
		}
	}
}

// drain stops accepting and waits for the requests that came in. cutOff is told
// if some were still under way when ctx ended.
func (s *server) drain(ctx context.Context, clk clock.Clock, cutOff func(error)) {
	s.draining.Store(true)
	for _, l := range s.accepts {
		_ = l.Close() // nothing more is wanted of it
	}
	s.serving.Wait() // what was accepted is counted now
	var ending sync.WaitGroup
	for _, f := range []*front{s.http1, s.http2} {
		if f == nil {
			continue
		}
		ending.Go(func() {
			f.finish(ctx, clk)
			if err := f.http.Shutdown(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
				cutOff(err)
				_ = f.http.Close() // what is left is cut off on purpose
			}
		})
	}
	ending.Wait()
}

// finish waits until Shutdown drops nothing. Over HTTP/2 it never does: it
// tells the clients which of their requests are the last, but must know of the
// connections to do so.
func (f *front) finish(ctx context.Context, clk clock.Clock) {
	if f.streams {
		f.conns.wait(ctx, clk.NewTimer(freshTime), http.StateNew)
		return
	}
	f.http.SetKeepAlivesEnabled(false)
	f.conns.wait(ctx, clk.NewTimer(freshTime), http.StateNew)
	f.conns.wait(ctx, nil, http.StateActive)
}
