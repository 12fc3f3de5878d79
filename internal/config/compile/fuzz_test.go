package compile

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"hookaido/internal/config/syntax"
)

// seed adds the inputs of all golden files.
func seed(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds (%v)", err)
	}
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(section(ar, "Hookaidofile"))
	}
	f.Add([]byte(everything))
}

// comments returns the comments of a text in their order, blanks at the end
// aside.
func comments(src []byte) [][]byte {
	var list [][]byte
	file, _ := syntax.Parse("f", src)
	var walk func(b *syntax.Block)
	walk = func(b *syntax.Block) {
		for _, item := range b.Items {
			if item.Block != nil {
				walk(item.Block)
			} else if item.Token.Kind == syntax.Comment {
				list = append(list, bytes.TrimRight([]byte(item.Token.Raw), " \t"))
			}
		}
	}
	walk(file.Root)
	return list
}

// FuzzFormat holds the formatter to this: its result formats to itself, keeps
// every comment, and means what the source means.
func FuzzFormat(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		out, _ := Format("f", src)
		if out == nil {
			return
		}
		again, diags := Format("f", out)
		if again == nil {
			t.Fatalf("the result is refused: %s\n%s", syntax.Render(diags), out)
		}
		if diff := cmp.Diff(string(out), string(again)); diff != "" {
			t.Fatalf("formatting twice differs (-once +twice):\n%s", diff)
		}
		if diff := cmp.Diff(comments(src), comments(out)); diff != "" {
			t.Fatalf("comments differ (-source +formatted):\n%s", diff)
		}
		before, _ := Source("f", src, testOptions())
		after, diags := Source("f", out, testOptions())
		if diff := cmp.Diff(before, after, noPlaces); diff != "" {
			t.Fatalf("the meaning differs (-source +formatted):\n%s\n%s\n%s", diff, out, syntax.Render(diags))
		}
	})
}

// FuzzCompile holds the compiler to this: it never panics, there is a config
// exactly if there is no error, every place lies in the file, and what is shown
// of a config can be read again.
func FuzzCompile(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		cfg, diags := Source("f", src, testOptions())
		if (cfg == nil) != syntax.HasErrors(diags) {
			t.Errorf("config is nil: %v, but: %s", cfg == nil, syntax.Render(diags))
		}
		lines := bytes.Count(src, []byte("\n")) + bytes.Count(src, []byte("\r")) + 1
		for _, d := range diags {
			if d.Span.Start.Line < 1 || d.Span.Start.Line > lines || d.Message == "" || d.Code == "" {
				t.Errorf("diagnostic without place, message or code: %+v", d)
			}
		}
		_ = syntax.Render(diags)
		if cfg != nil {
			if changes := RestartChanges(cfg, cfg); len(changes) > 0 {
				t.Errorf("a config differs from itself: %v", changes)
			}
			_ = SecretRefs(cfg)
			nodes := Meaning(cfg)
			if text, err := ShowJSON(nodes); err != nil || !json.Valid(text) {
				t.Errorf("shown as JSON: %v\n%s", err, text)
			}
			if _, diags := Format("f", []byte(ShowText(nodes))); syntax.HasErrors(diags) {
				t.Errorf("shown as text: %s\n%s", ShowText(nodes), syntax.Render(diags))
			}
			if same := Compare(cfg, cfg); len(same) > 0 {
				t.Errorf("a config differs from itself: %v", same)
			}
		}
	})
}
