package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// isTerminal reports whether v is a file that is a terminal.
func isTerminal(v any) bool {
	file, ok := v.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// errNotAsked ends a command that may go on only if somebody says so, where
// there is nobody to ask.
var errNotAsked = errors.New("nothing was changed: give --yes to do it, or --dry-run to look only")

var errDeclined = errors.New("nothing was changed")

// confirm asks at the terminal whether to go on, unless yes is set.
func (p *program) confirm(ctx context.Context, question string, yes bool) error {
	if yes {
		return nil
	}
	if !isTerminal(os.Stdin) {
		return errNotAsked
	}
	fmt.Fprintf(p.Stderr, "%s Type yes to go on: ", question)
	answer, err := readLine(ctx, os.Stdin)
	if err != nil {
		return err
	}
	if answer != "yes" {
		return errDeclined
	}
	return nil
}

// readLine reads a line of what is typed, and gives up when ctx ends: the
// reader is left to itself then, because nothing can interrupt it.
func readLine(ctx context.Context, from io.Reader) (string, error) {
	type reply struct {
		line string
		err  error
	}
	replies := make(chan reply, 1)
	go func() {
		line, err := bufio.NewReader(io.LimitReader(from, 4<<10)).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil // an end of the input is an empty answer
		}
		replies <- reply{strings.TrimSpace(line), err}
	}()
	select {
	case r := <-replies:
		return r.line, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// progress shows at a terminal how far long work is.
type progress struct {
	to   io.Writer // nil for nowhere
	last int
}

func (p *program) progress() *progress {
	if !isTerminal(p.Stderr) {
		return &progress{}
	}
	return &progress{to: p.Stderr}
}

// show replaces the line by text.
func (g *progress) show(format string, args ...any) {
	if g.to == nil {
		return
	}
	text := fmt.Sprintf(format, args...)
	fmt.Fprintf(g.to, "\r%s%s", text, strings.Repeat(" ", max(0, g.last-len(text))))
	g.last = len(text)
}

// done takes the line away.
func (g *progress) done() {
	if g.to != nil && g.last > 0 {
		fmt.Fprintf(g.to, "\r%s\r", strings.Repeat(" ", g.last))
	}
}
