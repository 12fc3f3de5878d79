package schema

import (
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"path"
	"strconv"
	"strings"
	"unicode"

	"hookaido/internal/config"
)

const listenHint = "write HOST:PORT or :PORT, such as 127.0.0.1:9443, [::1]:9443 or :8080"

// listenKind is an address to serve on.
func listenKind() Kind {
	return Kind{Name: "address", Form: "HOST:PORT, :PORT or unix:/PATH; IPv6 in brackets", Parse: parseListen}
}

const (
	unixScheme = "unix:"
	// maxUnix bounds the path of a Unix socket, in bytes, for sun_path of
	// sockaddr_un has 108 with a NUL at the end.
	maxUnix = 107
)

func parseListen(text string) (any, *Problem) {
	if path, ok := strings.CutPrefix(text, unixScheme); ok {
		return parseUnix(path)
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		if _, err := strconv.ParseUint(text, 10, 16); err == nil {
			return bad(fmt.Sprintf("did you mean :%s?", text), "%q is not an address", text)
		}
		return bad(listenHint, "%q is not an address", text)
	}
	switch n, err := strconv.ParseUint(port, 10, 64); {
	case err != nil && !errIsRange(err):
		return bad(listenHint, "%q is not a port number", port)
	case err != nil || n > 65535:
		return outOfRange(listenHint, "port %s is out of range: ports go from 0 to 65535", port)
	}
	if _, err := netip.ParseAddr(host); host != "" && err != nil && !isHostName(host) {
		return bad(listenHint, "%q is neither an IP address nor a host name", host)
	}
	return config.Listen{Address: text}, nil
}

func parseUnix(file string) (any, *Problem) {
	switch {
	case !strings.HasPrefix(file, "/") || file == "/":
		return bad("write unix: and an absolute path, such as unix:/run/hookaido/ingress.sock", "%s is not an absolute path", quote(file))
	case len(file) > maxUnix || strings.ContainsRune(file, 0):
		return outOfRange("choose a shorter path", "the path of a socket has at most %d bytes", maxUnix)
	}
	return config.Listen{Address: unixScheme + path.Clean(file)}, nil
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func isHostName(host string) bool {
	host = strings.TrimSuffix(host, ".")
	if len(host) > 253 || strings.Trim(host, "0123456789.") == "" {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if !isAlnum(c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// headerKind is the name of an HTTP header, given in canonical case.
func headerKind() Kind {
	return Kind{Name: "header", Form: "the name of an HTTP header", Parse: func(text string) (any, *Problem) {
		if text != "" && !isToken(text) {
			return bad("names have letters, digits and -, such as X-Signature", "%s is not the name of a header", quote(text))
		}
		if text == "" {
			return bad("write a name such as X-Signature", "the name of the header is empty")
		}
		return textproto.CanonicalMIMEHeaderKey(text), nil
	}}
}

// matchHeaderKind is the name of a header that a request may be told by. Two
// never are there, since the server takes them out of the head.
func matchHeaderKind() Kind {
	header := headerKind()
	parse := header.Parse
	header.Parse = func(text string) (any, *Problem) {
		name, problem := parse(text)
		switch name {
		case "Host":
			return bad("write the condition: host api.example.org", "%s can never match: the host is not one of the headers here", quote(text))
		case "Transfer-Encoding":
			return bad("remove it", "%s can never match: it is about the connection, and is gone when routes are matched", quote(text))
		}
		return name, problem
	}
	return header
}

// pathKind is the path of a URL, given cleaned.
func pathKind() Kind {
	return Kind{Name: "path", Form: `a path that begins with "/"`, Place: true, Parse: parsePath}
}

// prefixKind is a path or nothing; "/" is nothing too.
func prefixKind() Kind {
	return Kind{Name: "prefix", Form: `a path that begins with "/"; "/" or "" for none`,
		Parse: func(text string) (any, *Problem) {
			if text == "" || text == "/" {
				return "", nil
			}
			return parsePath(text)
		}}
}

// parsePath refuses what no request can match, because requests are matched by
// the decoded and cleaned path of their URL.
func parsePath(text string) (any, *Problem) {
	switch {
	case text == "":
		return bad(`write a path such as /webhooks/github`, "the path is empty")
	case text[0] != '/':
		return bad(fmt.Sprintf("did you mean %q?", "/"+text), `%q does not begin with "/"`, text)
	case strings.ContainsAny(text, "?#"):
		return bad("a path has no query; requests match by path alone", "%q can never match: it has a query", text)
	case strings.Contains(text, "*"):
		return bad("paths are not patterns: /a also serves everything below it, such as /a/b",
			`%q can never match: "*" has no meaning in it`, text)
	case strings.IndexFunc(text, unicode.IsControl) >= 0:
		return bad("remove it", "%q has a control character", text)
	case hasEscape(text):
		return bad("write the character itself; quote the path if it is a space or a brace",
			"%q can never match: requests are compared decoded", text)
	}
	clean := path.Clean(text)
	for segment := range strings.SplitSeq(text, "/") {
		if segment == "." || segment == ".." {
			return bad(fmt.Sprintf("write %q", clean), "%q can never match: it has dot segments", text)
		}
	}
	return clean, nil
}

// hasEscape reports whether text has a percent sign and two hex digits.
func hasEscape(text string) bool {
	for i := 0; i+2 < len(text); i++ {
		if text[i] != '%' {
			continue
		}
		if _, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
			return true
		}
	}
	return false
}
