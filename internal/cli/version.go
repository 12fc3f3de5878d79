package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

func (p *program) versionCommand() *cobra.Command {
	var asJSON, long bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  hookaido version --json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			switch {
			case asJSON:
				return json.NewEncoder(p.Stdout).Encode(p.Build)
			case long:
				_, err := fmt.Fprintf(p.Stdout, "%s (commit=%s, build_date=%s)\n", p.Build.Version, p.Build.Commit, p.Build.Date)
				return err
			default:
				_, err := fmt.Fprintln(p.Stdout, p.Build.Version)
				return err
			}
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print version, commit and build_date as JSON")
	cmd.Flags().BoolVar(&long, "long", false, "print commit and build date too")
	return cmd
}
