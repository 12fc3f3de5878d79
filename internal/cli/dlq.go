package cli

import (
	"context"

	"github.com/spf13/cobra"

	"hookaido/internal/admin"
	"hookaido/internal/client"
)

func (p *program) dlqCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "Look at dead letters, send them again or delete them",
		Example: "  hookaido dlq list\n" +
			"  hookaido dlq requeue --route /github\n" +
			"  hookaido dlq export --route /github >dead.jsonl",
		RunE: needsSubcommand,
		Args: cobra.ArbitraryArgs,
	}
	show := p.showMessageCommand()
	show.Short = "Show one dead letter with its content and deliveries"
	cmd.AddCommand(p.dlqListCommand(), show, p.dlqExportCommand(),
		p.changeCommand(change{
			operation: admin.RequeueDead, verb: "requeue", done: "requeued",
			text: changeText{
				short: "Send dead letters again",
				long: "Requeue puts dead letters back into the queue, due at once and with all their\n" +
					"attempts before them; those that came in first go first.",
				example: "  hookaido dlq requeue evt_0123456789abcdef\n" +
					"  hookaido dlq requeue --route /github --yes --reason 'target is back'",
			},
		}),
		p.changeCommand(change{
			operation: admin.DeleteDead, verb: "delete", done: "deleted",
			text: changeText{
				short:   "Delete dead letters for good",
				long:    "Delete removes dead letters. There is no way back; dlq export keeps a copy.",
				example: "  hookaido dlq delete evt_0123456789abcdef\n  hookaido dlq delete --before 30d --dry-run",
			},
		}))
	return cmd
}

func (p *program) dlqListCommand() *cobra.Command {
	var c choice
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters, the newest first",
		Long: "List shows messages that are delivered no more, with the reason. It shows the newest\n" +
			"100, unless --limit or --all says otherwise.",
		Example: "  hookaido dlq list\n  hookaido dlq list --route /github --all --json | jq -r .dead_reason | sort | uniq -c",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := p.reach(cmd)
			if err != nil {
				return err
			}
			defer conn.Close()
			wanted, err := c.choose(cmd)
			if err != nil {
				return err
			}
			return listing[admin.Message]{
				walk:    messagesOf(conn, true),
				titles:  []string{"ID", "ROUTE", "TARGET", "RECEIVED", "DIED", "ATTEMPTS", "SIZE", "REASON"},
				nothing: "no dead letters",
				cells: func(m *admin.Message) []string {
					return []string{m.ID, m.Route, shownTarget(m.Target), stamp(m.ReceivedAt), stamp(m.ChangedAt), number(m.Attempt), size(m.PayloadBytes), m.DeadReason}
				},
				form: listForm{asJSON, c.all},
			}.show(cmd.Context(), p, wanted)
		},
	}
	serverFlags(cmd)
	c.flags(cmd, false)
	listFlags(cmd, &c, &asJSON)
	return cmd
}

func (p *program) dlqExportCommand() *cobra.Command {
	var c choice
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print dead letters whole, for keeping or for programs",
		Long: "Export prints every dead letter with headers and payload (in base64) as one JSON\n" +
			"object per line, the newest first. It changes nothing. What it prints,\n" +
			"hookaido messages publish --from takes.",
		Example: "  hookaido dlq export --route /github >dead.jsonl\n" +
			"  hookaido dlq export | jq -r '.payload_b64 | @base64d'",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := p.reach(cmd)
			if err != nil {
				return err
			}
			defer conn.Close()
			wanted, err := c.choose(cmd)
			if err != nil {
				return err
			}
			_, err = wholeDead(conn).each(cmd.Context(), wanted, func(m *admin.Message) error { return p.printJSONLine(m) })
			return err
		},
	}
	serverFlags(cmd)
	c.flags(cmd, false)
	return cmd
}

// wholeDead walks through dead letters with all that they hold.
func wholeDead(c *client.Client) walk[admin.Message] {
	return walk[admin.Message]{func(ctx context.Context, s admin.Selector) (admin.Page[admin.Message], error) {
		return c.DeadLetters(ctx, admin.ListRequest{Selector: s, Payload: true, Headers: true, Trace: true})
	}, receivedAt}
}
