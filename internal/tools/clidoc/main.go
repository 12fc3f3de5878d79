// Command clidoc writes the manual page of each command of hookaido, as
// markdown for md2man, from what the command line says of itself. Pages of
// commands that are gone are removed.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"hookaido/internal/cli"
)

func main() {
	out := flag.String("out", "packaging/man", "the `folder` to write to")
	flag.Parse()
	if err := write(*out, cli.ManualPages()); err != nil {
		fmt.Fprintf(os.Stderr, "clidoc: %v\n", err)
		os.Exit(1)
	}
}

// suffix is that of the pages, which are hookaido-COMMAND.1.md.
const suffix = ".1.md"

func write(dir string, pages map[string]string) error {
	old, err := filepath.Glob(filepath.Join(dir, "hookaido-*"+suffix))
	if err != nil {
		return err
	}
	for _, path := range old {
		if _, still := pages[strings.TrimSuffix(filepath.Base(path), suffix)]; !still {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("remove the page of a command that is gone: %w", err)
			}
		}
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(dir, name+suffix), []byte(text), 0o644); err != nil { //nolint:gosec // pages for everybody
			return fmt.Errorf("write a page: %w", err)
		}
	}
	return nil
}
