package syntax

import (
	"cmp"
	"encoding/json"
	"slices"
)

// Severity says whether a diagnostic refuses the file.
type Severity int

// The severities.
const (
	Error Severity = iota
	Warning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// The codes of what is wrong with the text itself. They are stable.
const (
	CodeEncoding = "bad-encoding"
	CodeString   = "unterminated-string"
	CodeTooLong  = "too-long"
	CodeTooDeep  = "too-deep"
	CodeBrace    = "unbalanced-brace"
)

// Diagnostic is one thing to say about a file.
type Diagnostic struct {
	Severity Severity
	// Code is stable and names the kind of fault.
	Code string
	File string
	Span Span
	// Message says what is wrong, Hint what to do; Hint may be empty.
	Message, Hint string
	// Related is another place that plays a part; nil for none.
	Related *Note
	// Source is the line at Span.Start with secrets masked; empty if unknown.
	Source string
}

// Note is a second place of a diagnostic.
type Note struct {
	Span    Span
	Message string
	Source  string
}

// MarshalJSON writes the form that tools read: file, line, column, severity,
// code, message, hint and, if there is one, related.
func (d Diagnostic) MarshalJSON() ([]byte, error) {
	type related struct {
		File    string `json:"file"`
		Line    int    `json:"line"`
		Column  int    `json:"column"`
		Message string `json:"message"`
	}
	out := struct {
		File     string   `json:"file"`
		Line     int      `json:"line"`
		Column   int      `json:"column"`
		Severity string   `json:"severity"`
		Code     string   `json:"code"`
		Message  string   `json:"message"`
		Hint     string   `json:"hint"`
		Related  *related `json:"related,omitempty"`
	}{
		File: d.File, Line: d.Span.Start.Line, Column: d.Span.Start.Column,
		Severity: d.Severity.String(), Code: d.Code, Message: d.Message, Hint: d.Hint,
	}
	if d.Related != nil {
		at := d.Related.Span.Start
		out.Related = &related{d.File, at.Line, at.Column, d.Related.Message}
	}
	return json.Marshal(out)
}

// Sort orders diagnostics by position, errors before warnings at one place.
func Sort(list []Diagnostic) {
	slices.SortStableFunc(list, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.Span.Start.Line, b.Span.Start.Line),
			cmp.Compare(a.Span.Start.Column, b.Span.Start.Column),
			cmp.Compare(a.Severity, b.Severity),
		)
	})
}

// HasErrors reports whether one of the diagnostics refuses the file.
func HasErrors(list []Diagnostic) bool {
	return slices.ContainsFunc(list, func(d Diagnostic) bool { return d.Severity == Error })
}
