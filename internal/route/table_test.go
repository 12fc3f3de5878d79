package route

import (
	"bufio"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"hookaido/internal/config"
)

func table(paths ...string) *Table {
	rules := make([]Rule, len(paths))
	for i, p := range paths {
		rules[i].Route = &config.Route{Path: p}
	}
	return New(rules)
}

// request reads a request with the given target from the wire, so that the
// tests meet what net/http makes of it.
func request(t testing.TB, method, target string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target + " HTTP/1.1\r\nHost: h\r\n\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMatchFirstFromTheTop(t *testing.T) {
	tests := []struct {
		routes string
		path   string
		want   int
	}{
		{"/plain", "/plain", 0},
		{"/plain", "/plain/a/b", 0},
		{"/plain", "/plain-foo", -1},
		{"/plain", "/plai", -1},
		{"/plain", "/", -1},
		{"/plain", "/Plain", -1},
		{"/plain", "/plain?x=/y", 0},
		{"/plain", "/?/plain", -1},
		{"/", "/", 0},
		{"/", "/anything/at/all", 0},
		{"/a/b /a", "/a/b/c", 0},
		{"/a/b /a", "/a/c", 1},
		{"/a /a/b", "/a/b/c", 0},
		{"/ /a", "/a", 0},
		{"/x /a/b/c /a /", "/a/b/c/d", 1},
		{"/x /a/b/c /a /", "/a/b", 2},
		{"/x /a/b/c /a /", "/b", 3},
		{"/a/b", "/a", -1},
		{"/a/b/c /a/b", "/a/b", 1},
		{"/a/a/a /a", "/a/a", 1},
	}
	for _, test := range tests {
		t.Run(test.routes+" "+test.path, func(t *testing.T) {
			m := table(strings.Fields(test.routes)...).Match(request(t, "POST", test.path), netip.Addr{})
			switch {
			case test.want < 0 && m.Outcome != NotFound:
				t.Errorf("got %+v, want no route", m)
			case test.want >= 0 && (m.Outcome != Found || m.Index != test.want):
				t.Errorf("got %+v, want route %d", m, test.want)
			}
		})
	}
}

func TestMatchPaths(t *testing.T) {
	tests := []struct {
		name, target string
		path, raw    string // path is empty if the request is refused
	}{
		{"plain", "/open", "/open", "/open"},
		{"query", "/open?a=1&b=%zz", "/open", "/open"},
		{"badinput 47 double slash", "//open", "/open", "//open"},
		{"double slashes", "//open//a/", "/open/a", "//open//a/"},
		{"trailing slash", "/open/", "/open", "/open/"},
		{"badinput 47 encoded letter", "/%6fpen", "/open", "/%6fpen"},
		{"encoded blank", "/open/a%20b", "/open/a b", "/open/a%20b"},
		{"not ASCII", "/open/%c3%a9", "/open/é", "/open/%c3%a9"},
		{"dot segment", "/open/./a/.", "/open/a", "/open/./a/."},
		{"encoded dot segment", "/open/%2e/a", "/open/a", "/open/%2e/a"},
		{"names with dots", "/open/.well-known/..a/a..", "/open/.well-known/..a/a..", "/open/.well-known/..a/a.."},
		{"hash", "/open/a#b", "/open/a#b", "/open/a#b"},
		{"badinput 49 absolute form", "http://evil/open", "/open", "/open"},
		{"encoded slash inside the route", "/open/owner%2frepo", "/open/owner/repo", "/open/owner%2frepo"},
		{"encoded slash, upper case", "/open/owner%2Frepo", "/open/owner/repo", "/open/owner%2Frepo"},
		{"encoded percent", "/open/%252f", "/open/%2f", "/open/%252f"},
		{"badinput 46 across routes", "/open/../hmac", "", "/open/../hmac"},
		{"badinput 46 encoded slashes", "/open%2f..%2fhmac", "", "/open%2f..%2fhmac"},
		{"encoded dots", "/open/%2e%2e/hmac", "", "/open/%2e%2e/hmac"},
		{"half-encoded dots", "/open/.%2E/hmac", "", "/open/.%2E/hmac"},
		{"dots within the route", "/open/a/../b", "", "/open/a/../b"},
		{"dots at the end", "/open/..", "", "/open/.."},
		{"encoded slash makes the route", "/open%2fa", "", "/open%2fa"},
		{"encoded slash makes another route", "/open/sub%2fdeep", "", "/open/sub%2fdeep"},
		{"badinput 48 NUL", "/open%00", "", "/open%00"},
		{"encoded line feed", "/open/%0a", "", "/open/%0a"},
		{"encoded DEL", "/open/%7f", "", "/open/%7f"},
		{"asterisk", "*", "", "*"},
	}
	routes := table("/open/sub/deep", "/open", "/hmac")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := routes.Match(request(t, "POST", test.target), netip.Addr{})
			want := BadPath
			if test.path != "" {
				want = Found
			}
			if m.Outcome != want || m.Path != test.path || m.Raw != test.raw {
				t.Errorf("got %+v, want path %q, raw %q", m, test.path, test.raw)
			}
		})
	}
}

