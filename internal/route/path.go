package route

import (
	"net/http"
	"net/url"
	"strings"
)

// RawPath returns the path of a request as it was sent, escapes and all. The
// escaped path of the URL is not that: it is made anew if the target has a
// character that should have been escaped.
func RawPath(r *http.Request) string {
	raw, _, _ := strings.Cut(r.RequestURI, "?")
	if raw == "" { // not read from a connection
		raw = r.URL.EscapedPath()
	} else if _, rest, absolute := strings.Cut(raw, "://"); absolute && raw[0] != '/' {
		slash := strings.IndexByte(rest, '/')
		if slash < 0 {
			return "/"
		}
		raw = rest[slash:]
	}
	if raw == "" {
		return "/"
	}
	return raw
}

// clean returns the decoded path of r, without duplicate and trailing slashes
// and without "." segments. It refuses what a proxy before us may have
// understood in another way: ".." segments, however written, and control
// characters.
//
// An encoded slash divides segments in path, as it does in 2.11, but a proxy
// takes it for a part of a segment. split is the path of the latter reading,
// with %2f left as it is; without encoded slashes the two are the same.
func clean(r *http.Request, raw string) (path, split string, ok bool) {
	if isClean(raw) {
		return raw, raw, true
	}
	decoded := r.URL.Path
	if decoded == "" {
		decoded = "/"
	}
	path, ok = tidy(decoded)
	if !ok {
		return "", "", false
	}
	if !strings.Contains(raw, "%2") {
		return path, path, true
	}
	split, err := url.PathUnescape(encodedSlash.Replace(raw))
	if err != nil {
		return "", "", false
	}
	split, ok = tidy(split)
	return path, split, ok
}

// encodedSlash makes an encoded slash survive one decoding.
var encodedSlash = strings.NewReplacer("%2f", "%252f", "%2F", "%252f")

// isClean reports whether path needs neither decoding nor tidying.
func isClean(path string) bool {
	if path == "" || path[0] != '/' || len(path) > 1 && path[len(path)-1] == '/' {
		return false
	}
	for i := range len(path) {
		switch c := path[i]; {
		case c == '%' || c < ' ' || c == 0x7f:
			return false
		case c == '/' && i+1 < len(path) && (path[i+1] == '/' || path[i+1] == '.'):
			return false
		}
	}
	return true
}

// tidy drops empty and "." segments from a decoded path. It refuses paths that
// it would have to resolve, and those that hold control characters.
func tidy(path string) (string, bool) {
	if path[0] != '/' {
		return "", false
	}
	for i := range len(path) {
		if path[i] < ' ' || path[i] == 0x7f {
			return "", false
		}
	}
	var b strings.Builder
	b.Grow(len(path))
	for segment := range strings.SplitSeq(path[1:], "/") {
		switch segment {
		case "", ".":
		case "..":
			return "", false
		default:
			b.WriteByte('/')
			b.WriteString(segment)
		}
	}
	if b.Len() == 0 {
		return "/", true
	}
	return b.String(), true
}
