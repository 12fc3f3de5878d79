package cli

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal makes a pair of which the second is a terminal and the first the
// person at it.
func openTerminal(t *testing.T) (person, terminal *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = person.Close() })
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return person, terminal
}

func TestHideInput(t *testing.T) {
	person, terminal := openTerminal(t)
	echoes := func() bool {
		state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return state.Lflag&unix.ECHO != 0
	}
	h, err := hideInput(terminal)
	if err != nil || h == nil {
		t.Fatal(h, err)
	}
	if echoes() {
		t.Error("what is typed is shown")
	}
	if _, err := person.WriteString("se cret\nagain\n"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"se cret", "again"} {
		if got, err := h.line(); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	h.restore()
	h.restore()
	if !echoes() {
		t.Error("the terminal stays hidden")
	}

	pipe, _, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if h, err := hideInput(pipe); h != nil || err != nil {
		t.Errorf("a pipe counts as a terminal: %v, %v", h, err)
	}
}
