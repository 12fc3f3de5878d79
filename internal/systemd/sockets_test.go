package systemd

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestInheritMapsByNameNotOrder(t *testing.T) { // C77
	a, b := listenTCP(t, "tcp4", "127.0.0.1:0"), listenTCP(t, "tcp4", "127.0.0.1:0")
	c := listenTCP(t, "tcp6", "[::1]:0")
	r := inheritIn(t, []*os.File{fileOf(t, a), fileOf(t, b), fileOf(t, c)},
		"LISTEN_PID=self", "LISTEN_FDS=3", "LISTEN_FDNAMES=pull:ingress:ingress")
	if r.Err != "" {
		t.Fatal(r.Err)
	}
	if got := r.Sockets[Pull]; !slices.Equal(got, []string{a.Addr().String()}) {
		t.Errorf("pull has %v, want %v", got, a.Addr())
	}
	if got := r.Sockets[Ingress]; !slices.Equal(got, []string{b.Addr().String(), c.Addr().String()}) {
		t.Errorf("ingress has %v, want %v and %v", got, b.Addr(), c.Addr())
	}
	if want := "pull (" + a.Addr().String() + ")"; len(r.Leftover) != 3 || !slices.Contains(r.Leftover, want) {
		t.Errorf("leftover before anybody took one: %v, want 3 with %q", r.Leftover, want)
	}
	if len(r.Environ) != 0 {
		t.Errorf("children would see %v", r.Environ)
	}
	if len(r.LeakedFDs) != 0 {
		t.Errorf("children would get descriptors %v", r.LeakedFDs)
	}
}

func TestInheritLeavesForeignSockets(t *testing.T) { // C76, badinput 121
	l := listenTCP(t, "tcp4", "127.0.0.1:0")
	for name, env := range map[string][]string{
		"other pid":              {"LISTEN_PID=1", "LISTEN_FDS=1", "LISTEN_FDNAMES=ingress"},
		"other pid, count of no": {"LISTEN_PID=1", "LISTEN_FDS=abc"},
		"no pid":                 {"LISTEN_FDS=1", "LISTEN_FDNAMES=ingress"},
	} {
		t.Run(name, func(t *testing.T) {
			r := inheritIn(t, []*os.File{fileOf(t, l)}, env...)
			if r.Err != "" || len(r.Sockets) != 0 || r.Ignored == "" {
				t.Errorf("got %+v, want no socket, no error and a reason", r)
			}
			if len(r.Environ) != 0 {
				t.Errorf("children would see %v", r.Environ)
			}
		})
	}
}

func TestInheritPidfd(t *testing.T) { // C76
	if thisProcess().pidfdID == 0 {
		t.Skip("this kernel has no unique ids of pidfds; TestReadHandover covers the rule")
	}
	l := listenTCP(t, "tcp4", "127.0.0.1:0")
	env := []string{"LISTEN_PID=self", "LISTEN_FDS=1", "LISTEN_FDNAMES=ingress"}
	if r := inheritIn(t, []*os.File{fileOf(t, l)}, append(env, "LISTEN_PIDFDID=self")...); len(r.Sockets) != 1 {
		t.Errorf("own pidfd id: %+v, want the socket", r)
	}
	if r := inheritIn(t, []*os.File{fileOf(t, l)}, append(env, "LISTEN_PIDFDID=1")...); len(r.Sockets) != 0 || r.Ignored == "" {
		t.Errorf("other pidfd id: %+v, want none and a reason", r)
	}
}

func TestInheritRefuses(t *testing.T) { // C76, C77, badinput 121
	l := listenTCP(t, "tcp4", "127.0.0.1:0")
	addr := l.Addr().String()
	for _, tc := range []struct {
		name  string
		count string
		names string
		want  []string
	}{
		{"count no number", "abc", "ingress", []string{"LISTEN_FDS=abc"}},
		{"count negative", "-1", "ingress", []string{"LISTEN_FDS=-1"}},
		{"count huge", "99999999999", "ingress", []string{"99999999999 sockets", "1 names"}},
		{"count beyond int", "99999999999999999999999", "ingress", []string{"LISTEN_FDS=999"}},
		{"count larger than passed", "7", "ingress:pull:pull:pull:pull:pull:pull", []string{"descriptor", "isn't open"}},
		{"fewer names than sockets", "2", "ingress", []string{"2 sockets", "1 names", "FileDescriptorName="}},
		{"more names than sockets", "1", "ingress:pull", []string{"1 sockets", "2 names"}},
		{"no names", "1", "", []string{"0 names", "FileDescriptorName="}},
		{"unknown name", "1", "web", []string{`"web"`, addr, "ingress, pull, admin, metrics", "FileDescriptorName="}},
		{"name of the unit", "1", "hookaido-in.socket", []string{"FileDescriptorName= in hookaido-in.socket", addr}},
		{"name of accepted connections", "1", "connection", []string{`"connection"`, "FileDescriptorName="}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := inheritIn(t, []*os.File{fileOf(t, l)}, "LISTEN_PID=self", "LISTEN_FDS="+tc.count, "LISTEN_FDNAMES="+tc.names)
			wantText(t, r.Err, tc.want...)
			if len(r.Sockets) != 0 || len(r.Environ) != 0 {
				t.Errorf("got sockets %v and variables %v, want none", r.Sockets, r.Environ)
			}
		})
	}
	t.Run("pid no number", func(t *testing.T) {
		r := inheritIn(t, nil, "LISTEN_PID=abc", "LISTEN_FDS=1")
		wantText(t, r.Err, "LISTEN_PID=abc")
	})
	t.Run("all faults at once", func(t *testing.T) {
		r := inheritIn(t, []*os.File{fileOf(t, l), fileOf(t, l)}, "LISTEN_PID=self", "LISTEN_FDS=2", "LISTEN_FDNAMES=one:two")
		wantText(t, r.Err, `"one"`, `"two"`)
	})
}

