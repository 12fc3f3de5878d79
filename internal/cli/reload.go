package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"hookaido/internal/admin"
)

func (p *program) reloadCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Make the running daemon take its Hookaidofile anew",
		Long: "Reload returns when the new configuration is in force. If it can't be used, or\n" +
			"changes what only a restart can, the command prints every reason with file, line\n" +
			"and column and exits with 1, while the old configuration keeps serving.",
		Example: "  hookaido reload\n  systemctl reload hookaido",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.connect(cmd, 0)
			if err != nil {
				return err
			}
			defer c.Close()
			result, err := c.Reload(cmd.Context())
			var refused *admin.ReloadError
			if errors.As(err, &refused) {
				fmt.Fprintln(p.Stderr, refused.Detail)
				fmt.Fprintln(p.Stderr, "hookaido: reload refused; the configuration that was in force still is")
				return errSilent
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(p.Stdout, "reloaded, configuration generation %d\n", result.Generation)
			for _, change := range result.Changes {
				fmt.Fprintf(p.Stdout, "  %s\n", change)
			}
			return nil
		},
	}
	socketFlag(cmd)
	return cmd
}
