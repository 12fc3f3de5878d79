package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"hookaido/internal/app"
	"hookaido/internal/client"
)

// The exit codes, after sysexits.h where it has one; app adds those of the
// daemon.
const (
	exitOK          = 0
	exitFailed      = 1 // it was refused, or not all of it was done
	exitUsage       = 2
	exitUnavailable = 69 // no daemon answers
	exitDamaged     = 74 // a disk or a database
	exitDenied      = 77
	exitInterrupted = 130 // by SIGINT, as shells have it
)

// usageError is a wrong call of cmd.
type usageError struct {
	cmd *cobra.Command
	err error
}

func (e usageError) Error() string { return e.err.Error() }

// errSilent ends a command with exitFailed when it has said all itself.
var errSilent = errors.New("failed")

// codeError ends a command with a code of its own when it has said all itself.
type codeError int

func (e codeError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exitCode prints err, if there is one, and returns the code it stands for.
func (p *program) exitCode(err error) int {
	var usage usageError
	var failure *app.Failure
	var code codeError
	var remote *client.Error
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errSilent):
		return exitFailed
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		p.complain(err)
		fmt.Fprintf(p.Stderr, "See '%s --help'.\n", usage.cmd.CommandPath())
		return exitUsage
	case errors.As(err, &failure):
		p.complain(err)
		return failure.Code
	case errors.Is(err, context.Canceled):
		p.complain(errors.New("interrupted"))
		return exitInterrupted
	case errors.As(err, &remote):
		p.complain(err)
		return map[client.Class]int{
			client.Unreachable: exitUnavailable, client.Denied: exitDenied, client.Refused: exitFailed,
		}[remote.Class]
	default:
		p.complain(err)
		return exitFailed
	}
}

func (p *program) complain(err error) {
	fmt.Fprintf(p.Stderr, "hookaido: %v\n", err)
}
