package systemd

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// JournalSocket is where journald takes entries once it runs.
const JournalSocket = "/run/systemd/journal/socket"

// Priorities of the journal, as syslog has them.
const (
	PriorityError   = 3
	PriorityWarning = 4
	PriorityNotice  = 5
)

// Entry is one line for the journal.
type Entry struct {
	Identifier string // what journalctl -t finds
	Priority   int
	MessageID  string // of the catalog, or empty
	Message    string
	// Fields are further fields, by names in capital letters.
	Fields map[string]string
}

// JournalNow hands an entry to the journald that listens on the socket, without
// ever waiting for it: it fails at once when the journal isn't up yet or takes
// no more. It is for programs that run in the way of a boot; the daemon has its
// own log.
func JournalNow(socket string, e Entry) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("make a socket for the journal: %w", err)
	}
	defer func() { _ = unix.Close(fd) }() // nothing is buffered
	fields := []string{
		"MESSAGE=" + clean(e.Message),
		"PRIORITY=" + strconv.Itoa(e.Priority),
		"SYSLOG_IDENTIFIER=" + clean(e.Identifier),
	}
	if e.MessageID != "" {
		fields = append(fields, "MESSAGE_ID="+e.MessageID)
	}
	for name, value := range e.Fields {
		fields = append(fields, name+"="+clean(value))
	}
	text := strings.Join(fields, "\n") + "\n"
	if err := unix.Sendto(fd, []byte(text), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: socket}); err != nil {
		return fmt.Errorf("send to the journal: %w", err)
	}
	return nil
}
