package observe

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/journal"
	"golang.org/x/sys/unix"
)

// journalSocket is where journald takes entries in its native protocol. A unit
// with LogNamespace= finds its own journal there.
const journalSocket = "/run/systemd/journal/socket"

// identifier is what journalctl -t finds.
const identifier = "hookaido"

// JournalSocket returns the address of the journal if stderr is connected to
// it, and else an empty string. An error tells why an address that should be
// there isn't; logs then go to stderr as lines.
func JournalSocket() (string, error) {
	connected, err := journal.StderrIsJournalStream()
	if err != nil || !connected {
		return "", err
	}
	if _, err := os.Stat(journalSocket); err != nil {
		return "", fmt.Errorf("stderr is the journal, but its socket can't be used: %w", err)
	}
	return journalSocket, nil
}

// journalSink sends records to journald, one datagram each. It is used by the
// one goroutine of a spool, except for close.
//
// The entries are put together here and not by go-systemd's journal.Send: that
// one waits without end for a journal that doesn't read, formats by way of a
// map, and knows only one address per process.
type journalSink struct {
	address string

	mu     sync.Mutex
	conn   *net.UnixConn
	closed bool
}

func (j *journalSink) write(b batch) (int, error) {
	for i := range b.ends {
		if err := j.send(b.record(i)); err != nil {
			return len(b.ends) - i, fmt.Errorf("send to the journal: %w", err)
		}
	}
	return 0, nil
}

// send retries once with a new connection, for a journal that was replaced.
func (j *journalSink) send(record []byte) error {
	conn, err := j.dial(false)
	if err != nil {
		return err
	}
	err = sendRecord(conn, record)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOTCONN) || errors.Is(err, syscall.ECONNRESET) {
		if conn, err = j.dial(true); err == nil {
			err = sendRecord(conn, record)
		}
	}
	return err
}

func (j *journalSink) dial(again bool) (*net.UnixConn, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, net.ErrClosed
	}
	if j.conn != nil && !again {
		return j.conn, nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: j.address, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	if j.conn != nil {
		_ = j.conn.Close() // replaced
	}
	j.conn = conn
	return conn, nil
}

// close also ends a send that waits for the journal to read.
func (j *journalSink) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	if j.conn == nil {
		return nil
	}
	return j.conn.Close()
}

func (j *journalSink) reopen() error { return nil }

// sendRecord sends an entry as a datagram, or in a sealed memory file if it is
// too large for one.
func sendRecord(conn *net.UnixConn, record []byte) error {
	_, err := conn.Write(record)
	if !errors.Is(err, syscall.EMSGSIZE) && !errors.Is(err, syscall.ENOBUFS) {
		return err
	}
	fd, err := unix.MemfdCreate("hookaido-journal", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "hookaido-journal")
	defer func() { _ = f.Close() }() // the journal has its own descriptor
	if _, err := f.Write(record); err != nil {
		return err
	}
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return err
	}
	return sendDescriptor(conn, fd)
}

// sendDescriptor does what WriteMsgUnix refuses on a connected socket.
func sendDescriptor(conn *net.UnixConn, fd int) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Write(func(socket uintptr) bool {
		sent = unix.Sendmsg(int(socket), nil, unix.UnixRights(fd), nil, unix.MSG_NOSIGNAL)
		return !errors.Is(sent, unix.EAGAIN)
	})
	return errors.Join(err, sent)
}

// appendField appends a field. Escaped values have no newline, so the short
// form of the protocol is enough and nothing in a value can pass for a field.
func appendField(b []byte, name, value string, limit int) []byte {
	b = append(append(b, name...), '=')
	return append(appendText(b, value, limit), '\n')
}

// maxFieldName is journald's limit.
const maxFieldName = 64

// appendFieldName appends HOOKAIDO_ and the name in upper case, with an
// underscore for what journald doesn't take.
func appendFieldName(b []byte, name string) []byte {
	const prefix = "HOOKAIDO_"
	b = append(b, prefix...)
	for i := 0; i < len(name) && i < maxFieldName-len(prefix); i++ {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		case c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		default:
			c = '_'
		}
		b = append(b, c)
	}
	return b
}
