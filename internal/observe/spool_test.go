package observe

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"hookaido/internal/clock"
)

func testSpool(s sink, clk clock.Clock) *spool {
	return newSpool(spoolOptions{sink: s, clk: clk, lost: func(b []byte, n uint64) []byte { return fmt.Appendf(b, "lost %d", n) }})
}

// TestSpoolDropsAndTells has a reader that stands still while lines come.
func TestSpoolDropsAndTells(t *testing.T) { // C103
	sink := newStuckSink()
	s := testSpool(sink, clock.NewManual(epoch))
	s.put([]byte("first"))
	<-sink.entered // the goroutine hangs now
	record := bytes.Repeat([]byte("x"), 1024)
	for range maxSpool/len(record) + 25 { // none of these waits
		s.put(record)
	}
	if got := s.dropped.Load(); got != 25 {
		t.Errorf("%d dropped, want the 25 that don't fit", got)
	}
	for range 3 { // first; what the goroutine learns of losses; the rest
		sink.release <- struct{}{}
	}
	must(t, s.close())
	got := sink.records()
	if len(got) != 1+1+maxSpool/len(record) || got[0] != "first" || got[1] != "lost 25" {
		t.Errorf("%d records, the first two %.20q", len(got), got[:2])
	}
}

func TestSpoolCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newStuckSink()
		s := testSpool(sink, clock.System{})
		s.put([]byte("first"))
		<-sink.entered
		start := time.Now()
		if err := s.close(); err == nil {
			t.Error("no error although a record is lost")
		}
		if took := time.Since(start); took != closeGrace {
			t.Errorf("closing took %v, want %v", took, closeGrace)
		}
		s.flush() // doesn't hang afterwards
		synctest.Wait()
		s.put([]byte("late"))
		if got := s.dropped.Load(); got != 2 {
			t.Errorf("%d dropped, want the one in flight and the late one", got)
		}
	})
}

func TestSpoolFlushDoesNotHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newStuckSink()
		s := testSpool(sink, clock.System{})
		s.put([]byte("first"))
		<-sink.entered
		s.flush()
		sink.release <- struct{}{}
		must(t, s.close())
	})
}

// TestJournalThatDoesNotRead fills a journal socket to the brim.
func TestJournalThatDoesNotRead(t *testing.T) {
	j := newFakeJournal(t)
	clk := clock.NewManual(epoch)
	a, err := NewAccessLog(AccessOptions{Output: j.output(), Clock: clk})
	must(t, err)
	line := sample()
	line.Path = "/" + strings.Repeat("p", 2000)
	for a.Dropped() == 0 { // never waits, so this ends
		a.Log(line)
	}
	closed := make(chan error, 1)
	go func() { closed <- a.Close() }()
	for {
		select {
		case err := <-closed:
			if err == nil {
				t.Error("no error although lines are lost")
			}
			return
		default:
			clk.Advance(closeGrace)
		}
	}
}

func TestJournalComesBack(t *testing.T) {
	j := newFakeJournal(t)
	r, err := NewRuntimeLog(RuntimeOptions{Output: j.output(), Clock: clock.System{}})
	must(t, err)
	r.Logger().Info("one")
	if e := j.entry(); e["MESSAGE"] != "one" {
		t.Errorf("got %v", e)
	}
	must(t, j.conn.Close())
	j.listen()
	r.Logger().Info("two")
	if e := j.entry(); e["MESSAGE"] != "two" {
		t.Errorf("after a new journal took over: %v", e)
	}
	must(t, r.Close())
	must(t, r.Close())
}

// TestLargeEntry is too large for a datagram.
func TestLargeEntry(t *testing.T) {
	j := newFakeJournal(t)
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: j.path, Net: "unixgram"})
	must(t, err)
	record := append(bytes.Repeat([]byte("x"), 3<<20), '\n')
	must(t, sendRecord(conn, record))
	if got := j.raw(); !bytes.Equal(got, record) {
		t.Errorf("%d bytes arrived, want %d", len(got), len(record))
	}
	must(t, conn.Close())
}

func TestJournalSocket(t *testing.T) {
	t.Setenv("JOURNAL_STREAM", "")
	if got, err := JournalSocket(); got != "" || err != nil {
		t.Errorf("no stream: %q, %v", got, err)
	}
	t.Setenv("JOURNAL_STREAM", "1:1")
	if got, err := JournalSocket(); got != "" || err != nil {
		t.Errorf("stderr is something else: %q, %v", got, err)
	}
	t.Setenv("JOURNAL_STREAM", "abc")
	if _, err := JournalSocket(); err == nil {
		t.Error("malformed: no error")
	}
	var st unix.Stat_t
	must(t, unix.Fstat(2, &st))
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", st.Dev, st.Ino))
	got, err := JournalSocket()
	if _, missing := os.Stat(journalSocket); missing == nil {
		if got != journalSocket || err != nil {
			t.Errorf("stderr is the journal: %q, %v", got, err)
		}
	} else if got != "" || err == nil {
		t.Errorf("the socket is missing: %q, %v", got, err)
	}
}

// TestFullDisk cuts a line and goes on with a whole one.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := (Output{To: File, Path: path}).open()
	must(t, err)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	must(t, err)
	good := l.f
	l.f = full
	b := batch{}
	b.add([]byte("one\n"))
	b.add([]byte("two\n"))
	if lost, err := l.write(b); lost != 2 || !errors.Is(err, unix.ENOSPC) {
		t.Errorf("lost %d, %v", lost, err)
	}
	l.f = good
	must(t, full.Close())
	_, err = good.WriteString("one\ntw") // as a disk that fills up would leave it
	must(t, err)
	l.midline = true
	if lost, err := l.write(b); lost != 0 || err != nil {
		t.Errorf("lost %d, %v", lost, err)
	}
	must(t, l.close())
	if got, err := os.ReadFile(path); err != nil || string(got) != "one\ntw\none\ntwo\n" {
		t.Errorf("file has %q, %v", got, err)
	}
}

// TestStreamWritesAreAtomic reads a pipe that keeps the bounds of writes.
func TestStreamWritesAreAtomic(t *testing.T) {
	var fds [2]int
	must(t, unix.Pipe2(fds[:], unix.O_DIRECT|unix.O_CLOEXEC))
	r, w := os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
	l := &lineSink{f: w, chunk: pipeAtomic}
	var b batch
	line := []byte(strings.Repeat("y", 999) + "\n")
	for range 10 {
		b.add(line)
	}
	_, err := l.write(b)
	must(t, err)
	must(t, w.Close())
	for _, lines := range []int{4, 4, 2} {
		buf := make([]byte, 20*len(line))
		if n, err := r.Read(buf); err != nil || n != lines*len(line) {
			t.Errorf("a write of %d bytes (%v), want %d lines", n, err, lines)
		}
	}
	must(t, r.Close())
}

func TestAccessLogReportsFailures(t *testing.T) {
	out, path := runtimeFile(t, "info")
	a, err := NewAccessLog(AccessOptions{Output: Output{To: File, Path: "/dev/full"}, Clock: clock.System{}, Logger: out.Logger()})
	must(t, err)
	for range 3 {
		a.Log(sample())
		a.Flush()
	}
	if a.Dropped() != 3 {
		t.Errorf("%d dropped, want 3", a.Dropped())
	}
	must(t, a.Close())
	lines := readLines(t, path)
	if len(lines) != 1 || lines[0]["msg"] != "access_log_failed" || !strings.Contains(lines[0]["err"].(string), "no space") {
		t.Errorf("the runtime log has %v, want one line", lines)
	}
}
