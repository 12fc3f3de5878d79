package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"hookaido/internal/config"
	"hookaido/internal/systemd"
)

// adminSocket is always open beside the addresses of admin_api, for the
// commands of operators.
const adminSocket = "/run/hookaido/admin.sock"

// maxAddresses bounds what one socket unit gets.
const maxAddresses = 64

// socket is what one socket unit gets.
type socket struct {
	name    string
	streams []string // values of ListenStream=
	unix    bool     // one of them is a path that the packaged unit doesn't have
	early   bool     // one of them may not exist yet when the socket opens
	unused  string   // why nothing is to be opened; empty if something is
}

// server is a block of the Hookaidofile that listens.
type server struct {
	name    string
	listens []config.Listen
	unused  string
}

// sockets works out what each unit gets. Those it can't say are left out, with
// a note each.
func sockets(cfg *config.Config, doubtful func(config.Listen) bool) (planned []socket, notes []string) {
	servers := []server{{name: systemd.Ingress, listens: cfg.Ingress.Listens}, {name: systemd.Pull, listens: cfg.PullAPI.Listens}}
	if !cfg.HasPull() {
		servers[1].unused = "no route has pull"
	}
	servers = append(servers, server{name: systemd.Admin, listens: cfg.AdminAPI.Listens})
	if m := cfg.Observability.Metrics; m != nil { // without the block the packaged socket stays
		s := server{name: systemd.Metrics, listens: []config.Listen{m.Listen}}
		if !m.Enabled {
			s.unused = "metrics are off"
		}
		servers = append(servers, s)
	}
	for i := range servers {
		s, err := socketOf(servers, i, doubtful)
		if err != nil {
			notes = append(notes, fmt.Sprintf("hookaido-%s.socket stays as packaged: %v", servers[i].name, err))
			continue
		}
		planned = append(planned, s)
	}
	return planned, notes
}

func socketOf(servers []server, i int, doubtful func(config.Listen) bool) (socket, error) {
	from := servers[i]
	s := socket{name: from.name, unused: from.unused}
	if s.unused != "" {
		return s, nil
	}
	listens := from.listens
	if other := sharer(servers, i); other != "" {
		// the daemon serves both on the sockets of either
		listens = nil
		s.unused = "it shares the addresses of " + other
	}
	if len(listens) > maxAddresses {
		return s, fmt.Errorf("%d addresses are too many, at most %d", len(listens), maxAddresses)
	}
	for _, l := range listens {
		if doubtful(l) {
			return s, fmt.Errorf("%sthe address depends on a variable that %s doesn't set", at(l), environmentFile)
		}
		if err := s.add(l); err != nil {
			return s, fmt.Errorf("%s%w", at(l), err)
		}
	}
	if s.name == systemd.Admin {
		s.unused = ""
		if !slices.Contains(s.streams, adminSocket) {
			s.streams = append(s.streams, adminSocket)
		}
	}
	return s, nil
}

// at begins a message with the place of an address, unless it is a default.
func at(l config.Listen) string {
	if l.Pos == (config.Pos{}) {
		return ""
	}
	return l.Pos.String() + ": "
}

// sharer returns the server before the one at i that has the same addresses.
func sharer(servers []server, i int) string {
	for _, before := range servers[:i] {
		if before.unused != "" {
			continue
		}
		for _, l := range before.listens {
			same := func(other config.Listen) bool { return other.Address == l.Address }
			if slices.ContainsFunc(servers[i].listens, same) {
				return before.name
			}
		}
	}
	return ""
}

// add appends an address in the form of ListenStream=.
func (s *socket) add(l config.Listen) error {
	if path, ok := l.Unix(); ok {
		if err := plainPath(path); err != nil {
			return err
		}
		s.streams = append(s.streams, specifiers(path))
		s.unix = s.unix || path != adminSocket
		return nil
	}
	host, port, err := net.SplitHostPort(l.Address)
	if err != nil {
		return errors.New("the address can't be read")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("a socket unit needs a port from 1 to 65535, not %q", port)
	}
	if host == "" {
		s.streams = append(s.streams, strconv.FormatUint(n, 10))
		return nil
	}
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1"
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return fmt.Errorf("%q is a name; write its address, since names can't be looked up that early", host)
	}
	if addr.Zone() != "" {
		return fmt.Errorf("%q has a zone, which a socket unit can't have", host)
	}
	addr = addr.Unmap()
	s.early = s.early || !addr.IsUnspecified() && !addr.IsLoopback()
	s.streams = append(s.streams, netip.AddrPortFrom(addr, uint16(n)).String())
	return nil
}

// plainPath refuses paths that mean something else in a unit file.
func plainPath(path string) error {
	odd := func(r rune) bool {
		return unicode.IsControl(r) || r == '\\' || r == '"' || r == '\'' || r == unicode.ReplacementChar
	}
	if !filepath.IsAbs(path) || strings.ContainsFunc(path, odd) || strings.TrimSpace(path) != path {
		return fmt.Errorf("the path %q can't stand in a unit file", path)
	}
	return nil
}

// specifiers keeps systemd from expanding anything.
func specifiers(text string) string { return strings.ReplaceAll(text, "%", "%%") }
