package cli

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"
)

// newSettings makes the instance that ranks process settings: a flag wins over
// HOOKAIDO_NAME in the environment, which wins over the default.
func newSettings() *viper.Viper {
	v := viper.New()
	v.SetEnvPrefix("HOOKAIDO")
	v.SetEnvKeyReplacer(strings.NewReplacer("-", "_"))
	v.AutomaticEnv()
	return v
}

// bind lets the settings see the flags of a command. It is called when the
// command runs, since commands share flag names.
func (p *program) bind(cmd *cobra.Command) error {
	return p.settings.BindPFlags(cmd.Flags())
}

// unitDirectory returns the folder that systemd made for the unit, or "". The
// variables may hold several folders with colons between them
// (systemd.exec(5)); the first one is the main one.
func unitDirectory(variable string) string {
	first, _, _ := strings.Cut(os.Getenv(variable), ":")
	return first
}

const (
	configName     = "Hookaidofile"
	databaseName   = "hookaido.db"
	socketName     = "admin.sock"
	etcConfig      = "/etc/hookaido/" + configName
	runSocket      = "/run/hookaido/" + socketName
	libDatabase    = "/var/lib/hookaido/" + databaseName
	localDirectory = ".data"
)

// configPath is the Hookaidofile that a command works on: the setting, the
// unit's folder, the one here, or the installed one.
func (p *program) configPath() string {
	if path := p.settings.GetString("config"); path != "" {
		return path
	}
	if dir := unitDirectory("CONFIGURATION_DIRECTORY"); dir != "" {
		return filepath.Join(dir, configName)
	}
	if !exists(configName) && exists(etcConfig) {
		return etcConfig
	}
	return "./" + configName
}

// databasePath is the queue's database: the setting, the unit's folder, or a
// folder here.
func (p *program) databasePath() string {
	if path := p.settings.GetString("db"); path != "" {
		return path
	}
	if dir := unitDirectory("STATE_DIRECTORY"); dir != "" {
		return filepath.Join(dir, databaseName)
	}
	return filepath.Join(localDirectory, databaseName)
}

// installedDatabase is the database of a daemon that another process is: the
// setting, the one here, or that of the service.
func (p *program) installedDatabase() string {
	if path := p.databasePath(); p.settings.GetString("db") != "" || exists(path) || !exists(libDatabase) {
		return path
	}
	return libDatabase
}

// socketPath is the Unix socket of the admin API for commands that talk to a
// running daemon: the setting, the installed daemon's, or the one here.
func (p *program) socketPath() string {
	if path := p.settings.GetString("socket"); path != "" {
		return path
	}
	if dir := unitDirectory("RUNTIME_DIRECTORY"); dir != "" {
		return filepath.Join(dir, socketName)
	}
	if local := filepath.Join(localDirectory, socketName); !exists(runSocket) && exists(local) {
		return local
	}
	return runSocket
}

// ownSocketPath is where the daemon binds the Unix socket when systemd passes
// none: the setting, the unit's folder, or beside the database.
func (p *program) ownSocketPath(database string) string {
	if path := p.settings.GetString("socket"); path != "" {
		return path
	}
	if dir := unitDirectory("RUNTIME_DIRECTORY"); dir != "" {
		return filepath.Join(dir, socketName)
	}
	return filepath.Join(filepath.Dir(database), socketName)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
