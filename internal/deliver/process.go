package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hookaido/internal/clock"
)

const (
	// endGrace is the time between asking a program to end and killing it.
	endGrace = 2 * time.Second
	// outputGrace is the time for the rest of the output after the program has
	// ended, for a descendant that left its group may hold it open for ever.
	outputGrace = 250 * time.Millisecond
	// maxOutput is what is kept of the output, in bytes.
	maxOutput = 4096
)

// command is a program to run without arguments.
type command struct {
	path  string
	env   []string
	input []byte
}

// end is how a program ended. Broken is set if ctx ended first.
type end struct {
	code   int
	signal syscall.Signal
	broken bool
	output []byte
}

// run runs a command to its end, or asks it to end when ctx does and kills it
// if it doesn't. Then nothing of its process group is left. An error is one of
// starting.
//
// The program is killed too if the daemon dies. The kernel ties that to the
// thread that started it, so the thread is kept until the program has ended.
func run(ctx context.Context, clk clock.Clock, c command) (end, error) {
	// what a parent or a C library left open must not reach the program
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return end{}, fmt.Errorf("keep open files from the program: %w", err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	output := &head{limit: maxOutput}
	cmd := exec.Cmd{
		Path: c.path, Args: []string{c.path}, Env: c.env, Stdin: bytes.NewReader(c.input), Stderr: output,
		WaitDelay: outputGrace, SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
	if err := cmd.Start(); err != nil {
		return end{}, err
	}
	group := -cmd.Process.Pid
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		awaitEnd(cmd.Process.Pid)
	}()
	broken := false
	select {
	case <-ended:
	case <-ctx.Done():
		broken = true
		_ = unix.Kill(group, unix.SIGTERM)
		grace := clk.NewTimer(endGrace)
		defer grace.Stop()
		select {
		case <-ended:
		case <-grace.C():
		}
	}
	// the program has not been reaped, so that its number is still its own
	_ = unix.Kill(group, unix.SIGKILL)
	<-ended
	err := cmd.Wait()
	e := end{broken: broken, output: output.kept()}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		e.code = exit.ExitCode()
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			e.signal = status.Signal()
		}
	}
	return e, nil
}

// awaitEnd waits until a child has ended, and leaves it to be reaped.
func awaitEnd(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, &unix.Siginfo{}, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
