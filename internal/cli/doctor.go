package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hookaido/internal/client"
	"hookaido/internal/clock"
	"hookaido/internal/doctor"
)

// doctorTimeout bounds the question to the daemon.
const doctorTimeout = 3 * time.Second

func (p *program) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for faults of the installation, and say how to mend them",
		Long: "Doctor examines the units, the sockets, the sandbox, the Hookaidofile, the secrets,\n" +
			"certificates, the folder of the queue, the disk, the clock, the journal and the\n" +
			"running daemon. It changes nothing and shows no secret. Each finding says what is\n" +
			"wrong, where, why it matters, and which commands mend it. Run it as root: it says\n" +
			"what it could not see. It takes less than ten seconds.\n\n" +
			"The ids in brackets stay the same over versions; hookaido-systemd(7) lists them.\n\n" +
			"Exit codes: 0 nothing is wrong, or there are warnings alone; 1 there is an error.",
		Example: "  sudo hookaido doctor\n  sudo hookaido doctor --json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.bind(cmd); err != nil {
				return err
			}
			c, err := client.New(client.Options{Socket: p.socketPath(), Timeout: doctorTimeout})
			if err != nil {
				return err
			}
			defer c.Close()
			report := doctor.Run(cmd.Context(), doctor.Options{
				Commands:  doctor.System{},
				Daemon:    c,
				Clocks:    doctor.System{},
				Clock:     clock.System{},
				Config:    p.examinedConfig(),
				Database:  p.settings.GetString("db"),
				Version:   p.Build.Version,
				LookupEnv: os.LookupEnv,
				Root:      os.Geteuid() == 0,
				Paths:     doctor.SystemPaths(),
			})
			if err := p.printReport(report, asJSON); err != nil {
				return err
			}
			if !report.OK {
				return errSilent
			}
			return nil
		},
	}
	configFlag(cmd)
	socketFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs")
	return cmd
}

// examinedConfig is the Hookaidofile to look at: empty for that of the service,
// unless another is named or the service has none.
func (p *program) examinedConfig() string {
	if p.settings.GetString("config") == "" && exists(etcConfig) {
		return ""
	}
	return p.configPath()
}

func (p *program) printReport(r doctor.Report, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(p.Stdout)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(r)
	}
	var b strings.Builder
	errors := 0
	for _, f := range r.Findings {
		if f.Severity == doctor.Error {
			errors++
		}
		fmt.Fprintf(&b, "%-8s %s  (%s)\n", strings.ToUpper(string(f.Severity)), f.What, f.ID)
		fmt.Fprintf(&b, "  where  %s\n  why    %s\n", f.Where, f.Why)
		for i, command := range f.Mend {
			label := "      "
			if i == 0 {
				label = "mend  "
			}
			fmt.Fprintf(&b, "  %s %s\n", label, command)
		}
		b.WriteString("\n")
	}
	for _, u := range r.Unseen {
		fmt.Fprintf(&b, "not seen (%s): %s\n", u.Check, u.Reason)
	}
	fmt.Fprintf(&b, "%d checks, errors: %d, warnings: %d\n", r.Checks, errors, len(r.Findings)-errors)
	_, err := fmt.Fprint(p.Stdout, b.String())
	return err
}
