package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The benchmarks drive the built binary over loopback, with the client on the
// same machine, at full durability. Compare their figures with the ceilings of
// the same run (BenchmarkCeiling), which do what no durable receiver can do
// without; absolute figures of a shared machine mean little.

const benchConfig = `queue_limits { max_depth off }
observability { access_log off runtime_log warn }
/in { queue %[1]s pull { path /in } }
/webhooks/github {
  queue %[1]s
  auth hmac { provider github secret raw:` + githubSecret + ` }
  pull { path /github }
}
`

func benchDaemon(b *testing.B, backend string) *daemon {
	b.Helper()
	return newDaemon(b, fmt.Sprintf(benchConfig, backend))
}

// flood sends n requests over c connections and reports the rate and the
// latency that 99 of 100 stay under.
func flood(b *testing.B, n, c int, send func(conn *rawConn, seq int) error) {
	b.Helper()
	var seq atomic.Int64
	var wg sync.WaitGroup
	var mu sync.Mutex
	var all []time.Duration
	start := time.Now()
	for range c {
		wg.Go(func() {
			conn := &rawConn{}
			defer conn.close()
			var mine []time.Duration
			for {
				i := int(seq.Add(1))
				if i > n {
					break
				}
				t := time.Now()
				if err := send(conn, i); err != nil {
					b.Error(err)
					break
				}
				mine = append(mine, time.Since(t))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	b.ReportMetric(float64(len(all))/elapsed.Seconds(), "msg/s")
	b.ReportMetric(percentile(all, 0.99).Seconds()*1e3, "p99-ms")
}

func body(size, seq int) []byte {
	b := bytes.Repeat([]byte("x"), size)
	copy(b, fmt.Sprintf("%012d", seq))
	return b
}

func benchIngest(b *testing.B, d *daemon, c, size int, signed bool) {
	b.Helper()
	d.start()
	path := "/in"
	if signed {
		path = "/webhooks/github"
	}
	cpu := d.cpu()
	b.ResetTimer()
	flood(b, b.N, c, func(conn *rawConn, seq int) error {
		body, extra := body(size, seq), ""
		if signed {
			extra = "X-Hub-Signature-256: " + githubSignature(githubSecret, body) + "\r\n"
		}
		return conn.expect(http.StatusAccepted, d.ingress, request(path, extra, body))
	})
	b.StopTimer()
	b.ReportMetric((d.cpu()-cpu).Seconds()/float64(b.N)*1e6, "cpu-µs/msg")
	d.stop()
}

func BenchmarkIngest(b *testing.B) {
	for _, backend := range []string{"sqlite", "memory"} {
		for _, c := range []int{1, 16, 64, 256} {
			b.Run(fmt.Sprintf("%s/c=%d", backend, c), func(b *testing.B) {
				benchIngest(b, benchDaemon(b, backend), c, 1024, false)
			})
		}
	}
	b.Run("sqlite/github/c=64", func(b *testing.B) { benchIngest(b, benchDaemon(b, "sqlite"), 64, 1024, true) })
	b.Run("sqlite/64KiB/c=64", func(b *testing.B) { benchIngest(b, benchDaemon(b, "sqlite"), 64, 64<<10, false) })
}

// deep is how many messages wait in the queues of BenchmarkDeep.
const deep = 100_000

// filled returns a stopped daemon with deep messages in its queue.
func filled(b *testing.B) *daemon {
	b.Helper()
	d := benchDaemon(b, "sqlite")
	d.start()
	var seq atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			conn := &rawConn{}
			defer conn.close()
			for seq.Add(1) <= deep {
				if err := conn.expect(http.StatusAccepted, d.ingress, request("/in", "", body(1024, 0))); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	d.stop()
	return d
}

// BenchmarkDeep works on a queue that is 100,000 deep already.
func BenchmarkDeep(b *testing.B) {
	b.Run("ingest/c=64", func(b *testing.B) { benchIngest(b, filled(b), 64, 1024, false) })
	for _, batch := range []int{1, 15, 100} {
		b.Run(fmt.Sprintf("drain/batch=%d", batch), func(b *testing.B) { benchDrain(b, batch) })
	}
	b.Run("start", func(b *testing.B) {
		d := filled(b)
		b.ResetTimer()
		for range b.N {
			d.launch()
			for conn := (&rawConn{}); conn.expect(http.StatusAccepted, d.ingress, request("/in", "", body(64, 0))) != nil; {
				time.Sleep(time.Millisecond)
			}
			b.StopTimer()
			d.stop()
			b.StartTimer()
		}
	})
}

// benchDrain takes and acknowledges b.N messages with four workers.
func benchDrain(b *testing.B, batch int) {
	b.Helper()
	d := filled(b)
	d.start()
	n := min(b.N, deep)
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	b.ResetTimer()
	start := time.Now()
	for range 4 {
		wg.Go(func() {
			conn := &rawConn{}
			defer conn.close()
			for left.Load() > 0 {
				done, err := takeAndAck(conn, d.pull, batch)
				if err != nil {
					b.Error(err)
					return
				}
				left.Add(-int64(done))
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(n)/time.Since(start).Seconds(), "msg/s")
	b.StopTimer()
	d.stop()
}

func takeAndAck(conn *rawConn, addr string, batch int) (int, error) {
	auth := "Authorization: Bearer " + pullToken + "\r\n"
	if err := conn.expect(http.StatusOK, addr, request("/in/dequeue", auth, fmt.Appendf(nil, `{"batch":%d}`, batch))); err != nil {
		return 0, err
	}
	var leases []string
	for part := range strings.SplitSeq(string(conn.body), `"lease_id":"`) {
		if id, _, found := strings.Cut(part, `"`); found && strings.HasPrefix(id, "lease_") {
			leases = append(leases, id)
		}
	}
	if len(leases) == 0 {
		return 0, io.EOF
	}
	ack, err := json.Marshal(map[string]any{"lease_ids": leases})
	if err != nil {
		return 0, err
	}
	return len(leases), conn.expect(http.StatusOK, addr, request("/in/ack", auth, ack))
}

// BenchmarkMixed ingests over 64 connections while four workers drain.
func BenchmarkMixed(b *testing.B) {
	d := benchDaemon(b, "sqlite")
	d.start()
	stop := make(chan struct{})
	var out atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			conn := &rawConn{}
			defer conn.close()
			for {
				select {
				case <-stop:
					return
				default:
				}
				done, err := takeAndAck(conn, d.pull, 15)
				if err != nil && !errors.Is(err, io.EOF) {
					b.Error(err)
					return
				}
				out.Add(int64(done))
			}
		})
	}
	b.ResetTimer()
	start := time.Now()
	flood(b, b.N, 64, func(conn *rawConn, seq int) error {
		return conn.expect(http.StatusAccepted, d.ingress, request("/in", "", body(1024, seq)))
	})
	b.ReportMetric(float64(out.Load())/time.Since(start).Seconds(), "out/s")
	b.StopTimer()
	close(stop)
	wg.Wait()
	d.stop()
}

// BenchmarkCeiling is what the same client gets from a server that only
// answers (plain), and from one that appends the body to a file and syncs many
// requests at a time (log).
func BenchmarkCeiling(b *testing.B) {
	for _, mode := range []string{"plain", "log"} {
		for _, c := range []int{1, 16, 64, 256} {
			b.Run(fmt.Sprintf("%s/c=%d", mode, c), func(b *testing.B) {
				addr := ceiling(b, mode)
				b.ResetTimer()
				flood(b, b.N, c, func(conn *rawConn, seq int) error {
					return conn.expect(http.StatusAccepted, addr, request("/in", "", body(1024, seq)))
				})
			})
		}
	}
}

// ceiling serves in another process, as the daemon is one, and returns its
// address.
func ceiling(b *testing.B, mode string) string {
	b.Helper()
	d := &daemon{t: b, dir: b.TempDir(), log: &logBuffer{}, ingress: freeAddress(b)}
	d.env = []string{ceilingAddress + "=" + d.ingress, ceilingMode + "=" + mode, ceilingFolder + "=" + d.dir}
	d.run(os.Args[0], "-test.run=^TestCeilingServer$")
	d.eventually("serving", func() bool { return d.get("http://"+d.ingress) != 0 })
	b.Cleanup(d.kill)
	return d.ingress
}
