package cli

import (
	"encoding/json"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"hookaido/internal/admin"
)

func (p *program) statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what the running daemon does",
		Long: "Status asks the running daemon over its admin socket; root and members of the\n" +
			"group hookaido may. Exit codes: 0 it works, 1 it doesn't run or can't store\n" +
			"messages.",
		Example: "  hookaido status\n  hookaido status --json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.connect(cmd, 5*time.Second)
			if err != nil {
				return err
			}
			defer c.Close()
			s, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(p.Stdout)
				enc.SetIndent("", "  ")
				err = enc.Encode(s)
			} else {
				err = p.printStatus(s)
			}
			if err == nil && !s.Store.OK {
				return errSilent
			}
			return err
		},
	}
	socketFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs")
	return cmd
}

func (p *program) printStatus(s admin.Status) error {
	w := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
	row := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	row("version\t%s", s.Version)
	row("process\tpid %d, %s, up %s", s.PID, s.Phase, time.Duration(s.UptimeSeconds)*time.Second)
	row("config\t%s, generation %d, loaded %s", s.Config.Path, s.Config.Generation, s.Config.LoadedAt.Format(time.RFC3339))
	if failed := s.Config.LastReloadError; failed != nil {
		row("last reload\trefused at %s: %s", failed.At.Format(time.RFC3339), failed.Detail)
	}
	switch {
	case s.Store.OK && s.Store.DiskLow:
		row("queue\t%s, DISK FULL: webhooks are refused, workers are served; %d messages", s.Store.Backend, s.Store.Total)
	case s.Store.OK:
		row("queue\t%s, ok, %d messages", s.Store.Backend, s.Store.Total)
	default:
		row("queue\t%s, FAILED: %s", s.Store.Backend, s.Store.Error)
	}
	for _, l := range s.Listeners {
		row("listener\t%s\t%s (%s)", l.Name, l.Address, l.Source)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(p.Stdout)
	row("ROUTE\tPULL\tQUEUED\tLEASED\tDEAD\tOLDEST")
	for _, r := range s.Routes {
		note := ""
		if !r.Configured {
			note = "  (no longer configured)"
		}
		row("%s%s\t%s\t%d\t%d\t%d\t%s", r.Route, note, dash(r.Pull), r.Queued, r.Leased, r.Dead, age(r.OldestQueuedAgeSeconds))
	}
	if len(s.Deliveries) > 0 {
		row("\nTARGET\tROUTE\tRUNNING\tSTATE")
	}
	for _, d := range s.Deliveries {
		row("%s\t%s\t%d\t%s", d.Target, d.Route, d.Running, deliveryState(d))
	}
	return w.Flush()
}

// deliveryState says whether a target gets messages.
func deliveryState(d admin.Delivery) string {
	switch {
	case d.Breaker == "open":
		return fmt.Sprintf("RESTING after %d failures (%s), next try in %ds", d.Failures, d.Reason, d.ProbeInSeconds)
	case d.Breaker == "half_open":
		return fmt.Sprintf("RESTING after %d failures (%s), trying", d.Failures, d.Reason)
	case d.Failures > 0:
		return fmt.Sprintf("%d failures (%s)", d.Failures, d.Reason)
	}
	return "ok"
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// age shows seconds in the largest unit that says enough.
func age(seconds *int64) string {
	if seconds == nil {
		return "-"
	}
	switch n := *seconds; {
	case n < 120:
		return strconv.FormatInt(n, 10) + "s"
	case n < 2*3600:
		return strconv.FormatInt(n/60, 10) + "m"
	case n < 48*3600:
		return strconv.FormatInt(n/3600, 10) + "h"
	default:
		return strconv.FormatInt(n/86400, 10) + "d"
	}
}
