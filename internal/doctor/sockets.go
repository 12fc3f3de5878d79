package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hookaido/internal/config"
	"hookaido/internal/systemd"
)

// checkSockets compares the addresses of the Hookaidofile with those that
// systemd holds and those that the daemon serves, and looks who else has them.
func checkSockets(_ context.Context, p *patient) ([]Finding, error) {
	if p.cfg == nil || !p.own || p.units == nil {
		return nil, nil
	}
	var found []Finding
	wanted := p.wanted()
	for _, name := range systemd.SocketNames() {
		want, known := wanted[name]
		if !known {
			continue
		}
		unit := socketUnit(name)
		have, asked := p.held(name)
		if asked && !slices.Equal(want, have) {
			found = append(found, differ(unit, want, "systemd has "+list(have)+" in its unit"))
		} else if served, ok := p.served(name); ok && !slices.Equal(want, served) && !p.shares(name) {
			found = append(found, differ(unit, want, "the daemon serves "+list(served)))
		}
		if u, ok := p.units[unit]; ok && !u.active() && !p.closed(unit) {
			found = append(found, p.taken(unit, want)...)
		}
	}
	return found, nil
}

func differ(unit string, want []string, but string) Finding {
	return finding(Error, idSocketsDiffer, unit, daemonReload, restartTarget).
		says(fmt.Sprintf("the Hookaidofile asks for %s, and %s", list(want), but),
			"systemd opens sockets when it reads units, so that a changed listen has no effect before these two commands; "+
				"if they change nothing, a drop-in of the unit says otherwise: systemctl cat "+unit)
}

func list(addresses []string) string {
	if len(addresses) == 0 {
		return "no address"
	}
	return strings.Join(addresses, ", ")
}

// wanted are the addresses that each socket is to have, sorted and in one form.
// What isn't known, or can't be told, is left out.
func (p *patient) wanted() map[string][]string {
	servers := p.servers()
	out := map[string][]string{}
	for i, s := range servers {
		var addresses []string
		known := true
		if !s.shared(servers[:i]) {
			for _, l := range s.listens {
				a, ok := form(l.Address)
				known = known && ok
				addresses = append(addresses, a)
			}
		}
		if known {
			out[s.name] = tidyAddresses(addresses)
		}
	}
	return out
}

// server is a block of the Hookaidofile that listens.
type server struct {
	name    string
	listens []config.Listen
}

func (p *patient) servers() []server {
	all := []server{{systemd.Ingress, p.cfg.Ingress.Listens}}
	if p.cfg.HasPull() {
		all = append(all, server{systemd.Pull, p.cfg.PullAPI.Listens})
	} else {
		all = append(all, server{systemd.Pull, nil})
	}
	all = append(all, server{systemd.Admin, p.cfg.AdminAPI.Listens})
	if m := p.cfg.Observability.Metrics; m != nil { // without the block the packaged socket stays
		s := server{systemd.Metrics, nil}
		if m.Enabled {
			s.listens = []config.Listen{m.Listen}
		}
		all = append(all, s)
	}
	return all
}

// shared reports whether an earlier server has one of the addresses; the
// sockets of that one then are for both.
func (s server) shared(before []server) bool {
	for _, other := range before {
		for _, l := range s.listens {
			if slices.ContainsFunc(other.listens, func(o config.Listen) bool { return o.Address == l.Address }) {
				return true
			}
		}
	}
	return false
}

// shares reports whether a server has addresses in common with any other, so
// that the daemon lists those of all under its name.
func (p *patient) shares(name string) bool {
	servers := p.servers()
	for i, s := range servers {
		if s.name == name {
			return s.shared(slices.Concat(servers[:i], servers[i+1:]))
		}
	}
	return false
}

// held are the addresses of a socket unit as systemd has read it.
func (p *patient) held(name string) (addresses []string, ok bool) {
	u, ok := p.units[socketUnit(name)]
	if !ok || u.get("LoadState") != "loaded" {
		return nil, false
	}
	if p.closed(socketUnit(name)) {
		return nil, true
	}
	for _, line := range u["Listen"] { // as in "[::]:8080 (Stream)"
		address, _, _ := strings.Cut(line, " (")
		if a, ok := form(address); ok {
			addresses = append(addresses, a)
		}
	}
	return tidyAddresses(addresses), true
}

