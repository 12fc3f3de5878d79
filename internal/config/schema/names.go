package schema

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"hookaido/internal/secret"
)

// labelKind is the label of an application or an endpoint.
func labelKind() Kind {
	const form = "1 to 128 letters, digits and . _ : -, the first a letter or a digit"
	return Kind{Name: "label", Form: form, Parse: func(text string) (any, *Problem) {
		good := text != "" && len(text) <= 128 && isAlnum(text[0])
		for _, c := range []byte(text) {
			good = good && (isAlnum(c) || strings.IndexByte("._:-", c) >= 0)
		}
		if !good {
			return bad("a label has "+form, "%s is not a label", quote(text))
		}
		return text, nil
	}}
}

// matcherKind is the name of a matcher with its "@".
func matcherKind() Kind {
	return Kind{Name: "matcher", Form: "@ and the name of a matcher", Parse: func(text string) (any, *Problem) {
		switch {
		case text == "@":
			return bad("write @ and a name without a space between, such as @office", `nothing follows "@"`)
		case !strings.HasPrefix(text, "@"):
			return bad("write @"+text+", or a block of conditions", `the name of a matcher begins with "@", %s does not`, quote(text))
		}
		return text, nil
	}}
}

// isToken reports whether text is a token of HTTP: a method or a header's name.
func isToken(text string) bool {
	for _, c := range []byte(text) {
		if !isAlnum(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return text != ""
}

// methodKind is an HTTP method, given in capitals.
func methodKind() Kind {
	return Kind{Name: "method", Form: "an HTTP method such as POST", Parse: func(text string) (any, *Problem) {
		if !isToken(text) {
			return bad("write a method such as POST or PUT", "%s is not an HTTP method", quote(text))
		}
		upper := strings.ToUpper(text)
		known := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
		if near := Nearest(text, lowered(known)); near != "" && !slices.Contains(known, upper) {
			return upper, &Problem{Code: CodeValue, Warning: true, Message: fmt.Sprintf("%s is no usual HTTP method", quote(upper)),
				Hint: "did you mean " + strings.ToUpper(near) + "?"}
		}
		return upper, nil
	}}
}

func lowered(list []string) []string {
	low := make([]string, len(list))
	for i, text := range list {
		low[i] = strings.ToLower(text)
	}
	return low
}

// envNameKind is the name of an environment variable.
func envNameKind() Kind {
	return Kind{Name: "name", Form: "letters, digits and _, not beginning with a digit", Parse: func(text string) (any, *Problem) {
		for i, c := range []byte(text) {
			if !isAlnum(c) && c != '_' || i == 0 && c >= '0' && c <= '9' {
				return bad("use letters, digits and _, and begin with a letter", "%s is no name for a variable", quote(text))
			}
		}
		switch {
		case text == "":
			return bad("write a name such as BUCKET", "the name of the variable is empty")
		case strings.HasPrefix(text, "LD_"), text == "PATH", text == "IFS", text == "BASH_ENV":
			return text, &Problem{Code: CodeRisky, Warning: true, Hint: "leave it out unless the program can't do without",
				Message: fmt.Sprintf("%s changes which code the program runs", text)}
		}
		return text, nil
	}}
}

// headerValueKind is the value of a header to send, which may be a secret.
func headerValueKind() Kind {
	return Kind{Name: "text", Form: "text of one line", Free: true, Secret: true, Text: true, Parse: func(text string) (any, *Problem) {
		if strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) >= 0 {
			return bad("a header is one line; of a file that {file.PATH} brings in, the line end at its end counts too", "the value has a line end or another control character")
		}
		return secret.New([]byte(text)), nil
	}}
}

// envValueKind is the value of an environment variable, which may be a secret.
func envValueKind() Kind {
	return Kind{Name: "text", Form: "text", Free: true, Secret: true, Text: true, Parse: func(text string) (any, *Problem) {
		if strings.ContainsRune(text, 0) {
			return bad("remove it", "the value has a NUL character")
		}
		return secret.New([]byte(text)), nil
	}}
}

// passwordKind is a password as it is, without white space around it. A
// reference is refused, because it would be taken as the password.
func passwordKind() Kind {
	return Kind{Name: "password", Form: "text; best a placeholder such as {$OPS_PASSWORD}", Free: true, Secret: true, Text: true,
		Parse: func(text string) (any, *Problem) {
			text = strings.TrimSpace(text)
			if problem := plainText("password", text); problem != nil {
				return nil, problem
			}
			return secret.New([]byte(text)), nil
		}}
}

// userKind is the name of a user.
func userKind() Kind {
	return Kind{Name: "user", Form: `text without ":"`, Parse: func(text string) (any, *Problem) {
		if problem := plainText("user", text); problem != nil {
			return nil, problem
		}
		if strings.Contains(text, ":") {
			return bad("choose another name", `%s has a ":", which ends a user's name in HTTP, so that nobody could log in`, quote(text))
		}
		return text, nil
	}}
}

// plainText refuses an empty text and what is a reference to a secret.
func plainText(what, text string) *Problem {
	if text == "" {
		return &Problem{Code: CodeValue, Message: "the " + what + " is empty", Hint: "give it a text; an environment variable may be unset"}
	}
	if _, err := secret.ParseRef(text); err == nil {
		return &Problem{Code: CodeValue, Message: "the " + what + " is a reference to a secret, and those are not followed here",
			Hint: `write a placeholder: "{$NAME}" or "{file.PATH}"`}
	}
	return nil
}

// bcryptKind is the bcrypt hash of a password.
func bcryptKind() Kind {
	const hint = "make one with: htpasswd -nB USER; quote it"
	return Kind{Name: "hash", Form: "a bcrypt hash such as htpasswd -nB makes", Free: true, Secret: true, Text: true,
		Parse: func(text string) (any, *Problem) {
			text = strings.TrimSpace(text)
			if len(text) != 60 || !(strings.HasPrefix(text, "$2a$") || strings.HasPrefix(text, "$2b$") || strings.HasPrefix(text, "$2y$")) {
				return bad(hint, "this is not a bcrypt hash, which begins with $2y$ and has 60 characters")
			}
			if cost := text[4:6]; cost > "14" {
				return bad(hint, "the cost of this hash is %s: above 14 every check takes seconds", cost)
			}
			return secret.New([]byte(text)), nil
		}}
}

// templateKind is the text that a generic scheme signs.
func templateKind() Kind {
	const hint = "its parts are {body}, {body_sha256}, {timestamp}, {method}, {path}, {query}, {url} and {header.NAME}"
	return Kind{Name: "template", Form: "text in which {body}, {body_sha256}, {timestamp}, {method}, {path}, {query}, {url} and {header.NAME} stand for what the request has",
		Parse: func(text string) (any, *Problem) {
			covers := false
			for rest := text; ; {
				_, after, found := strings.Cut(rest, "{")
				if !found {
					break
				}
				name, tail, closed := strings.Cut(after, "}")
				header, isHeader := strings.CutPrefix(name, "header.")
				switch {
				case !closed:
					return bad(hint, "a brace is not closed")
				case isHeader && isToken(header):
				case !slices.Contains([]string{"body", "body_sha256", "timestamp", "method", "path", "query", "url"}, name):
					return bad(hint, "%s is not a part of a request", quote("{"+name+"}"))
				}
				covers = covers || name == "body" || name == "body_sha256"
				rest = tail
			}
			if !covers {
				return bad("put {body} or {body_sha256} in", "nothing in it stands for the body, so that anybody could change it")
			}
			return text, nil
		}}
}
