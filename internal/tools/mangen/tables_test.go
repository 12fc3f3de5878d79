package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestFitTables(t *testing.T) {
	long := strings.Repeat("word ", 20) + "end"
	roff := "a\n.TS\nallbox;\nl l \nl l .\n\\fBName\\fP\t\\fBMeaning\\fP\nshort\tT{\n" + long + "\nT}\nx\\_y\t\\fBbold\\fP " + long + "\n.TE\nb\n"
	got := fitTables(roff)
	want := "a\n.TS\nallbox;\nlw(5n) lw(59n).\n\\fBName\\fP\t\\fBMeaning\\fP\nshort\tT{\n.ad l\n" + long + "\nT}\nx\\_y\tT{\n.ad l\n\\fBbold\\fP " + long + "\nT}\n.TE\nb\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, same := range []string{"no table\n", "\n.TS\nodd\n.TE\n"} {
		if got := fitTables(same); got != same {
			t.Errorf("%q became %q", same, got)
		}
	}
	// Words are never cut but at their hyphens, even if the line is too short.
	wide := strings.Repeat("w", 50)
	if got := fit([][]string{{wide, wide}}); got[0] != 50 || got[1] != 50 {
		t.Errorf("widths %v", got)
	}
	hyphens := strings.Repeat("w", 20) + "-" + strings.Repeat("w", 29)
	if got := fit([][]string{{hyphens, hyphens}}); got[0] != 32 || got[1] != 32 {
		t.Errorf("widths %v", got)
	}
}

// man has nothing to say against any page.
func TestManWarnsOfNothing(t *testing.T) {
	man, err := exec.LookPath("man")
	if err != nil {
		t.Skip("there is no man here; packaging/lint-deb looks at the pages too")
	}
	sources, err := filepath.Glob(filepath.Join(manFolder, "*.md"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	dir := t.TempDir()
	for _, source := range sources {
		if err := generate(dir, source); err != nil {
			t.Fatal(err)
		}
		page := filepath.Join(dir, strings.TrimSuffix(filepath.Base(source), ".md")+".gz")
		cmd := exec.CommandContext(t.Context(), man, "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=80", "MANROFFSEQ=")
		var complaint strings.Builder
		cmd.Stderr = &complaint
		if err := cmd.Run(); err != nil || complaint.Len() > 0 {
			t.Errorf("%s: %v\n%s", filepath.Base(source), err, complaint.String())
		}
	}
}
