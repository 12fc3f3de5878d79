package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"hookaido/internal/app"
)

// The exit codes, after sysexits.h where it has one; app adds those of the
// daemon.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
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
	default:
		p.complain(err)
		return exitFailed
	}
}

func (p *program) complain(err error) {
	fmt.Fprintf(p.Stderr, "hookaido: %v\n", err)
}
