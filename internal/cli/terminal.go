package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// hiddenTerminal is a terminal that shows nothing of what is typed.
type hiddenTerminal struct {
	restore func() // shows input again; more than one call is fine
	lines   *bufio.Reader
}

// hideInput stops a terminal from showing what is typed, until restore. It
// returns nil for a file that is no terminal. An interrupt restores the
// terminal before it ends the program.
func hideInput(file *os.File) (*hiddenTerminal, error) {
	fd := int(file.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // a pipe or a file
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &hidden); err != nil {
		return nil, fmt.Errorf("hide what is typed: %w", err)
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT, syscall.SIGTERM)
	restore := sync.OnceFunc(func() {
		signal.Stop(interrupts)
		close(interrupts)
		_ = unix.IoctlSetTermios(fd, unix.TCSETS, before) // nothing else can be done
	})
	go func() {
		if _, interrupted := <-interrupts; interrupted {
			restore()
			os.Exit(128 + int(syscall.SIGINT))
		}
	}()
	return &hiddenTerminal{restore: restore, lines: bufio.NewReader(io.LimitReader(file, 2*maxSecret))}, nil
}

// line reads what was typed up to the end of the line, which is no part of it.
func (t *hiddenTerminal) line() ([]byte, error) {
	text, err := t.lines.ReadBytes('\n')
	if err != nil && len(text) == 0 {
		return nil, fmt.Errorf("read the secret: %w", err)
	}
	return bytes.TrimRight(text, "\r\n"), nil
}
