// Command docgen writes the manual page Hookaidofile(5) as markdown for md2man.
// The reference of directives comes from the directive table, the rest from
// the markdown files beside it; a test fails when the committed page is stale.
package main

import (
	"flag"
	"fmt"
	"os"

	"hookaido/internal/config/schema"
)

func main() {
	out := flag.String("out", "packaging/man/Hookaidofile.5.md", "the `file` to write")
	flag.Parse()
	if err := os.WriteFile(*out, []byte(page(schema.Root())), 0o644); err != nil { //nolint:gosec // a page for everybody
		fmt.Fprintf(os.Stderr, "docgen: write the page: %v\n", err)
		os.Exit(1)
	}
}
