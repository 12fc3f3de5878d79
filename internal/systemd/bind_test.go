package systemd

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestBindTCPServesBothFamilies(t *testing.T) { // C82
	l, err := BindTCP(t.Context(), ":0")
	must(t, err)
	defer func() { must(t, l.Close()) }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	must(t, err)
	for _, host := range []string{"127.0.0.1", "::1"} {
		conn, err := net.Dial("tcp", net.JoinHostPort(host, port))
		if err != nil && host == "::1" {
			t.Skip("this machine has no IPv6")
		}
		must(t, err)
		server, err := l.Accept()
		must(t, err)
		if got := server.RemoteAddr().String(); got != conn.LocalAddr().String() {
			t.Errorf("a client from %v shows as %s", conn.LocalAddr(), got)
		}
		must(t, server.Close())
		must(t, conn.Close())
	}
}

// TestBindTCPWithoutIPv6 answers as a kernel with ipv6.disable=1.
func TestBindTCPWithoutIPv6(t *testing.T) { // C82
	var tried []string
	listen := func(_ context.Context, network, address string) (net.Listener, error) {
		tried = append(tried, network)
		if network == "tcp" {
			return nil, &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("socket", syscall.EAFNOSUPPORT)}
		}
		return net.Listen(network, address)
	}
	l, err := bindTCP(t.Context(), ":0", listen)
	must(t, err)
	must(t, l.Close())
	if !slices.Equal(tried, []string{"tcp", "tcp4"}) {
		t.Errorf("tried %v", tried)
	}
	if _, err := bindTCP(t.Context(), "[::1]:0", listen); !errors.Is(err, syscall.EAFNOSUPPORT) {
		t.Errorf("an address that needs IPv6: got %v, want an error and no other address", err)
	}
}

func TestBindTCPPortInUse(t *testing.T) { // badinput 124
	l := listenTCP(t, "tcp4", "127.0.0.1:0")
	address := l.Addr().String()
	_, err := BindTCP(t.Context(), address)
	var bind *BindError
	if !errors.As(err, &bind) || !errors.Is(err, syscall.EADDRINUSE) || bind.Address != address {
		t.Fatalf("got %v, want a BindError of %s", err, address)
	}
	wantText(t, err.Error(), address, "process "+strconv.Itoa(os.Getpid()), "(systemd.test)")
	if strings.Count(err.Error(), address) != 1 || strings.Contains(err.Error(), "bind:") {
		t.Errorf("the error repeats itself: %v", err)
	}
}

func TestBindTCPErrors(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1:8080":   "no interface of this machine",
		"127.0.0.1:999999": "host:port",
		"nonsense":         "host:port",
	} {
		_, err := BindTCP(t.Context(), address)
		if err == nil {
			t.Errorf("%s: no error", address)
			continue
		}
		wantText(t, err.Error(), "can't listen on "+address, want)
	}
	wantText(t, tcpAdvice(os.NewSyscallError("bind", syscall.EACCES)), "socket unit", "CAP_NET_BIND_SERVICE")
}

func TestInUseAdvice(t *testing.T) {
	// Nobody listens on port 0, as when another user's process can't be seen.
	wantText(t, inUseAdvice(0), "ss -ltnp", ":0")
	proc := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(proc, "net"), 0o700))
	must(t, os.WriteFile(filepath.Join(proc, "net/tcp6"), []byte(tcpTable), 0o600))
	must(t, os.MkdirAll(filepath.Join(proc, "77/fd"), 0o700))
	must(t, os.Symlink("socket:[5551]", filepath.Join(proc, "77/fd/9")))
	must(t, os.WriteFile(filepath.Join(proc, "net/tcp"), []byte(tcpTable), 0o600))
	must(t, os.Symlink("socket:[5552]", filepath.Join(proc, "77/fd/10")))
	must(t, os.WriteFile(filepath.Join(proc, "77/comm"), []byte("we\x1bird\n"), 0o600))
	if h, ok := holderOf(proc, 8080); !ok || h != (holder{77, "we ird"}) {
		t.Errorf("got %+v, %v", h, ok)
	}
	if h, ok := holderOf(proc, 443); ok {
		t.Errorf("a connection counts as a listener: %+v", h)
	}
}

const tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 5551 1 0000000000000000 100 0 0 10 0
   1: 0100007F:01BB 0200007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 5552 1 0000000000000000 20 4 30 10 -1
