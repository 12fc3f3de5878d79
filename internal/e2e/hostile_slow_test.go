package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestSlowClientsAreCut is row 58 of bad input: a head has ten seconds, and a
// body that trickles in thirty.
func TestSlowClientsAreCut(t *testing.T) {
	t.Parallel() // with other tests that wait
	d := newDaemon(t, openRoute).start()
	for _, test := range []struct {
		name, raw, want string
		// drops come until then: not at the end, where one would meet the close
		// and reset the connection. If each gave more time, it would be over late.
		drops, within time.Duration
	}{
		{"head", "POST /in HTTP/1.1\r\nHost: h\r\nX-Slow: ", "", 8 * time.Second, 17 * time.Second},
		{"nothing at all", "", "", 0, 17 * time.Second},
		{"body", "POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n", "408 request_timeout", 25 * time.Second, 50 * time.Second},
		{"chunks", "POST /in HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "408 request_timeout", 25 * time.Second, 50 * time.Second},
	} {
		t.Run("badinput 58 "+test.name, func(t *testing.T) {
			t.Parallel()
			conn := d.dial(t)
			defer conn.Close() //nolint:errcheck // the exchange is over
			must(t, conn.SetDeadline(time.Now().Add(test.within)))
			_, err := io.WriteString(conn, test.raw)
			must(t, err)
			drop := "x"
			if test.name == "chunks" {
				drop = "1\r\nx\r\n"
			}
			stop := make(chan struct{})
			var trickle sync.WaitGroup
			trickle.Go(func() {
				every := time.NewTicker(500 * time.Millisecond)
				defer every.Stop()
				for began := time.Now(); time.Since(began) < test.drops; {
					select {
					case <-every.C:
						_, _ = io.WriteString(conn, drop) // the server may have closed
					case <-stop:
						return
					}
				}
			})
			got := summary(answersOf(t, conn, test.raw))
			close(stop)
			trickle.Wait()
			if got != test.want {
				t.Errorf("answers %q, want %q", got, test.want)
			}
		})
	}
}

// hold opens n connections that each send head and then part, and returns when
// each of them has sent all of it, was refused, or found no taker. They stay
// open until the test ends.
func (d *daemon) hold(t testing.TB, n int, head, part string) (refused int) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	for range n {
		conn := d.dial(t)
		t.Cleanup(func() { _ = conn.Close() })
		all.Go(func() {
			_ = conn.SetDeadline(time.Now().Add(3 * time.Second))
			if _, err := io.WriteString(conn, head+part); err == nil {
				_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			}
			line := make([]byte, 12)
			if _, err := io.ReadFull(conn, line); err == nil && string(line[9:]) == "503" {
				mu.Lock()
				defer mu.Unlock()
				refused++
			}
		})
	}
	all.Wait()
	return refused
}

// TestHeldBodiesCostLittle is row 59 of bad input: 400 senders that hold 1.9 MB
// each of a body of 2 MB that nobody has authenticated yet.
func TestHeldBodiesCostLittle(t *testing.T) {
	d := newDaemon(t, githubRoute).start()
	head := fmt.Sprintf("POST /webhooks/github HTTP/1.1\r\nHost: h\r\nX-Hub-Signature-256: sha256=%064d\r\nContent-Length: 2000000\r\n\r\n", 1)
	refused := d.hold(t, 400, head, strings.Repeat("x", 1_900_000))
	if refused == 0 {
		t.Error("badinput 59: no sender was refused: the bytes in flight are not bounded")
	}
	if peak := memoryMiB(t, d.cmd.Process.Pid, "VmHWM"); peak > 200 {
		t.Errorf("badinput 59: up to %d MiB were resident while 400 bodies were held, want at most 200", peak)
	}
	if a := post(t, "http://"+d.ingress+"/webhooks/github", []byte("b"), "X-Hub-Signature-256", githubSignature(githubSecret, []byte("b"))); a.status != http.StatusAccepted {
		t.Errorf("beside them an ordinary webhook got %d %s", a.status, a.body)
	}
}

// TestHeldHeadsCostLittle does the same with heads, which come before any look
// at who sends them: 400 of nearly 1 MiB.
func TestHeldHeadsCostLittle(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	refused := d.hold(t, 400, "POST /in HTTP/1.1\r\nHost: h\r\nX-Long: ", strings.Repeat("x", 1_000_000))
	if refused == 0 {
		t.Error("no sender was refused: the memory for heads is not bounded")
	}
	if peak := memoryMiB(t, d.cmd.Process.Pid, "VmHWM"); peak > 200 {
		t.Errorf("up to %d MiB were resident while 400 heads were held, want at most 200", peak)
	}
	if a := post(t, "http://"+d.ingress+"/in", []byte("an ordinary webhook")); a.status != http.StatusAccepted {
		t.Errorf("beside them an ordinary webhook got %d %s", a.status, a.body)
	}
}

// memoryMiB returns a figure of /proc/PID/status.
func memoryMiB(t testing.TB, pid int, name string) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	for line := range strings.SplitSeq(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			must(t, err)
			return kb / 1024
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

// TestSlowSendersShutNobodyOut is case C106: 2,000 senders that each hold a
// body back after its first octet, and one that doesn't.
func TestSlowSendersShutNobodyOut(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	for range 2000 {
		conn, err := net.Dial("tcp", d.ingress)
		must(t, err)
		defer conn.Close() //nolint:errcheck // held on purpose until the end
		_, err = io.WriteString(conn, "POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 16384\r\n\r\nx")
		must(t, err)
	}
	if a := post(t, "http://"+d.ingress+"/in", []byte("an ordinary webhook")); a.status != http.StatusAccepted {
		t.Errorf("C106: beside 2,000 slow senders an ordinary one got %d %s", a.status, a.body)
	}
	d.stop()
}
