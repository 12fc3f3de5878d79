package compile

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"hookaido/internal/config/syntax"
)

// unlike are the files whose shown text means something else, and why.
var unlike = map[string]string{
	"placeholders_good":    "a value is the text of a placeholder",
	"pull_bounds_implicit": "the default that is above the limit is allowed only unwritten",
}

// TestShownTextMeansTheSame compiles what is shown of each good golden file and
// compares the two configs. Secrets and texts that may be secrets are left out,
// since they are shown redacted.
func TestShownTextMeansTheSame(t *testing.T) {
	files, err := filepath.Glob("testdata/diagnostics/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		cfg, _ := Source("f", section(ar, "Hookaidofile"), testOptions())
		if name := strings.TrimSuffix(filepath.Base(file), ".txtar"); cfg == nil || unlike[name] != "" {
			continue
		}
		text := ShowText(Meaning(cfg))
		again, diags := Source("f", []byte(text), testOptions())
		if again == nil {
			t.Errorf("%s: what is shown is refused:\n%s%s", file, text, syntax.Render(diags))
			continue
		}
		differences := Compare(cfg, again)
		for _, d := range differences {
			if !strings.Contains(d.Before, "[redacted]") || d.Restart && !strings.Contains(d.Path, "tracing") {
				t.Errorf("%s: %s", file, d)
			}
		}
		if second := ShowText(Meaning(again)); second != text {
			t.Errorf("%s: shown again:\n%s", file, cmp.Diff(text, second))
		}
		if _, diags := Format("f", []byte(text)); syntax.HasErrors(diags) {
			t.Errorf("%s: %s", file, syntax.Render(diags))
		}
		shown++
	}
	if shown < 10 {
		t.Errorf("only %d files were shown", shown)
	}
}

// TestShow holds text and JSON of each case to its golden file, and that no
// secret is in them.
func TestShow(t *testing.T) {
	each(t, "show", func(t *testing.T, ar *txtar.Archive) {
		cfg, diags := Source("Hookaidofile", section(ar, "Hookaidofile"), testOptions())
		if cfg == nil {
			t.Fatal(syntax.Render(diags))
		}
		nodes := Meaning(cfg)
		text, err := ShowJSON(nodes)
		if err != nil || !json.Valid(text) {
			t.Fatalf("JSON: %v\n%s", err, text)
		}
		setSection(ar, "text", ShowText(nodes))
		setSection(ar, "json", string(text))
		if shown := ShowText(nodes) + string(text); strings.Contains(shown, "MARKER") {
			t.Errorf("a secret shows:\n%s", shown)
		}
	})
}

// TestCompare holds what differs between the two files of each case to its
// golden file, and that nothing differs the other way round but the sides.
func TestCompare(t *testing.T) {
	each(t, "compare", func(t *testing.T, ar *txtar.Archive) {
		before, diags := Source("before", section(ar, "before"), testOptions())
		after, more := Source("after", section(ar, "after"), testOptions())
		if before == nil || after == nil {
			t.Fatal(syntax.Render(append(diags, more...)))
		}
		var text strings.Builder
		forth, back := Compare(before, after), Compare(after, before)
		for _, d := range forth {
			fmt.Fprintln(&text, d)
		}
		if len(forth) != len(back) {
			t.Errorf("forth %v, back %v", forth, back)
		}
		if same := Compare(before, before); len(same) > 0 {
			t.Errorf("a config differs from itself: %v", same)
		}
		if strings.Contains(text.String(), "MARKER") {
			t.Errorf("a secret shows:\n%s", text.String())
		}
		setSection(ar, "differences", text.String())
	})
}
