package systemd

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// childVar makes the test binary act as a service: it inherits its sockets and
// prints what it got. Descriptors and LISTEN_PID can't be faked in a process
// that has open files of its own.
const childVar = "HOOKAIDO_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVar) != "" {
		childMain()
		return
	}
	os.Exit(m.Run())
}

// childReport is what the child prints.
type childReport struct {
	Err, Ignored string
	Sockets      map[string][]string // name → addresses
	Leftover     []string
	Environ      []string // what of the protocol is left
	LeakedFDs    []int    // descriptors from 3 on that a program it starts would get
}

func childMain() {
	// The child of a fork can't know its pid before, as systemd's own does
	// between fork and exec.
	if pid := os.Getenv("LISTEN_PID"); pid == "self" {
		_ = os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	}
	if os.Getenv("LISTEN_PIDFDID") == "self" {
		_ = os.Setenv("LISTEN_PIDFDID", strconv.FormatUint(thisProcess().pidfdID, 10))
	}
	report := childReport{Sockets: map[string][]string{}}
	s, err := Inherit()
	if err != nil {
		report.Err = err.Error()
	}
	report.Ignored, report.Leftover = s.Ignored(), s.Leftover()
	for _, name := range s.Names() {
		for _, l := range s.Take(name) {
			report.Sockets[name] = append(report.Sockets[name], l.Addr().String())
			if os.Getenv(childVar) == "serve" {
				serveOne(l)
			}
			_ = l.Close()
		}
	}
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "LISTEN_") {
			report.Environ = append(report.Environ, v)
		}
	}
	report.LeakedFDs = inheritable()
	_ = json.NewEncoder(os.Stdout).Encode(report)
}

func serveOne(l net.Listener) {
	conn, err := l.Accept()
	if err == nil {
		_, _ = fmt.Fprintln(conn, conn.RemoteAddr())
		_ = conn.Close()
	}
}

// inheritable asks a real child what it has open.
func inheritable() []int {
	out, err := exec.Command("/bin/sh", "-c", "ls /proc/$$/fd").Output()
	if err != nil {
		return []int{-1}
	}
	var fds []int
	for f := range strings.FieldsSeq(string(out)) {
		// The shell may open one of its own above 9.
		if fd, err := strconv.Atoi(f); err == nil && fd >= firstFD && fd < 10 {
			fds = append(fds, fd)
		}
	}
	return fds
}

// file is anything that can be passed to a child.
type file interface {
	File() (*os.File, error)
}

func fileOf(t *testing.T, f file) *os.File {
	t.Helper()
	dup, err := f.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dup.Close() })
	return dup
}

// inheritIn runs a child with the files as its descriptors from 3 on.
func inheritIn(t *testing.T, files []*os.File, env ...string) childReport {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.ExtraFiles = files
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "LISTEN_") }), childVar+"=report")
	cmd.Env = append(cmd.Env, "GORACE=atexit_sleep_ms=0") // a race build waits a second at its end
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("child: %v (%s)", err, out)
	}
	return parseReport(t, out)
}

func parseReport(t *testing.T, out []byte) childReport {
	t.Helper()
	var r childReport
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("child printed %q: %v", out, err)
	}
	return r
}

func listenTCP(t *testing.T, network, address string) *net.TCPListener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Skipf("this machine has no %s: %v", network, err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.(*net.TCPListener)
}

func wantText(t *testing.T, got string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(got, p) {
			t.Errorf("%q doesn't have %q", got, p)
		}
	}
}
