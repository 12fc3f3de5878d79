package compile

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"hookaido/internal/config/syntax"
)

var update = flag.Bool("update", false, "write what the code gives into the golden files")

// testOptions is a small world for placeholders: what cases need and no more.
func testOptions() Options {
	env := map[string]string{"SET": "from-env", "OPS_PASSWORD": "pw", "EMPTY": "", "NESTED": "{$SET}", "PORT": "18080"}
	files := map[string]string{"/etc/name": " from-file\n", "/etc/nested": "{$SET}"}
	return Options{
		AllowNotRunning: true,
		LookupEnv:       func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		ReadFile: func(path string) ([]byte, error) {
			if text, ok := files[path]; ok {
				return []byte(text), nil
			}
			return nil, errors.New("no such file or directory")
		},
	}
}

// each runs a function for each archive of a folder. The function changes the
// archive to what the code gives; a difference is a failure, or with -update
// the new golden file.
func each(t *testing.T, dir string, run func(t *testing.T, ar *txtar.Archive)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files in testdata/%s (%v)", dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := string(txtar.Format(ar))
			run(t, ar)
			got := string(txtar.Format(ar))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

func section(ar *txtar.Archive, name string) []byte {
	for _, f := range ar.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func setSection(ar *txtar.Archive, name string, data string) {
	i := slices.IndexFunc(ar.Files, func(f txtar.File) bool { return f.Name == name })
	if i < 0 {
		ar.Files = append(ar.Files, txtar.File{Name: name})
		i = len(ar.Files) - 1
	}
	ar.Files[i].Data = []byte(data)
}

// TestDiagnostics holds the messages of each case to its golden file, and that
// an error is there exactly if there is no config. What this version doesn't run
// yet is left out, except in the case about that.
func TestDiagnostics(t *testing.T) {
	each(t, "diagnostics", func(t *testing.T, ar *txtar.Archive) {
		cfg, diags := Source("Hookaidofile", section(ar, "Hookaidofile"), testOptions())
		if (cfg == nil) != syntax.HasErrors(diags) {
			t.Errorf("config is nil: %v; errors: %v", cfg == nil, syntax.HasErrors(diags))
		}
		if !strings.HasSuffix(t.Name(), "/not_yet") {
			diags = slices.DeleteFunc(diags, func(d syntax.Diagnostic) bool { return d.Code == CodeNotRunning })
		}
		text := syntax.Render(diags)
		for i, d := range diags {
			text += fmt.Sprintf("code %d: %s\n", i+1, d.Code)
		}
		setSection(ar, "diagnostics", text)
	})
}

// TestFormat holds the formatted text of each case to its golden file, that it
// formats to itself, and that it gives the same diagnostics.
func TestFormat(t *testing.T) {
	each(t, "format", func(t *testing.T, ar *txtar.Archive) {
		out, diags := Format("Hookaidofile", section(ar, "Hookaidofile"))
		if syntax.HasErrors(diags) {
			t.Fatalf("not formatted: %s", syntax.Render(diags))
		}
		again, _ := Format("Hookaidofile", out)
		if diff := cmp.Diff(string(out), string(again)); diff != "" {
			t.Errorf("formatting twice differs (-once +twice):\n%s", diff)
		}
		setSection(ar, "formatted", string(out))
	})
}
