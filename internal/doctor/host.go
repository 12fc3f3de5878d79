package doctor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxExposure is what systemd-analyze security may say of the service, in
// tenths; execExposure with the drop-in for deliver exec.
const (
	maxExposure  = 11
	execExposure = 12
	execDropIn   = "exec-delivery.conf"
)

// checkExposure lets systemd judge the sandbox.
func checkExposure(ctx context.Context, p *patient) ([]Finding, error) {
	service, ok := p.service()
	if !ok {
		return nil, nil
	}
	out, err := p.Commands.Output(ctx, "systemd-analyze", "security", "--no-pager", serviceUnit)
	if err != nil {
		return nil, err
	}
	m := regexp.MustCompile(`Overall exposure level for \S+: (\d+)\.(\d)`).FindStringSubmatch(string(out))
	if m == nil {
		return nil, unseen("systemd-analyze security tells no exposure level")
	}
	whole, _ := strconv.Atoi(m[1]) // digits
	tenth, _ := strconv.Atoi(m[2])
	bound := maxExposure
	dropIns := service.fields("DropInPaths")
	if slices.ContainsFunc(dropIns, func(path string) bool { return strings.HasSuffix(path, "/"+execDropIn) }) {
		bound = execExposure
	}
	if whole*10+tenth <= bound {
		return nil, nil
	}
	return []Finding{finding(Warning, idExposure, serviceUnit, p.undo(wallAway)...).
		says(fmt.Sprintf("the exposure level is %d.%d; as packaged it is at most %d.%d", whole, tenth, bound/10, bound%10),
			"a drop-in takes away walls that keep an intruder inside the service; if it is meant, move what needs it into a unit of its own")}, nil
}

// wallAway finds settings that take a wall of the sandbox away.
const wallAway = `(?m)^\s*((Protect|Private|Restrict|Lock|Memory|NoNew|Remove)\w+\s*=\s*(no|false|off|0)?\s*$` +
	`|(CapabilityBoundingSet|AmbientCapabilities)\s*=\s*\S|(SystemCallFilter|RestrictAddressFamilies|SystemCallArchitectures|IPAddressDeny|RestrictNamespaces)\s*=\s*$` +
	`|User\s*=\s*(root|0)?\s*$|DynamicUser\s*=|UMask\s*=\s*0?0[0-6]{2}\s*$)`

// undo are the commands that take the administrator's drop-ins of the service
// with such settings away; where there are none, those that show the unit.
func (p *patient) undo(settings string) []string {
	service, _ := p.service()
	pattern := regexp.MustCompile(settings)
	var mend []string
	for _, path := range service.fields("DropInPaths") {
		if !strings.HasPrefix(path, p.Paths.Units) {
			continue
		}
		if text, err := os.ReadFile(path); err == nil && pattern.Match(text) { //nolint:gosec // systemd names it
			// it may set more than this, and systemd reads *.conf only
			mend = append(mend, aside(path, ".off"))
		}
	}
	if mend == nil {
		return []string{"systemctl cat hookaido.service", "systemd-delta --type=extended,overridden"}
	}
	return append(mend, daemonReload, restartService)
}

// leastMemory is what the service needs, in bytes.
const leastMemory = 64 << 20

// checkMemory compares the bound of the unit with that of Go.
func checkMemory(_ context.Context, p *patient) ([]Finding, error) {
	service, ok := p.service()
	if !ok {
		return nil, nil
	}
	bound := min(sizeOf(service.get("MemoryMax")), sizeOf(service.get("MemoryHigh")))
	if bound < leastMemory {
		return []Finding{finding(Error, idMemoryLimit, serviceUnit, p.undo(`(?m)^\s*Memory(Max|High)\s*=`)...).
			says(fmt.Sprintf("the unit may have only %d bytes of memory", bound), "the kernel ends the service again and again; it needs 64 MiB or more")}, nil
	}
	text, set := p.lookup("GOMEMLIMIT")
	limit, ok := goLimit(text)
	if !set || text == "" || bound == math.MaxInt64 {
		return nil, nil
	}
	if ok && limit < bound {
		return nil, nil
	}
	return []Finding{finding(Warning, idMemoryLimit, p.Paths.Environment, "sed -i '/^ *GOMEMLIMIT *=/d' "+quote(p.Paths.Environment), restartService).
		says(fmt.Sprintf("GOMEMLIMIT=%s is not below the unit's bound of %d bytes", text, bound),
			"the kernel ends the service before it would collect its garbage; without the variable the service sets 80 % of the bound by itself")}, nil
}

// sizeOf reads a bound of systemd, in bytes.
func sizeOf(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return math.MaxInt64 // infinity, or none
	}
	return n
}

// goLimit reads GOMEMLIMIT as Go does.
func goLimit(text string) (int64, bool) {
	units := []struct {
		suffix string
		shift  int
	}{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {"B", 0}, {"", 0}}
	if text == "off" {
		return math.MaxInt64, true
	}
	for _, u := range units {
		if digits, ok := strings.CutSuffix(text, u.suffix); ok {
			n, err := strconv.ParseInt(digits, 10, 64)
			if err != nil || n < 0 || n > math.MaxInt64>>u.shift {
				return 0, false
			}
			return n << u.shift, true
		}
	}
	return 0, false
}

// checkUser looks for the user that the unit names.
func checkUser(_ context.Context, p *patient) ([]Finding, error) {
	if _, ok := p.service(); !ok || p.user.found {
		return nil, nil
	}
	return []Finding{finding(Error, idUserMissing, p.Paths.Users, "systemd-sysusers hookaido.conf", restartService).
		says("there is no user hookaido", "the service can't be started as that user")}, nil
}

// checkClock asks whether something keeps the clock of the machine right.
func checkClock(_ context.Context, p *patient) ([]Finding, error) {
	ok, err := p.Clocks.Synchronised()
	if errors.Is(err, os.ErrPermission) {
		return nil, unseen("the kernel doesn't tell here, as in a container, whether its clock is right")
	}
	if err != nil || ok {
		return nil, err
	}
	return []Finding{finding(Warning, idClockUnsynced, "the clock of this machine", "timedatectl set-ntp true", "timedatectl").
		says("nothing keeps the clock right", "signatures with a time are refused as too old or too new once it is off by their tolerance, which is minutes")}, nil
}
