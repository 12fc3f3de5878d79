package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// supervisor is the end of a notify socket, where systemd would listen.
type supervisor struct {
	mu  sync.Mutex
	got []string
}

// supervise opens a notify socket at the address.
func supervise(t *testing.T, address string) *supervisor {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	s := &supervisor{}
	go func() {
		b := make([]byte, 64<<10)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.got = append(s.got, string(b[:n]))
			s.mu.Unlock()
		}
	}()
	return s
}

// datagrams returns those that have arrived and hold the text.
func (s *supervisor) datagrams(text string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []string
	for _, d := range s.got {
		if strings.Contains(d, text) {
			found = append(found, d)
		}
	}
	return found
}

// index is the place of the first datagram with the text, -1 for none.
func (s *supervisor) index(text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.IndexFunc(s.got, func(d string) bool { return strings.Contains(d, text) })
}

// passing starts the daemon with open files as systemd passes them. The
// environment's LISTEN_PID=self becomes the pid of the daemon.
func (d *daemon) passing(env []string, files ...*os.File) {
	d.t.Helper()
	cmd := exec.Command("sh", "-c", `[ "$LISTEN_PID" != self ] || LISTEN_PID=$$; exec "$@"`, "sh", binary, "run",
		"--config", d.path("Hookaidofile"), "--db", d.path("data/hookaido.db"), "--socket", d.socket)
	cmd.Env = append(os.Environ(), env...)
	cmd.ExtraFiles = files
	cmd.Stdout, cmd.Stderr = d.log, d.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(d.t, cmd.Start())
	exited := make(chan struct{})
	d.cmd, d.exited = cmd, exited
	go func() {
		_ = cmd.Wait() // the state is read from ProcessState
		close(exited)
	}()
}

// listenFile opens a listener and returns its file, as a socket unit has it.
func listenFile(t *testing.T, network, address string) (*os.File, string) {
	t.Helper()
	l, err := net.Listen(network, address)
	must(t, err)
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	f, err := l.(interface{ File() (*os.File, error) }).File()
	must(t, err)
	must(t, l.Close())
	t.Cleanup(func() { _ = f.Close() })
	return f, l.Addr().String()
}

// TestForeignHandover is case C76 and row 121 of bad input: sockets for another
// process are left alone.
func TestForeignHandover(t *testing.T) {
	for name, env := range map[string][]string{
		"another process":            {"LISTEN_PID=1", "LISTEN_FDS=1", "LISTEN_FDNAMES=ingress"},
		"another process, no number": {"LISTEN_PID=1", "LISTEN_FDS=abc"},
		"nobody":                     {"LISTEN_FDS=1"},
		"none":                       {"LISTEN_PID=self", "LISTEN_FDS=0"},
	} {
		t.Run(name, func(t *testing.T) {
			f, foreign := listenFile(t, "tcp", "127.0.0.1:0") // first, or it could get a port of the daemon
			d := newDaemon(t, "observability { runtime_log debug }\n"+openIn)
			d.passing(env, f)
			d.untilReady()
			d.accept("/in", "x")
			if strings.Contains(d.log.String(), foreign) {
				t.Errorf("the passed socket %s is served", foreign)
			}
			d.stop()
		})
	}
}

