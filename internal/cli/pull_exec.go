package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"hookaido/internal/client"
	"hookaido/internal/clock"
)

// stopTime is what a command gets to end in when the worker is interrupted.
const stopTime = 10 * time.Second

// execute runs the command for a message and reports whether it ended well.
func (r *pulling) execute(ctx context.Context, m *client.Leased) (bool, error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", r.flags.exec)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(m.Payload), r.Stdout, r.Stderr
	cmd.Env = append(os.Environ(),
		"HOOKAIDO_EVENT_ID="+m.ID, "HOOKAIDO_ROUTE="+m.Route, "HOOKAIDO_ATTEMPT="+strconv.Itoa(m.Attempt),
		"HOOKAIDO_CONTENT_TYPE="+m.Headers["Content-Type"])
	// a group of its own, so that what the shell started hears of the end too
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = stopTime
	if err := cmd.Start(); err != nil {
		return false, fmt.Errorf("run the command: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	err := r.attend(ctx, m, ended)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.As(err, &exit):
		fmt.Fprintf(r.Stderr, "hookaido: %s: the command ended with %v\n", printable(m.ID), exit)
		return false, nil
	case err != nil && !errors.Is(err, syscall.EPIPE): // a command need not read its input
		return false, fmt.Errorf("run the command: %w", err)
	}
	return true, nil
}

// attend keeps the lease of a message until its command has ended.
func (r *pulling) attend(ctx context.Context, m *client.Leased, ended <-chan error) error {
	timer := clock.System{}.NewTimer(r.flags.lease / 2)
	defer timer.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-timer.C():
			if err := r.worker.Extend(ctx, m.LeaseID, r.flags.lease/2); err != nil && ctx.Err() == nil {
				fmt.Fprintf(r.Stderr, "hookaido: %s: the lease was not extended: %v\n", printable(m.ID), err)
			}
			timer.Reset(r.flags.lease / 2)
		}
	}
}
