package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

// benchStore opens a store on a real disk: BENCH_DIR, or the folder for
// temporary files.
func benchStore(b *testing.B) *Store {
	b.Helper()
	dir, err := os.MkdirTemp(os.Getenv("BENCH_DIR"), "queue")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) }) //nolint:errcheck // a folder for temporary files
	s := open(b, Options{Path: filepath.Join(dir, "queue.db"), Logger: zap.NewNop()})
	warm := queue.NewMessage{Route: "/warm", Target: queue.PullTarget, Payload: make([]byte, 64<<10)}
	for s.w.behind*pageSize < s.disk.logLimit*3/4 { // until the log has about its final size
		enqueue(b, s, warm, warm, warm, warm)
	}
	return s
}

func kibMessage(size int) queue.NewMessage {
	m := message("/bench", strings.Repeat("x", size))
	m.ReceivedAt = time.Now() //nolint:forbidigo // a benchmark runs in real time
	m.Envelope.Headers = []queue.Pair{{Name: "Content-Type", Value: "application/json"}, {Name: "User-Agent", Value: "bench"}}
	return m
}

// spread runs f n times over c goroutines and reports the rate, the latency and
// what the process wrote.
func spread(b *testing.B, c int, f func() int) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	times := make([][]time.Duration, c)
	mono := clock.System{}
	cpu, written := cpuTime(b), bytesWritten(b)
	b.ResetTimer()
	begin := mono.Monotonic()
	var wg sync.WaitGroup
	var done atomic.Int64
	for i := range c {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				t := mono.Monotonic()
				done.Add(int64(f()))
				times[i] = append(times[i], mono.Monotonic()-t)
			}
		})
	}
	wg.Wait()
	took := mono.Monotonic() - begin
	b.StopTimer()
	all := slices.Concat(times...)
	slices.Sort(all)
	n := float64(done.Load())
	b.ReportMetric(n/took.Seconds(), "msgs/s")
	b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/n, "cpu-µs/msg")
	b.ReportMetric(float64(bytesWritten(b)-written)/n/1024, "KiB-written/msg")
	b.ReportMetric(float64(all[len(all)*50/100].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func bytesWritten(b *testing.B) int64 {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Skip(err)
	}
	for line := range strings.Lines(string(text)) {
		var n int64
		if _, err := fmt.Sscanf(line, "wchar: %d", &n); err == nil {
			return n
		}
	}
	return 0
}

func BenchmarkEnqueue(b *testing.B) {
	for _, c := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprint("conc=", c), func(b *testing.B) {
			s := benchStore(b)
			m := kibMessage(1024)
			spread(b, c, func() int {
				if _, err := s.Enqueue(context.Background(), queue.Batch{Messages: []queue.NewMessage{m}}); err != nil {
					b.Error(err)
				}
				return 1
			})
		})
	}
	b.Run("conc=64/64KiB", func(b *testing.B) {
		s := benchStore(b)
		m := kibMessage(64 << 10)
		spread(b, 64, func() int {
			if _, err := s.Enqueue(context.Background(), queue.Batch{Messages: []queue.NewMessage{m}}); err != nil {
				b.Error(err)
			}
			return 1
		})
	})
	b.Run("conc=64/claims", func(b *testing.B) {
		s := benchStore(b)
		m := kibMessage(1024)
		var n atomic.Uint64
		spread(b, 64, func() int {
			claim := queue.Claim{Until: time.Now().Add(5 * time.Minute)} //nolint:forbidigo // as above
			x := n.Add(1) * 0x9e3779b97f4a7c15
			for i := range claim.Key {
				claim.Key[i] = byte(x >> (i % 8 * 8))
			}
			if _, err := s.Enqueue(context.Background(), queue.Batch{Messages: []queue.NewMessage{m}, Claims: []queue.Claim{claim}}); err != nil {
				b.Error(err)
			}
			return 1
		})
	})
}

// fill puts n messages of 1 KiB into the queue.
func fill(b *testing.B, s *Store, n int) {
	b.Helper()
	var batch queue.Batch
	for range n {
		batch.Messages = append(batch.Messages, kibMessage(1024))
		if len(batch.Messages) == 1000 {
			if _, err := s.Enqueue(context.Background(), batch); err != nil {
				b.Fatal(err)
			}
			batch.Messages = nil
		}
	}
}

