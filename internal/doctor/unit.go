package doctor

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// unitProperties are what is asked of each unit.
const unitProperties = "Id,LoadState,ActiveState,SubState,UnitFileState,Result,NeedDaemonReload,FragmentPath,DropInPaths,SourcePath," +
	"NRestarts,ActiveEnterTimestampMonotonic,ExecMainStatus,MainPID,Listen,Environment,MemoryMax,MemoryHigh,LogRateLimitIntervalUSec,LogRateLimitBurst,StatusText"

// unit has the properties of a unit, as systemctl show prints them. One that
// stands several times has several values.
type unit map[string][]string

// parseUnits reads the output of systemctl show for several units, by id.
func parseUnits(text string) map[string]unit {
	units := map[string]unit{}
	for block := range strings.SplitSeq(text, "\n\n") {
		u := unit{}
		for line := range strings.Lines(block) {
			if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
				u[name] = append(u[name], value)
			}
		}
		if id := u.get("Id"); id != "" {
			units[id] = u
		}
	}
	return units
}

func (u unit) get(name string) string {
	if len(u[name]) == 0 {
		return ""
	}
	return u[name][0]
}

// number is 0 for what isn't one.
func (u unit) number(name string) int {
	n, err := strconv.Atoi(u.get(name))
	if err != nil {
		return 0
	}
	return n
}

// fields returns the words of a property, without the quotes that systemctl
// puts around those with spaces.
func (u unit) fields(name string) []string {
	var words []string
	var word strings.Builder
	quoted, open := false, false
	text := u.get(name)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			word.WriteByte(text[i])
			open = true
		case c == '"':
			quoted, open = !quoted, true
		case c == ' ' && !quoted:
			if open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteByte(c)
			open = true
		}
	}
	if open {
		words = append(words, word.String())
	}
	return words
}

func (u unit) active() bool {
	switch u.get("ActiveState") {
	case "active", "reloading", "activating":
		return u.get("SubState") != "auto-restart"
	}
	return false
}

func fingerprint(src []byte) string {
	sum := sha256.Sum256(src)
	return hex.EncodeToString(sum[:])
}