`

func FuzzListeningInodes(f *testing.F) {
	f.Add([]byte(tcpTable), 8080)
	f.Add([]byte("0: :1F90 x 0A a b c d e\n"), 8080)
	f.Fuzz(func(t *testing.T, table []byte, port int) {
		for _, inode := range listeningInodes(bytes.NewReader(table), port) {
			if inode == "" || !bytes.Contains(table, []byte(inode)) {
				t.Errorf("inode %q is not from the table", inode)
			}
		}
	})
}

func TestBindUnixModeWhateverTheUmask(t *testing.T) { // C80
	for _, umask := range []int{0o000, 0o077} {
		t.Run(strconv.FormatInt(int64(umask), 8), func(t *testing.T) {
			defer unix.Umask(unix.Umask(umask))
			s := UnixSocket{Path: filepath.Join(t.TempDir(), "a.sock"), Mode: 0o660, Group: groupToGive()}
			// What is there between the birth of the path and its final mode.
			fd, err := s.bind()
			must(t, err)
			st, err := os.Lstat(s.Path)
			must(t, err)
			if st.Mode().Perm()&0o077 != 0 {
				t.Errorf("for a moment the path had mode %v", st.Mode())
			}
			must(t, unix.Close(fd))

			l, err := BindUnix(t.Context(), s)
			must(t, err)
			if st, err = os.Lstat(s.Path); err != nil || st.Mode().Perm() != 0o660 {
				t.Errorf("mode %v (%v), want 0660", st.Mode(), err)
			}
			if got := strconv.Itoa(int(st.Sys().(*syscall.Stat_t).Gid)); got != s.Group {
				t.Errorf("group %s, want %s", got, s.Group)
			}
			must(t, l.Close())
			if _, err := os.Lstat(s.Path); !os.IsNotExist(err) {
				t.Errorf("closing left the path: %v", err)
			}
		})
	}
}

// groupToGive is a group that this user may give to a file.
func groupToGive() string {
	if os.Geteuid() == 0 {
		return "12345"
	}
	return strconv.Itoa(os.Getegid())
}

func TestBindUnixReplacesOnlyDeadSockets(t *testing.T) { // C80
	path := filepath.Join(t.TempDir(), "a.sock")
	s := UnixSocket{Path: path, Mode: 0o600}

	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(t, err)
	dead.SetUnlinkOnClose(false) // as after kill -9
	must(t, dead.Close())
	live, err := BindUnix(t.Context(), s)
	if err != nil {
		t.Fatalf("a dead socket is in the way: %v", err)
	}

	_, err = BindUnix(t.Context(), s)
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("somebody listens there: got %v", err)
	}
	wantText(t, err.Error(), path, "ss -lxp")
	accepted := make(chan error, 1)
	go func() { _, err := live.Accept(); accepted <- err }()
	conn, err := net.Dial("unix", path)
	if err != nil || <-accepted != nil {
		t.Fatalf("the live socket was stolen: %v", err)
	}
	must(t, conn.Close())

	// A successor's path isn't removed by the one that it replaced.
	must(t, os.Remove(path))
	next, err := BindUnix(t.Context(), s)
	must(t, err)
	must(t, live.Close())
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("closing the old listener removed the new path: %v", err)
	}
	must(t, next.Close())
}

func TestBindUnixRefuses(t *testing.T) { // C80
	dir := t.TempDir()
	regular := filepath.Join(dir, "file")
	must(t, os.WriteFile(regular, []byte("keep"), 0o600))
	long := filepath.Join(dir, strings.Repeat("x", 120-len(dir)-1))
	for _, tc := range []struct {
		name string
		s    UnixSocket
		want string
	}{
		{"regular file", UnixSocket{Path: regular}, "is not a socket"},
		{"folder", UnixSocket{Path: dir}, "is not a socket"},
		{"path of 120 bytes", UnixSocket{Path: long}, "has 120 bytes, a Unix socket can have 107"},
		{"no folder", UnixSocket{Path: filepath.Join(dir, "no/a.sock")}, "folder exists"},
		{"unknown group", UnixSocket{Path: filepath.Join(dir, "b"), Group: "no-such-group"}, "create the group"},
		{"abstract", UnixSocket{Path: "@hookaido"}, "abstract"},
		{"empty", UnixSocket{}, "path of a file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := BindUnix(t.Context(), tc.s)
			var bind *BindError
			if !errors.As(err, &bind) {
				t.Fatalf("got %v, want a BindError", err)
			}
			wantText(t, err.Error(), "can't listen on unix:"+tc.s.Path, tc.want)
		})
	}
	if kept, err := os.ReadFile(regular); err != nil || string(kept) != "keep" {
		t.Errorf("the regular file was touched: %q, %v", kept, err)
	}
}
