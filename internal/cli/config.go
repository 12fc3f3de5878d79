package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"hookaido/internal/app"
	"hookaido/internal/config"
	"hookaido/internal/config/compile"
	"hookaido/internal/config/syntax"
	"hookaido/internal/secret"
)

func (p *program) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Check and format the Hookaidofile",
		Example: "  hookaido config validate --config ./Hookaidofile",
		RunE:    needsSubcommand,
		Args:    cobra.ArbitraryArgs,
	}
	cmd.AddCommand(p.validateCommand(), p.fmtCommand())
	return cmd
}

func configFlag(cmd *cobra.Command) {
	cmd.Flags().String("config", "", "the Hookaidofile (default ./Hookaidofile, else /etc/hookaido/Hookaidofile)")
}

func (p *program) validateCommand() *cobra.Command {
	var strict bool
	var format string
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the Hookaidofile",
		Long: "Validate reports everything that is wrong with a Hookaidofile, with file, line and\n" +
			"column. It opens no port, no database and no secret, unless --strict-secrets is\n" +
			"given. Exit codes: 0 it can be used (perhaps with warnings), 1 it can't.",
		Example: "  hookaido config validate --config /etc/hookaido/Hookaidofile\n" +
			"  hookaido config validate --format json --strict-secrets",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains([]string{"text", "json"}, format) {
				return usageError{cmd, fmt.Errorf("--format %q is not one of text, json", format)}
			}
			if err := p.bind(cmd); err != nil {
				return err
			}
			v := validation{path: p.configPath()}
			v.run(strict)
			if format == "json" {
				return p.printValidationJSON(v)
			}
			return p.printValidation(v)
		},
	}
	configFlag(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "text for people or json for programs")
	cmd.Flags().BoolVar(&strict, "strict-secrets", false, "read every secret too, and fail if one can't be had")
	return cmd
}

// validation is a check of one file.
type validation struct {
	path        string
	diagnostics []syntax.Diagnostic
	secrets     error // of --strict-secrets
}

func (v *validation) run(strict bool) {
	var cfg *config.Config
	opts := compile.System()
	opts.AllowNotRunning = true
	cfg, v.diagnostics = compile.File(v.path, opts)
	if strict && !syntax.HasErrors(v.diagnostics) {
		_, v.secrets = app.Resolve(cfg, secret.Resolver{
			LookupEnv:      os.LookupEnv,
			CredentialsDir: unitDirectory("CREDENTIALS_DIRECTORY"),
		})
	}
}

func (v *validation) ok() bool { return !syntax.HasErrors(v.diagnostics) && v.secrets == nil }

func (p *program) printValidation(v validation) error {
	fmt.Fprint(p.Stderr, syntax.Render(v.diagnostics))
	if v.secrets != nil {
		fmt.Fprintln(p.Stderr, v.secrets)
	}
	if !v.ok() {
		fmt.Fprintf(p.Stderr, "%s: invalid\n", v.path)
		return errSilent
	}
	warnings := ""
	if n := len(v.diagnostics); n > 0 {
		warnings = fmt.Sprintf(" (warnings: %d)", n)
	}
	_, err := fmt.Fprintf(p.Stdout, "config ok%s\n", warnings)
	return err
}

func (p *program) printValidationJSON(v validation) error {
	out := struct {
		OK       bool                `json:"ok"`
		Errors   []syntax.Diagnostic `json:"errors,omitempty"`
		Warnings []syntax.Diagnostic `json:"warnings,omitempty"`
		Secrets  []string            `json:"secret_errors,omitempty"`
	}{OK: v.ok()}
	for _, d := range v.diagnostics {
		if d.Severity == syntax.Error {
			out.Errors = append(out.Errors, d)
		} else {
			out.Warnings = append(out.Warnings, d)
		}
	}
	out.Secrets = messages(v.secrets)
	enc := json.NewEncoder(p.Stdout)
	enc.SetIndent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	if !v.ok() {
		return errSilent
	}
	return nil
}

// messages takes a joined error apart.
func messages(err error) []string {
	var joined interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &joined):
		return []string{err.Error()}
	}
	var all []string
	for _, e := range joined.Unwrap() {
		all = append(all, e.Error())
	}
	return all
}
