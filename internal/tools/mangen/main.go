// Command mangen turns the manual pages from markdown into compressed roff.
//
//	mangen DIR PAGE.md...
//
// packaging/man/hookaido.1.md becomes DIR/hookaido.1.gz. The output depends on
// the input alone: it holds no time and no file name.
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: mangen DIR PAGE.md...")
		os.Exit(2)
	}
	for _, source := range os.Args[2:] {
		if err := generate(os.Args[1], source); err != nil {
			fmt.Fprintln(os.Stderr, "mangen:", err)
			os.Exit(1)
		}
	}
}

// generate renders the page at source into the folder dir.
func generate(dir, source string) error {
	markdown, err := os.ReadFile(source)
	if err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	name := strings.TrimSuffix(filepath.Base(source), ".md")
	page, err := render(markdown)
	if err != nil {
		return fmt.Errorf("render %s: %w", source, err)
	}
	target := filepath.Join(dir, name+".gz")
	if err := os.WriteFile(target, page, 0o644); err != nil { //nolint:gosec // manual pages are public
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// render returns the compressed roff of markdown, which must begin with a
// title line.
func render(markdown []byte) ([]byte, error) {
	if !bytes.HasPrefix(markdown, []byte("% ")) {
		return nil, fmt.Errorf("the first line is no title; write one like: %% hookaido 1 \"\" \"\" \"Hookaido\"")
	}
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write([]byte(ragged(fitTables(string(md2man.Render(markdown)))))); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// ragged keeps names such as those of codes and files whole, for readers who
// copy them: lines are neither hyphenated nor filled with spaces.
func ragged(roff string) string {
	before, after, found := strings.Cut(roff, "\n.SH ")
	if !found {
		return roff
	}
	return before + "\n.nr HY 0\n.hy 0\n.ad l\n.SH " + after
}
