package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"hookaido/internal/config/schema"
)

func (p *program) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain DIRECTIVE",
		Short: "Say what a directive of the Hookaidofile does",
		Long: "Explain prints where a directive stands, how it is written, its default and its bounds.\n" +
			"A name that stands in several blocks is explained for each; pull_api.listen names one.",
		Example: "  hookaido config explain max_body\n" +
			"  hookaido config explain auth hmac\n" +
			"  hookaido config explain pull_api.listen",
		ValidArgsFunction: func(_ *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
			return directivesAfter(strings.Join(append(args, start), " "), start), cobra.ShellCompDirectiveNoFileComp
		},
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{cmd, errors.New("the name of a directive is missing")}
			}
			return p.explain(strings.Join(args, " "))
		},
	}
}

// directivesAfter returns the words that complete the last one of what was
// typed to the name of a directive.
func directivesAfter(typed, last string) []string {
	var words []string
	for _, name := range schema.Names(schema.Root()) {
		if strings.HasPrefix(name, typed) {
			words = append(words, last+strings.TrimPrefix(name, typed))
		}
	}
	return words
}

func (p *program) explain(name string) error {
	root := schema.Root()
	found := schema.Find(root, name)
	if len(found) == 0 {
		last := name[strings.LastIndexByte(name, '.')+1:]
		hint := "all directives: man Hookaidofile"
		if near := schema.Nearest(last, schema.Names(root)); near != "" {
			hint = "did you mean: hookaido config explain " + near
		}
		return fmt.Errorf("there is no directive %q; %s", name, hint)
	}
	for i, place := range found {
		if i > 0 {
			fmt.Fprintln(p.Stdout)
		}
		if _, err := fmt.Fprint(p.Stdout, explanation(place)); err != nil {
			return err
		}
	}
	return nil
}

// explanation is what there is to know about a directive, for a terminal.
func explanation(place schema.Place) string {
	row := place.Row
	var b strings.Builder
	where := "at the top level"
	if len(place.Path) > 0 {
		where = "in " + strings.Join(place.Path, " { ") + strings.Repeat(" }", len(place.Path)-1)
	}
	fmt.Fprintf(&b, "%s  (%s)\n", row.Usage(), where)
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-9s %s\n", name, strings.ReplaceAll(text, "`", ""))
		}
	}
	line("", row.Help)
	for _, arg := range append(row.Args[:len(row.Args):len(row.Args)], row.Options...) {
		line(arg.Name, arg.Kind.Form)
	}
	line("default", row.DefaultText())
	if row.Required {
		line("required", "yes")
	}
	if row.Repeat {
		line("repeat", "may stand several times")
	}
	effect := "takes effect with a reload"
	if row.HasRestart() {
		effect = "needs a restart"
	}
	line("change", effect)
	if place.Later {
		line("note", "compiles, but this version doesn't run it yet")
	}
	if row.Block != nil {
		line("inside", strings.Join(insideOf(row.Block), ", "))
	}
	line("example", row.Example)
	return b.String()
}

func insideOf(b *schema.Block) []string {
	var names []string
	for _, row := range b.All() {
		names = append(names, row.Name)
	}
	return names
}