// BenchmarkDrain leases and acks from a queue that stays deep.
func BenchmarkDrain(b *testing.B) {
	for _, depth := range []int{10_000, 100_000, 1_000_000} {
		for _, batch := range []int{1, 15, 100} {
			b.Run(fmt.Sprintf("depth=%d/batch=%d", depth, batch), func(b *testing.B) {
				s := benchStore(b)
				fill(b, s, depth+b.N*batch/1000*1000)
				spread(b, 4, func() int { return leaseAndAck(b, s, batch) })
			})
		}
	}
}

func leaseAndAck(b *testing.B, s *Store, batch int) int {
	got, err := s.Dequeue(context.Background(), queue.DequeueRequest{Route: "/bench", Max: batch, TTL: time.Minute})
	if err != nil || len(got) == 0 {
		b.Error(len(got), err)
		return 0
	}
	ids := make([]string, len(got))
	for i := range got {
		ids[i] = got[i].LeaseID
	}
	if conflicts, err := s.Settle(context.Background(), queue.SettleRequest{LeaseIDs: ids, Action: queue.Ack}); err != nil || len(conflicts) > 0 {
		b.Error(conflicts, err)
	}
	return len(got)
}

func BenchmarkMixed(b *testing.B) {
	s := benchStore(b)
	stop := make(chan struct{})
	var out atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				got, err := s.Dequeue(context.Background(), queue.DequeueRequest{Route: "/bench", Max: 15, TTL: time.Minute, Wait: 10 * time.Millisecond})
				if err != nil || len(got) == 0 {
					continue
				}
				ids := make([]string, len(got))
				for i := range got {
					ids[i] = got[i].LeaseID
				}
				_, _ = s.Settle(context.Background(), queue.SettleRequest{LeaseIDs: ids, Action: queue.Ack})
				out.Add(int64(len(got)))
			}
		})
	}
	m := kibMessage(1024)
	spread(b, 64, func() int {
		if _, err := s.Enqueue(context.Background(), queue.Batch{Messages: []queue.NewMessage{m}}); err != nil {
			b.Error(err)
		}
		return 1
	})
	b.ReportMetric(float64(out.Load())/float64(b.N), "out/in")
	close(stop)
	wg.Wait()
}

// BenchmarkOpen measures a start on a queue that is deep.
func BenchmarkOpen(b *testing.B) {
	for _, depth := range []int{0, 100_000, 1_000_000} {
		b.Run(fmt.Sprint("depth=", depth), func(b *testing.B) {
			s := benchStore(b)
			fill(b, s, depth)
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			for range b.N {
				b.StartTimer()
				s, err := Open(b.Context(), Options{Path: s.path, Clock: clock.System{}})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.Enqueue(b.Context(), queue.Batch{Messages: []queue.NewMessage{message("/bench", "x")}}); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLog is the ceiling: the payload written to a ring in advance and
// synced, many to one sync, without a database.
func BenchmarkLog(b *testing.B) {
	for _, c := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprint("conc=", c), func(b *testing.B) {
			f, err := os.CreateTemp(os.Getenv("BENCH_DIR"), "ring")
			if err != nil {
				b.Fatal(err)
			}
			defer os.Remove(f.Name()) //nolint:errcheck // a temporary file
			defer f.Close()           //nolint:errcheck // likewise
			const size = 64 << 20
			if err := fillZeros(f, 0, size); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
			in := make(chan chan error, 1024)
			payload := []byte(strings.Repeat("x", 1024))
			go func() {
				at := int64(0)
				for first := range in {
					batch := []chan error{first}
					for more := true; more; {
						select {
						case next := <-in:
							batch = append(batch, next)
						default:
							more = false
						}
					}
					if at+int64(1024*len(batch)) > size {
						at = 0
					}
					_, err := f.WriteAt(slices.Repeat(payload, len(batch)), at)
					at += int64(1024 * len(batch))
					if err == nil {
						err = syscall.Fdatasync(int(f.Fd()))
					}
					for _, done := range batch {
						done <- err
					}
				}
			}()
			defer close(in)
			spread(b, c, func() int {
				done := make(chan error, 1)
				in <- done
				if err := <-done; err != nil {
					b.Error(err)
				}
				return 1
			})
		})
	}
}