// served are the addresses that the daemon has for a name.
func (p *patient) served(name string) (addresses []string, ok bool) {
	if p.status == nil {
		return nil, false
	}
	for _, l := range p.status.Listeners {
		if a, ok := form(l.Address); ok && l.Name == name {
			addresses = append(addresses, a)
		}
	}
	return tidyAddresses(addresses), true
}

// tidyAddresses sorts, and drops the socket that is there whatever the
// Hookaidofile says.
func tidyAddresses(addresses []string) []string {
	out := []string{}
	for _, a := range addresses {
		if !strings.HasSuffix(a, "/admin.sock") {
			out = append(out, a)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// form brings an address of a Hookaidofile, a socket unit or a listener into
// one form. It is false for a name, which may have any address.
func form(address string) (string, bool) {
	if path := strings.TrimPrefix(address, "unix:"); strings.HasPrefix(path, "/") {
		return "unix:" + path, true
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", false
	}
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1"
	}
	if host == "" || host == "*" {
		return ":" + port, true
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return "", false
	}
	if addr = addr.Unmap(); addr.IsUnspecified() {
		return ":" + port, true
	}
	return net.JoinHostPort(addr.String(), port), true
}

// taken looks for other programs on the ports of a socket that isn't open.
func (p *patient) taken(unit string, want []string) []Finding {
	var found []Finding
	for _, address := range want {
		_, text, err := net.SplitHostPort(address)
		if err != nil {
			continue
		}
		port, err := strconv.Atoi(text)
		if err != nil {
			continue
		}
		pid, name, ok := systemd.PortHolder(port)
		if !ok || pid == 1 || pid == p.units[serviceUnit].number("MainPID") {
			continue
		}
		stop := fmt.Sprintf("kill %d", pid)
		if other := p.unitOf(pid); other != "" {
			stop = "systemctl disable --now " + quote(other) + " || systemctl stop " + quote(other)
		}
		found = append(found, finding(Error, idPortTaken, unit, stop, restartTarget, "systemctl start hookaido.service").
			says(fmt.Sprintf("port %d is held by another program: %s, process %d", port, name, pid),
				"systemd can't open the socket; stop that program, or choose another listen in the Hookaidofile"))
	}
	return found
}

// unitOf names the service of the system that a process belongs to; empty if it
// has none. The services of users and of containers may have the name of any of
// the system's, so that only the first element below the system's slices counts.
func (p *patient) unitOf(pid int) string {
	text, err := os.ReadFile(filepath.Join(p.Paths.Proc, strconv.Itoa(pid), "cgroup"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		// as in "0::/system.slice/system-x.slice/x@1.service/worker"
		_, group, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":/")
		rest, ours := strings.CutPrefix(group, "system.slice/")
		for name := range strings.SplitSeq(rest, "/") {
			if ours && strings.HasSuffix(name, ".service") {
				return name
			}
			if !strings.HasSuffix(name, ".slice") {
				break
			}
		}
	}
	return ""
}

// checkGenerator asks hookaido-generator what it leaves as packaged.
func checkGenerator(ctx context.Context, p *patient) ([]Finding, error) {
	if p.units == nil || p.cfg == nil || !p.own {
		return nil, nil // a Hookaidofile that is wrong is said as such
	}
	// It tells on standard error, and exits with 0 whatever it has to say. The
	// shell gives way to it, so that the end of ctx is its end too.
	out, err := p.Commands.Output(ctx, "sh", "-c", `exec "$1" --report 2>&1`, "sh", p.Paths.Generator)
	if err != nil {
		return nil, errors.Join(unseen("hookaido-generator can't be asked"), err)
	}
	var found []Finding
	for line := range strings.Lines(string(out)) {
		found = append(found, finding(Warning, idSocketsPackaged, p.config, "man hookaido-generator", daemonReload, restartTarget).
			says(strings.TrimSpace(line), "these sockets don't follow the Hookaidofile; give the address in a form that is known at boot"))
	}
	return found, nil
}
