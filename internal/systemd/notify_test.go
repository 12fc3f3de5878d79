package systemd

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hookaido/internal/clock"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// manager is the receiving end of a notify socket.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func newManager(t *testing.T, address string) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", address)
	return &manager{t, conn}
}

func pathManager(t *testing.T) *manager {
	return newManager(t, filepath.Join(t.TempDir(), "notify"))
}

// next waits for a datagram.
func (m *manager) next() string {
	m.t.Helper()
	b := make([]byte, 4096)
	must(m.t, m.conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	n, err := m.conn.Read(b)
	must(m.t, err)
	return string(b[:n])
}

// waiting returns what is there already; a datagram on a Unix socket is there
// as soon as its send returned.
func (m *manager) waiting() []string {
	m.t.Helper()
	raw, err := m.conn.SyscallConn()
	must(m.t, err)
	var got []string
	must(m.t, raw.Read(func(fd uintptr) bool {
		b := make([]byte, 4096)
		for {
			n, _, err := unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
			if err != nil {
				return true
			}
			got = append(got, string(b[:n]))
		}
	}))
	return got
}

func (m *manager) want(texts ...string) {
	m.t.Helper()
	if got := m.waiting(); strings.Join(got, "|") != strings.Join(texts, "|") {
		m.t.Errorf("systemd got %q, want %q", got, texts)
	}
}

func TestNotifierMessages(t *testing.T) {
	for name, address := range map[string]string{ // C85: both kinds of address
		"path":     filepath.Join(t.TempDir(), "notify"),
		"abstract": "@hookaido-test-" + strconv.Itoa(syscall.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t, address)
			n := NewNotifier(clock.NewManual(epoch))
			defer n.Close()
			must(t, n.Ready("serving 3 routes"))
			m.want("READY=1\nSTATUS=serving 3 routes")
			must(t, n.Stopping("draining"))
			m.want("STOPPING=1\nSTATUS=draining")
			must(t, n.ExtendTimeout(1500*time.Millisecond, ""))
			m.want("EXTEND_TIMEOUT_USEC=1500000") // C89
			must(t, n.ExtendTimeout(time.Minute, "migrating 3 of 7"))
			m.want("EXTEND_TIMEOUT_USEC=60000000\nSTATUS=migrating 3 of 7")
			must(t, n.Errno(syscall.ENOSPC, "the disk is full"))
			m.want("ERRNO=28\nSTATUS=the disk is full")
			must(t, n.WatchdogTrigger("lock lost"))
			m.want("WATCHDOG=trigger\nSTATUS=lock lost")
		})
	}
}

func TestReloadingHasTheMonotonicTime(t *testing.T) { // C85
	m := pathManager(t)
	before := monotonicMicros(t)
	must(t, NewNotifier(clock.System{}).Reloading())
	after := monotonicMicros(t)
	got := m.next()
	state, rest, _ := strings.Cut(got, "\n")
	usec, ok := strings.CutPrefix(strings.TrimSuffix(rest, "\n"), "MONOTONIC_USEC=")
	at, err := strconv.ParseInt(usec, 10, 64)
	if state != "RELOADING=1" || !ok || err != nil {
		t.Fatalf("one datagram has %q", got)
	}
	if at < before || at > after {
		t.Errorf("MONOTONIC_USEC=%d is not between %d and %d", at, before, after)
	}
}

func monotonicMicros(t *testing.T) int64 {
	t.Helper()
	var ts unix.Timespec
	must(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts))
	return ts.Nano() / 1000
}

func TestNotifierWithoutSystemd(t *testing.T) { // C85
	t.Setenv("NOTIFY_SOCKET", "")
	for name, n := range map[string]*Notifier{"no socket": NewNotifier(clock.System{}), "nil": nil} {
		if n.Enabled() {
			t.Errorf("%s: enabled", name)
		}
		for _, err := range []error{n.Ready("x"), n.Reloading(), n.Stopping(""), n.Status("x"), n.Alarm("x"), n.Errno(syscall.EIO, "")} {
			must(t, err)
		}
		n.Close()
	}
}

func TestNotifierReportsALostManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	if err := NewNotifier(clock.System{}).Ready(""); err == nil {
		t.Error("no error although nobody listens")
	}
}

func TestStatusIsSentWhenChangedAndNotTooOften(t *testing.T) {
	m := pathManager(t)
	clk := clock.NewManual(epoch)
	n := NewNotifier(clk)
	must(t, n.Status("depth 1"))
	must(t, n.Status("depth 1"))
	m.want("STATUS=depth 1")
	must(t, n.Status("depth 2"))
	must(t, n.Status("depth 3"))
	m.want()
	clk.AwaitTimers(1)
	clk.Advance(StatusInterval)
	if got := m.next(); got != "STATUS=depth 3" {
		t.Errorf("after the interval systemd got %q, want the last text", got)
	}
	clk.Advance(2 * StatusInterval)
	must(t, n.Status("depth 3"))
	m.want() // however long ago, systemd has it
	must(t, n.Status("depth 3b"))
	m.want("STATUS=depth 3b")
	must(t, n.Status("depth 3c"))
	clk.AwaitTimers(1)
	clk.Advance(StatusInterval)
	if got := m.next(); got != "STATUS=depth 3c" {
		t.Errorf("systemd got %q", got)
	}
	// Back to what systemd has: nothing to send.
	must(t, n.Status("depth 4"))
	must(t, n.Status("depth 3c"))
	clk.AwaitTimers(1)
	clk.Advance(StatusInterval)
	must(t, n.Status("depth 5\nREADY=1\x1b[2J"))
	n.Close()
	if got := m.next(); got != "STATUS=depth 5 READY=1 [2J" {
		t.Errorf("systemd got %q, want one line without controls", got)
	}
	n.Close()
	must(t, n.Status("late"))
	m.want()
}

func TestAlarmHidesTheStatus(t *testing.T) {
	m := pathManager(t)
	n := NewNotifier(clock.NewManual(epoch))
	defer n.Close()
	must(t, n.Status("fine"))
	must(t, n.Alarm("writer stuck"))
	must(t, n.Alarm("writer stuck"))
	must(t, n.Status("depth 9"))
	m.want("STATUS=fine", "STATUS=writer stuck")
	must(t, n.Alarm(""))
	m.want("STATUS=depth 9")
}

func TestStatusCloseSendsWhatWaits(t *testing.T) {
	m := pathManager(t)
	n := NewNotifier(clock.NewManual(epoch))
	must(t, n.Status("one"))
	must(t, n.Status("two"))
	n.Close()
	m.want("STATUS=one", "STATUS=two")
}

func TestCleanCutsBetweenCharacters(t *testing.T) {
	got := clean(strings.Repeat("é", maxText))
	if len(got) > maxText+len("…") || strings.ContainsRune(got, '\ufffd') {
		t.Errorf("cut to %d bytes: %q", len(got), got[len(got)-8:])
	}
}
