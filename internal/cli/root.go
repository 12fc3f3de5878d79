// Package cli is the command line: one file per command, all made of cobra
// commands around one viper instance. Commands decode their arguments, call
// what does the work, and print; they hold no rules of their own.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"
)

// Environment is what a run of the command line has around it.
type Environment struct {
	Stdout, Stderr io.Writer
	Build          Build
}

// Build identifies the binary.
type Build struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Date    string `json:"build_date"`
}

// program is what every command has at hand.
type program struct {
	Environment
	settings *viper.Viper
}

// Main runs the command that args name and returns the exit code, which
// hookaido(1) documents. Errors go to Stderr in one line each.
func Main(ctx context.Context, args []string, env Environment) int {
	p := &program{Environment: env, settings: newSettings()}
	root := p.root()
	root.SetArgs(doubleDashes(args))
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	if len(args) == 0 {
		_ = root.Usage() // to standard output, as asked for
		return exitUsage
	}
	return p.exitCode(root.ExecuteContext(ctx))
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "hookaido",
		Short: "Takes webhooks, keeps them durably, hands them to workers",
		Long: "Hookaido takes webhooks from GitHub, Stripe and others, checks their signatures,\n" +
			"keeps each one on disk before it answers 202, and hands them to workers that\n" +
			"pull them over HTTP. One file configures it, the Hookaidofile.",
		Example: "  hookaido config validate --config /etc/hookaido/Hookaidofile\n" +
			"  hookaido run --config ./Hookaidofile --db ./.data/hookaido.db\n" +
			"  hookaido status",
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          needsSubcommand,
		Args:          cobra.ArbitraryArgs,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{cmd, err}
	})
	root.AddCommand(p.runCommand(), p.configCommand(), p.reloadCommand(), p.statusCommand(), p.topCommand(),
		p.routesCommand(), p.pauseCommand(), p.resumeCommand(), p.messagesCommand(), p.dlqCommand(), p.attemptsCommand(),
		p.sendCommand(), p.pullCommand(), p.backupCommand(), p.restoreCommand(),
		p.doctorCommand(), p.secretCommand(), p.versionCommand())
	p.complete(root)
	return root
}

// noArguments refuses arguments as a usage error.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{cmd, fmt.Errorf("unexpected argument %q", args[0])}
	}
	return nil
}

// needsSubcommand is for commands that do nothing themselves.
func needsSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError{cmd, errors.New("a command is missing")}
	}
	hint := ""
	cmd.SuggestionsMinimumDistance = 2 // edits
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return usageError{cmd, fmt.Errorf("unknown command %q%s", args[0], hint)}
}

// doubleDashes lets flags be written with one dash, as scripts made for
// version 2.11 may do. There are no one-letter flags but -h.
func doubleDashes(args []string) []string {
	out := make([]string, len(args))
	literal := false
	for i, arg := range args {
		literal = literal || arg == "--"
		if !literal && len(arg) > 2 && arg[0] == '-' && !strings.HasPrefix(arg, "--") {
			arg = "-" + arg
		}
		out[i] = arg
	}
	return out
}
