package e2e

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// The environment that makes this test binary the server of BenchmarkCeiling.
const (
	ceilingAddress = "HOOKAIDO_E2E_CEILING_ADDRESS"
	ceilingMode    = "HOOKAIDO_E2E_CEILING_MODE"
	ceilingFolder  = "HOOKAIDO_E2E_CEILING_FOLDER"
)

// TestCeilingServer serves until it is killed, and only if it is asked to.
func TestCeilingServer(t *testing.T) {
	addr := os.Getenv(ceilingAddress)
	if addr == "" {
		return
	}
	commit := func([]byte) error { return nil }
	if os.Getenv(ceilingMode) == "log" {
		commit = newRing(t, filepath.Join(os.Getenv(ceilingFolder), "ring")).commit
	}
	server := &http.Server{Addr: addr, ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		payload := make([]byte, max(0, r.ContentLength))
		_, err := io.ReadFull(r.Body, payload)
		if err == nil {
			err = commit(payload)
		}
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})}
	t.Fatal(server.ListenAndServe())
}

// ring is a file written in advance, so that a sync has no new size to commit.
type ring struct {
	f     *os.File
	at    int64
	queue chan ringWrite
}

type ringWrite struct {
	payload []byte
	done    chan error
}

const ringBytes = 64 << 20

func newRing(t *testing.T, path string) *ring {
	t.Helper()
	must(t, os.WriteFile(path, make([]byte, ringBytes), 0o600))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	must(t, f.Sync())
	r := &ring{f: f, queue: make(chan ringWrite, 1024)}
	go r.run()
	return r
}

func (r *ring) commit(payload []byte) error {
	w := ringWrite{payload, make(chan error, 1)}
	r.queue <- w
	return <-w.done
}

// run writes all that waits with one sync.
func (r *ring) run() {
	for first := range r.queue {
		batch, buf := []ringWrite{first}, append([]byte{}, first.payload...)
		for range len(r.queue) {
			w := <-r.queue
			batch, buf = append(batch, w), append(buf, w.payload...)
		}
		if r.at+int64(len(buf)) > ringBytes {
			r.at = 0
		}
		_, err := r.f.WriteAt(buf, r.at)
		if err == nil {
			err = unix.Fdatasync(int(r.f.Fd()))
		}
		r.at += int64(len(buf))
		for _, w := range batch {
			w.done <- err
		}
	}
}
