// Package app is the daemon: it builds every part from the compiled
// Hookaidofile, starts them, swaps them on reload and stops them. It is the
// only package that wires others together.
//
// Parts that live as long as the process (store, listeners, logs) are built
// once. Parts that follow from the Hookaidofile (routes, verifiers, tokens)
// form a snapshot that a reload builds whole, beside the old one, and then
// puts in place with one swap each; a reload that fails changes nothing.
package app

import (
	"fmt"

	"hookaido/internal/clock"
)

// Options are the process settings of a run.
type Options struct {
	// ConfigPath is the Hookaidofile, DatabasePath the queue's database (unused
	// by the memory backend).
	ConfigPath, DatabasePath string
	// SocketPath is where to bind the admin API's Unix socket if systemd passes
	// none. Unless SocketRequired is set, a path that can't be bound costs a
	// warning only.
	SocketPath     string
	SocketRequired bool
	// PIDFile gets the process id; empty writes none.
	PIDFile string
	// LogLevel is the level of the runtime log where the Hookaidofile sets none.
	LogLevel string
	// AllowNetworkFS permits a database on a network file system, with a warning.
	AllowNetworkFS bool
	// Watch reloads when the Hookaidofile changes.
	Watch bool
	// Version is the version of the binary.
	Version string
	Clock   clock.Clock
	// LookupEnv looks up environment variables, as os.LookupEnv.
	LookupEnv func(string) (string, bool)
}

// Exit codes of the daemon, after sysexits.h.
const (
	ExitUnavailable = 69 // a listener can't be had: EX_UNAVAILABLE
	ExitStorage     = 74 // the disk or database failed: EX_IOERR
	ExitConfig      = 78 // the Hookaidofile or a secret is wrong: EX_CONFIG
)

// Failure ends the daemon with an exit code of its own.
type Failure struct {
	Code int
	Err  error
}

// Error implements error.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

func failure(code int, format string, args ...any) error {
	return &Failure{Code: code, Err: fmt.Errorf(format, args...)}
}
