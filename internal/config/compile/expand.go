package compile

import (
	"fmt"
	"strings"

	"hookaido/internal/config/schema"
	"hookaido/internal/config/syntax"
)

// maxExpanded bounds what the placeholders of one value may become, in bytes.
const maxExpanded = 1 << 20

// value reads a token as a value of the kind. It reports what is wrong, under
// the name of the directive, and then returns false.
func (c *compiler) value(tok syntax.Token, kind schema.Kind, name string) (any, bool) {
	if tok.Bad {
		return nil, false
	}
	x := c.expand(tok, name)
	if x.failed {
		return nil, false
	}
	text := x.text
	if !kind.Free {
		text = strings.TrimSpace(text)
	}
	if kind.Place && len(x.unset) > 0 {
		c.errorAt(CodeEnvNotSet, tok.Span, "set it for the service, or give a fallback: {$"+x.unset[0]+":text}",
			fmt.Sprintf("%s: the environment variable %s is not set", name, quoted(x.unset[0])))
		return nil, false
	}
	if text == "" && name == "listen" {
		c.warnUnset(x, tok.Span, name)
		c.warnAt(CodeDefaultUsed, tok.Span, "", fmt.Sprintf("%s: the value is empty; the default is used", name))
		return "", true
	}
	value, problem := kind.Parse(text)
	if problem == nil || problem.Warning {
		c.warnUnset(x, tok.Span, name)
	}
	if problem == nil {
		return value, true
	}
	if hasOutside(tok.Text) || x.text != tok.Text && !problem.Warning {
		problem = hidden(problem, kind, tok.Text)
	}
	hint := problem.Hint
	switch {
	case len(x.unset) > 0:
		hint = "the environment variable " + quoted(x.unset[0]) + " is not set"
	case schema.LooksOdd(text):
		hint = schema.OddHint
	}
	d := syntax.Diagnostic{Code: problem.Code, Span: tok.Span, Message: name + ": " + problem.Message, Hint: hint}
	if problem.Warning {
		d.Severity = syntax.Warning
	}
	c.add(d)
	return value, problem.Warning
}

// hidden returns a problem that doesn't show the value, because what comes from
// the environment or a file may be a secret.
func hidden(problem *schema.Problem, kind schema.Kind, written string) *schema.Problem {
	return &schema.Problem{Code: problem.Code, Warning: problem.Warning, Hint: "it must be " + kind.Form,
		Message: fmt.Sprintf("what %s stands for is no valid %s", quoted(written), kind.Short())}
}

// expansion is what the placeholders of a value came to.
type expansion struct {
	text   string
	unset  []string // environment variables that are not set
	denied bool     // a placeholder that the options deny
	failed bool     // an error was reported
}

func (c *compiler) warnUnset(x *expansion, span syntax.Span, name string) {
	for _, env := range x.unset {
		c.warnAt(CodeEnvNotSet, span, "set it for the service, or give a fallback: {$"+env+":text}",
			fmt.Sprintf("%s: the environment variable %s is not set and counts as empty", name, quoted(env)))
	}
	if x.denied {
		c.warnAt(CodeNotExpanded, span, "", fmt.Sprintf("%s: placeholders for the environment and for files are not expanded here", name))
	}
}

// expand replaces first the variables and then, in one pass from left to
// right, the placeholders for environment and files. What those bring in is
// not looked at again. Faults of placeholders that came in through a variable
// were reported where the variable stands.
func (c *compiler) expand(tok syntax.Token, name string) *expansion {
	if !strings.Contains(tok.Text, "{") {
		return &expansion{text: tok.Text}
	}
	text, err := c.withVars(tok.Text)
	x := &expansion{}
	if err == nil {
		x, err = c.outside(text)
	}
	if err == nil {
		if text != tok.Text && !hasOutside(tok.Text) {
			x.unset, x.denied = nil, false
		}
		return x
	}
	x.failed = true
	if !err.known {
		c.errorAt(err.code, tok.Span, err.hint, fmt.Sprintf("%s: %s", name, err.message))
	}
	return x
}

// fault is what is wrong with a placeholder; known if it was reported before.
type fault struct {
	code, message, hint string
	known               bool
}

func hasOutside(text string) bool {
	for _, prefix := range []string{"{$", "{env.", "{file."} {
		if strings.Contains(text, prefix) {
			return true
		}
	}
	return false
}

// outside replaces the placeholders for environment and files.
func (c *compiler) outside(text string) (*expansion, *fault) {
	x := &expansion{}
	var out strings.Builder
	for {
		i := strings.IndexByte(text, '{')
		if i < 0 {
			break
		}
		out.WriteString(text[:i])
		text = text[i:]
		prefix := outsidePrefix(text)
		if prefix == "" {
			out.WriteByte('{')
			text = text[1:]
			continue
		}
		end := strings.IndexByte(text, '}')
		if end < 0 {
			return x, &fault{code: CodePlaceholder, message: fmt.Sprintf("the placeholder %s has no closing brace", prefix),
				hint: `write ` + prefix + `NAME}`}
		}
		piece, err := c.replace(x, prefix, text[len(prefix):end])
		if err != nil {
			return x, err
		}
		out.WriteString(piece)
		text = text[end+1:]
		if out.Len() > maxExpanded {
			return x, tooLong()
		}
	}
	out.WriteString(text)
	x.text = out.String()
	return x, nil
}

func tooLong() *fault {
	return &fault{code: syntax.CodeTooLong, message: fmt.Sprintf("the expanded value is longer than %d bytes", maxExpanded)}
}

func outsidePrefix(text string) string {
	for _, prefix := range []string{"{$", "{env.", "{file."} {
		if strings.HasPrefix(text, prefix) {
			return prefix
		}
	}
	return ""
}

func (c *compiler) replace(x *expansion, prefix, inner string) (string, *fault) {
	if prefix == "{file." {
		return c.fromFile(x, inner)
	}
	name, fallback, hasFallback := inner, "", false
	if prefix == "{$" {
		name, fallback, hasFallback = strings.Cut(inner, ":")
	}
	if name == "" {
		return "", &fault{code: CodePlaceholder, message: "a placeholder without the name of a variable", hint: "write " + prefix + "NAME}"}
	}
	if c.opts.LookupEnv == nil {
		x.denied = true
		return "", nil
	}
	if value, ok := c.opts.LookupEnv(name); ok {
		return value, nil
	}
	if !hasFallback {
		x.unset = append(x.unset, name)
	}
	return fallback, nil
}

func (c *compiler) fromFile(x *expansion, path string) (string, *fault) {
	if path == "" {
		return "", &fault{code: CodePlaceholder, message: "a placeholder without the path of a file", hint: "write {file.PATH}"}
	}
	if c.opts.ReadFile == nil {
		x.denied = true
		return "", nil
	}
	content, err := c.opts.ReadFile(path)
	if err != nil {
		return "", &fault{code: CodePlaceholder, message: fmt.Sprintf("{file.%s}: %v", path, err),
			hint: "the file must be there, regular and readable for the service"}
	}
	return string(content), nil
}
