package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// stock is how many messages wait while operators look, and dead how many of
// them are dead letters.
const stock, deadStock = 200_000, 9_000

// views are what operators look at.
var views = []string{
	"/status", "/routes", "/messages", "/messages?route=/in&state=queued", "/messages?state=leased", "/dlq", "/healthz", "/healthz?details=1", "/metrics",
	"/backlog/top_queued", "/backlog/oldest_queued", "/backlog/oldest_queued?route=/in&limit=1000", "/backlog/aging_summary",
	"/backlog/trends", "/backlog/trends?window=168h&step=1h",
}

// BenchmarkOperators is issue E, done when 3: each view of a long queue, at
// rest and while webhooks come in, and what the views cost the webhooks.
func BenchmarkOperators(b *testing.B) {
	d := benchDaemon(b, "sqlite").start()
	d.fill(b, "/in", stock)
	d.buryMany(b, deadStock)
	for b.Loop() {
		medians(b, d, "rest", nil)
		alone := d.trickle(b, make(chan struct{}))
		stop := make(chan struct{})
		looked := make(chan struct{})
		go func() {
			defer close(looked)
			medians(b, d, "load", stop)
		}()
		watched := d.trickle(b, stop)
		<-looked
		b.ReportMetric(percentile(alone, 0.99).Seconds()*1e3, "alone-p99-ms")
		b.ReportMetric(percentile(watched, 0.99).Seconds()*1e3, "watched-p99-ms")
	}
	d.stop()
}

// medians takes the median of 20 answers of each view. It closes done, unless
// that is nil, at the end.
func medians(b *testing.B, d *daemon, name string, done chan struct{}) {
	if done != nil {
		defer close(done)
	}
	for _, path := range views {
		var all []time.Duration
		for range 20 {
			t := time.Now()
			res, err := http.Get("http://" + d.admin + path)
			if err != nil {
				b.Error(err)
				return
			}
			_, err = io.Copy(io.Discard, res.Body)
			if err != nil || res.Body.Close() != nil || res.StatusCode != http.StatusOK {
				b.Errorf("%s: %d, %v", path, res.StatusCode, err)
			}
			all = append(all, time.Since(t))
		}
		b.ReportMetric(percentile(all, 0.5).Seconds()*1e3, name+":"+path+"-ms")
	}
}

// trickle sends 500 webhooks a second for ten seconds, or until stop is closed
// and five have passed, and returns the latencies.
func (d *daemon) trickle(b *testing.B, stop chan struct{}) (all []time.Duration) {
	var mu sync.Mutex
	var running sync.WaitGroup
	const senders, perSecond = 10, 500
	for range senders {
		running.Go(func() {
			conn := &rawConn{}
			defer conn.close()
			tick := time.NewTicker(time.Second * senders / perSecond)
			defer tick.Stop()
			for i := 0; i < 10*perSecond/senders; i++ {
				<-tick.C
				t := time.Now()
				if err := conn.expect(http.StatusAccepted, d.ingress, request("/in", "", body(1024, i))); err != nil {
					b.Error(err)
					return
				}
				mu.Lock()
				all = append(all, time.Since(t))
				mu.Unlock()
				select {
				case <-stop:
					if i >= 5*perSecond/senders {
						return
					}
				default:
				}
			}
		})
	}
	running.Wait()
	return all
}

// fill accepts n webhooks.
func (d *daemon) fill(b *testing.B, path string, n int) {
	b.Helper()
	var running sync.WaitGroup
	const senders = 64
	for range senders {
		running.Go(func() {
			conn := &rawConn{}
			defer conn.close()
			for range n / senders {
				if err := conn.expect(http.StatusAccepted, d.ingress, request(path, "", body(1024, 0))); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
}

// buryMany makes dead letters.
func (d *daemon) buryMany(b *testing.B, n int) {
	b.Helper()
	for range n / 100 {
		var ids []string
		for _, it := range d.dequeue("/in", `{"batch":100}`) {
			ids = append(ids, fmt.Sprintf("%q", it.LeaseID))
		}
		a := d.call("/in/nack", `{"dead":true,"reason":"bench","lease_ids":[`+strings.Join(ids, ",")+`]}`)
		if a.status/100 != 2 {
			b.Fatalf("nack: %d %s", a.status, a.body)
		}
	}
}
