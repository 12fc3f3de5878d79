package e2e

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// A worker of the shell that is interrupted gives its message back.
func TestPullGivesBackWhenItIsInterrupted(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	d.accept("/in", "work")
	began := d.path("began")
	cmd := exec.CommandContext(t.Context(), binary, "pull", "/in", "--config", d.path("Hookaidofile"),
		"--exec", "touch "+began+"; exec sleep 600")
	errs := &logBuffer{}
	cmd.Stderr = errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, cmd.Start())
	d.eventually("at work", func() bool {
		_, err := os.Stat(began)
		return err == nil
	})
	must(t, cmd.Process.Signal(syscall.SIGINT))
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the code is read from ProcessState
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(patience):
		_ = cmd.Process.Kill() // it did not end by itself
		t.Fatal("the worker does not end")
	}
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if got := d.drain("/in"); got["work"] != 1 {
		t.Errorf("the message did not come back at once: %v", got)
	}
}
