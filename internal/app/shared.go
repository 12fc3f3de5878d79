package app

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"

	"hookaido/internal/httpx"
	"hookaido/internal/route"
)

// shared serves several servers on one listener. A path below the prefix of an
// API is for that API, all others are for the ingress.
//
// A proxy before us may guard the prefixes by the text of the path. So only a
// path that begins with a prefix as it is written reaches an API; one that
// would only do so after decoding or cleaning is refused.
type shared struct {
	apis []sharedAPI
	// rest serves all other paths, refuse those that are refused.
	rest, refuse http.Handler
}

type sharedAPI struct {
	prefix  string
	escaped string // as clients write it
	handler http.Handler
}

func newSharedAPI(prefix string, handler http.Handler) sharedAPI {
	return sharedAPI{prefix: prefix, escaped: (&url.URL{Path: prefix}).EscapedPath(), handler: handler}
}

// ServeHTTP implements [http.Handler].
func (s *shared) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, decoded := route.RawPath(r), r.URL.Path
	cleaned := path.Clean(decoded)
	for _, api := range s.apis {
		switch {
		case !under(decoded, api.prefix) && !under(cleaned, api.prefix):
		case !under(raw, api.escaped) || hasDots(decoded):
			s.refuse.ServeHTTP(w, r)
			return
		default:
			api.handler.ServeHTTP(w, notPrivate(r))
			return
		}
	}
	s.rest.ServeHTTP(w, r)
}

// under reports whether a path is the prefix or lies in it.
func under(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// hasDots reports whether a path has a dot segment.
func hasDots(name string) bool {
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// notPrivate hides from an API that a request came over a Unix socket. On one
// of its own the permissions of the file decide who may ask; on one that it
// shares with the ingress, a proxy connects on behalf of anybody.
func notPrivate(r *http.Request) *http.Request {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok || addr.Network() != "unix" {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, sharedAddr{addr}))
}

type sharedAddr struct{ net.Addr }

// Network implements [net.Addr].
func (sharedAddr) Network() string { return "shared unix" }

// nothing is served where no server is for a path.
func nothing(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }

// ambiguous answers a path that a proxy may have understood in another way.
func ambiguous(w http.ResponseWriter, _ *http.Request) {
	httpx.Refuse(w, &httpx.Error{Status: http.StatusBadRequest, Code: "bad_request",
		Detail: "the path must be written without dot segments, double slashes and needless escapes"})
}