// TestHandoverThatIsWrong has cases C76 and C77 and rows 121 and 122 of bad
// input: one error that names what to change, no crash.
func TestHandoverThatIsWrong(t *testing.T) {
	tcp, address := listenFile(t, "tcp", "127.0.0.1:0")
	other, _ := listenFile(t, "tcp", "127.0.0.1:0")
	packet, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	udp, err := packet.(*net.UDPConn).File()
	must(t, err)
	must(t, packet.Close())
	defer udp.Close() //nolint:errcheck // a test
	plain, err := os.Create(filepath.Join(t.TempDir(), "plain"))
	must(t, err)
	defer plain.Close() //nolint:errcheck // a test
	const known = "ingress, pull, admin, metrics"
	for _, row := range []struct {
		name  string
		env   string // of LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES
		files []*os.File
		want  []string
	}{
		{"C76 pid abc", "abc 1 ingress", nil, []string{"LISTEN_PID=abc"}},
		{"C76 count -1", "self -1 ingress", nil, []string{"LISTEN_FDS=-1"}},
		{"C76 count 99999999999", "self 99999999999 ingress", nil, []string{"99999999999"}},
		{"121 count abc", "self abc ingress", nil, []string{"LISTEN_FDS=abc"}},
		{"121 count 999", "self 999 ingress", []*os.File{tcp}, []string{"999", "FileDescriptorName="}},
		{"C77 unknown name", "self 2 unknown:ingress", []*os.File{tcp, other}, []string{`"unknown"`, address, known}},
		{"C77 no names", "self 1 ", []*os.File{tcp}, []string{"FileDescriptorName=", known}},
		{"C77 two sockets, one name", "self 2 ingress", []*os.File{tcp, other}, []string{"2 sockets", "1 names"}},
		{"C77 name connection", "self 1 connection", []*os.File{tcp}, []string{`"connection"`, known}},
		{"122 UDP", "self 1 ingress", []*os.File{udp}, []string{"ingress", "UDP", "ListenStream="}},
		{"122 file", "self 1 ingress", []*os.File{plain}, []string{"ingress", "a regular file", "ListenStream="}},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := newDaemon(t, openIn)
			part := strings.Split(row.env, " ")
			d.passing([]string{"LISTEN_PID=" + part[0], "LISTEN_FDS=" + part[1], "LISTEN_FDNAMES=" + part[2]}, row.files...)
			code, log := d.wait(), d.log.String()
			if code != 69 || strings.Contains(log, "goroutine ") {
				t.Errorf("exit %d, want 69:\n%s", code, log)
			}
			for _, text := range row.want {
				if !strings.Contains(log, text) {
					t.Errorf("nothing of %s in:\n%s", text, log)
				}
			}
		})
	}
}

// TestHandoverByName is case C77, with rows 122 and 123 of bad input: names
// decide, not their order; two sockets may have one name; a Unix socket is as
// good as a port, and what the Hookaidofile says is not opened beside them.
func TestHandoverByName(t *testing.T) {
	d := newDaemon(t, openIn)
	pull, pullAt := listenFile(t, "tcp", "127.0.0.1:0")
	one, oneAt := listenFile(t, "tcp", "127.0.0.1:0")
	two, twoAt := listenFile(t, "tcp", "127.0.0.1:0")
	path := d.path("pull.sock")
	socket, _ := listenFile(t, "unix", path)
	before, err := os.Stat(path)
	must(t, err)
	for range 3 { // C79: a restart keeps the path
		d.passing([]string{"LISTEN_PID=self", "LISTEN_FDS=4", "LISTEN_FDNAMES=pull:ingress:ingress:pull"}, pull, one, two, socket)
		d.untilReady()
		for _, at := range []string{oneAt, twoAt} {
			if a := post(t, "http://"+at+"/in", []byte(at)); a.status != http.StatusAccepted {
				t.Errorf("ingress on %s: %d", at, a.status)
			}
		}
		if a := post(t, "http://"+pullAt+"/in", []byte("x")); a.status != http.StatusUnauthorized && a.status != http.StatusNotFound {
			t.Errorf("a webhook at the workers' socket: %d", a.status)
		}
		if a := post(t, "http://"+pullAt+"/in/dequeue", []byte(`{"batch":9}`), "Authorization", "Bearer "+pullToken); !strings.Contains(string(a.body), "payload_b64") {
			t.Errorf("dequeue: %d %s", a.status, a.body)
		}
		if a := ask(t, onSocket(t, path), http.MethodPost, "http://h/in/dequeue", "Authorization", "Bearer "+pullToken); a.status != http.StatusOK {
			t.Errorf("dequeue over the Unix socket: %d", a.status)
		}
		if c, err := net.Dial("tcp", d.ingress); err == nil {
			_ = c.Close()
			t.Error("badinput 123: the address of the Hookaidofile is served too")
		}
		d.logLine("listen_differs_from_socket")
		d.stop()
		after, err := os.Stat(path)
		if err != nil || !os.SameFile(before, after) {
			t.Fatalf("C79: the path of the socket is gone or another one: %v", err)
		}
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatalf("C79: a client of the stopped service isn't queued: %v", err)
		}
		_ = c.Close()
	}
}

