package app

import (
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"hookaido/internal/clock"
)

// TestConnectionsWaitForTheStates has a fresh connection that becomes active
// and then ends.
func TestConnectionsWaitForTheStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &connections{states: map[net.Conn]http.ConnState{}}
		conn, _ := net.Pipe()
		c.note(conn, http.StateNew)
		order := make(chan string, 2)
		go func() {
			c.wait(t.Context(), clock.System{}.NewTimer(time.Hour), http.StateNew)
			order <- "fresh"
			c.wait(t.Context(), nil, http.StateActive)
			order <- "active"
		}()
		synctest.Wait()
		if len(order) != 0 {
			t.Fatal("a fresh connection was not waited for")
		}
		c.note(conn, http.StateActive)
		if got := <-order; got != "fresh" {
			t.Fatalf("first came %s", got)
		}
		synctest.Wait()
		if len(order) != 0 {
			t.Fatal("a request in work was not waited for")
		}
		c.note(conn, http.StateClosed)
		if got := <-order; got != "active" {
			t.Fatalf("then came %s", got)
		}
		if len(c.states) != 0 {
			t.Errorf("%d closed connections are remembered", len(c.states))
		}
	})
}

// A client that connects and sends nothing holds a stop up for a moment only.
func TestConnectionsGiveUpOnSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &connections{states: map[net.Conn]http.ConnState{}}
		conn, _ := net.Pipe()
		c.note(conn, http.StateNew)
		began := time.Now()
		c.wait(t.Context(), clock.System{}.NewTimer(freshTime), http.StateNew)
		if waited := time.Since(began); waited != freshTime {
			t.Errorf("waited %v for silence, want %v", waited, freshTime)
		}
	})
}
