package bodylog

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A full disk refuses the payload at hand, and nothing else.
func TestNoSpace(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size=1m"); err != nil {
		t.Fatalf("this test must mount a tmpfs, which takes root: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, 0)) })
	path := filepath.Join(dir, "queue.db")
	l, _, err := Open(Options{Path: path, Identity: identity, SegmentSize: 128 << 10})
	must(t, err)
	var places []Place
	for err == nil {
		var got []Place
		var release func()
		if got, release, err = l.Append([][]byte{body(len(places), 50_000)}); err == nil {
			places = append(places, got[0])
			release()
		}
	}
	if !errors.Is(err, ErrNotNow) || !errors.Is(err, unix.ENOSPC) || len(places) < 10 {
		t.Fatalf("after %d payloads: %v", len(places), err)
	}
	for n, p := range places {
		expect(t, l.Read, p, body(n, 50_000))
	}
	for _, n := range l.Settled(true) {
		must(t, l.Drop(n))
	}
	p := add(t, l, body(1, 50_000))
	expect(t, l.Read, p[0], body(1, 50_000))
	must(t, l.Close())
	if _, err := os.Stat(Name(path, p[0].Segment)); err != nil {
		t.Error(err)
	}
}

// Without a descriptor for a new file nothing is taken, and later it is.
func TestNoDescriptor(t *testing.T) {
	l := open(t, Options{Path: dbPath(t)})
	var usual unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &usual))
	probe, err := os.Open(os.DevNull)
	must(t, err)
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(probe.Fd()), Max: usual.Max})) // that one, and the next
	must(t, probe.Close())
	_, _, err = l.Append([][]byte{[]byte("x")})
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &usual))
	if !errors.Is(err, ErrNotNow) || !errors.Is(err, unix.EMFILE) {
		t.Errorf("Append = %v, want ErrNotNow for EMFILE", err)
	}
	p := add(t, l, []byte("y"))
	expect(t, l.Read, p[0], []byte("y"))
}
