package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// Sockets are the listeners that systemd handed over. A nil *Sockets has none.
// It is safe for concurrent use.
type Sockets struct {
	ignored string

	mu     sync.Mutex
	byName map[string][]net.Listener
}

// Inherit takes the sockets that systemd passed to this process, by their
// names, and removes the variables of the protocol from the environment. Call
// it once, early. Without sockets, or with sockets meant for another process
// (see [Sockets.Ignored]), the result has none.
//
// It is an error if the variables are malformed, a name is unknown, or a file
// descriptor is no listening stream socket of TCP or Unix; the error lists all
// such faults. No option of an inherited socket is changed, and closing a
// listener on a Unix path leaves the path to systemd.
func Inherit() (*Sockets, error) {
	defer unsetHandover()
	got, err := readHandover(os.Getenv, thisProcess())
	if err != nil {
		return nil, fmt.Errorf("inherit sockets: %w", err)
	}
	s := &Sockets{ignored: got.ignored, byName: map[string][]net.Listener{}}
	if len(got.names) == 0 {
		return s, nil
	}
	if err := checkOpen(len(got.names)); err != nil {
		return nil, fmt.Errorf("inherit sockets: %w", err)
	}
	files := activation.Files(true)
	defer func() {
		for _, f := range files {
			_ = f.Close() // the listeners have duplicates
		}
	}()
	if err := s.adopt(files, got.names); err != nil {
		s.Close()
		return nil, fmt.Errorf("inherit sockets: %w", err)
	}
	return s, nil
}

// checkOpen guards against a count that is larger than what was passed, before
// anything is made for each.
func checkOpen(n int) error {
	for i := range n {
		if _, err := unix.FcntlInt(uintptr(firstFD+i), unix.F_GETFD, 0); err != nil {
			return fmt.Errorf("LISTEN_FDS says %d sockets but file descriptor %d isn't open: unset LISTEN_FDS, or start the program from a systemd socket unit", n, firstFD+i)
		}
	}
	return nil
}

func (s *Sockets) adopt(files []*os.File, names []string) error {
	var faults []error
	for i, f := range files {
		fd := firstFD + i
		if err := checkSocket(fd, names[i]); err != nil {
			faults = append(faults, err)
			continue
		}
		l, err := net.FileListener(f)
		if err != nil {
			faults = append(faults, fmt.Errorf("file descriptor %d (%s): %w", fd, names[i], err))
			continue
		}
		if u, ok := l.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
		s.byName[names[i]] = append(s.byName[names[i]], l)
	}
	return errors.Join(faults...)
}

func checkSocket(fd int, name string) error {
	if err := checkListening(fd); err != nil {
		return fmt.Errorf("file descriptor %d (%s) %w: give the socket unit ListenStream= and Accept=no", fd, clean(name), err)
	}
	if slices.Contains(SocketNames(), name) {
		return nil
	}
	unit := "its socket unit"
	if strings.HasSuffix(name, ".socket") {
		unit = clean(name)
	}
	return fmt.Errorf("the socket on %s (file descriptor %d) is named %q, known names are %s: set FileDescriptorName= in %s, then run systemctl daemon-reload and restart that unit",
		localAddress(fd), fd, name, strings.Join(SocketNames(), ", "), unit)
}

// Take returns the listeners of a name, in the order of the socket units, and
// makes the caller their owner. A second Take of the name returns none.
func (s *Sockets) Take(name string) []net.Listener {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.byName[name]
	delete(s.byName, name)
	return l
}

// Names returns the names that have listeners nobody took yet, sorted.
func (s *Sockets) Names() []string {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.byName))
	for name := range s.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Leftover describes each listener that nobody took as "name (address)",
// sorted, for a warning: connections to it would wait for ever.
func (s *Sockets) Leftover() []string {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []string
	for name, listeners := range s.byName {
		for _, l := range listeners {
			left = append(left, name+" ("+l.Addr().String()+")")
		}
	}
	slices.Sort(left)
	return left
}

// Ignored says why sockets in the environment were left alone, for a debug
// line; it is empty if there were none.
func (s *Sockets) Ignored() string {
	if s == nil {
		return ""
	}
	return s.ignored
}

// Close closes the listeners that nobody took. The sockets stay open in
// systemd.
func (s *Sockets) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, listeners := range s.byName {
		for _, l := range listeners {
			_ = l.Close() // only our duplicate of the descriptor
		}
	}
	clear(s.byName)
}
