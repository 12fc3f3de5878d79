// Package systemd is the program's side of its contract with systemd: sockets
// inherited by name, readiness and status, an earned watchdog, the folders that
// a unit gives. Without systemd the same calls bind their own sockets and send
// nothing.
//
// # Sockets
//
// A socket unit names its sockets with FileDescriptorName=; the names that this
// program knows are ingress, pull, admin and metrics. Several sockets may have
// one name (IPv4 and IPv6, TCP and Unix). Order never matters. A name that
// nobody knows is an error and not a guess, even if there is only one socket:
// a worker API on a public port would be a breach. That includes the name that
// systemd gives without FileDescriptorName=, which is the unit's.
//
// # Watchdog
//
// A ping is earned by a check that passed; see [Watchdog] for the exact rule.
package systemd

import "strings"

// The names of sockets, as FileDescriptorName= has them.
const (
	Ingress = "ingress"
	Pull    = "pull"
	Admin   = "admin"
	Metrics = "metrics"
)

// SocketNames lists the names of sockets that this program takes.
func SocketNames() []string { return []string{Ingress, Pull, Admin, Metrics} }

// Directories are the folders that systemd made for the unit; a field is empty
// when the unit has no such line or the program runs outside a unit.
type Directories struct {
	Configuration string // ConfigurationDirectory=, below /etc
	State         string // StateDirectory=, below /var/lib
	Runtime       string // RuntimeDirectory=, below /run
	Credentials   string // LoadCredential= and its kin
}

// UnitDirectories reads the folders from an environment. Of a unit with several
// folders of a kind it takes the first.
func UnitDirectories(getenv func(string) string) Directories {
	first := func(name string) string {
		dir, _, _ := strings.Cut(getenv(name), ":")
		return dir
	}
	return Directories{
		Configuration: first("CONFIGURATION_DIRECTORY"),
		State:         first("STATE_DIRECTORY"),
		Runtime:       first("RUNTIME_DIRECTORY"),
		Credentials:   first("CREDENTIALS_DIRECTORY"),
	}
}
