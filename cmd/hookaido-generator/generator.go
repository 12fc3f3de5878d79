package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"hookaido/internal/config"
	"hookaido/internal/config/compile"
	"hookaido/internal/config/syntax"
	"hookaido/internal/systemd"
)

const (
	identifier      = "hookaido-generator"
	environmentFile = "/etc/default/hookaido"
	// maxConfig bounds the Hookaidofile here, in bytes, so that compiling it
	// never delays a boot.
	maxConfig = 1 << 20
	// unknown stands for what isn't known here. It is no address, so that
	// nothing is ever opened because of it.
	unknown = "not-known-at-boot.invalid"
)

// generator has the files that it reads and where it reports.
type generator struct {
	environment, config, journal string
	credstore                    systemd.Credstore
}

// plan is what the Hookaidofile comes to.
type plan struct {
	sockets     []socket
	credentials []string
	notes       []string // what stays as packaged, and why
}

// keep is the plan for when nothing can be said of the sockets.
func keep(credentials []string, why string) plan {
	return plan{credentials: credentials, notes: []string{"all sockets stay as packaged: " + why}}
}

// run writes the drop-ins into dir and reports what it left alone.
func (g *generator) run(dir string) {
	p := g.plan()
	if err := write(dir, g.config, p.sockets); err != nil {
		p.notes = append(p.notes, fmt.Sprintf("all sockets stay as packaged: %v", err))
	}
	if err := writeCredentials(dir, credentialLines(g.credstore, p.credentials)); err != nil {
		p.notes = append(p.notes, fmt.Sprintf("credentials stay as packaged: %v", err))
	}
	for _, n := range p.notes {
		e := systemd.Entry{Identifier: identifier, Priority: systemd.PriorityWarning, MessageID: messageID, Message: n}
		if systemd.JournalNow(g.journal, e) != nil {
			// The boot is too young for the journal, so a unit tells it later.
			if err := writeReport(dir); err != nil {
				fmt.Fprintf(os.Stderr, "%s: %s (%v)\n", identifier, n, err)
			}
			return
		}
	}
}

// plan reads the Hookaidofile.
func (g *generator) plan() (p plan) {
	defer func() {
		if fault := recover(); fault != nil {
			p = keep(nil, fmt.Sprintf("a fault of %s, please report it: %v", identifier, fault))
		}
	}()
	vars, err := g.readEnvironment()
	if err != nil {
		return keep(nil, err.Error())
	}
	if path := vars["HOOKAIDO_CONFIG"]; path != "" {
		g.config = path
	}
	src, err := readOwn(g.config, maxConfig)
	if err != nil {
		return keep(nil, err.Error())
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	file, faults := syntax.Parse(g.config, src)
	credentials := credentialNames(file.Root)
	if len(credentials) > maxCredentials {
		return keep(nil, fmt.Sprintf("%d credentials are too many, at most %d", len(credentials), maxCredentials))
	}
	if src, err = reduce(src, file, faults); err != nil {
		return keep(credentials, err.Error())
	}
	p = g.compile(src, vars)
	p.credentials = credentials
	return p
}

func (g *generator) readEnvironment() (map[string]string, error) {
	text, err := readOwn(g.environment, maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return systemd.ParseEnvironmentFile(string(text)), err
}

// compile takes the addresses that don't depend on what isn't known at boot.
func (g *generator) compile(src []byte, vars map[string]string) (p plan) {
	cfg, faults := compileWith(g.config, src, lookup(vars, ""))
	if cfg == nil {
		return keep(nil, "the Hookaidofile is wrong: "+firstError(faults)+"; see all of it with: hookaido config validate")
	}
	doubtful := func(config.Listen) bool { return false }
	if unset(faults) {
		// What differs with another value depends on it.
		other, _ := compileWith(g.config, src, lookup(vars, unknown))
		doubtful = func(l config.Listen) bool { return other == nil || !listens(other, l) }
	}
	p.sockets, p.notes = sockets(cfg, doubtful)
	return p
}

func compileWith(path string, src []byte, env func(string) (string, bool)) (*config.Config, []syntax.Diagnostic) {
	return compile.Source(path, src, compile.Options{
		LookupEnv: env,
		ReadFile:  func(string) ([]byte, error) { return []byte(unknown), nil },
	})
}

// lookup finds variables; those that aren't set have the value missing, unless
// it is empty.
func lookup(vars map[string]string, missing string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if v, ok := vars[name]; ok {
			return v, true
		}
		return missing, missing != ""
	}
}

func unset(faults []syntax.Diagnostic) bool {
	for _, d := range faults {
		if d.Code == compile.CodeEnvNotSet {
			return true
		}
	}
	return false
}

func firstError(faults []syntax.Diagnostic) string {
	for _, d := range faults {
		if d.Severity == syntax.Error {
			return d.String()
		}
	}
	return "it can't be compiled"
}

// listens reports whether the config has the address at the same place.
func listens(cfg *config.Config, l config.Listen) bool {
	all := [][]config.Listen{cfg.Ingress.Listens, cfg.PullAPI.Listens, cfg.AdminAPI.Listens}
	if m := cfg.Observability.Metrics; m != nil {
		all = append(all, []config.Listen{m.Listen})
	}
	for _, list := range all {
		for _, other := range list {
			if other == l {
				return true
			}
		}
	}
	return false
}

// readOwn reads a regular file of the administrator, without waiting for
// anything. One that everybody may write to could open any port.
func readOwn(path string, limit int64) ([]byte, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%q is no absolute path", path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", path, cause(err))
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s has %d bytes, at most %d are read at boot", path, info.Size(), limit)
	case info.Mode().Perm()&0o002 != 0:
		return nil, fmt.Errorf("everybody may write to %s; mend it with: chmod o-w %s", path, path)
	}
	src, err := compile.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(src)) > limit {
		return nil, fmt.Errorf("%s grew while it was read", path)
	}
	return src, nil
}

func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// oneLine is for comments in unit files.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
