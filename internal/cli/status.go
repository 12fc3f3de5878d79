package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"hookaido/internal/admin"
	"hookaido/internal/client"
	"hookaido/internal/clock"
)

func (p *program) statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what the running daemon does",
		Long: "Status asks the running daemon over its admin socket; root and members of the\n" +
			"group hookaido may. Rates are those of the last minute. It exits with 1 if messages\n" +
			"can't be stored.",
		Example: "  hookaido status\n  hookaido status --json | jq .store",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.reach(cmd)
			if err != nil {
				return err
			}
			defer c.Close()
			now, err := look(cmd, c)
			if err != nil {
				return err
			}
			if asJSON {
				err = p.printJSON(now)
			} else {
				err = now.print(p.Stdout)
			}
			if err == nil && !now.Store.OK {
				return errSilent
			}
			return err
		},
	}
	serverFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs")
	return cmd
}

// picture is what the daemon does at one moment.
type picture struct {
	admin.Status
	// Lanes are the targets of all routes; empty while the queue can't be read.
	Lanes []admin.RouteLane `json:"lanes"`
}

// look asks for a picture.
func look(cmd *cobra.Command, c *client.Client) (picture, error) {
	status, err := c.Status(cmd.Context())
	if err != nil {
		return picture{}, err
	}
	now := picture{Status: status, Lanes: []admin.RouteLane{}}
	if status.Store.OK {
		list, err := c.Routes(cmd.Context())
		if err != nil {
			return picture{}, err
		}
		now.Lanes = list.Items
	}
	return now, nil
}

func (s *picture) print(to io.Writer) error {
	t := newTable(to)
	t.row("version", s.Version)
	t.row("process", fmt.Sprintf("pid %d, %s, up %s", s.PID, s.Phase, time.Duration(s.UptimeSeconds)*time.Second))
	t.row("config", fmt.Sprintf("%s, generation %d, loaded %s, fingerprint %.12s",
		s.Config.Path, s.Config.Generation, stamp(s.Config.LoadedAt), s.Config.Fingerprint))
	if failed := s.Config.LastReloadError; failed != nil {
		t.row("last reload", fmt.Sprintf("REFUSED at %s: %s", stamp(failed.At), failed.Detail))
	}
	t.row("queue", s.Store.Backend+", "+storeState(&s.Store))
	for _, l := range s.Listeners {
		t.row("listener", fmt.Sprintf("%s on %s (%s)", l.Name, l.Address, l.Source))
	}
	if err := t.flush(); err != nil {
		return err
	}
	return s.printLanes(to)
}

// storeState says whether the queue works, and how full it is.
func storeState(s *admin.StoreStatus) string {
	if !s.OK {
		return "FAILED: " + s.Error
	}
	text := "ok"
	if s.DiskLow {
		text = "DISK FULL: webhooks are refused, workers are served"
	}
	text += "; " + plural(s.Total, "message")
	for _, state := range []string{"queued", "leased", "dead", "canceled"} {
		if n := s.ByState[state]; n > 0 {
			text += ", " + number(n) + " " + state
		}
	}
	return text
}

func (s *picture) printLanes(to io.Writer) error {
	if len(s.Lanes) == 0 {
		return nil
	}
	fmt.Fprintln(to)
	now := clock.System{}.Now()
	t := newTable(to, "ROUTE", "IN/S", "OUT/S", "QUEUED", "LEASED", "DEAD", "OLDEST", "STATE", "TARGET")
	for i := range s.Lanes {
		l := &s.Lanes[i]
		in, out := "", ""
		if i == 0 || s.Lanes[i-1].Route != l.Route { // rates are those of the route
			in, out = s.rates(l.Route)
		}
		t.row(l.Route, in, out, number(l.Queued), number(l.Leased), number(l.Dead),
			age(l.OldestQueuedAgeSeconds), laneState(l, now), shownTarget(l.Target))
	}
	return t.flush()
}

// rates are how fast webhooks of a route came in and messages went out over the
// last minute.
func (s *picture) rates(route string) (in, out string) {
	for i := range s.Routes {
		if r := &s.Routes[i]; r.Route == route && r.Rate != nil {
			return fmt.Sprintf("%.1f", r.Rate.InPerSecond), fmt.Sprintf("%.1f", r.Rate.OutPerSecond)
		}
	}
	return "0.0", "0.0"
}
