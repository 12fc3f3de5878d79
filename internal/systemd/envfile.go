package systemd

import "strings"

// ParseEnvironmentFile reads the text of a file that a unit names with
// EnvironmentFile=, by the rules of systemd.exec(5): lines NAME=VALUE, comments
// that begin with # or ;, values in single or double quotes, a backslash for
// the next character, and at the end of a line for a longer one. Lines without
// a name are passed over, as systemd does. The last of two values counts.
func ParseEnvironmentFile(text string) map[string]string {
	vars := map[string]string{}
	for text != "" {
		text = strings.TrimLeft(text, " \t\r\n")
		if text == "" {
			break
		}
		if text[0] == '#' || text[0] == ';' {
			text = afterComment(text)
			continue
		}
		end := strings.IndexAny(text, "=\n")
		if end < 0 || text[end] == '\n' {
			text = text[max(end, 0):]
			if end < 0 {
				break
			}
			continue
		}
		name := strings.TrimRight(text[:end], " \t\r")
		var value string
		value, text = environmentValue(text[end+1:])
		if isVariable(name) {
			vars[name] = value
		}
	}
	return vars
}

// afterComment drops a comment, which a backslash continues on the next line.
func afterComment(text string) string {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '\n':
			return text[i:]
		}
	}
	return ""
}

// environmentValue reads the value that text begins with, and returns what
// comes after its line.
func environmentValue(text string) (value, rest string) {
	text = strings.TrimLeft(text, " \t")
	var out strings.Builder
	kept := 0 // what trailing spaces are not cut from
	var quote byte
	i := 0
	for ; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\n' && quote == 0:
			return trimValue(out.String(), kept), text[i:]
		case c == '\\' && quote != '\'':
			if i++; i >= len(text) {
				break
			}
			if escaped := text[i]; escaped != '\n' {
				// in double quotes only these lose their backslash
				if quote == '"' && !strings.ContainsRune("\"\\`$", rune(escaped)) {
					out.WriteByte('\\')
				}
				out.WriteByte(escaped)
				kept = out.Len()
			}
		case quote == 0 && (c == '"' || c == '\'') && strings.TrimSpace(out.String()[kept:]) == "":
			quote = c
		case c == quote && quote != 0:
			quote, kept = 0, out.Len()
		default:
			out.WriteByte(c)
			if quote != 0 {
				kept = out.Len()
			}
		}
	}
	return trimValue(out.String(), kept), ""
}

func trimValue(value string, kept int) string {
	return value[:kept] + strings.TrimRight(value[kept:], " \t\r")
}

func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
