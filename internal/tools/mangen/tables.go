package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// lineWidth is what a table has on a terminal of 80 columns, in characters,
// and border what each column needs beside its text.
const (
	lineWidth = 70
	border    = 3
)

// fitTables gives the tables of roff columns that fit on a line. The renderer
// breaks only some of the long cells, so that a table may grow beyond the page,
// of which man warns.
func fitTables(roff string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(roff, "\n.TS\n")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		table, after, _ := strings.Cut(rest, "\n.TE")
		out.WriteString("\n.TS\n" + fitTable(table) + "\n.TE")
		roff = after
	}
}

// fitTable rewrites what is between .TS and .TE: options, formats that end with
// a dot, and rows.
func fitTable(table string) string {
	options, rest, ok1 := strings.Cut(table, ";\n")
	_, body, ok2 := strings.Cut(rest, " .\n")
	rows := rowsOf(body)
	if !ok1 || !ok2 || len(rows) == 0 {
		return table
	}
	widths := fit(rows)
	var b strings.Builder
	b.WriteString(options + ";\n")
	for i, w := range widths {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "lw(%dn)", w)
	}
	b.WriteString(".")
	for _, row := range rows {
		b.WriteByte('\n')
		for i, cell := range row {
			if i > 0 {
				b.WriteByte('\t')
			}
			if visible(cell) > widths[i] {
				cell = "T{\n.ad l\n" + cell + "\nT}"
			}
			b.WriteString(cell)
		}
	}
	return b.String()
}

// rowsOf takes rows and cells apart. A cell may be a block of text over several
// lines.
func rowsOf(body string) [][]string {
	var rows [][]string
	lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		row := lines[i]
		for strings.HasSuffix(row, "T{") && i+1 < len(lines) {
			var text []string
			for i++; i < len(lines) && !strings.HasPrefix(lines[i], "T}"); i++ {
				text = append(text, lines[i])
			}
			row = strings.TrimSuffix(row, "T{") + strings.Join(text, " ")
			if i < len(lines) {
				row += strings.TrimPrefix(lines[i], "T}")
			}
		}
		rows = append(rows, strings.Split(row, "\t"))
	}
	return rows
}

// fit finds a width for each column: that of its longest cell, or where the line
// is too short for all, less for the widest, but room for its longest word; and
// where that doesn't do, for the longest part of a word between hyphens.
func fit(rows [][]string) []int {
	var widths, words, parts []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths, words, parts = append(widths, 1), append(words, 1), append(parts, 1)
			}
			widths[i] = max(widths[i], visible(cell))
			for _, word := range strings.Fields(cell) {
				words[i] = max(words[i], visible(word))
				for part := range strings.SplitAfterSeq(word, "-") {
					parts[i] = max(parts[i], visible(part))
				}
			}
		}
	}
	shrink(widths, words)
	shrink(widths, parts)
	return widths
}

// shrink makes the widest columns narrower until all fit, but none more than to
// its least width.
func shrink(widths, least []int) {
	left := lineWidth
	for _, w := range widths {
		left -= w + border
	}
	for ; left < 0; left++ {
		widest := -1
		for i, w := range widths {
			if w > least[i] && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// visible counts the characters of roff that are seen.
func visible(roff string) int {
	plain := regexp.MustCompile(`\\f[A-Z]|\\&`).ReplaceAllString(roff, "")
	return utf8.RuneCountInString(regexp.MustCompile(`\\(\(..|\[[^]]*\]|.)`).ReplaceAllString(plain, "x"))
}
