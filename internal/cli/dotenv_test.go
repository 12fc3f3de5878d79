package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func writeDotenv(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadDotenv(t *testing.T) {
	got, err := readDotenv(writeDotenv(t, "# note\n\nA=1\nexport B = two words # kept\nC=\"x\\ty\"\nD='a\\tb'\nE=\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"A": "1", "B": "two words # kept", "C": "x\ty", "D": `a\tb`, "E": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadDotenvNamesTheLineAndHidesTheValue(t *testing.T) {
	for _, bad := range []string{"A=1\nno equals\n", "A=1\n=x\n", "A=1\nB=\"marker\n", "A=1\nB='marker\n"} {
		_, err := readDotenv(writeDotenv(t, bad))
		if err == nil || !strings.Contains(err.Error(), ":2:") || strings.Contains(err.Error(), "marker") {
			t.Errorf("%q: error %v must name line 2 and no value", bad, err)
		}
	}
}

func TestOverlayKeepsWhatIsSet(t *testing.T) {
	base := map[string]string{"SET": "base", "EMPTY": ""}
	lookup := overlay(func(n string) (string, bool) { v, ok := base[n]; return v, ok },
		map[string]string{"SET": "file", "EMPTY": "file", "NEW": "file"})
	for name, want := range map[string]string{"SET": "base", "EMPTY": "file", "NEW": "file"} {
		if got, ok := lookup(name); !ok || got != want {
			t.Errorf("%s = %q, %v; want %q", name, got, ok, want)
		}
	}
	if _, ok := lookup("OTHER"); ok {
		t.Error("OTHER is set")
	}
}
