package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"hookaido/internal/client"
	"hookaido/internal/clock"
)

func (p *program) topCommand() *cobra.Command {
	var interval time.Duration
	var count int
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show what the running daemon does, live",
		Long: "Top shows what hookaido status shows, again and again. At a terminal it keeps to one\n" +
			"screen and ends with q or an interrupt; elsewhere it prints one picture after the\n" +
			"other.",
		Example: "  hookaido top\n  hookaido top --interval 10s --count 6 >minute.txt",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if interval < 100*time.Millisecond || count < 0 {
				return usageError{cmd, errors.New("--interval must be 100ms or longer, and --count not negative")}
			}
			c, err := p.reach(cmd)
			if err != nil {
				return err
			}
			defer c.Close()
			return p.watch(cmd, c, watching{interval, count})
		},
	}
	serverFlags(cmd)
	cmd.Flags().DurationVar(&interval, "interval", 2*time.Second, "the time between two pictures")
	cmd.Flags().IntVar(&count, "count", 0, "end after so many pictures")
	return cmd
}

// watching says how often to look, and how many times; 0 is without end.
type watching struct {
	interval time.Duration
	count    int
}

func (p *program) watch(cmd *cobra.Command, c *client.Client, w watching) error {
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	cmd.SetContext(ctx)
	show := p.plainly
	if file, ok := p.Stdout.(*os.File); ok && isTerminal(file) {
		s, err := openScreen(file, stop)
		if err != nil {
			return err
		}
		defer s.close()
		show = s.show
	}
	timer := clock.System{}.NewTimer(w.interval)
	defer timer.Stop()
	for n := 1; ; n++ {
		now, err := look(cmd, c)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && n == 1 {
			return err
		}
		var text bytes.Buffer
		if err == nil {
			err = now.print(&text)
		}
		if err != nil { // it may be on its way back
			text.Reset()
			fmt.Fprintf(&text, "%v\n", err)
		}
		if err := show(text.Bytes()); err != nil {
			return err
		}
		if n == w.count {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C():
			timer.Reset(w.interval)
		}
	}
}

// plainly prints a picture for what is no terminal.
func (p *program) plainly(text []byte) error {
	_, err := fmt.Fprintf(p.Stdout, "%s\n%s\n", stamp(clock.System{}.Now()), text)
	return err
}

// screen is a terminal of which we have the whole screen.
type screen struct {
	file   *os.File
	before *unix.Termios // of the keyboard; nil if there is none
}

// The sequences of ECMA-48 terminals, and of xterm for the second screen.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	toTop       = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// openScreen takes the screen, and calls quit when q is typed.
func openScreen(file *os.File, quit func()) (*screen, error) {
	s := &screen{file: file}
	keyboard := int(os.Stdin.Fd())
	if before, err := unix.IoctlGetTermios(keyboard, unix.TCGETS); err == nil {
		raw := *before
		raw.Lflag &^= unix.ICANON | unix.ECHO // an interrupt is still a signal
		raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
		if err := unix.IoctlSetTermios(keyboard, unix.TCSETS, &raw); err != nil {
			return nil, fmt.Errorf("read single keys: %w", err)
		}
		s.before = before
		go awaitQ(os.Stdin, quit)
	}
	_, err := io.WriteString(file, enterScreen)
	return s, err
}

// awaitQ reads keys until q. It ends with the program at the latest.
func awaitQ(from io.Reader, quit func()) {
	keys := bufio.NewReader(from)
	for {
		key, err := keys.ReadByte()
		if err != nil {
			return
		}
		if key == 'q' || key == 'Q' {
			quit()
			return
		}
	}
}

func (s *screen) close() {
	_, _ = io.WriteString(s.file, leaveScreen) // the terminal may be gone
	if s.before != nil {
		_ = unix.IoctlSetTermios(int(os.Stdin.Fd()), unix.TCSETS, s.before)
	}
}

// show draws a picture over the one before.
func (s *screen) show(text []byte) error {
	width, height := 80, 24
	if size, err := unix.IoctlGetWinsize(int(s.file.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 && size.Row > 0 {
		width, height = int(size.Col), int(size.Row)
	}
	_, err := s.file.Write(frame(text, width, height))
	return err
}

// frame fits text into a screen and makes it replace what was there.
func frame(text []byte, width, height int) []byte {
	var out bytes.Buffer
	out.WriteString(toTop)
	row := 0
	for line := range bytes.Lines(text) {
		if row++; row > height-1 {
			break
		}
		out.Write(clip(bytes.TrimRight(line, "\n"), width))
		out.WriteString(clearLine + "\r\n")
	}
	out.WriteString("q ends" + clearLine + clearBelow)
	return out.Bytes()
}

// clip cuts a line after so many characters.
func clip(line []byte, width int) []byte {
	for i := range len(line) {
		if !utf8.RuneStart(line[i]) {
			continue
		}
		if width == 0 {
			return line[:i]
		}
		width--
	}
	return line
}
