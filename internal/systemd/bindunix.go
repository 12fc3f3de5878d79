package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// UnixSocket is a Unix stream socket of our own.
type UnixSocket struct {
	Path string
	// Mode has the permissions of the path, exactly, whatever the umask.
	Mode fs.FileMode
	// Group is the name or number of the path's group; empty keeps the one
	// that the system gives.
	Group string
}

const (
	// maxUnixPath is what sockaddr_un holds besides the final zero byte.
	maxUnixPath = 107
	// unixBacklog is cut by the kernel to net.core.somaxconn.
	unixBacklog = 4096
	// probeTimeout bounds the question whether somebody listens already.
	probeTimeout = time.Second
)

// BindUnix listens on a path. A socket that a dead process left there is
// replaced; one that somebody listens on, or any other file, is an error and
// stays. The path has its owner, group and mode before the first client can
// connect, and never more rights than Mode. Closing the listener removes the
// path, unless another process has replaced it. Errors are of type
// [*BindError].
func BindUnix(ctx context.Context, s UnixSocket) (net.Listener, error) {
	if s.Path == "" || s.Path[0] == '@' || strings.ContainsRune(s.Path, 0) {
		return nil, s.fail(syscall.EINVAL, "give the path of a file; abstract sockets have no permissions to guard them")
	}
	if len(s.Path) > maxUnixPath {
		return nil, s.fail(syscall.ENAMETOOLONG, fmt.Sprintf("the path has %d bytes, a Unix socket can have %d; choose a shorter one", len(s.Path), maxUnixPath))
	}
	gid, err := lookupGroup(s.Group)
	if err != nil {
		return nil, s.fail(err, "create the group, or name another one")
	}
	if err := s.clearPath(ctx); err != nil {
		return nil, err
	}
	fd, err := s.bind()
	if err != nil {
		return nil, s.fail(err, "check that the folder exists and that this user may write to it")
	}
	l, err := s.serve(fd, gid)
	if err != nil {
		_ = os.Remove(s.Path) // ours: bind made it
		return nil, s.fail(err, "check that this user may give the path that group and mode")
	}
	return l, nil
}

func (s UnixSocket) fail(err error, advice string) error {
	return &BindError{Address: "unix:" + clean(s.Path), Err: err, Advice: advice}
}

// clearPath removes a socket that nobody listens on.
func (s UnixSocket) clearPath(ctx context.Context) error {
	before, err := os.Lstat(s.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return s.fail(cause(err), "check that this user may look into the folder")
	}
	if before.Mode()&fs.ModeSocket == 0 {
		return s.fail(syscall.EEXIST, "the path is not a socket and is left as it is; move it away, or choose another path")
	}
	d := net.Dialer{Timeout: probeTimeout}
	conn, err := d.DialContext(ctx, "unix", s.Path)
	switch {
	case err == nil:
		_ = conn.Close() // only a probe
		fallthrough
	case errors.Is(err, syscall.EAGAIN): // its backlog is full, so it lives
		return s.fail(syscall.EADDRINUSE, "another process listens there; stop it (find it with: ss -lxp), or choose another path")
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case !errors.Is(err, syscall.ECONNREFUSED):
		return s.fail(cause(err), "can't tell whether a process listens there; remove the path if none does")
	}
	// Between the probe and here another process may have bound the path.
	if now, err := os.Lstat(s.Path); err == nil && os.SameFile(before, now) {
		if err := os.Remove(s.Path); err != nil {
			return s.fail(cause(err), "a dead process left the socket and this user can't remove it; remove it as root")
		}
	}
	return nil
}

// bind makes the path. Linux gives it the mode of the socket's own inode less
// the umask, so that it is never open to others, not even for a moment; the
// umask, which belongs to the whole process, stays alone.
func (s UnixSocket) bind() (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Fchmod(fd, uint32(s.Mode.Perm()&0o700)); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: s.Path}); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// serve takes the descriptor over.
func (s UnixSocket) serve(fd, gid int) (net.Listener, error) {
	f := os.NewFile(uintptr(fd), s.Path)
	defer func() { _ = f.Close() }() // the listener has a duplicate
	if gid >= 0 {
		if err := os.Lchown(s.Path, -1, gid); err != nil {
			return nil, cause(err)
		}
	}
	if err := os.Chmod(s.Path, s.Mode.Perm()); err != nil {
		return nil, cause(err)
	}
	if err := unix.Listen(fd, unixBacklog); err != nil {
		return nil, err
	}
	own, err := os.Lstat(s.Path)
	if err != nil {
		return nil, cause(err)
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, cause(err)
	}
	return &ownedListener{Listener: l, path: s.Path, file: own}, nil
}

func lookupGroup(group string) (int, error) {
	if group == "" {
		return -1, nil
	}
	if gid, err := strconv.Atoi(group); err == nil && gid >= 0 {
		return gid, nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(g.Gid)
}

// ownedListener removes its path when it is closed.
type ownedListener struct {
	net.Listener
	path string
	file fs.FileInfo
	once sync.Once
}

func (l *ownedListener) Close() error {
	l.once.Do(func() {
		if now, err := os.Lstat(l.path); err == nil && os.SameFile(l.file, now) {
			_ = os.Remove(l.path) // the next start replaces what stays
		}
	})
	return l.Listener.Close()
}
