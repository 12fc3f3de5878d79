package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"hookaido/internal/config/compile"
)

func (p *program) showCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print what the Hookaidofile means",
		Long: "Show compiles the file and prints the result: every default spelled out, placeholders\n" +
			"replaced, the conditions of matchers in the routes that use them. Secrets, passwords\n" +
			"and the values of headers to send are not shown.",
		Example: "  hookaido config show --config /etc/hookaido/Hookaidofile\n" +
			"  hookaido config show --json | jq .routes",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.bind(cmd); err != nil {
				return err
			}
			cfg, ok := p.compiled(p.configPath())
			if !ok {
				return errSilent
			}
			nodes := compile.Meaning(cfg)
			if !asJSON {
				_, err := fmt.Fprint(p.Stdout, compile.ShowText(nodes))
				return err
			}
			text, err := compile.ShowJSON(nodes)
			if err != nil {
				return fmt.Errorf("write the config as JSON: %w", err)
			}
			_, err = p.Stdout.Write(text)
			return err
		},
	}
	configFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
