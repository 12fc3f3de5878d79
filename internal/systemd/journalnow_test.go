package systemd

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestJournalNow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	e := Entry{Identifier: "prog", Priority: PriorityError, MessageID: "abc", Message: "one\nPRIORITY=0 \xff", Fields: map[string]string{"X_Y": "a\nb"}}
	if err := JournalNow(path, e); err == nil {
		t.Error("nobody listens, and no error")
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	must(t, err)
	defer func() { must(t, conn.Close()) }()
	must(t, JournalNow(path, e))
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	must(t, err)
	got := string(buf[:n])
	want := []string{"MESSAGE=one PRIORITY=0", "PRIORITY=3", "SYSLOG_IDENTIFIER=prog", "MESSAGE_ID=abc", "X_Y=a b"}
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if len(lines) != len(want) || !utf8.ValidString(got) {
		t.Fatalf("got %q", got)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("line %d is %q, want %q", i, lines[i], want[i])
		}
	}
	// A journal that doesn't read costs no time.
	for range 10_000 {
		if err = JournalNow(path, e); err != nil {
			return
		}
	}
	t.Error("the socket took 10000 entries that nobody read")
}
