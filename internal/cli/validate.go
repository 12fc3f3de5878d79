package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hookaido/internal/app"
	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/config/compile"
	"hookaido/internal/config/syntax"
	"hookaido/internal/secret"
)

func (p *program) validateCommand() *cobra.Command {
	v := validation{}
	var format string
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the Hookaidofile",
		Long: "Validate reports everything that is wrong with a Hookaidofile, with file, line and\n" +
			"column. It opens no port and no database. It looks for the secrets that are kept on\n" +
			"this machine and warns of those it doesn't find; with --strict-secrets it reads all,\n" +
			"those in Vault too, and fails if one can't be had or\n" +
			"doesn't have the form of a key. Exit codes: 0 the file can be used\n" +
			"(perhaps with warnings, unless --strict is given), 1 it can't.",
		Example: "  hookaido config validate --config /etc/hookaido/Hookaidofile\n" +
			"  hookaido config validate --format json --strict-secrets\n" +
			"  hookaido config validate --strict",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains([]string{"text", "json"}, format) {
				return usageError{cmd, fmt.Errorf("--format %q is not one of text, json", format)}
			}
			if err := p.bind(cmd); err != nil {
				return err
			}
			v.path = p.configPath()
			v.run()
			if format == "json" {
				return p.printValidationJSON(v)
			}
			return p.printValidation(v)
		},
	}
	configFlag(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "text for people or json for programs")
	cmd.Flags().BoolVar(&v.strict, "strict", false, "fail on warnings too")
	cmd.Flags().BoolVar(&v.strictSecrets, "strict-secrets", false, "read every secret too, and fail if one can't be had")
	return cmd
}

// validation is a check of one file.
type validation struct {
	path                  string
	strict, strictSecrets bool
	diagnostics           []syntax.Diagnostic
	secretErrors          []string // of --strict-secrets
}

func (v *validation) run() {
	var cfg *config.Config
	cfg, v.diagnostics = compile.File(v.path, checking())
	if cfg == nil {
		return
	}
	resolver := secret.Resolver{LookupEnv: os.LookupEnv, CredentialsDir: unitDirectory("CREDENTIALS_DIRECTORY")}
	seen := map[secret.Ref]bool{}
	for _, use := range compile.SecretRefs(cfg) {
		if !seen[use.Ref] && (v.strictSecrets || local(use.Ref, resolver)) {
			v.inspect(use, resolver)
		}
		seen[use.Ref] = true
	}
	if v.strictSecrets && len(v.secretErrors) == 0 {
		if err := app.Check(cfg, resolver, clock.System{}); err != nil {
			v.secretErrors = strings.Split(err.Error(), "\n")
		}
	}
	syntax.Sort(v.diagnostics)
}

// local reports whether a secret is kept where looking for it costs nothing and
// says something: not in Vault, and not in credentials that only the unit has.
func local(ref secret.Ref, resolver secret.Resolver) bool {
	return ref.Scheme != secret.Vault && (ref.Scheme != secret.Credential || resolver.CredentialsDir != "")
}

// inspect looks for a secret, and turns what is odd or missing into warnings.
func (v *validation) inspect(use compile.Use, resolver secret.Resolver) {
	_, remarks, err := resolver.Inspect(use.Ref)
	switch {
	case err != nil && v.strictSecrets:
		v.secretErrors = append(v.secretErrors, fmt.Sprintf("%s: %s: %v", use.Pos, use.Directive, err))
	case err != nil:
		v.warn(use, fmt.Sprintf("%s: %v", use.Directive, err), "the service needs it to start; here it may be missing on purpose")
	}
	for _, remark := range remarks {
		v.warn(use, fmt.Sprintf("%s: %s", use.Directive, remark), "")
	}
}

func (v *validation) warn(use compile.Use, message, hint string) {
	at := syntax.Pos{Line: use.Pos.Line, Column: use.Pos.Column}
	v.diagnostics = append(v.diagnostics, syntax.Diagnostic{
		Severity: syntax.Warning, Code: compile.CodeSecretSource, File: use.Pos.File, Span: syntax.Span{Start: at, End: at}, Message: message, Hint: hint,
	})
}

func (v *validation) ok() bool {
	return !syntax.HasErrors(v.diagnostics) && len(v.secretErrors) == 0 && (!v.strict || len(v.diagnostics) == 0)
}

func (p *program) printValidation(v validation) error {
	fmt.Fprint(p.Stderr, syntax.Render(v.diagnostics))
	for _, line := range v.secretErrors {
		fmt.Fprintln(p.Stderr, line)
	}
	if !v.ok() {
		remark := ""
		if !syntax.HasErrors(v.diagnostics) && len(v.secretErrors) == 0 {
			remark = " (it has warnings, and --strict is given)"
		}
		fmt.Fprintf(p.Stderr, "%s: invalid%s\n", v.path, remark)
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
	}{OK: v.ok(), Secrets: v.secretErrors}
	for _, d := range v.diagnostics {
		if d.Severity == syntax.Error {
			out.Errors = append(out.Errors, d)
		} else {
			out.Warnings = append(out.Warnings, d)
		}
	}
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
