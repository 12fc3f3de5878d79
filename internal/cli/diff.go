package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"hookaido/internal/config"
	"hookaido/internal/config/compile"
	"hookaido/internal/config/syntax"
)

// exitTrouble is the code of config diff when it could not compare.
const exitTrouble = 2

func (p *program) diffCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Compare what two Hookaidofiles mean",
		Long: "Diff compiles two files and lists what differs in their meaning: not in spelling, order\n" +
			"of blocks, comments or defaults that are written out. It says for each difference\n" +
			"whether a reload brings it in or a restart is needed. Secrets are not shown.\n" +
			"Exit codes: 0 the files mean the same, 1 they don't, 2 one of them can't be compiled.",
		Example: "  hookaido config diff /etc/hookaido/Hookaidofile ./Hookaidofile.new",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError{cmd, errors.New("two files are needed: the old one and the new one")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains([]string{"text", "json"}, format) {
				return usageError{cmd, fmt.Errorf("--format %q is not one of text, json", format)}
			}
			before, ok := p.compiled(args[0])
			after, ok2 := p.compiled(args[1])
			if !ok || !ok2 {
				return codeError(exitTrouble)
			}
			return p.printDifferences(compile.Compare(before, after), format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text for people or json for programs")
	return cmd
}

// compiled compiles a file and prints what is wrong with it, but no warnings.
func (p *program) compiled(path string) (*config.Config, bool) {
	cfg, diagnostics := compile.File(path, checking())
	if cfg == nil {
		fmt.Fprint(p.Stderr, syntax.Render(diagnostics))
	}
	return cfg, cfg != nil
}

func (p *program) printDifferences(found []compile.Difference, format string) error {
	restart := slices.ContainsFunc(found, func(d compile.Difference) bool { return d.Restart })
	if format == "json" {
		out := struct {
			Same         bool                 `json:"same"`
			NeedsRestart bool                 `json:"needs_restart"`
			Differences  []compile.Difference `json:"differences"`
		}{len(found) == 0, restart, append([]compile.Difference{}, found...)}
		enc := json.NewEncoder(p.Stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(out); err != nil {
			return err
		}
	} else {
		for _, d := range found {
			fmt.Fprintln(p.Stdout, d)
		}
		switch {
		case restart:
			fmt.Fprintln(p.Stdout, "A reload refuses this as a whole; bring it in with: systemctl restart hookaido")
		case len(found) > 0:
			fmt.Fprintln(p.Stdout, "A reload brings this in: systemctl reload hookaido")
		}
	}
	if len(found) > 0 {
		return errSilent
	}
	return nil
}
