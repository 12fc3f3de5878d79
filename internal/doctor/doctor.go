// Package doctor examines an installation from outside: the units as systemd
// has them, the Hookaidofile, the secrets that it names, the folder of the
// queue, the machine around it, and the daemon itself over its admin socket.
// Each fault that it finds comes with the command that mends it.
//
// What can't be seen (without root, without systemd, in a container) is said
// and is no fault. Nothing is ever changed, no port is opened, and no secret is
// part of what is found.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hookaido/internal/admin"
	"hookaido/internal/clock"
	"hookaido/internal/systemd"
)

// Severity tells how bad a finding is.
type Severity string

// The severities, the worst first.
const (
	// Error is for what keeps the service from its work, or soon will, or lets
	// others see or change what they must not.
	Error Severity = "error"
	// Warning is for what works now and should be looked at.
	Warning Severity = "warning"
)

// Finding is one fault.
type Finding struct {
	// ID stays the same over versions, such as "secret-missing".
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	What     string   `json:"what"`
	// Where is a unit, a file with line and column, or the like.
	Where string `json:"where"`
	Why   string `json:"why"`
	// Mend are the commands to run, in their order.
	Mend []string `json:"mend"`
}

// Unseen is what could not be examined, or not whole.
type Unseen struct {
	Check  string `json:"check"`
	Reason string `json:"reason"`
}

// Report is the result of an examination.
type Report struct {
	// OK is false if there is a finding of severity error.
	OK bool `json:"ok"`
	// Checks counts what was looked at.
	Checks int `json:"checks"`
	// Findings are sorted by severity, then by id and place.
	Findings []Finding `json:"findings"`
	Unseen   []Unseen  `json:"unseen"`
}

// Commands runs the programs of the system, such as systemctl, and returns
// their standard output.
type Commands interface {
	Output(ctx context.Context, name string, args ...string) ([]byte, error)
}

// Daemon is the running daemon, asked over its admin socket.
type Daemon interface {
	Status(ctx context.Context) (admin.Status, error)
}

// Clocks tells whether the clock of the machine is synchronised.
type Clocks interface {
	Synchronised() (bool, error)
}

// Options say what to examine. All fields are needed but those that say
// otherwise.
type Options struct {
	Commands Commands
	Daemon   Daemon
	Clocks   Clocks
	Clock    clock.Clock
	// Config is the Hookaidofile; empty for that of the service.
	Config string
	// Database is the queue's database; empty for that of the service.
	Database string
	// Version is that of this program.
	Version string
	// LookupEnv looks up variables of this process, as os.LookupEnv. They count
	// where there is no service.
	LookupEnv func(string) (string, bool)
	// Root is whether this process may see everything.
	Root  bool
	Paths Paths
}

// Paths are the files that the package and the system have.
type Paths struct {
	Config      string // the Hookaidofile of the service
	Environment string // the EnvironmentFile= of the service
	Database    string // of the service
	Credentials string // the folder of what systemd hands to the running service
	Credstore   systemd.Credstore
	Users       string // the machine's users, as passwd(5) has them
	Manager     string // a folder that is there if systemd runs
	Generated   string // the folder of what generators write
	Generator   string // the program of ours among these
	Units       string // the folder of the administrator's units and drop-ins
	Journals    string // the folder of the journal that outlives a boot
	Proc        string // what the kernel tells of processes
}

// SystemPaths returns the places of the package.
func SystemPaths() Paths {
	return Paths{
		Config:      "/etc/hookaido/Hookaidofile",
		Environment: "/etc/default/hookaido",
		Database:    "/var/lib/hookaido/hookaido.db",
		Credentials: "/run/credentials/hookaido.service",
		Credstore:   systemd.SystemCredstore(),
		Users:       "/etc/passwd",
		Manager:     "/run/systemd/system",
		Generated:   "/run/systemd/generator",
		Generator:   "/usr/lib/systemd/system-generators/hookaido-generator",
		Units:       "/etc/systemd/system",
		Journals:    "/var/log/journal",
		Proc:        "/proc",
	}
}

