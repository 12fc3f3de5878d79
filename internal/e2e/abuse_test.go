package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkAbuse is an ordinary sender at 200 requests a second, alone and
// beside clients that wish the service ill. Each operation is one of its
// requests, so -benchtime 12000x takes a minute of each. It fails if the sender
// ever sees an error; compare p99-ms with that of quiet.
func BenchmarkAbuse(b *testing.B) {
	const target = "/webhooks/github"
	signature := fmt.Sprintf("X-Hub-Signature-256: sha256=%064d\r\n", 1)
	for _, with := range []struct {
		name  string
		abuse func(b *testing.B, a *abuser)
	}{
		{"quiet", func(*testing.B, *abuser) {}},
		{"idle=2000,slow=500", func(_ *testing.B, a *abuser) {
			a.clients(2000, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "")
			a.clients(250, "POST /in HTTP/1.1\r\nHost: h\r\nX-Slow: ", "x")
			a.clients(250, "POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n", "x")
		}},
		{"bodies=400x1.9MB", func(_ *testing.B, a *abuser) {
			a.clients(400, "POST "+target+" HTTP/1.1\r\nHost: h\r\n"+signature+"Content-Length: 2000000\r\n\r\n"+strings.Repeat("x", 1_900_000), "x")
		}},
		{"heads=400x1MB", func(_ *testing.B, a *abuser) {
			a.clients(400, "POST /in HTTP/1.1\r\nHost: h\r\nX-Long: "+strings.Repeat("x", 1_000_000), "x")
		}},
		{"forgeries", func(_ *testing.B, a *abuser) {
			a.forgers(8, request(target, signature, body(1024, 0)))
		}},
	} {
		b.Run(with.name, func(b *testing.B) {
			d := newDaemon(b, fmt.Sprintf(benchConfig, "sqlite")).start()
			a := &abuser{addr: d.ingress, stop: make(chan struct{})}
			with.abuse(b, a)
			cpu := d.cpu()
			b.ResetTimer()
			d.ordinary(b)
			b.StopTimer()
			b.ReportMetric((d.cpu()-cpu).Seconds()/b.Elapsed().Seconds(), "cpus")
			b.ReportMetric(float64(memoryMiB(b, d.cmd.Process.Pid, "VmHWM")), "peak-MiB")
			close(a.stop)
			a.all.Wait()
			d.kill()
		})
	}
}

// ordinary sends b.N signed requests over a few connections, one every five
// milliseconds whatever the answers take.
func (d *daemon) ordinary(b *testing.B) {
	b.Helper()
	const every, senders = 5 * time.Millisecond, 16
	due := make(chan time.Time, b.N)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var all []time.Duration
	for range senders {
		wg.Go(func() {
			conn := &rawConn{}
			defer conn.close()
			for at := range due {
				content := body(1024, int(at.UnixNano()))
				extra := "X-Hub-Signature-256: " + githubSignature(githubSecret, content) + "\r\n"
				if err := conn.expect(http.StatusAccepted, d.ingress, request("/webhooks/github", extra, content)); err != nil {
					b.Errorf("the ordinary sender: %v", err)
				}
				mu.Lock()
				all = append(all, time.Since(at))
				mu.Unlock()
			}
		})
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for range b.N {
		due <- <-tick.C
	}
	close(due)
	wg.Wait()
	b.ReportMetric(percentile(all, 0.50).Seconds()*1e3, "p50-ms")
	b.ReportMetric(percentile(all, 0.99).Seconds()*1e3, "p99-ms")
	b.ReportMetric(percentile(all, 1).Seconds()*1e3, "max-ms")
}

// abuser has connections that it opens anew when the server ends them.
type abuser struct {
	addr string
	stop chan struct{}
	all  sync.WaitGroup
}

// clients opens n connections that send first, then drop every second, if there
// is any. It returns when each has sent its part, or failed to.
func (a *abuser) clients(n int, first, drop string) {
	var begun sync.WaitGroup
	for range n {
		begun.Add(1)
		once := sync.OnceFunc(begun.Done)
		a.all.Go(func() {
			defer once()
			for !a.stopped() {
				a.client(first, drop, once)
			}
		})
	}
	begun.Wait()
}

func (a *abuser) stopped() bool {
	select {
	case <-a.stop:
		return true
	default:
		return false
	}
}

// comeAgain is when a client that was refused tries anew. Much sooner, and the
// abusers would keep this machine busy, not the server.
const comeAgain = 15 * time.Second

// client is one connection, until the server or the benchmark ends it.
func (a *abuser) client(first, drop string, begun func()) {
	conn, err := net.Dial("tcp", a.addr)
	if err != nil {
		time.Sleep(100 * time.Millisecond) // the server is full; try again
		return
	}
	ended := make(chan struct{})
	defer func() { <-ended }()
	defer conn.Close() //nolint:errcheck // nothing more is wanted of it
	_ = conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, conn)
	}()
	_, err = io.WriteString(conn, first)
	begun()
	_ = conn.SetWriteDeadline(time.Time{})
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for err == nil {
		select {
		case <-tick.C:
			if drop != "" {
				_, err = io.WriteString(conn, drop)
			}
		case <-ended:
			err = io.EOF
		case <-a.stop:
			return
		}
	}
	again := time.NewTimer(comeAgain)
	defer again.Stop()
	select {
	case <-again.C:
	case <-a.stop:
	}
}

// forgers send the same request over n connections as fast as they can.
func (a *abuser) forgers(n int, raw []byte) {
	for range n {
		a.all.Go(func() {
			conn := &rawConn{}
			defer conn.close()
			for !a.stopped() {
				if conn.expect(http.StatusUnauthorized, a.addr, raw) != nil {
					return
				}
			}
		})
	}
}
