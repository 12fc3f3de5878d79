package observe

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 678900000, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fakeJournal is a journal that reads only when asked to.
type fakeJournal struct {
	t    testing.TB
	path string
	conn *net.UnixConn
}

func newFakeJournal(t testing.TB) *fakeJournal {
	j := &fakeJournal{t: t, path: filepath.Join(t.TempDir(), "journal")}
	j.listen()
	t.Cleanup(func() { _ = j.conn.Close() })
	return j
}

func (j *fakeJournal) listen() {
	_ = os.Remove(j.path) // of an earlier one
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: j.path, Net: "unixgram"})
	must(j.t, err)
	j.conn = conn
}

func (j *fakeJournal) output() Output { return Output{To: Stderr, Journal: j.path} }

// raw waits for an entry, taking it out of a memory file if it comes in one.
func (j *fakeJournal) raw() []byte {
	j.t.Helper()
	b, oob := make([]byte, 1<<18), make([]byte, 1024)
	must(j.t, j.conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	n, oobn, _, _, err := j.conn.ReadMsgUnix(b, oob)
	must(j.t, err)
	if oobn == 0 {
		return b[:n]
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	must(j.t, err)
	fds, err := unix.ParseUnixRights(&messages[0])
	must(j.t, err)
	f := os.NewFile(uintptr(fds[0]), "entry")
	defer func() { must(j.t, f.Close()) }()
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	must(j.t, err)
	if want := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE; seals&want != want {
		j.t.Errorf("seals %#x: journald wants %#x", seals, want)
	}
	// The offset came with the descriptor.
	all, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	must(j.t, err)
	return all
}

// entry waits for an entry of single-line fields.
func (j *fakeJournal) entry() map[string]string {
	j.t.Helper()
	return parseEntry(j.t, j.raw())
}

func parseEntry(t testing.TB, raw []byte) map[string]string {
	t.Helper()
	if !bytes.HasSuffix(raw, []byte("\n")) {
		t.Errorf("entry doesn't end with a newline: %q", raw)
	}
	fields := map[string]string{}
	for line := range bytes.Lines(raw) {
		name, value, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte("="))
		if !ok || len(name) > maxFieldName {
			t.Errorf("no field: %q", line)
		}
		for _, r := range string(value) {
			if unprintable(r) || r == '\ufffd' {
				t.Errorf("journalctl would show a blob: %q", line)
			}
		}
		if _, twice := fields[string(name)]; twice {
			t.Errorf("%s twice in %q", name, raw)
		}
		fields[string(name)] = string(value)
	}
	return fields
}

// stuckSink hangs in write until it is told to go on or is closed.
type stuckSink struct {
	entered chan struct{} // one value when a write begins
	release chan struct{} // one value lets a write end
	once    sync.Once
	gone    chan struct{}

	mu  sync.Mutex
	got []string
}

func newStuckSink() *stuckSink {
	return &stuckSink{entered: make(chan struct{}, 1000), release: make(chan struct{}), gone: make(chan struct{})}
}

func (s *stuckSink) write(b batch) (int, error) {
	s.entered <- struct{}{}
	select {
	case <-s.release:
	case <-s.gone:
		return len(b.ends), errors.New("closed")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range b.ends {
		s.got = append(s.got, string(b.record(i)))
	}
	return 0, nil
}

func (s *stuckSink) reopen() error { return nil }

func (s *stuckSink) close() error {
	s.once.Do(func() { close(s.gone) })
	return nil
}

func (s *stuckSink) records() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.got...)
}
