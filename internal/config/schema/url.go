package schema

import (
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

const urlHint = "write a whole URL such as https://app.example.org/in"

// urlKind is an absolute http or https URL.
func urlKind() Kind {
	return Kind{Name: "URL", Form: "an http or https URL", Parse: func(text string) (any, *Problem) { return parseURL(text) }}
}

// parseURL refuses what can't be dialled, and credentials, which would end up
// in logs and in the history of deliveries. Messages don't repeat a URL that
// may hold some.
func parseURL(text string) (any, *Problem) {
	if text == "" {
		return bad(urlHint, "the URL is empty")
	}
	if strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == ' ' || r == '\\' }) >= 0 {
		return bad("remove it; a space in a URL is %20", "the URL has a space, a backslash or a control character")
	}
	u, err := url.Parse(text)
	switch {
	case strings.Contains(text, "@") && !strings.Contains(text, "://"):
		return bad(urlHint, "this is not a URL")
	case !strings.Contains(text, "://") && !strings.HasPrefix(text, "/"):
		return bad("did you mean https://"+text+"?", "%s has no scheme", quote(text))
	case err != nil:
		return bad(urlHint, "this is not a URL")
	case u.User != nil:
		return bad(`send them in a header instead, such as: header Authorization "Basic {$CREDENTIALS}"`,
			"the URL has a user or a password, which would show in logs and in the history of deliveries")
	case u.Scheme != "http" && u.Scheme != "https":
		return bad(urlHint, "the scheme %s is neither http nor https", quote(u.Scheme))
	case u.Hostname() == "":
		return bad(urlHint, "%s has no host", quote(text))
	}
	if problem := checkHost(u); problem != nil || u.Fragment == "" {
		return text, problem
	}
	return text, &Problem{Code: CodeValue, Warning: true, Message: `the URL has a part after "#", which is never sent`, Hint: "remove it"}
}

// checkHost refuses hosts that resolvers understand in different ways.
func checkHost(u *url.URL) *Problem {
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return &Problem{Code: CodeRange, Message: "port " + quote(port) + " is out of range: ports go from 1 to 65535", Hint: urlHint}
		}
	}
	host := strings.TrimSuffix(u.Hostname(), ".")
	if strings.Contains(host, "%") {
		return &Problem{Code: CodeValue, Message: "the address has a zone", Hint: "write the address alone"}
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if !isAddress(host) && (strings.Trim(last, "0123456789") == "" || strings.HasPrefix(strings.ToLower(last), "0x")) {
		return &Problem{Code: CodeValue, Message: quote(host) + " is a number and not an address in its usual form", Hint: "write an address such as 198.51.100.7"}
	}
	if !isAddress(host) && !isHostName(host) {
		return &Problem{Code: CodeValue, Message: quote(host) + " is neither an IP address nor a host name",
			Hint: "a host with other than ASCII letters is written in its xn-- form"}
	}
	return nil
}

// proxyKind is the URL of a proxy, or off.
func proxyKind() Kind {
	return Kind{Name: "URL", Form: "an http or https URL, or off", Parse: func(text string) (any, *Problem) {
		if strings.EqualFold(text, "off") {
			return "", nil
		}
		return parseURL(text)
	}}
}

// execKind is the absolute path of a program.
func execKind() Kind {
	return Kind{Name: "path", Form: "the absolute path of a program", Parse: func(text string) (any, *Problem) {
		switch {
		case text == "":
			return bad("write the absolute path of a program", "the path of the program is empty")
		case !filepath.IsAbs(text):
			return bad("write the absolute path, without arguments; a program that needs arguments gets a small script around it",
				"%s is not an absolute path", quote(text))
		case strings.ContainsRune(text, 0):
			return bad("remove it", "the path has a NUL character")
		}
		return text, nil
	}}
}

// certKind is where a certificate or key is read from.
func certKind() Kind {
	return Kind{Name: "file", Form: "the path of a file, or credential:NAME", Parse: func(text string) (any, *Problem) {
		name, isCredential := strings.CutPrefix(text, "credential:")
		switch {
		case text == "":
			return bad("write the path of a PEM file", "the path is empty")
		case isCredential && (name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00")):
			return bad(`write credential: and a plain file name`, "%s is no name of a credential", quote(name))
		}
		return text, nil
	}}
}