// How long one check, or one of the questions before all checks, may take.
// Both together are what Run takes at most.
const (
	askTime   = 4 * time.Second
	checkTime = 5 * time.Second
)

// check is one subject. An error says what it could not see; it may have
// findings all the same.
type check struct {
	name string
	run  func(ctx context.Context, p *patient) ([]Finding, error)
}

func checks() []check {
	return []check{
		{"units", checkUnits},
		{"sockets", checkSockets},
		{"generator", checkGenerator},
		{"exposure", checkExposure},
		{"journal", checkJournal},
		{"memory", checkMemory},
		{"user", checkUser},
		{"Hookaidofile", checkConfig},
		{"secrets", checkSecrets},
		{"certificates", checkCertificates},
		{"database", checkDatabase},
		{"disk", checkDisk},
		{"clock", checkClock},
		{"daemon", checkDaemon},
		{"queue", checkQueue},
	}
}

// Run examines the installation. It takes less than ten seconds: what doesn't
// answer in time is reported as unseen, and a file system that hangs is left
// hanging in the background.
func Run(ctx context.Context, o Options) Report {
	p := examine(ctx, o)
	r := Report{Findings: []Finding{}, Unseen: p.unseen}
	all := checks()
	r.Checks = len(all)
	results := make([]chan result, len(all))
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	for i, c := range all {
		results[i] = make(chan result, 1) // so that a late one ends, unheard
		go func() {
			findings, err := c.run(ctx, p)
			results[i] <- result{findings, err}
		}()
	}
	for i, c := range all {
		res := await(ctx, results[i])
		r.Findings = append(r.Findings, res.findings...)
		for _, reason := range reasons(res.err) {
			r.Unseen = append(r.Unseen, Unseen{c.name, plain(reason)})
		}
	}
	r.Findings = tidy(r.Findings)
	r.OK = !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == Error })
	return r
}

type result struct {
	findings []Finding
	err      error
}

var errLate = errors.New("it did not answer in time")

func await(ctx context.Context, from <-chan result) result {
	select {
	case res := <-from:
		return res
	case <-ctx.Done():
	}
	select { // the answer may have come at the same time
	case res := <-from:
		return res
	default:
		return result{err: errLate}
	}
}

// reasons takes joined errors apart.
func reasons(err error) []string {
	if err == nil {
		return nil
	}
	var out []string
	for line := range strings.Lines(err.Error()) {
		out = append(out, strings.TrimSuffix(line, "\n"))
	}
	return out
}

// tidy sorts, makes foreign text harmless, and drops what another finding's
// commands mend too.
func tidy(all []Finding) []Finding {
	has := func(id string) bool {
		return slices.ContainsFunc(all, func(f Finding) bool { return f.ID == id })
	}
	kept := []Finding{}
	for _, f := range all {
		if f.ID == idConfigNotLoaded && (has(idSocketsDiffer) || has(idConfigInvalid)) {
			continue
		}
		f.What, f.Where, f.Why = plain(f.What), plain(f.Where), plain(f.Why)
		for i := range f.Mend {
			f.Mend[i] = printable(f.Mend[i])
		}
		kept = append(kept, f)
	}
	rank := func(f Finding) int {
		if f.Severity == Error {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(kept, func(a, b Finding) int {
		return cmp.Or(rank(a)-rank(b), strings.Compare(a.ID, b.ID), strings.Compare(a.Where, b.Where))
	})
	return kept
}

func finding(s Severity, id, where string, mend ...string) Finding {
	return Finding{ID: id, Severity: s, Where: where, Mend: mend}
}

// says fills in the sentences.
func (f Finding) says(what, why string) Finding {
	f.What, f.Why = what, why
	return f
}

func unseen(format string, args ...any) error { return fmt.Errorf(format, args...) }