// badinput 50: the method is compared as sent.
func TestWrongMethod(t *testing.T) {
	routes := table("/a/b", "/a")
	for _, method := range []string{"GET", "TRACE", "post", "OPTIONS", "GETT", "PUT"} {
		m := routes.Match(request(t, method, "/a/b/c"), netip.Addr{})
		if m.Outcome != WrongMethod || !slices.Equal(m.Allow, []string{"POST"}) {
			t.Errorf("%s: %+v", method, m)
		}
		if m := routes.Match(request(t, method, "/x"), netip.Addr{}); m.Outcome != NotFound || m.Allow != nil {
			t.Errorf("%s of a path without route: %+v", method, m)
		}
	}
	if m := routes.Match(request(t, "CONNECT", "evil:443"), netip.Addr{}); m.Outcome != WrongMethod || len(m.Allow) != 1 {
		t.Errorf("CONNECT: %+v", m)
	}
}

// The methods of all routes with the path, in the order of the routes.
func TestAllowIsTheUnion(t *testing.T) {
	routes := table("/a/b", "/a", "/x")
	routes.rules[0].methods = []string{"PUT", "POST"}
	routes.rules[1].methods = []string{"POST", "DELETE"}
	routes.rules[2].methods = []string{"PATCH"}
	if m := routes.Match(request(t, "GET", "/a/b"), netip.Addr{}); !slices.Equal(m.Allow, []string{"PUT", "POST", "DELETE"}) {
		t.Errorf("Allow = %q", m.Allow)
	}
	if m := routes.Match(request(t, "DELETE", "/a/b"), netip.Addr{}); m.Outcome != Found || m.Index != 1 {
		t.Errorf("DELETE: %+v, want the second route", m)
	}
}

// FuzzMatch holds the tree to a plain reading of the rule: the first route
// whose path is the request's path, or stands before a slash in it.
func FuzzMatch(f *testing.F) {
	for _, s := range []string{"/", "/a", "/a/b/c", "//a//", "/a/../b", "/a%2fb", "/%2e%2e/a", "/b%2Fc/a", "/a/b/%00", "/%", "/ab"} {
		f.Add(s)
	}
	paths := []string{"/b/c", "/a/b", "/ab", "/a", "/b"}
	routes := table(paths...)
	f.Fuzz(func(t *testing.T, target string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("POST " + target + " HTTP/1.1\r\nHost: h\r\n\r\n")))
		if err != nil {
			return
		}
		m := routes.Match(r, netip.Addr{})
		if m.Outcome == BadPath {
			return
		}
		if strings.Contains(m.Path+"/", "/../") || strings.Contains(m.Path+"/", "/./") || strings.Contains(m.Path, "//") {
			t.Fatalf("%q became %q, which is not clean", target, m.Path)
		}
		want := slices.IndexFunc(paths, func(p string) bool { return m.Path == p || strings.HasPrefix(m.Path, p+"/") })
		if want < 0 && m.Outcome == Found || want >= 0 && (m.Outcome != Found || m.Index != want) {
			t.Fatalf("%q: %+v, want route %d", target, m, want)
		}
	})
}

func BenchmarkMatchOf5000(b *testing.B) {
	var paths []string
	for i := range 5000 {
		paths = append(paths, fmt.Sprintf("/webhooks/tenant-%d/github", i))
	}
	routes := table(append(paths, "/")...)
	r := request(b, "POST", "/webhooks/tenant-4999/github")
	b.ReportAllocs()
	for b.Loop() {
		if m := routes.Match(r, netip.Addr{}); m.Index != 4999 {
			b.Fatal(m)
		}
	}
}
