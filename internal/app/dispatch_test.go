package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"hookaido/internal/queue"
)

// pushes is a configuration with a push route of n targets at the given server.
func pushes(server string, n int) string {
	var b strings.Builder
	b.WriteString("defaults { egress { https_only off dns_rebind_protection off } }\n/p {\n queue memory\n")
	for i := range n {
		fmt.Fprintf(&b, " deliver %s/%d { sign hmac raw:0123456789abcdef0123456%d header X-Key {$KEY} }\n", server, i, i%10)
	}
	return listeners0 + b.String() + "}\n"
}

// TestReloadKeepsTargets takes targets over that a reload leaves as they were,
// and makes those anew that it changes, also by a secret or by the egress rules.
func TestReloadKeepsTargets(t *testing.T) {
	key := "one"
	a := prepare(t, "")
	lookup := func(string) (string, bool) { return key, true }
	app := &App{opts: a.opts}
	app.opts.LookupEnv = lookup
	load := func(text string) *deliveries {
		t.Helper()
		a.write(text)
		cfg, _, err := app.load()
		if err != nil {
			t.Fatal(err)
		}
		_, values, err := app.loadSecrets(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		d, err := app.prepareDeliveries(cfg, values)
		if err != nil {
			t.Fatal(err)
		}
		app.deliveries = d
		return d
	}
	kept := func(before, after *deliveries) (n int) {
		for key, made := range after.targets {
			if was, known := before.targets[key]; known && was.target == made.target {
				n++
			}
		}
		return n
	}
	base := pushes("https://x.example", 3)
	first := load(base)
	if second := load("# moved\n\n" + base); kept(first, second) != 3 || second.deliverer != first.deliverer {
		t.Error("a reload of the same made targets anew")
	}
	first = app.deliveries
	if second := load(strings.Replace(base, "0123456789abcdef01234561", "0123456789abcdef01234569", 1)); kept(first, second) != 2 {
		t.Errorf("%d of 3 targets kept after a change of one key, want 2", kept(first, second))
	}
	key = "two"
	first = app.deliveries
	if second := load(base); kept(first, second) != 0 {
		t.Errorf("%d of 3 targets kept after a change of a header's variable, want 0", kept(first, second))
	}
	first = app.deliveries
	second := load(strings.Replace(base, "https_only off", "https_only on", 1))
	if second.deliverer == first.deliverer || kept(first, second) != 0 {
		t.Error("other egress rules did not make the targets anew")
	}
}

func TestTargetNames(t *testing.T) {
	a := prepare(t, pushes("https://x.example", 2)+"/a { queue memory pull { path /a } }\n")
	app := &App{opts: a.opts}
	app.opts.LookupEnv = func(string) (string, bool) { return "x", true }
	cfg, _, err := app.load()
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(targetNames(&cfg.Routes[0]), targetNames(&cfg.Routes[1])); got != "[https://x.example/0 https://x.example/1] ["+queue.PullTarget+"]" {
		t.Errorf("targets %s", got)
	}
}

// TestDeliversOverReloads has messages come in while the configuration is
// reloaded: each goes to each target once.
func TestDeliversOverReloads(t *testing.T) {
	var mu sync.Mutex
	got := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got[r.URL.Path+" "+r.Header.Get("X-Hookaido-Event-Id")]++
	}))
	defer server.Close()
	r := prepare(t, pushes(server.URL, 2))
	r.opts.LookupEnv = func(string) (string, bool) { return "x", true }
	r.start()
	var accepted atomic.Int32
	var work sync.WaitGroup
	work.Go(func() {
		for range 100 {
			if r.post("/p") == http.StatusAccepted {
				accepted.Add(1)
			}
		}
	})
	for n := range 10 {
		r.write(pushes(server.URL, 2+n%2))
		if _, err := r.client.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	work.Wait()
	r.eventually("delivered", func() bool {
		s, err := r.client.Status(t.Context())
		return err == nil && s.Store.ByState["queued"]+s.Store.ByState["leased"] == 0 && len(s.Deliveries) >= 2
	})
	mu.Lock()
	defer mu.Unlock()
	for name, n := range got {
		if n != 1 {
			t.Errorf("%s came %d times", name, n)
		}
	}
	if n := len(got); n < 200 || n > 300 || accepted.Load() != 100 {
		t.Errorf("%d deliveries of %d messages to 2 or 3 targets each", n, accepted.Load())
	}
}
