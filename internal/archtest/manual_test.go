package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The manual of the APIs names every path and every code that a program may
// meet, so that a new one comes with its words.
func TestManualNamesWhatTheAPIsSay(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "packaging", "man", "hookaido-api.7.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	codes := regexp.MustCompile(`(?:refuse\(|\bCode: +|^\tCode\w+ += +)"([a-z_]*[a-z])"`)
	paths := regexp.MustCompile(`(?:h\.routes\[|^\t\t)"(/[a-z_/]+)"(?:\]|:)`)
	wanted := map[string]string{}
	for _, f := range sources(t) {
		if f.test || !slices.Contains([]string{"admin", "adminapi", "pullapi"}, f.pkg) {
			continue
		}
		source, err := os.ReadFile(filepath.Join(root, f.path))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(source)) {
			for _, pattern := range []*regexp.Regexp{codes, paths} {
				for _, m := range pattern.FindAllStringSubmatch(line, -1) {
					wanted[m[1]] = f.path
				}
			}
		}
	}
	if len(wanted) < 40 {
		t.Fatalf("only %d codes and paths were found: the patterns don't fit the sources any more", len(wanted))
	}
	for name, path := range wanted {
		if !regexp.MustCompile(`(^|[^a-z_/])` + regexp.QuoteMeta(name) + `($|[^a-z_])`).MatchString(text) {
			t.Errorf("%s: hookaido-api.7.md says nothing of %s", path, name)
		}
	}
}
