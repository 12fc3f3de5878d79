package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// ManualPages returns the manual page of each command as markdown for md2man,
// by its name without the section, such as hookaido-config-validate. They say
// what the help of the commands says.
func ManualPages() map[string]string {
	root := (&program{settings: newSettings()}).root()
	pages := map[string]string{}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, below := range subcommands(cmd) {
			pages[pageName(below)] = manualPage(below)
			walk(below)
		}
	}
	walk(root)
	return pages
}

// subcommands are those that have a page, in the order of their names.
func subcommands(cmd *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(cmd.Commands()), func(c *cobra.Command) bool {
		return !c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand() || c.Name() == "help" || c.Name() == "completion"
	})
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

func manualPage(cmd *cobra.Command) string {
	var b strings.Builder
	name := pageName(cmd)
	fmt.Fprintf(&b, "%% %s 1 \"\" \"\" \"Hookaido\"\n\n# NAME\n\n%s - %s\n\n# SYNOPSIS\n\n%s\n\n# DESCRIPTION\n\n", name, name, decapitalised(cmd.Short), synopsis(cmd))
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintf(&b, "%s\n\n", escaped(text))
	if below := subcommands(cmd); len(below) > 0 {
		b.WriteString("# COMMANDS\n\n")
		for _, c := range below {
			fmt.Fprintf(&b, "**%s**(1)\n:   %s.\n\n", pageName(c), escaped(c.Short))
		}
	}
	writeOptions(&b, cmd)
	if cmd.Example != "" {
		b.WriteString("# EXAMPLES\n\n")
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			fmt.Fprintf(&b, "    %s\n", strings.TrimPrefix(line, "  "))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "# SEE ALSO\n\n%s\n", strings.Join(related(cmd), ", "))
	return b.String()
}

// synopsis is the line of usage: what isn't an option or a word of the command
// is something to fill in.
func synopsis(cmd *cobra.Command) string {
	out := "**" + cmd.CommandPath() + "**"
	if len(subcommands(cmd)) > 0 {
		return out + " *COMMAND* [*OPTION*...]"
	}
	for _, word := range strings.Fields(cmd.Use)[1:] {
		name := strings.Trim(word, "[].")
		out += " " + strings.Replace(escaped(word), escaped(name), "*"+escaped(name)+"*", 1)
	}
	if hasOptions(cmd) {
		out += " [*OPTION*...]"
	}
	return out
}

func hasOptions(cmd *cobra.Command) bool {
	found := false
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { found = found || !f.Hidden })
	return found
}

func writeOptions(b *strings.Builder, cmd *cobra.Command) {
	if !hasOptions(cmd) {
		return
	}
	b.WriteString("# OPTIONS\n\n")
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(b, "**--%s**", f.Name)
		if kind != "" {
			fmt.Fprintf(b, " *%s*", strings.ToUpper(kind))
		}
		fmt.Fprintf(b, "\n:   %s.", escaped(strings.ToUpper(usage[:1])+usage[1:]))
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "[]" && f.DefValue != "0s" {
			fmt.Fprintf(b, " Default: %s.", escaped(f.DefValue))
		}
		b.WriteString("\n\n")
	})
}

// related are the pages above and beside a command.
func related(cmd *cobra.Command) []string {
	pages := []string{"**hookaido**(1)"}
	parent := cmd.Parent()
	if parent.HasParent() {
		pages = append(pages, "**"+pageName(parent)+"**(1)")
		for _, c := range subcommands(parent) {
			if c != cmd {
				pages = append(pages, "**"+pageName(c)+"**(1)")
			}
		}
	}
	return append(pages, "**Hookaidofile**(5)", "**hookaido-systemd**(7)")
}

// escaped keeps markdown from seeing its own marks in text.
func escaped(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "`", "\\`", "<", `\<`, "[", `\[`, "]", `\]`).Replace(text)
}

func decapitalised(text string) string { return strings.ToLower(text[:1]) + text[1:] }
