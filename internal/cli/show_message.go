package cli

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"hookaido/internal/admin"
	"hookaido/internal/clock"
)

func (p *program) showMessageCommand() *cobra.Command {
	var asJSON, raw bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one message with its content and deliveries",
		Long: "Show prints what is known of a message: headers, payload and every delivery that was\n" +
			"tried. A payload that is no text is dumped in hex. With --raw the payload alone is\n" +
			"printed, as it came in.",
		Example: "  hookaido messages show evt_0123456789abcdef\n" +
			"  hookaido messages show evt_0123456789abcdef --raw | jq .",
		Args: oneArgument("the ID of one message"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if raw && asJSON {
				return usageError{cmd, errors.New("--raw and --json exclude each other")}
			}
			return p.showMessage(cmd, args[0], raw, asJSON)
		},
	}
	serverFlags(cmd)
	cmd.Flags().BoolVar(&raw, "raw", false, "print the payload alone")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs, the payload in base64")
	return cmd
}

// oneArgument asks for exactly one argument.
func oneArgument(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 || args[0] == "" {
			return usageError{cmd, errors.New("give " + what)}
		}
		return nil
	}
}

// message is all that show shows.
type message struct {
	admin.MessageDetail
	Attempts []admin.Attempt `json:"attempts"`
}

func (p *program) showMessage(cmd *cobra.Command, id string, raw, asJSON bool) error {
	c, err := p.reach(cmd)
	if err != nil {
		return err
	}
	defer c.Close()
	found, err := c.Message(cmd.Context(), id)
	if err != nil {
		return err
	}
	if raw && found.PayloadLost {
		return errors.New("the payload of message " + found.ID + " is missing or damaged on the disk; journalctl -u hookaido says which file")
	}
	if raw {
		_, err := p.Stdout.Write(found.Payload)
		return err
	}
	tried, err := c.Attempts(cmd.Context(), admin.AttemptsRequest{EventID: found.ID})
	if err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(message{found, tried.Items})
	}
	return p.printMessage(&message{found, tried.Items})
}

func (p *program) printMessage(m *message) error {
	t := newTable(p.Stdout)
	t.row("id", m.ID)
	t.row("state", m.State)
	t.row("route", m.Route)
	t.row("target", shownTarget(m.Target))
	t.row("received", stamp(m.ReceivedAt))
	t.row("changed", stamp(m.ChangedAt))
	t.row("attempts", number(m.Attempt))
	t.row("next", next(&m.Message, clock.System{}.Now()))
	if m.Method != "" {
		target := m.Path
		if m.Query != "" {
			target += "?" + m.Query
		}
		t.row("request", m.Method+" "+target)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Trace)) {
		t.row(name, m.Trace[name])
	}
	if err := t.flush(); err != nil {
		return err
	}
	if len(m.Headers) > 0 {
		fmt.Fprintln(p.Stdout, "\nheaders")
	}
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		fmt.Fprintf(p.Stdout, "  %s: %s\n", printable(name), printable(m.Headers[name]))
	}
	if m.PayloadLost {
		fmt.Fprintln(p.Stdout, "\nThe payload is missing or damaged on the disk; journalctl -u hookaido says which file.")
	}
	if err := p.printPayload(m.Payload); err != nil || len(m.Attempts) == 0 {
		return err
	}
	fmt.Fprintln(p.Stdout, "\ndeliveries")
	for i := range m.Attempts {
		if i == 0 {
			t.row("TIME", "TARGET", "ATTEMPT", "OUTCOME", "STATUS", "TOOK", "ERROR")
		}
		cells := attemptCells(&m.Attempts[i])
		t.row(append([]string{cells[0]}, cells[3:]...)...)
	}
	return t.flush()
}

// printPayload prints text as it is and anything else in hex.
func (p *program) printPayload(payload []byte) error {
	fmt.Fprintf(p.Stdout, "\npayload, %s\n", size(len(payload)))
	switch {
	case len(payload) == 0:
		return nil
	case isText(payload):
		end := ""
		if payload[len(payload)-1] != '\n' {
			end = "\n"
		}
		_, err := io.WriteString(p.Stdout, string(payload)+end)
		return err
	}
	dumper := hex.Dumper(p.Stdout)
	if _, err := dumper.Write(payload); err != nil {
		return err
	}
	return dumper.Close()
}

// isText reports whether a terminal shows payload and does nothing else.
func isText(payload []byte) bool {
	for rest := payload; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 || unsafeRune(r) && r != '\n' && r != '\t' && rest[0] != '\r' {
			return false
		}
		if r == '\r' && (len(rest) < 2 || rest[1] != '\n') {
			return false
		}
		rest = rest[n:]
	}
	return true
}
