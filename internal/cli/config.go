package cli

import (
	"os"

	"github.com/spf13/cobra"

	"hookaido/internal/clock"
	"hookaido/internal/config/compile"
)

func (p *program) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Check, format, compare and explain the Hookaidofile",
		Example: "  hookaido config validate --config ./Hookaidofile\n  hookaido config explain max_body",
		RunE:    needsSubcommand,
		Args:    cobra.ArbitraryArgs,
	}
	cmd.AddCommand(p.validateCommand(), p.fmtCommand(), p.diffCommand(), p.showCommand(), p.explainCommand())
	return cmd
}

func configFlag(cmd *cobra.Command) {
	cmd.Flags().String("config", "", "the Hookaidofile (default ./Hookaidofile, else /etc/hookaido/Hookaidofile)")
}

// checking are the options for a file that isn't going to be run: it may have
// what this version doesn't run yet.
func checking() compile.Options {
	opts := compile.System()
	opts.AllowNotRunning = true
	opts.Stat = os.Stat
	opts.Now = clock.System{}.Now()
	return opts
}
