package e2e

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptPatience is for what a daemon does by itself, such as the next attempt
// of a delivery.
const scriptPatience = 90 * time.Second

// TestOperatorScripts runs the commands of operators against a daemon. Beside
// those of testscript there are
//
//	start            run hookaido on the file Hookaidofile and wait for it
//	stop             end it as systemd would
//	target STATUS    let the target at $TARGET answer with a status
//	await RE CMD...  run a command until its output fits
func TestOperatorScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/operator",
		Setup: func(env *testscript.Env) error {
			world := &scriptWorld{}
			world.status.Store(http.StatusOK)
			server := httptest.NewServer(world)
			env.Defer(server.Close)
			env.Values[worldKey{}] = world
			for name, value := range map[string]string{
				"PATH":            filepath.Dir(binary) + string(os.PathListSeparator) + env.Getenv("PATH"),
				"TARGET":          server.URL + "/hook",
				"USER":            "olga",
				"ADMIN":           freeAddress(t),
				"HOOKAIDO_CONFIG": filepath.Join(env.WorkDir, "Hookaidofile"),
				"HOOKAIDO_DB":     filepath.Join(env.WorkDir, "data", "hookaido.db"),
				"HOOKAIDO_SOCKET": filepath.Join(env.WorkDir, "admin.sock"),
			} {
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": scriptStart, "stop": scriptStop, "target": scriptStatus, "await": scriptAwait,
		},
	})
}

type worldKey struct{}

// scriptWorld is what a script has around it: the target of its push routes,
// which answers with a status, and its daemon.
type scriptWorld struct {
	status atomic.Int32
	cmd    *exec.Cmd
	exited chan struct{}
	log    *logBuffer
}

func (w *scriptWorld) ServeHTTP(rw http.ResponseWriter, _ *http.Request) {
	rw.WriteHeader(int(w.status.Load()))
}

func worldOf(ts *testscript.TestScript) *scriptWorld { return ts.Value(worldKey{}).(*scriptWorld) }

func scriptStatus(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: target STATUS")
	}
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	worldOf(ts).status.Store(int32(status))
}

func scriptCommand(ts *testscript.TestScript, args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = os.Environ()
	for _, name := range []string{"TARGET", "USER", "ADMIN", "WORK", "HOOKAIDO_CONFIG", "HOOKAIDO_DB", "HOOKAIDO_SOCKET"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	return cmd
}

func scriptStart(ts *testscript.TestScript, _ bool, _ []string) {
	d := worldOf(ts)
	d.cmd, d.exited, d.log = scriptCommand(ts, "run"), make(chan struct{}), &logBuffer{}
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ts.Check(d.cmd.Start())
	cmd, exited := d.cmd, d.exited
	go func() {
		_ = cmd.Wait() // the scripts look at what it did
		close(exited)
	}()
	ts.Defer(func() {
		_ = cmd.Process.Kill() // it may be gone
		<-exited
	})
	for deadline := time.Now().Add(scriptPatience); ; time.Sleep(20 * time.Millisecond) {
		select {
		case <-d.exited:
			ts.Fatalf("hookaido ended:\n%s", d.log.String())
		default:
		}
		if scriptCommand(ts, "status").Run() == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("hookaido is not ready:\n%s", d.log.String())
		}
	}
}

func scriptStop(ts *testscript.TestScript, _ bool, _ []string) {
	d := worldOf(ts)
	ts.Check(d.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-d.exited:
	case <-time.After(scriptPatience):
		ts.Fatalf("hookaido does not end:\n%s", d.log.String())
	}
}

func scriptAwait(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 || args[1] != "hookaido" {
		ts.Fatalf("usage: await RE hookaido COMMAND...")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), scriptPatience)
	defer cancel()
	for {
		out, err := scriptCommand(ts, args[2:]...).CombinedOutput()
		if want.Match(out) {
			return
		}
		if ctx.Err() != nil {
			ts.Fatalf("after %v: %v\n%s", scriptPatience, err, out)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
