package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"hookaido/internal/admin"
	"hookaido/internal/clock"
)

func (p *program) messagesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "messages",
		Short: "Look at messages, publish and change them",
		Example: "  hookaido messages list --route /github --state queued\n" +
			"  hookaido messages show evt_0123456789abcdef\n" +
			"  hookaido messages cancel --route /github --before 2h",
		RunE: needsSubcommand,
		Args: cobra.ArbitraryArgs,
	}
	cmd.AddCommand(p.messagesListCommand(), p.showMessageCommand(), p.publishCommand(),
		p.changeCommand(change{
			operation: admin.CancelMessages, verb: "cancel", done: "canceled", states: []string{"queued", "leased", "dead"},
			text: changeText{
				short: "Take messages out, so that they are not delivered",
				long: "Cancel takes queued, leased and dead messages out. They are kept for as long as\n" +
					"dead letters are, and can be resumed or requeued until then.",
				example: "  hookaido messages cancel evt_0123456789abcdef\n  hookaido messages cancel --route /github --state queued --dry-run",
			},
		}),
		p.changeCommand(change{
			operation: admin.RequeueMessages, verb: "requeue", done: "requeued", states: []string{"dead", "canceled"},
			text: changeText{
				short: "Send dead and canceled messages again",
				long: "Requeue puts dead and canceled messages back into the queue, due at once and with\n" +
					"all their attempts before them.",
				example: "  hookaido messages requeue evt_0123456789abcdef\n  hookaido messages requeue --state canceled --after 1h",
			},
		}),
		p.changeCommand(change{
			operation: admin.ResumeMessages, verb: "resume", done: "resumed", states: []string{"canceled"},
			text: changeText{
				short:   "Undo the cancelling of messages",
				long:    "Resume puts canceled messages back as they were: due when they were to be due.",
				example: "  hookaido messages resume evt_0123456789abcdef\n  hookaido messages resume --route /github",
			},
		}),
		p.changeCommand(change{
			operation: admin.MoveMessages, verb: "move", done: "moved", states: []string{"queued", "dead", "canceled"},
			text: changeText{
				short: "Give messages another route and target",
				long: "Move takes messages to another route, in the state in which they are. It is for\n" +
					"messages of a route or target that the Hookaidofile has no more; hookaido routes\n" +
					"shows those as orphaned. Leased messages stay.",
				example: "  hookaido messages move --route /old --to-route /new\n" +
					"  hookaido messages move --route /fan --target https://old.example/in --to-route /fan --to-target https://new.example/in",
			},
		}))
	return cmd
}

func (p *program) messagesListCommand() *cobra.Command {
	var c choice
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List messages, the newest first",
		Long: "List shows messages without their content. It shows the newest 100, unless --limit or\n" +
			"--all says otherwise.",
		Example: "  hookaido messages list\n" +
			"  hookaido messages list --route /github --state queued --before 1h\n" +
			"  hookaido messages list --all --json | jq -r .id",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.listMessages(cmd, &c, asJSON) },
	}
	serverFlags(cmd)
	c.flags(cmd, true)
	listFlags(cmd, &c, &asJSON)
	return cmd
}

func (p *program) listMessages(cmd *cobra.Command, c *choice, asJSON bool) error {
	conn, err := p.reach(cmd)
	if err != nil {
		return err
	}
	defer conn.Close()
	wanted, err := c.choose(cmd)
	if err != nil {
		return err
	}
	now := clock.System{}.Now()
	return listing[admin.Message]{
		walk:    messagesOf(conn, false),
		titles:  []string{"ID", "STATE", "ROUTE", "TARGET", "RECEIVED", "ATTEMPT", "SIZE", "NEXT"},
		nothing: "no messages",
		cells: func(m *admin.Message) []string {
			return []string{m.ID, m.State, m.Route, shownTarget(m.Target), stamp(m.ReceivedAt), number(m.Attempt), size(m.PayloadBytes), next(m, now)}
		},
		form: listForm{asJSON, c.all},
	}.show(cmd.Context(), p, wanted)
}

// next says what will become of a message, and for one that is over what did.
func next(m *admin.Message, now time.Time) string {
	switch m.State {
	case "queued":
		if !m.NextRunAt.After(now) {
			return "due"
		}
		return "due in " + span(m.NextRunAt.Sub(now))
	case "leased":
		return "lease ends in " + span(m.NextRunAt.Sub(now))
	case "dead":
		return m.DeadReason
	default:
		return stamp(m.ChangedAt)
	}
}

func (p *program) attemptsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "attempts",
		Short:   "Look at the deliveries that were tried",
		Example: "  hookaido attempts list --route /github --outcome retry",
		RunE:    needsSubcommand,
		Args:    cobra.ArbitraryArgs,
	}
	cmd.AddCommand(p.attemptsListCommand())
	return cmd
}

func (p *program) attemptsListCommand() *cobra.Command {
	var c choice
	var message, outcome string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List deliveries that were tried, the newest first",
		Long: "List shows every delivery to a target of a push route: what it came to, the status\n" +
			"that the target answered, and what went wrong. It shows the newest 100, unless\n" +
			"--limit or --all says otherwise.",
		Example: "  hookaido attempts list --route /github\n" +
			"  hookaido attempts list --message evt_0123456789abcdef\n" +
			"  hookaido attempts list --outcome dead --after 1h --json",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.listAttempts(cmd, &c, admin.AttemptsRequest{EventID: message, Outcome: outcome}, asJSON)
		},
	}
	serverFlags(cmd)
	c.flags(cmd, false)
	listFlags(cmd, &c, &asJSON)
	cmd.Flags().StringVar(&message, "message", "", "only those of the message with this id")
	cmd.Flags().StringVar(&outcome, "outcome", "", "only acked, retry or dead")
	return cmd
}

func (p *program) listAttempts(cmd *cobra.Command, c *choice, r admin.AttemptsRequest, asJSON bool) error {
	conn, err := p.reach(cmd)
	if err != nil {
		return err
	}
	defer conn.Close()
	wanted, err := c.choose(cmd)
	if err != nil {
		return err
	}
	ask := func(ctx context.Context, s admin.Selector) (admin.Page[admin.Attempt], error) {
		r.Selector = s
		return conn.Attempts(ctx, r)
	}
	return listing[admin.Attempt]{
		walk:    walk[admin.Attempt]{ask, func(a *admin.Attempt) time.Time { return a.CreatedAt }},
		titles:  []string{"TIME", "MESSAGE", "ROUTE", "TARGET", "ATTEMPT", "OUTCOME", "STATUS", "TOOK", "ERROR"},
		nothing: "no attempts",
		cells:   attemptCells,
		form:    listForm{asJSON, c.all},
	}.show(cmd.Context(), p, wanted)
}

func attemptCells(a *admin.Attempt) []string {
	status, trouble := "", a.Error
	if a.StatusCode != 0 {
		status = number(a.StatusCode)
	}
	if a.DeadReason != "" {
		if trouble != "" {
			trouble = ": " + trouble
		}
		trouble = a.DeadReason + trouble
	}
	took := (time.Duration(a.LatencyMS) * time.Millisecond).String()
	return []string{stamp(a.CreatedAt), a.EventID, a.Route, shownTarget(a.Target), number(a.Attempt), a.Outcome, status, took, trouble}
}
