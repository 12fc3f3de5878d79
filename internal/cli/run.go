package cli

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"hookaido/internal/app"
	"hookaido/internal/clock"
)

func (p *program) runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon in the foreground",
		Long: "Run takes webhooks and serves workers until SIGINT or SIGTERM. SIGHUP reloads the\n" +
			"Hookaidofile. Under systemd it takes its listeners from the socket units and its\n" +
			"folders from the unit.\n\n" +
			"Every flag can be set in the environment too, as HOOKAIDO_ and its name in upper\n" +
			"case with underscores; a flag wins.\n\n" +
			"Exit codes: 69 a listener can't be had, 74 the disk or database failed,\n" +
			"78 the Hookaidofile or a secret is wrong.",
		Example: "  hookaido run --config ./Hookaidofile --db ./.data/hookaido.db",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.bind(cmd); err != nil {
				return err
			}
			opts, err := p.runOptions(cmd)
			if err != nil {
				return err
			}
			return app.Run(cmd.Context(), opts)
		},
	}
	f := cmd.Flags()
	f.String("config", "", "the Hookaidofile (default $CONFIGURATION_DIRECTORY/Hookaidofile, else ./Hookaidofile)")
	f.String("db", "", "the SQLite database of the queue (default $STATE_DIRECTORY/hookaido.db, else ./.data/hookaido.db)")
	f.String("socket", "", "the admin API's Unix socket (default $RUNTIME_DIRECTORY/admin.sock, else beside the database)")
	f.String("log-level", "info", "level of the runtime log where the Hookaidofile sets none: debug, info, warn or error")
	f.String("pid-file", "", "file to write the process id to")
	f.String("dotenv", "", "file of KEY=VALUE lines to add to the environment before the Hookaidofile is read")
	f.Bool("watch", false, "reload when the Hookaidofile changes")
	f.Bool("allow-network-fs", false, "start, with a warning, although the database is on a network file system, which may damage it")
	return cmd
}

// runSwitch reads a flag that is true or false, which the environment may set.
func (p *program) runSwitch(cmd *cobra.Command, name string) (bool, error) {
	text := p.settings.GetString(name)
	on, err := strconv.ParseBool(text)
	if err != nil {
		variable := "HOOKAIDO_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		return false, usageError{cmd, fmt.Errorf("%s (--%s or %s) %q is not true or false", name, name, variable, text)}
	}
	return on, nil
}

func (p *program) runOptions(cmd *cobra.Command) (app.Options, error) {
	level := p.settings.GetString("log-level")
	if !slices.Contains([]string{"debug", "info", "warn", "warning", "error"}, level) {
		return app.Options{}, usageError{cmd, fmt.Errorf("--log-level %q is not one of debug, info, warn, error", level)}
	}
	watch, err := p.runSwitch(cmd, "watch")
	if err != nil {
		return app.Options{}, err
	}
	networkFS, err := p.runSwitch(cmd, "allow-network-fs")
	if err != nil {
		return app.Options{}, err
	}
	lookup := os.LookupEnv
	if path := p.settings.GetString("dotenv"); path != "" {
		vars, err := readDotenv(path)
		if err != nil {
			return app.Options{}, &app.Failure{Code: app.ExitConfig, Err: err}
		}
		lookup = overlay(lookup, vars)
	}
	database := p.databasePath()
	return app.Options{
		ConfigPath:     p.configPath(),
		DatabasePath:   database,
		SocketPath:     p.ownSocketPath(database),
		SocketRequired: p.settings.GetString("socket") != "",
		PIDFile:        p.settings.GetString("pid-file"),
		LogLevel:       level,
		Watch:          watch,
		AllowNetworkFS: networkFS,
		Version:        p.Build.Version,
		Clock:          clock.System{},
		LookupEnv:      lookup,
	}, nil
}
