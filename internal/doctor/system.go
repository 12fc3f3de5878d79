package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// System is the machine that the process runs on. It implements [Commands] and
// [Clocks].
type System struct{}

// waitDelay is how long a killed program's heirs may keep its output open.
const waitDelay = 200 * time.Millisecond

// maxOutput bounds what is kept of a program's output, in bytes.
const maxOutput = 4 << 20

// Output runs a program in the C locale until it ends or ctx does.
func (System) Output(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the callers name programs of the system
	cmd.Env = append(os.Environ(), "LC_ALL=C", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=", "SYSTEMD_URLIFY=0")
	cmd.WaitDelay = waitDelay
	var out, complaint bounded
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	switch {
	case err == nil:
		return out.Bytes(), nil
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("%s isn't here", name)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s did not answer in time", name)
	}
	if line := firstLine(complaint.String()); line != "" {
		return out.Bytes(), fmt.Errorf("%s: %s", name, line)
	}
	return out.Bytes(), fmt.Errorf("%s: %w", name, err)
}

// bounded keeps the beginning of what is written to it.
type bounded struct{ bytes.Buffer }

// Write implements io.Writer; it never fails.
func (b *bounded) Write(p []byte) (int, error) {
	if room := maxOutput - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// maxError is the doubt about the time, in microseconds, from which on the
// kernel's clock counts as not synchronised; systemd has the same bound.
const maxError = 16_000_000

// Synchronised asks the kernel whether something keeps its clock right.
func (System) Synchronised() (bool, error) {
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return false, fmt.Errorf("the kernel doesn't tell about its clock: %w", err)
	}
	return t.Maxerror < maxError, nil
}
