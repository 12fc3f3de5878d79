package main

import (
	_ "embed"
	"fmt"
	"strings"

	"hookaido/internal/config/schema"
)

//go:embed language.md
var language string

//go:embed notes.md
var notes string

// page returns the whole manual page.
func page(root *schema.Block) string {
	var b strings.Builder
	b.WriteString(language)
	b.WriteString("\n# DIRECTIVES\n\n")
	b.WriteString("For each block: what may stand in it, the default, and whether a change takes effect with a reload or needs a restart. " +
		"Directives marked *not yet*, and those in their blocks, compile, but **hookaido run** and a reload refuse them in this version.\n\n")
	seen := map[string]bool{}
	schema.Walk(root, func(block *schema.Block) { writeBlock(&b, block, seen) })
	b.WriteString(notes)
	return b.String()
}

// writeBlock writes the section of a block. Blocks that stand in several
// places have one section.
func writeBlock(b *strings.Builder, block *schema.Block, seen map[string]bool) {
	key := block.Title
	if block.Name == "tracing_tls" || block.Name == "tracing_retry" {
		key = "tracing: " + block.Title
	}
	if seen[key] {
		return
	}
	seen[key] = true
	fmt.Fprintf(b, "### %s\n\n%s\n\n", escape(key), escape(block.Help))
	for _, row := range block.All() {
		fmt.Fprintf(b, "`%s`\n:   %s\n\n", row.Usage(), escape(describe(row)))
	}
}

// describe returns what there is to know about a row, in sentences.
func describe(row *schema.Directive) string {
	parts := []string{row.Help}
	for _, arg := range row.Args {
		if form := arg.Kind.Form; form != "" && arg.Name != "exponential" {
			parts = append(parts, fmt.Sprintf("`%s` is %s.", arg.Name, form))
		}
	}
	if def := row.DefaultText(); def != "" {
		parts = append(parts, "Default: "+def+".")
	} else if row.Required {
		parts = append(parts, "Required.")
	}
	if row.Repeat {
		parts = append(parts, "May be given several times.")
	}
	if row.HasRestart() {
		parts = append(parts, "A change needs a restart.")
	}
	parts = append(parts, fmt.Sprintf("Example: `%s`", row.Example))
	if row.Later {
		parts = append([]string{"(*not yet*)"}, parts...)
	}
	return strings.Join(parts, " ")
}

// escape takes the meaning in markdown from what stands outside code and isn't
// meant as markup.
func escape(text string) string {
	text = strings.ReplaceAll(text, "(*not yet*)", "\x00")
	pieces := strings.Split(text, "`")
	for i := 0; i < len(pieces); i += 2 {
		pieces[i] = strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`).Replace(pieces[i])
	}
	return strings.ReplaceAll(strings.Join(pieces, "`"), "\x00", "(*not yet*)")
}
