package deliver

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"hookaido/internal/config"
)

// daemonProgram is the program that the test's own second process runs.
const daemonProgram = "DELIVER_TEST_PROGRAM"

// TestProgramDiesWithTheDaemon kills a process that runs a program. The message
// comes again after that, so the program must not go on beside its successor.
func TestProgramDiesWithTheDaemon(t *testing.T) {
	if path := os.Getenv(daemonProgram); path != "" {
		newTarget(t, newDeliverer(t, options()), config.Target{Exec: path, Timeout: 1e12}).Attempt(context.Background(), message())
		return
	}
	path := script(t, `echo $$ >"$DIR/new"; mv "$DIR/new" "$DIR/pid"; exec sleep 1000`)
	daemon := exec.Command(os.Args[0], "-test.run=^TestProgramDiesWithTheDaemon$")
	daemon.Env = append(os.Environ(), daemonProgram+"="+path)
	must(t, daemon.Start())
	eventually(t, "the program starts", func() bool {
		_, err := os.Stat(filepath.Join(filepath.Dir(path), "pid"))
		return err == nil
	})
	pid := strings.TrimSpace(read(t, path, "pid"))
	if !alive(t, pid) {
		t.Fatal("the program ended by itself")
	}
	must(t, daemon.Process.Kill())
	_ = daemon.Wait()
	eventually(t, "the program dies", func() bool { return !alive(t, pid) })
}

// Nor may it die with a thread of the daemon, which come and go.
func TestProgramOutlivesThreads(t *testing.T) {
	path := script(t, `echo $$ >>"$DIR/pids"; while ! [ -e "$DIR/go" ]; do sleep 0.01; done`)
	target := newTarget(t, newDeliverer(t, options()), config.Target{Exec: path})
	const n = 10
	results := make(chan Result, n)
	for range n {
		go func() { results <- target.Attempt(context.Background(), message()) }()
	}
	eventually(t, "all programs run", func() bool {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(path), "pids"))
		return err == nil && strings.Count(string(b), "\n") == n
	})
	// a thread ends with a goroutine that keeps it
	var ending, ended sync.WaitGroup
	for range 100 {
		ending.Add(1)
		ended.Go(func() {
			runtime.LockOSThread()
			ending.Done()
			ending.Wait()
		})
	}
	ended.Wait()
	must(t, os.WriteFile(filepath.Join(filepath.Dir(path), "go"), nil, 0o600))
	for range n {
		wantResult(t, <-results, Done, 200, None)
	}
}
