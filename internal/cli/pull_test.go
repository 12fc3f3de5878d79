package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hookaido/internal/client"
	"hookaido/internal/clock"
)

// patience bounds the waits of tests for other processes.
const patience = time.Minute

// appears waits until there is a file.
func appears(t *testing.T, path string) {
	t.Helper()
	timer := clock.System{}.NewTimer(patience)
	defer timer.Stop()
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		pause := clock.System{}.NewTimer(10 * time.Millisecond)
		select {
		case <-pause.C():
		case <-timer.C():
			t.Fatalf("%s does not appear", filepath.Base(path))
		}
	}
}

func pullingFrom(url string, flags *pullFlags) (*pulling, *bytes.Buffer) {
	errs := &bytes.Buffer{}
	return &pulling{
		program: &program{Environment: Environment{Stdout: io.Discard, Stderr: errs}},
		worker:  &client.Worker{URL: url, HTTP: &http.Client{}}, flags: flags,
	}, errs
}

// What the shell of --exec started is told to end too.
func TestPullEndsWhatTheCommandStarted(t *testing.T) {
	dir := t.TempDir()
	began, told := filepath.Join(dir, "began"), filepath.Join(dir, "told")
	r, _ := pullingFrom("http://127.0.0.1:1", &pullFlags{lease: time.Hour,
		exec: `(trap 'touch ` + told + `; kill $!; exit' TERM; sleep 300 & touch ` + began + `; wait) & wait`})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := r.execute(ctx, &client.Leased{ID: "m"})
		ended <- err
	}()
	appears(t, began)
	cancel()
	appears(t, told)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("execute = %v", err)
	}
}

// flaky is a pull API that drops the connections of those calls that drop names,
// counted from 1. It has a message for each dequeue.
func flaky(t *testing.T, drop map[int]bool) (url string, calls *[]string) {
	t.Helper()
	calls = &[]string{} // a worker calls one after the other
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*calls = append(*calls, filepath.Base(r.URL.Path))
		if drop[len(*calls)] {
			panic(http.ErrAbortHandler)
		}
		if strings.HasSuffix(r.URL.Path, "/dequeue") {
			_, _ = io.WriteString(w, `{"items":[{"id":"m","lease_id":"l"}]}`)
		} else {
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, calls
}

func TestPullFollowsADaemonThatRestarts(t *testing.T) {
	url, calls := flaky(t, map[int]bool{2: true, 4: true})
	r, errs := pullingFrom(url, &pullFlags{ack: true, follow: true, batch: 1, most: 2, lease: time.Hour})
	if err := r.all(t.Context()); err != nil || r.taken != 2 || r.failed != 0 {
		t.Errorf("%d taken, %d failed, %v", r.taken, r.failed, err)
	}
	if got := strings.Join(*calls, " "); got != "dequeue ack ack dequeue dequeue ack" {
		t.Errorf("calls: %s", got)
	}
	if n := strings.Count(errs.String(), "waiting for the daemon"); n != 2 {
		t.Errorf("said %d times that it waits, want 2: %s", n, errs)
	}
}

func TestPullGivesUp(t *testing.T) {
	for name, test := range map[string]struct {
		follow bool
		drop   map[int]bool
	}{
		"on a daemon that was never there": {true, map[int]bool{1: true}},
		"without follow":                   {false, map[int]bool{2: true}},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := flaky(t, test.drop)
			r, _ := pullingFrom(url, &pullFlags{ack: true, follow: test.follow, batch: 1, lease: time.Hour})
			var remote *client.Error
			if err := r.all(t.Context()); !errors.As(err, &remote) || remote.Class != client.Unreachable {
				t.Errorf("all = %v", err)
			}
		})
	}
}

func TestPullThatWaitsCanBeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url, _ := flaky(t, map[int]bool{1: true})
	r, _ := pullingFrom(url, &pullFlags{ack: true, follow: true, batch: 1, lease: time.Hour})
	r.reached = true
	r.Stderr = writerFunc(func() { cancel() })
	if err := r.all(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("all = %v", err)
	}
}

type writerFunc func()

func (f writerFunc) Write(p []byte) (int, error) {
	f()
	return len(p), nil
}