func TestInheritNoSockets(t *testing.T) {
	for _, env := range [][]string{nil, {"LISTEN_PID=self", "LISTEN_FDS=0"}} {
		if r := inheritIn(t, nil, env...); r.Err != "" || r.Ignored != "" || len(r.Sockets) != 0 {
			t.Errorf("%v: got %+v, want nothing", env, r)
		}
	}
}

func TestInheritRefusesWrongKinds(t *testing.T) { // badinput 122
	dir := t.TempDir()
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	defer func() { must(t, udp.Close()) }()
	gram, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "g"), Net: "unixgram"})
	must(t, err)
	defer func() { must(t, gram.Close()) }()
	packets, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: filepath.Join(dir, "p"), Net: "unixpacket"})
	must(t, err)
	defer func() { must(t, packets.Close()) }()
	l := listenTCP(t, "tcp4", "127.0.0.1:0")
	conn, err := net.Dial("tcp4", l.Addr().String())
	must(t, err)
	defer func() { must(t, conn.Close()) }()
	plain, err := os.Create(filepath.Join(dir, "f"))
	must(t, err)
	defer func() { must(t, plain.Close()) }()
	pipe, _, err := os.Pipe()
	must(t, err)
	defer func() { must(t, pipe.Close()) }()
	silent, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	mute := os.NewFile(uintptr(silent), "mute")
	defer func() { must(t, mute.Close()) }()
	netlink, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	nl := os.NewFile(uintptr(netlink), "netlink")
	defer func() { must(t, nl.Close()) }()

	for _, tc := range []struct {
		name string
		file *os.File
		want string
	}{
		{"UDP", fileOf(t, udp), "is a UDP socket (IPv4), not a stream"},
		{"Unix datagram", fileOf(t, gram), "is a Unix datagram socket, not a stream"},
		{"Unix packets", fileOf(t, packets), "is a sequential packet socket (Unix), not a stream"},
		{"connected", fileOf(t, conn.(*net.TCPConn)), "is a connected TCP socket (IPv4)"},
		{"not listening", mute, "is a TCP socket (IPv4) that doesn't listen"},
		{"regular file", plain, "is a regular file"},
		{"pipe", pipe, "is a pipe"},
		{"netlink", nl, "is a socket of address family 16"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := inheritIn(t, []*os.File{tc.file}, "LISTEN_PID=self", "LISTEN_FDS=1", "LISTEN_FDNAMES=pull")
			wantText(t, r.Err, "file descriptor 3 (pull) "+tc.want, "ListenStream=")
		})
	}
}

