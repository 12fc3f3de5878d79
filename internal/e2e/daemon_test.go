package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const patience = 20 * time.Second // for what should take milliseconds

// daemon is a hookaido process on a scratch folder of its own. The ports stay
// the same over restarts.
type daemon struct {
	t                    testing.TB
	dir                  string
	ingress, pull, admin string // host:port
	socket               string
	env                  []string
	cmd                  *exec.Cmd
	exited               chan struct{}
	log                  *logBuffer
}

// logBuffer collects what a process writes, for reading while it runs.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const pullToken = "e2e-pull-token-of-enough-length"

// newDaemon prepares a daemon, which start starts. The routes go below the
// listener blocks of its Hookaidofile.
func newDaemon(t testing.TB, routes string) *daemon {
	t.Helper()
	d := &daemon{
		t: t, dir: shortDir(t), log: &logBuffer{},
		ingress: freeAddress(t), pull: freeAddress(t), admin: freeAddress(t),
	}
	d.socket = d.path("admin.sock")
	d.writeConfig(routes)
	t.Cleanup(func() {
		if d.running() {
			d.kill()
		}
		if t.Failed() {
			t.Logf("log of hookaido:\n%s", tail(d.log.String(), 4000))
		}
	})
	return d
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// Where freeAddress looks: below the ports that the kernel gives to listeners
// and to connections that ask for any.
const firstPort, lastPort = 10_000, 32_000

// freeAddress finds a port that is the caller's until its test ends: no other
// call gives it out, and no listener on port 0 gets it while a daemon starts.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		mark, err := net.Listen("unix", fmt.Sprintf("@hookaido-e2e-port-%d", port)) // for the tests of all processes
		if err != nil {
			continue
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		// on all addresses, as daemons of tests may want it there
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			_ = mark.Close() // the port is someone else's
			continue
		}
		_ = l.Close() // only its number was wanted
		t.Cleanup(func() { _ = mark.Close() })
		return address
	}
	t.Fatal("no free port")
	return ""
}

// shortDir is a folder like that of t.TempDir, with a path that leaves room for
// the name of a Unix socket, whatever the test is called.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hk")
	must(t, err)
	must(t, os.Chmod(dir, 0o755)) //nolint:gosec // other users look for the socket in it
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

func (d *daemon) path(name string) string { return filepath.Join(d.dir, name) }

func (d *daemon) writeConfig(routes string) {
	d.t.Helper()
	text := fmt.Sprintf("ingress { listen %s }\npull_api {\n  listen %s\n  auth token raw:%s\n}\nadmin_api { listen %s }\n%s",
		d.ingress, d.pull, pullToken, d.admin, routes)
	if err := os.WriteFile(d.path("Hookaidofile"), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// launch starts the process without waiting for it to be ready.
func (d *daemon) launch() {
	d.t.Helper()
	d.run(binary, "run", "--config", d.path("Hookaidofile"), "--db", d.path("data/hookaido.db"), "--socket", d.socket)
}

// run starts a process that is killed at the end at the latest.
func (d *daemon) run(args ...string) {
	d.t.Helper()
	d.cmd = exec.Command(args[0], args[1:]...)
	d.cmd.Env = append(os.Environ(), d.env...)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	exited, cmd := make(chan struct{}), d.cmd
	d.exited = exited
	go func() {
		_ = cmd.Wait() // the state is read from ProcessState
		close(exited)
	}()
}

// start starts the process and waits until it is ready.
func (d *daemon) start() *daemon {
	d.t.Helper()
	d.launch()
	d.eventually("ready", func() bool {
		select {
		case <-d.exited:
			d.t.Fatalf("hookaido ended before it was ready:\n%s", d.log)
		default:
		}
		return d.get("http://"+d.admin+"/readyz") == http.StatusOK
	})
	return d
}

func (d *daemon) running() bool {
	if d.cmd == nil {
		return false
	}
	select {
	case <-d.exited:
		return false
	default:
		return true
	}
}

func (d *daemon) signal(s os.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Fatalf("signal %v: %v", s, err)
	}
}

// wait waits for the process to end and returns its exit code.
func (d *daemon) wait() int {
	d.t.Helper()
	select {
	case <-d.exited:
		return d.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		d.kill()
		d.t.Fatal("hookaido did not end")
		return -1
	}
}

func (d *daemon) kill() {
	_ = d.cmd.Process.Kill() // it may be gone
	<-d.exited
}

// stop ends the process as systemd would and checks that it ends well.
func (d *daemon) stop() {
	d.t.Helper()
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		d.t.Fatalf("exit code %d after SIGTERM", code)
	}
}

// eventually polls until ok holds.
func (d *daemon) eventually(what string, ok func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("not %s after %v", what, patience)
		}
	}
}

// get returns the status of a GET, 0 if there is no answer.
func (d *daemon) get(url string) int {
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close() //nolint:errcheck // nothing is read
	return res.StatusCode
}

// hookaido runs a command of the binary and returns its output and exit code.
func (d *daemon) hookaido(args ...string) (stdout, stderr string, code int) {
	d.t.Helper()
	var out, errs strings.Builder
	cmd := exec.CommandContext(d.t.Context(), binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		d.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