// TestReloadKeepsPassedSockets is case C86: connections that come in during
// reloads are served, whatever the reload says.
func TestReloadKeepsPassedSockets(t *testing.T) {
	d := newDaemon(t, openIn)
	ingress, at := listenFile(t, "tcp", "127.0.0.1:0")
	pull, _ := listenFile(t, "tcp", "127.0.0.1:0")
	d.passing([]string{"LISTEN_PID=self", "LISTEN_FDS=2", "LISTEN_FDNAMES=ingress:pull"}, ingress, pull)
	d.untilReady()
	ctx, cancel := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	faults := make(chan string, 100)
	var sent [4]int
	for i := range sent {
		senders.Go(func() {
			c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: fromMany}
			for ; ctx.Err() == nil; sent[i]++ {
				res, err := c.Post("http://"+at+"/in", "text/plain", strings.NewReader("x"))
				if err != nil {
					faults <- err.Error()
					return
				}
				_ = res.Body.Close()
				if res.StatusCode != http.StatusAccepted {
					faults <- res.Status
					return
				}
			}
		})
	}
	refused := func(text string) {
		t.Helper()
		d.writeConfig(text)
		_, errs, code := d.hookaido("reload", "--socket", d.socket)
		if code != 1 || !strings.Contains(errs, "systemctl daemon-reload") || !strings.Contains(errs, "systemctl restart hookaido.target") {
			t.Errorf("exit %d, want 1 and the two commands:\n%s", code, errs)
		}
	}
	for n := range 5 {
		d.writeConfig(openIn + "/more" + itoa(n) + " { pull { path /more } }\n")
		d.reload()
		if a := post(t, "http://"+at+"/more"+itoa(n), nil); a.status != http.StatusAccepted {
			t.Errorf("the route of reload %d: %d", n, a.status)
		}
		d.writeConfig(openIn)
		d.reload()
		refused(openIn + "observability { metrics { listen " + freeAddress(t) + " } }\n") // one more listener
		saved := d.pull
		d.pull = freeAddress(t)
		refused(openIn) // another one
		d.pull = saved
	}
	d.writeConfig(openIn)
	d.reload()
	cancel()
	senders.Wait()
	close(faults)
	for f := range faults {
		t.Errorf("a sender met: %s", f)
	}
	for i, n := range sent {
		if n == 0 {
			t.Errorf("sender %d sent nothing", i)
		}
	}
	d.stop()
}

