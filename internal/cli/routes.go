package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"hookaido/internal/admin"
	"hookaido/internal/clock"
)

func (p *program) routesCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "routes",
		Short: "List routes and targets with their messages",
		Long: "Routes lists every target of every route in the order of the Hookaidofile, then\n" +
			"those that only messages still name, as orphaned: hookaido messages move takes\n" +
			"their messages elsewhere.",
		Example: "  hookaido routes\n  hookaido routes --json | jq '.items[] | select(.orphaned)'",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.reach(cmd)
			if err != nil {
				return err
			}
			defer c.Close()
			list, err := c.Routes(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return p.printJSON(list)
			}
			t := newTable(p.Stdout, "ROUTE", "TARGET", "MODE", "QUEUED", "LEASED", "DEAD", "CANCELED", "OLDEST", "STATE")
			now := clock.System{}.Now()
			for i := range list.Items {
				l := &list.Items[i]
				t.row(l.Route, shownTarget(l.Target), l.Mode, number(l.Queued), number(l.Leased), number(l.Dead), number(l.Canceled),
					age(l.OldestQueuedAgeSeconds), laneState(l, now))
			}
			return t.flush()
		},
	}
	serverFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs")
	return cmd
}

// laneState says whether messages of a lane go out, and why not.
func laneState(l *admin.RouteLane, now time.Time) string {
	switch {
	case l.Orphaned:
		return "ORPHANED"
	case l.Paused && l.PausedSince != nil:
		return "PAUSED " + span(now.Sub(*l.PausedSince))
	case l.Paused:
		return "PAUSED"
	case l.Delivery != nil:
		return deliveryState(l.Delivery)
	}
	return "ok"
}

// deliveryState says whether a target gets messages.
func deliveryState(d *admin.DeliveryState) string {
	trouble := fmt.Sprintf("%d failures (%s)", d.Failures, d.Reason)
	switch {
	case d.Breaker == "open":
		return fmt.Sprintf("RESTING after %s, next try in %ds", trouble, d.ProbeInSeconds)
	case d.Breaker == "half_open":
		return "RESTING after " + trouble + ", trying"
	case d.Failures > 0:
		return trouble
	}
	return "ok"
}

func (p *program) pauseCommand() *cobra.Command {
	return p.pausing(admin.PauseRoute, &cobra.Command{
		Use:   "pause [ROUTE]",
		Short: "Stop the delivery of a route, or of one target of it",
		Long: "Pause keeps the messages of a route, or with --target of one target, from going out,\n" +
			"by push and by pull. New ones come in and wait; deliveries that run end as they do.\n" +
			"It lasts over restarts, until hookaido resume.",
		Example: "  hookaido pause /github\n  hookaido pause /fan --target https://a.example/in --reason 'a is moving'",
	})
}

func (p *program) resumeCommand() *cobra.Command {
	return p.pausing(admin.ResumeRoute, &cobra.Command{
		Use:     "resume [ROUTE]",
		Short:   "Let a paused route or target go on",
		Long:    "Resume ends a pause. Messages that waited go out at once.",
		Example: "  hookaido resume /github\n  hookaido resume /fan --target https://a.example/in",
	})
}

// pausing completes a command that begins pauses or ends them.
func (p *program) pausing(o admin.Operation, cmd *cobra.Command) *cobra.Command {
	var body admin.PauseBody
	var asJSON bool
	cmd.Args = cobra.MaximumNArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			body.Route = args[0]
		}
		if (body.Route == "") == (body.Application == "") {
			return usageError{cmd, errors.New("give the ROUTE, or its labels by --application and --endpoint-name")}
		}
		return p.setPaused(cmd, o, body, asJSON)
	}
	serverFlags(cmd)
	auditFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&body.Target, "target", "", "only this target of the route")
	f.StringVar(&body.Application, "application", "", "the route with this label and --endpoint-name")
	f.StringVar(&body.EndpointName, "endpoint-name", "", "see --application")
	f.BoolVar(&asJSON, "json", false, "print JSON for programs")
	return cmd
}

func (p *program) setPaused(cmd *cobra.Command, o admin.Operation, body admin.PauseBody, asJSON bool) error {
	c, err := p.reach(cmd)
	if err != nil {
		return err
	}
	defer c.Close()
	done, err := c.SetPaused(cmd.Context(), o, p.audit(cmd), body)
	if err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(done)
	}
	what := printable(done.Route)
	if done.Target != "" {
		what += " to " + printable(shownTarget(done.Target))
	}
	state, again := "goes on", "was not paused"
	if done.Paused {
		state, again = "is paused", "was paused already"
	}
	if !done.Changed {
		state = again
	}
	_, err = fmt.Fprintf(p.Stdout, "%s %s\n", what, state)
	return err
}