// TestInheritedUnixPathStays restarts a service three times on one socket.
func TestInheritedUnixPathStays(t *testing.T) { // C79
	path := filepath.Join(t.TempDir(), "pull.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(t, err)
	l.SetUnlinkOnClose(false)
	defer func() { must(t, l.Close()) }()
	before, err := os.Lstat(path)
	must(t, err)
	for range 3 {
		r := inheritIn(t, []*os.File{fileOf(t, l)}, "LISTEN_PID=self", "LISTEN_FDS=1", "LISTEN_FDNAMES=pull")
		if r.Err != "" || !slices.Equal(r.Sockets[Pull], []string{path}) {
			t.Fatalf("got %+v, want the socket at %s", r, path)
		}
	}
	after, err := os.Lstat(path)
	if err != nil || !os.SameFile(before, after) {
		t.Fatalf("the path is gone or another one: %v", err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("with the service stopped a client is not queued: %v", err)
	}
	must(t, conn.Close())
}

// TestInheritedDualStack shows an IPv4 client of an IPv6 socket by its IPv4
// address, and that no option of the socket changed.
func TestInheritedDualStack(t *testing.T) { // C82
	l := listenTCP(t, "tcp", "[::]:0")
	f := fileOf(t, l)
	before := socketOptions(t, f)
	cmd := exec.Command(os.Args[0])
	cmd.ExtraFiles = []*os.File{f}
	cmd.Env = append(os.Environ(), childVar+"=serve", "LISTEN_PID=self", "LISTEN_FDS=1", "LISTEN_FDNAMES=ingress")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	_, port, err := net.SplitHostPort(l.Addr().String())
	must(t, err)
	conn, err := net.Dial("tcp4", "127.0.0.1:"+port)
	must(t, err)
	seen, err := bufio.NewReader(conn).ReadString('\n')
	must(t, err)
	if want := conn.LocalAddr().String(); strings.TrimSpace(seen) != want {
		t.Errorf("the service saw %q, want %q", strings.TrimSpace(seen), want)
	}
	must(t, conn.Close())
	line, err := bufio.NewReader(out).ReadBytes('\n')
	must(t, err)
	must(t, cmd.Wait())
	if r := parseReport(t, line); r.Err != "" {
		t.Error(r.Err)
	}
	if after := socketOptions(t, f); after != before {
		t.Errorf("options were %v and are %v", before, after)
	}
}

func socketOptions(t *testing.T, f *os.File) (values [6]int) {
	t.Helper()
	for i, o := range [6][2]int{
		{unix.SOL_SOCKET, unix.SO_REUSEADDR}, {unix.SOL_SOCKET, unix.SO_REUSEPORT},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE}, {unix.SOL_SOCKET, unix.SO_RCVBUF},
		{unix.IPPROTO_TCP, unix.TCP_NODELAY}, {unix.IPPROTO_IPV6, unix.IPV6_V6ONLY},
	} {
		v, err := unix.GetsockoptInt(int(f.Fd()), o[0], o[1])
		must(t, err)
		values[i] = v
	}
	return values
}

func TestTakeAndCloseGiveEachListenerOnce(t *testing.T) {
	a, b := listenTCP(t, "tcp4", "127.0.0.1:0"), listenTCP(t, "tcp4", "127.0.0.1:0")
	s := &Sockets{byName: map[string][]net.Listener{Pull: {a}, Metrics: {b}}}
	if got := s.Take(Pull); len(got) != 1 || got[0] != a {
		t.Errorf("took %v", got)
	}
	if got := s.Take(Pull); got != nil {
		t.Errorf("took %v a second time", got)
	}
	if got := s.Leftover(); !slices.Equal(got, []string{"metrics (" + b.Addr().String() + ")"}) {
		t.Errorf("left over: %v", got)
	}
	s.Close()
	if _, err := b.Accept(); err == nil || len(s.Names()) != 0 {
		t.Error("what nobody took is still open")
	}
	must(t, a.Close())
}

func TestNilSocketsAreEmpty(t *testing.T) {
	var s *Sockets
	if s.Take(Ingress) != nil || s.Names() != nil || s.Leftover() != nil || s.Ignored() != "" {
		t.Error("a nil Sockets has something")
	}
	s.Close()
}

func TestReadHandover(t *testing.T) {
	me := self{pid: 42, pidfdID: 7}
	for _, tc := range []struct {
		name, pidfd  string
		me           self
		names        int
		ignored, bad bool
	}{
		{"own pidfd", "7", me, 1, false, false},
		{"another's pidfd", "8", me, 0, true, false},
		{"malformed pidfd", "x", me, 0, false, true},
		{"kernel without ids", "8", self{pid: 42}, 1, false, false},
		{"no pidfd", "", me, 1, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			env := map[string]string{"LISTEN_PID": "42", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "ingress", "LISTEN_PIDFDID": tc.pidfd}
			h, err := readHandover(func(k string) string { return env[k] }, tc.me)
			if len(h.names) != tc.names || (h.ignored != "") != tc.ignored || (err != nil) != tc.bad {
				t.Errorf("got %+v, %v", h, err)
			}
		})
	}
}

func FuzzReadHandover(f *testing.F) {
	for _, s := range [][4]string{
		{"1", "42", "ingress", ""}, {"2", "42", "pull:ingress", "7"}, {"-1", "42", "", ""},
		{"99999999999", "42", "a", ""}, {"abc", "1", "", "x"}, {"1", "42", ":", ""},
	} {
		f.Add(s[0], s[1], s[2], s[3])
	}
	f.Fuzz(func(t *testing.T, fds, pid, names, pidfd string) {
		env := map[string]string{"LISTEN_PID": pid, "LISTEN_FDS": fds, "LISTEN_FDNAMES": names, "LISTEN_PIDFDID": pidfd}
		h, err := readHandover(func(k string) string { return env[k] }, self{pid: 42, pidfdID: 7})
		if err != nil && strings.ContainsAny(err.Error(), "\n\x1b\x00") {
			t.Errorf("the error isn't one printable line: %q", err)
		}
		if len(h.names) > 0 && (err != nil || h.ignored != "" || strings.Join(h.names, ":") != names) {
			t.Errorf("names %q with error %v, reason %q", h.names, err, h.ignored)
		}
	})
}

func TestUnitDirectories(t *testing.T) {
	env := map[string]string{"CONFIGURATION_DIRECTORY": "/etc/hookaido", "STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "CREDENTIALS_DIRECTORY": "/run/credentials/x"}
	got := UnitDirectories(func(k string) string { return env[k] })
	want := Directories{Configuration: "/etc/hookaido", State: "/var/lib/a", Credentials: "/run/credentials/x"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