var monotonic = regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=(\d+)\n?$`)

// TestNotify is case C85, and what C89 says of READY: start, reload and stop as
// systemd sees them.
func TestNotify(t *testing.T) {
	for name, address := range map[string]string{
		"path":     filepath.Join(t.TempDir(), "notify"),
		"abstract": "@hookaido-e2e-" + strconv.Itoa(os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			s := supervise(t, address)
			d := newDaemon(t, openIn)
			d.env = []string{"NOTIFY_SOCKET=" + address}
			d.launch()
			soon(t, "READY=1", func() bool { return s.index("READY=1") >= 0 })
			for _, at := range []string{d.ingress, d.pull, d.admin} { // C89: not before all listeners accept
				c, err := net.Dial("tcp", at)
				if err != nil {
					t.Fatalf("after READY=1: %v", err)
				}
				_ = c.Close()
			}
			if i := s.index("EXTEND_TIMEOUT_USEC="); i < 0 || i > s.index("READY=1") {
				t.Errorf("C89: nothing asked for more time while the database was made: %q", s.datagrams(""))
			}
			for _, bad := range []bool{false, true} {
				if bad {
					d.writeConfig("/broken {")
				}
				was := len(s.datagrams("READY=1"))
				d.signal(syscall.SIGHUP)
				soon(t, "READY=1 after the reload", func() bool { return len(s.datagrams("READY=1")) > was })
			}
			reloads := s.datagrams("RELOADING=1")
			var before uint64
			for _, text := range reloads {
				m := monotonic.FindStringSubmatch(text)
				if m == nil {
					t.Fatalf("C85: one datagram has %q", text)
				}
				at, err := strconv.ParseUint(m[1], 10, 64)
				if err != nil || at <= before || at > uptimeMicros(t) {
					t.Errorf("C85: MONOTONIC_USEC=%s after %d: %v", m[1], before, err)
				}
				before = at
			}
			if len(reloads) != 2 {
				t.Errorf("%d reloads, want 2", len(reloads))
			}
			d.stop()
			soon(t, "STOPPING=1", func() bool { return s.index("STOPPING=1") >= 0 })
		})
	}
}

// uptimeMicros is what CLOCK_MONOTONIC shows, from another source.
func uptimeMicros(t *testing.T) uint64 {
	t.Helper()
	b, err := os.ReadFile("/proc/uptime")
	must(t, err)
	seconds, _, _ := strings.Cut(string(b), " ")
	up, err := strconv.ParseFloat(seconds, 64)
	must(t, err)
	return uint64((up + 1) * 1e6)
}

// TestWatchdogPings is case C88: half a second is served, another process's
// watchdog is not, and nonsense is told.
func TestWatchdogPings(t *testing.T) {
	begin := func(env ...string) (*daemon, *supervisor) {
		address := filepath.Join(t.TempDir(), "notify")
		s := supervise(t, address)
		d := newDaemon(t, openIn)
		d.env = append(env, "NOTIFY_SOCKET="+address)
		d.launch()
		soon(t, "READY=1", func() bool { return s.index("READY=1") >= 0 })
		return d, s
	}
	_, foreign := begin("WATCHDOG_USEC=500000", "WATCHDOG_PID=1")
	nonsense, silent := begin("WATCHDOG_USEC=abc")
	zero, still := begin("WATCHDOG_USEC=0")
	_, own := begin("WATCHDOG_USEC=500000")
	// the last to start sends ten, while the others had more time than that
	soon(t, "pinged", func() bool { return len(own.datagrams("WATCHDOG=1")) >= 10 })
	for name, s := range map[string]*supervisor{"another's": foreign, "abc": silent, "0": still} {
		if got := s.datagrams("WATCHDOG"); len(got) != 0 {
			t.Errorf("%s: %d pings", name, len(got))
		}
	}
	for _, d := range []*daemon{nonsense, zero} {
		d.logLine(`"WARN"`, "WATCHDOG_USEC=")
	}
}

// TestOwnUnixSockets is case C80: what is in the way of a socket decides.
func TestOwnUnixSockets(t *testing.T) {
	configure := func(t *testing.T, path func(d *daemon) string) *daemon {
		d := newDaemon(t, "")
		d.configure(fmt.Sprintf("ingress { listen unix:%s }\npull_api { listen %s auth token raw:%s }\nadmin_api { listen %s }\n%s",
			path(d), d.pull, pullToken, d.admin, openIn))
		return d
	}
	in := func(d *daemon) string { return d.path("in.sock") }
	t.Run("stale", func(t *testing.T) {
		d := configure(t, in).startQuietly()
		d.kill()
		if _, err := os.Stat(in(d)); err != nil {
			t.Fatalf("kill -9 leaves the file behind: %v", err)
		}
		d.startQuietly()
		if a := ask(t, onSocket(t, in(d)), http.MethodPost, "http://h/in"); a.status != http.StatusAccepted {
			t.Errorf("after a crash: %d", a.status)
		}
		d.stop()
	})
	t.Run("live", func(t *testing.T) {
		d := configure(t, in)
		l, err := net.Listen("unix", in(d))
		must(t, err)
		defer l.Close() //nolint:errcheck // a test
		d.launch()
		if code := d.wait(); code != 69 || !strings.Contains(d.log.String(), in(d)) || !strings.Contains(d.log.String(), "another process listens") {
			t.Errorf("exit %d:\n%s", code, d.log)
		}
		c, err := net.Dial("unix", in(d))
		if err != nil {
			t.Fatalf("the socket was stolen: %v", err)
		}
		_ = c.Close()
	})
	t.Run("regular file", func(t *testing.T) {
		d := configure(t, in)
		must(t, os.WriteFile(in(d), []byte("precious"), 0o600))
		d.launch()
		if code := d.wait(); code != 69 || !strings.Contains(d.log.String(), "not a socket") {
			t.Errorf("exit %d:\n%s", code, d.log)
		}
		if b, err := os.ReadFile(in(d)); err != nil || string(b) != "precious" {
			t.Errorf("the file has %q, %v", b, err)
		}
	})
	t.Run("long", func(t *testing.T) {
		d := configure(t, func(d *daemon) string { return d.path(strings.Repeat("l", 120)) })
		d.launch()
		if code := d.wait(); code != 69 && code != 78 || !strings.Contains(d.log.String(), "107") {
			t.Errorf("exit %d, want one for a listener and the limit:\n%s", code, d.log)
		}
	})
	for _, mask := range []string{"000", "077"} {
		t.Run("umask "+mask, func(t *testing.T) {
			d := configure(t, in)
			d.run("sh", "-c", "umask "+mask+`; exec "$@"`, "sh", binary, "run", "--config", d.path("Hookaidofile"), "--db", d.path("data/hookaido.db"), "--socket", d.socket)
			d.untilReady()
			for _, path := range []string{in(d), d.socket} {
				info, err := os.Stat(path)
				must(t, err)
				if info.Mode().Perm() != 0o660 {
					t.Errorf("%s has mode %o, want 660", filepath.Base(path), info.Mode().Perm())
				}
			}
			c52(t, d)
			d.stop()
		})
	}
}

// TestBothFamilies is case C82: a client over IPv4 on a port for both families
// has its IPv4 address in log and conditions, on a socket of systemd too.
func TestBothFamilies(t *testing.T) {
	const routes = "/four {\n  match { remote_ip 127.0.0.1 }\n  pull { path /four }\n}\n/six {\n  match { remote_ip ::1 }\n  pull { path /six }\n}\n"
	check := func(t *testing.T, d *daemon, port string) {
		t.Helper()
		for _, row := range []struct {
			host, path string
			want       int
		}{
			{"127.0.0.1", "/four", http.StatusAccepted}, {"127.0.0.1", "/six", http.StatusNotFound},
			{"[::1]", "/six", http.StatusAccepted}, {"[::1]", "/four", http.StatusNotFound},
		} {
			a, err := tryPost(t, "http://"+row.host+":"+port+row.path, nil)
			if err != nil || a.status != row.want {
				t.Errorf("%s from %s: %d, want %d; %v", row.path, row.host, a.status, row.want, err)
			}
		}
		d.logLine(`"path":"/four"`, `"status":202`, `"remote_addr":"127.0.0.1:`)
		d.logLine(`"path":"/six"`, `"status":202`, `"remote_addr":"[::1]:`)
		if strings.Contains(d.log.String(), "::ffff") {
			t.Error("a mapped address is in the log")
		}
		d.stop()
	}
	six, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6; TestBindTCPWithoutIPv6 covers it")
	}
	must(t, six.Close())
	t.Run("own", func(t *testing.T) {
		d := newDaemon(t, routes)
		_, port, err := net.SplitHostPort(d.ingress)
		must(t, err)
		d.amend("listen "+d.ingress, "listen :"+port)
		check(t, d.startQuietly(), port)
	})
	t.Run("passed", func(t *testing.T) {
		d := newDaemon(t, routes)
		f, at := listenFile(t, "tcp", "[::]:0")
		_, port, err := net.SplitHostPort(at)
		must(t, err)
		d.passing([]string{"LISTEN_PID=self", "LISTEN_FDS=1", "LISTEN_FDNAMES=ingress"}, f)
		check(t, d.untilReady(), port)
	})
}

// c52 is case C52 and row 130 of bad input: nobody else reads the queue.
func c52(t *testing.T, d *daemon) {
	t.Helper()
	must(t, filepath.WalkDir(d.path("data"), func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if e.IsDir() && info.Mode().Perm()&0o027 != 0 || !e.IsDir() && info.Mode().Perm() != 0o600 {
			t.Errorf("C52: %s has mode %o", path, info.Mode().Perm())
		}
		return nil
	}))
}
