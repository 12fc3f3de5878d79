package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hookaido/internal/systemd"
)

const (
	daemonReload   = "systemctl daemon-reload"
	restartService = "systemctl restart hookaido.service"
	restartTarget  = "systemctl restart hookaido.target"
	readJournal    = "journalctl -x -u hookaido -p warning -n 30"
)

// checkUnits looks at what systemd makes of the units.
func checkUnits(_ context.Context, p *patient) ([]Finding, error) {
	if p.units == nil {
		return nil, nil // said already
	}
	service, installed := p.service()
	if !installed {
		return nil, unseen("hookaido.service isn't installed here, so that nothing of the service can be examined")
	}
	found := p.stateOf(serviceUnit, service)
	if service.get("UnitFileState") == "disabled" && service.active() {
		found = append(found, finding(Warning, idUnitDisabled, serviceUnit, "systemctl enable hookaido.service").
			says("the service runs and isn't enabled", "after the next boot it does not start, and senders are refused"))
	}
	for _, name := range systemd.SocketNames() {
		unit := socketUnit(name)
		if !p.closed(unit) {
			found = append(found, p.stateOf(unit, p.units[unit])...)
		}
		if p.outdated(unit) {
			found = append(found, changedUnit(unit, restartTarget))
		}
	}
	if p.outdated(serviceUnit) {
		found = append(found, changedUnit(serviceUnit, restartService))
	}
	if n := service.number("NRestarts"); n > 0 && p.startedLately(service) {
		found = append(found, finding(Warning, idRestarts, serviceUnit, readJournal, "systemctl reset-failed hookaido.service").
			says(fmt.Sprintf("systemd has restarted the service %d times since somebody started it", n),
				"it crashed, failed, or was killed by its watchdog; the journal says which, and the second command sets the count back"))
	}
	return found, nil
}

// lately is how long ago the last start of the service may be for its restarts
// to be worth a word.
const lately = 24 * time.Hour

// startedLately compares the last start of a unit with the time since boot.
func (p *patient) startedLately(u unit) bool {
	text, err := os.ReadFile(filepath.Join(p.Paths.Proc, "uptime"))
	if err != nil {
		return true
	}
	first, _, _ := strings.Cut(string(text), " ")
	uptime, err1 := time.ParseDuration(first + "s")
	start, err2 := time.ParseDuration(u.get("ActiveEnterTimestampMonotonic") + "us")
	return err1 != nil || err2 != nil || uptime-start < lately
}

func changedUnit(unit, restart string) Finding {
	return finding(Warning, idUnitChanged, unit, daemonReload, restart).
		says("the files of the unit were changed since systemd read them", "what is on disk is not what runs, and takes effect at a moment nobody chose")
}

// stateOf says why a unit isn't up.
func (p *patient) stateOf(name string, u unit) []Finding {
	switch {
	case u.get("LoadState") == "masked" || u.get("UnitFileState") == "masked":
		return []Finding{finding(Error, idUnitMasked, name, "systemctl unmask "+name, startOf(name)).
			says("the unit is masked", "systemd refuses to start it, whatever asks for it")}
	case u.get("LoadState") == "not-found":
		return []Finding{finding(Error, idUnitMissing, name, "apt-get install --reinstall hookaido || dnf reinstall hookaido").
			says("the unit isn't there", "a file of the package was removed")}
	case u.active():
		return nil
	case u.get("ActiveState") == "failed" || u.get("SubState") == "auto-restart":
		return []Finding{finding(Error, idUnitDown, name, readJournal, startOf(name)).
			says("the unit failed: "+p.failure(u), consequence(name))}
	case name == serviceUnit && u.get("UnitFileState") == "disabled":
		return []Finding{finding(Warning, idUnitDisabled, name, "systemctl enable --now hookaido.service").
			says("the service is neither running nor enabled", "webhooks are refused")}
	}
	return []Finding{finding(Error, idUnitDown, name, startOf(name)).says("the unit is not active", consequence(name))}
}

func startOf(name string) string {
	if name == serviceUnit {
		return restartService
	}
	// A socket can't be opened beside its running service.
	return restartTarget
}

func consequence(name string) string {
	if name == serviceUnit {
		return "nothing is taken in, handed out or delivered"
	}
	return "nobody listens on its addresses, and clients are refused"
}

// failure puts the result of a unit into words.
func (p *patient) failure(u unit) string {
	switch u.get("Result") {
	case "watchdog":
		return "it did not show signs of life (watchdog)"
	case "trigger-limit-hit":
		return "the service could not be started for too many connections in a row"
	case "service-start-limit-hit":
		return "the service failed too often"
	case "resources":
		return "an address could not be opened"
	}
	code := u.number("ExecMainStatus")
	meaning := map[int]string{78: "the Hookaidofile or a secret is wrong", 69: "a listener can't be had", 74: "the disk or the database failed"}[code]
	text := u.get("Result")
	if code != 0 {
		text = fmt.Sprintf("%s, status %d", text, code)
	}
	if meaning != "" {
		text += " (" + meaning + ")"
	}
	return text
}

// outdated reports whether a unit's files differ from what systemd has read. An
// edited Hookaidofile alone is none: the drop-ins name it as their source, so
// that systemd says "changed on disk", but the sockets are looked at on their
// own, and other changes of it need a reload of the service only.
func (p *patient) outdated(name string) bool {
	u := p.units[name]
	if u.get("LoadState") != "loaded" {
		return false
	}
	// systemd itself overlooks a folder of drop-ins that is new.
	dropIns := u.fields("DropInPaths")
	if len(p.dropInsOf(name)) != countIn(dropIns, p.etcFolder(name)) {
		return true
	}
	if u.get("NeedDaemonReload") != "yes" {
		return false
	}
	read, ok := modified(p.generated(name))
	source, haveSource := modified(u.get("SourcePath"))
	if !ok || !haveSource || !source.After(read) {
		return true
	}
	for _, path := range append(dropIns, u.get("FragmentPath")) {
		if t, ok := modified(path); !ok || t.After(read) {
			return true
		}
	}
	return false
}

// generated is the drop-in that hookaido-generator writes for a unit at each
// daemon-reload.
func (p *patient) generated(unit string) string {
	return filepath.Join(p.Paths.Generated, unit+".d", "50-hookaidofile.conf")
}

// closed reports whether hookaido-generator keeps a socket closed because the
// Hookaidofile has no use for it.
func (p *patient) closed(unit string) bool {
	text, err := os.ReadFile(p.generated(unit))
	return err == nil && strings.Contains(string(text), "\nConditionPathExists=!/\n")
}

func (p *patient) etcFolder(unit string) string {
	return filepath.Join(p.Paths.Units, unit+".d")
}

// dropInsOf are the administrator's drop-ins of a unit, without those that only
// take others out of force.
func (p *patient) dropInsOf(unit string) []string {
	names, err := filepath.Glob(filepath.Join(p.etcFolder(unit), "*.conf"))
	if err != nil { // the pattern is right
		return nil
	}
	return slices.DeleteFunc(names, func(path string) bool {
		target, err := os.Readlink(path)
		return err == nil && target == os.DevNull
	})
}

func countIn(paths []string, dir string) int {
	n := 0
	for _, path := range paths {
		if filepath.Dir(path) == dir {
			n++
		}
	}
	return n
}

func modified(path string) (time.Time, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}, false
	}
	return info.ModTime(), true
}
