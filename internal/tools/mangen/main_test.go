package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const manFolder = "../../../packaging/man"

func unpack(t *testing.T, page []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	if !r.ModTime.IsZero() || r.Name != "" {
		t.Errorf("the header holds time %v and name %q; the output must depend on the input alone", r.ModTime, r.Name)
	}
	roff, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(roff)
}

// Every page of the package names itself and its section as it is installed,
// and has the sections that readers jump to.
func TestPagesOfThePackage(t *testing.T) {
	sources, err := filepath.Glob(filepath.Join(manFolder, "*.md"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("no pages in %s: %v", manFolder, err)
	}
	dir := t.TempDir()
	for _, source := range sources {
		t.Run(filepath.Base(source), func(t *testing.T) {
			if err := generate(dir, source); err != nil {
				t.Fatal(err)
			}
			name := strings.TrimSuffix(filepath.Base(source), ".md")
			page, err := os.ReadFile(filepath.Join(dir, name+".gz"))
			if err != nil {
				t.Fatal(err)
			}
			roff := unpack(t, page)
			title, section := name[:strings.LastIndex(name, ".")], name[strings.LastIndex(name, ".")+1:]
			if first := firstTitle(roff); !strings.EqualFold(first, title+" "+section) {
				t.Errorf("the title says %q, the file %q", first, title+" "+section)
			}
			for _, want := range []string{".SH NAME", ".SH DESCRIPTION", ".SH SEE ALSO"} {
				if !strings.Contains(roff, want) {
					t.Errorf("no %q", want)
				}
			}
		})
	}
}

// firstTitle returns the name and section of the .TH line.
func firstTitle(roff string) string {
	for line := range strings.Lines(roff) {
		if rest, ok := strings.CutPrefix(line, ".TH "); ok {
			fields := strings.Fields(strings.ReplaceAll(rest, `"`, ""))
			if len(fields) >= 2 {
				return fields[0] + " " + fields[1]
			}
		}
	}
	return ""
}

func TestRenderIsStableAndRefusesAPageWithoutTitle(t *testing.T) {
	page := []byte("% demo 1 \"\" \"\" \"Demo\"\n\n# NAME\n\ndemo - shows it\n")
	a, err := render(page)
	if err != nil {
		t.Fatal(err)
	}
	b, err := render(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("two runs differ")
	}
	if !strings.Contains(unpack(t, a), ".SH NAME\n") {
		t.Error("the heading is lost")
	}
	if _, err := render([]byte("# NAME\n")); err == nil || !strings.Contains(err.Error(), "title") {
		t.Errorf("a page without title: %v", err)
	}
}
