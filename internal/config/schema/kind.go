package schema

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The codes of values that don't fit. They are stable.
const (
	CodeValue = "bad-value"
	CodeRange = "out-of-range"
	CodeRisky = "risky-value"
)

// Problem says why a text is no value of a kind. A warning comes beside a
// value that is used all the same.
type Problem struct {
	Code, Message, Hint string
	Warning             bool
}

// Error implements error.
func (p *Problem) Error() string { return p.Message }

// Kind is a type of argument.
type Kind struct {
	// Name is what messages call it, Form how a value is written.
	Name, Form string
	// Words are the allowed words, if these are all.
	Words []string
	// Free is set for text in which a semicolon at the end may be meant.
	Free bool
	// Secret is set for text that must not be shown: a reference to a secret,
	// or with Text the text itself.
	Secret, Text bool
	// Place is set for values where a piece that expands to nothing would
	// silently name something else.
	Place bool
	// Parse reads a value, trimmed and with its placeholders expanded. A
	// returned *Problem that is a warning comes with a value.
	Parse func(text string) (any, *Problem)
	// Later returns what this version doesn't run yet of a value that Parse
	// gave, in words, or ""; nil if it runs all.
	Later func(value any) string
}

// Short returns a one-word name of the kind.
func (k Kind) Short() string {
	name, _, _ := strings.Cut(k.Name, " ")
	return name
}

func bad(hint, format string, args ...any) (any, *Problem) {
	return nil, &Problem{Code: CodeValue, Message: fmt.Sprintf(format, args...), Hint: hint}
}

func outOfRange(hint, format string, args ...any) (any, *Problem) {
	return nil, &Problem{Code: CodeRange, Message: fmt.Sprintf(format, args...), Hint: hint}
}

func boolKind() Kind {
	return Kind{Name: "bool", Form: "on, true, 1, off, false or 0", Words: []string{"on", "off"},
		Parse: func(text string) (any, *Problem) {
			switch strings.ToLower(text) {
			case "on", "true", "1":
				return true, nil
			case "off", "false", "0":
				return false, nil
			}
			return bad(`write on or off`, "%s is neither on nor off", quote(text))
		}}
}

// wordKind takes one of the words in any letter case and gives it as listed.
func wordKind(words ...string) Kind {
	return Kind{Name: "word", Form: orList(words), Words: words,
		Parse: func(text string) (any, *Problem) {
			for _, w := range words {
				if strings.EqualFold(w, text) {
					return w, nil
				}
			}
			return notAWord(text, words)
		}}
}

// exactKind is wordKind with the letter case as listed.
func exactKind(words ...string) Kind {
	return Kind{Name: "word", Form: orList(words), Words: words,
		Parse: func(text string) (any, *Problem) {
			for _, w := range words {
				if w == text {
					return w, nil
				}
			}
			return notAWord(text, words)
		}}
}

// running marks the words of a kind that this version runs, so that the others
// count as for later versions.
func (k Kind) running(words ...string) Kind {
	k.Later = func(value any) string {
		if w, ok := value.(string); ok && !slices.Contains(words, w) {
			return quote(w)
		}
		return ""
	}
	return k
}

func notAWord(text string, words []string) (any, *Problem) {
	if near := Nearest(text, words); near != "" {
		return bad(fmt.Sprintf("did you mean %q? Allowed: %s", near, orList(words)), "%s is not allowed here", quote(text))
	}
	return bad("write "+orList(words), "%s is not allowed here", quote(text))
}

func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

func intKind(low, high int) Kind {
	return Kind{Name: "int", Form: intForm(low, high),
		Parse: func(text string) (any, *Problem) { return parseInt(text, low, high) }}
}

// intOrOff takes "off" for 0. It refuses the number 0, which reads like "none"
// and would mean "without a limit".
func intOrOff(high int) Kind {
	return Kind{Name: "int", Form: intForm(1, high) + ", or off",
		Parse: func(text string) (any, *Problem) {
			if strings.EqualFold(text, "off") {
				return 0, nil
			}
			if n, err := strconv.Atoi(text); err == nil && n == 0 {
				return outOfRange(`write "off" for no limit, or a number from 1`,
					"0 would mean no limit at all")
			}
			return parseInt(text, 1, high)
		}}
}

func intForm(low, high int) string {
	if high >= maxInt {
		return fmt.Sprintf("a whole number from %d", low)
	}
	return fmt.Sprintf("a whole number from %d to %d", low, high)
}

// maxInt is the bound of numbers that have no tighter one: far above what
// makes sense, and far below what overflows in a product.
const maxInt = 1<<31 - 1

func parseInt(text string, low, high int) (any, *Problem) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil && errIsRange(err), err == nil && (n < int64(low) || n > int64(high)):
		return outOfRange(fmt.Sprintf("write a number from %d to %d", low, high), "%s is out of range", text)
	case err != nil:
		return bad(fmt.Sprintf("write %s", intForm(low, high)), "%s is not a whole number", quote(text))
	}
	return int(n), nil
}

// countKind is a number of things that are kept, or off for no bound. Unlike
// intOrOff it takes 0 for off, as version 2.11 does.
func countKind() Kind {
	return Kind{Name: "int", Form: intForm(0, maxInt) + "; 0 or off for no bound",
		Parse: func(text string) (any, *Problem) {
			if strings.EqualFold(text, "off") {
				return 0, nil
			}
			return parseInt(text, 0, maxInt)
		}}
}

// shareKind is a number from 0 to 1.
func shareKind() Kind {
	const hint = "write a number from 0 to 1, such as 0.2"
	return Kind{Name: "number", Form: "a number from 0 to 1",
		Parse: func(text string) (any, *Problem) {
			f, problem := parseFloat(text, hint)
			if problem == nil && (f < 0 || f > 1) {
				return outOfRange(hint, "%s is out of range", text)
			}
			return f, problem
		}}
}

// rateKind is a number above 0.
func rateKind() Kind {
	const hint = "write a number above 0, such as 50 or 0.5"
	return Kind{Name: "number", Form: "a number above 0; parts are allowed, such as 0.5",
		Parse: func(text string) (any, *Problem) {
			f, problem := parseFloat(text, hint)
			if problem == nil && (f <= 0 || f > maxInt) {
				return outOfRange(hint, "%s is out of range", text)
			}
			return f, problem
		}}
}

// parseFloat reads a finite number.
func parseFloat(text, hint string) (float64, *Problem) {
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil && !errIsRange(err):
		return 0, &Problem{Code: CodeValue, Message: fmt.Sprintf("%s is not a number", quote(text)), Hint: hint}
	case err != nil, math.IsNaN(f), math.IsInf(f, 0):
		return 0, &Problem{Code: CodeRange, Message: fmt.Sprintf("%s is out of range", text), Hint: hint}
	}
	return f, nil
}

// textKind is any text that isn't empty.
func textKind(name string) Kind {
	return Kind{Name: name, Form: "text; quote it if it has spaces, # or braces",
		Parse: func(text string) (any, *Problem) {
			if text == "" {
				return bad("", "the %s is empty", name)
			}
			return text, nil
		}}
}

// secretKind is a reference to a secret. What a reference may be is a matter
// of package secret; here it is text that must not be shown.
func secretKind() Kind {
	return Kind{Name: "secret", Form: "env:NAME, file:PATH, credential:NAME, vault:PATH#FIELD or raw:TEXT", Secret: true,
		Parse: func(text string) (any, *Problem) { return text, nil }}
}
