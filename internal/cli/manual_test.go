package cli

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Every command has a page that says what its help says.
func TestManualPages(t *testing.T) {
	pages := ManualPages()
	root := (&program{settings: newSettings()}).root()
	seen := 0
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, c := range subcommands(cmd) {
			seen++
			page := pages[pageName(c)]
			for _, want := range []string{"% " + pageName(c) + " 1 ", "\n# NAME\n", "\n# SYNOPSIS\n\n**" + c.CommandPath() + "**", "\n# DESCRIPTION\n", "\n# SEE ALSO\n"} {
				if !strings.Contains(page, want) {
					t.Errorf("%s: no %q", c.CommandPath(), want)
				}
			}
			c.LocalFlags().VisitAll(func(f *pflag.Flag) {
				if !strings.Contains(page, "\n**--"+f.Name+"**") {
					t.Errorf("%s: nothing about --%s", c.CommandPath(), f.Name)
				}
			})
			for line := range strings.Lines(c.Example) {
				if !strings.Contains(page, "    "+strings.TrimSpace(line)+"\n") {
					t.Errorf("%s: no example %q", c.CommandPath(), line)
				}
			}
			walk(c)
		}
	}
	walk(root)
	if seen < 15 || seen != len(pages) {
		t.Errorf("%d commands, %d pages", seen, len(pages))
	}
}
