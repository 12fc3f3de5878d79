package archtest

import (
	"slices"
	"strings"
	"testing"
)

// mayImport has, for each package below internal/ (and cmd/), the packages of
// ours that it may import. What is absent is forbidden; the list reads from
// the top of the program to the bottom and dependencies only point down.
var mayImport = map[string][]string{
	"cmd/hookaido":           {"cli"},
	"cmd/hookaido-generator": {"config", "config/compile", "config/syntax", "secret", "systemd"},

	"cli": {"app", "client", "backup", "doctor", "admin", "auth/hmac", "config", "config/compile", "config/schema", "config/syntax", "observe", "systemd", "clock", "secret"},
	"app": {
		"client", "dispatch", "deliver", "ingress", "handshake", "peer", "tlsconf", "pullapi", "adminapi", "admin", "pull", "route", "auth", "auth/hmac", "limit", "trend",
		"httpx", "httphead", "systemd", "observe", "config/compile", "config/schema", "config/syntax", "config",
		"secret", "queue/sqlite", "queue/memory", "queue", "clock",
	},
	"doctor":   {"admin", "config", "config/compile", "config/syntax", "queue/sqlite", "secret", "systemd", "clock"},
	"client":   {"admin"},
	"backup":   {"queue/sqlite", "queue"},
	"ingress":  {"route", "auth", "auth/hmac", "handshake", "peer", "limit", "httpx", "httphead", "queue", "config", "clock"},
	"pullapi":  {"pull", "httpx", "queue", "clock"},
	"adminapi": {"admin", "auth", "httpx", "secret", "clock"},
	"pull":     {"queue", "auth", "config", "clock"},
	"admin":    {"trend", "queue", "config", "secret", "clock"},
	"route":    {"config"},

	"dispatch":  {"queue", "deliver", "clock", "observe"},
	"deliver":   {"config", "secret", "queue", "clock"},
	"handshake": {"secret", "clock"},
	"peer":      {},
	"tlsconf":   {"config", "secret", "clock"},
	"auth":      {"config", "secret", "clock"},
	"auth/hmac": {"secret", "clock", "config", "queue"},
	"limit":     {"trend", "queue", "clock"},
	"trend":     {"config", "queue"},
	"httpx":     {"queue", "observe", "clock"},
	"httphead":  {},
	"systemd":   {"clock"},
	"observe":   {"queue", "clock"},

	"config/compile": {"config", "config/schema", "config/syntax", "handshake", "secret"},
	"config/schema":  {"config", "config/syntax", "secret"},
	"config/syntax":  {},
	"config":         {"secret"},
	"secret":         {"clock"},

	"queue/queuetest": {"queue", "clock"},
	"queue/sqlite":    {"queue", "queue/bodylog", "clock"},
	"queue/bodylog":   {},
	"queue/memory":    {"queue", "clock"},
	"queue":           {},
	"clock":           {},

	"tools/docgen": {"config/schema", "config/syntax", "config/compile", "config"},
	"tools/clidoc": {"cli"},
	"tools/mangen": {},
	"archtest":     {},
	"e2e":          {},

	"packaging/lab/load": {"clock", "observe"},
}

// testOnly may be imported by the tests of any package.
var testOnly = []string{
	"queue/queuetest", "queue/memory", "queue/sqlite", "clock", "secret", "observe", "config", "config/compile", "config/syntax", "auth", "queue",
}

func TestImportsPointDown(t *testing.T) {
	for _, f := range sources(t) {
		allowed, known := mayImport[f.pkg]
		if !known {
			t.Errorf("%s: package %q is not in the table of imports: give it a line there", f.path, f.pkg)
			continue
		}
		for _, path := range f.imports() {
			name, ours := strings.CutPrefix(path, "hookaido/")
			if !ours {
				continue
			}
			name = strings.TrimPrefix(name, "internal/")
			if name == f.pkg || slices.Contains(allowed, name) || f.test && slices.Contains(testOnly, name) {
				continue
			}
			t.Errorf("%s: %s must not import %s", f.path, f.pkg, name)
		}
	}
}

// bannedImports are packages that only some of ours may use.
var bannedImports = map[string][]string{
	"github.com/mattn/go-sqlite3":             {"queue/sqlite"},
	"database/sql":                            {"queue/sqlite"},
	"github.com/spf13/viper":                  {"cli"},
	"github.com/spf13/cobra":                  {"cli"},
	"github.com/coreos/go-systemd/v22/daemon": {"systemd"},
	"log":       {"cmd/hookaido"}, // to silence what libraries write with it
	"io/ioutil": {},
}

func TestForeignImportsHaveOneHome(t *testing.T) {
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		for _, path := range f.imports() {
			if homes, banned := bannedImports[path]; banned && !slices.Contains(homes, f.pkg) {
				t.Errorf("%s: %q may be imported only by %v", f.path, path, homes)
			}
		}
	}
}
