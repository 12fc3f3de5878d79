package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

const openRoute = `/in {
  queue sqlite
  pull { path /in }
}
queue_limits { max_depth 1000000 }
`

// load sends distinct webhooks from several connections until stop is closed
// and records the bodies that were answered with 202.
type load struct {
	mu       sync.Mutex
	accepted map[string]bool
	refused  map[int]int
	wg       sync.WaitGroup
	stop     chan struct{}
}

func (d *daemon) startLoad(tag string) *load {
	l := &load{accepted: map[string]bool{}, refused: map[int]int{}, stop: make(chan struct{})}
	for c := range 8 {
		l.wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-l.stop:
					return
				default:
				}
				body := fmt.Sprintf("%s-%d-%d", tag, c, n)
				a, err := tryPost(d.t, "http://"+d.ingress+"/in", []byte(body))
				l.mu.Lock()
				switch {
				case err != nil:
					l.refused[0]++
				case a.status == http.StatusAccepted:
					l.accepted[body] = true
				default:
					l.refused[a.status]++
				}
				l.mu.Unlock()
				if err != nil {
					time.Sleep(time.Millisecond) // the process is gone; don't spin
				}
			}
		})
	}
	return l
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted)
}

// end stops the load and returns the bodies that were accepted.
func (l *load) end() map[string]bool {
	close(l.stop)
	l.wg.Wait()
	return l.accepted
}

// leaser is a worker that takes messages and acknowledges half of them. What
// it holds when the process dies may come again.
type leaser struct {
	mu           sync.Mutex
	acked, taken map[string]int
	wg           sync.WaitGroup
	stop         chan struct{}
}

func (d *daemon) startLeaser() *leaser {
	w := &leaser{acked: map[string]int{}, taken: map[string]int{}, stop: make(chan struct{})}
	w.wg.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-w.stop:
				return
			default:
			}
			a, err := tryPost(d.t, "http://"+d.pull+"/in/dequeue", []byte(`{"batch":5,"lease_ttl":"1s","max_wait":"50ms"}`),
				"Authorization", "Bearer "+pullToken)
			if err != nil || a.status != http.StatusOK {
				time.Sleep(time.Millisecond)
				continue
			}
			var got struct{ Items []item }
			if json.Unmarshal(a.body, &got) != nil {
				continue
			}
			w.handle(d, got.Items)
		}
	})
	return w
}

func (w *leaser) handle(d *daemon, items []item) {
	for i, it := range items {
		w.mu.Lock()
		w.taken[string(it.Payload)]++
		w.mu.Unlock()
		if i%2 == 1 {
			continue // held until its lease runs out
		}
		a, err := tryPost(d.t, "http://"+d.pull+"/in/ack", []byte(`{"lease_id":"`+it.LeaseID+`"}`), "Authorization", "Bearer "+pullToken)
		if err == nil && a.status == http.StatusNoContent {
			w.mu.Lock()
			w.acked[string(it.Payload)]++
			w.mu.Unlock()
		}
	}
}

func (w *leaser) end() {
	close(w.stop)
	w.wg.Wait()
}

// TestNothingAcceptedIsLostByKill loads the daemon, kills it, starts it again
// and counts, in 20 rounds: every message that was answered with 202 is there
// exactly once, or was in a worker's hands.
func TestNothingAcceptedIsLostByKill(t *testing.T) {
	d := newDaemon(t, openRoute)
	for round := range 20 {
		d.start()
		worker := d.startLeaser()
		l := d.startLoad(fmt.Sprint("round-", round))
		want := 50 + 40*(round%5)
		d.eventually("under load", func() bool { return l.count() >= want })
		d.kill()
		accepted := l.end()
		worker.end()

		d.start()
		seen := d.drainAfterLeases("/in")
		for body := range accepted {
			if seen[body] == 0 && worker.taken[body] == 0 {
				t.Fatalf("round %d: %s was answered with 202 and is lost", round, body)
			}
			if seen[body] > 0 && worker.acked[body] > 0 {
				t.Fatalf("round %d: %s came again after its ack was answered", round, body)
			}
		}
		for body, n := range seen {
			if n > 1 && worker.taken[body] == 0 {
				t.Fatalf("round %d: %s came %d times though no lease was out", round, body, n)
			}
		}
		d.stop()
	}
}

// drainAfterLeases drains until nothing comes for longer than the leases of
// one second last that a killed process left behind.
func (d *daemon) drainAfterLeases(endpoint string) map[string]int {
	d.t.Helper()
	return d.drainWaiting(endpoint, "1500ms")
}
