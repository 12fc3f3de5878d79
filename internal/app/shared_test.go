package app

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"hookaido/internal/config"
)

// TestSharedPaths has the ways to write a path that a proxy before us may not
// take for one below a prefix.
func TestSharedPaths(t *testing.T) {
	answer := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(name)) })
	}
	s := &shared{
		apis: []sharedAPI{newSharedAPI("/_pull", answer("pull")), newSharedAPI("/a b/_ops", answer("admin"))},
		rest: answer("ingress"), refuse: answer("refused"),
	}
	tests := []struct{ target, want string }{
		{"/_pull", "pull"}, {"/_pull/", "pull"}, {"/_pull/x/dequeue", "pull"}, {"/_pull//x", "pull"},
		{"/_pull/%63af%C3%A9/ack", "pull"}, {"/_pull?x=/in", "pull"}, {"http://h/_pull/x", "pull"},
		{"/a%20b/_ops/status", "admin"},
		{"/", "ingress"}, {"/in", "ingress"}, {"/_pullx", "ingress"}, {"/_PULL/x", "ingress"}, {"/in/_pull/x", "ingress"},
		{"/in?/_pull", "ingress"}, {"/_pull;x/y", "ingress"}, {"/_pull%00", "ingress"}, {"/a", "ingress"},
		{"//_pull/x", "refused"}, {"/./_pull/x", "refused"}, {"/in/../_pull/x", "refused"}, {"/_pull/../in", "refused"},
		{"/_pull/x/../../in", "refused"}, {"/_pull/./x", "refused"}, {"/%5fpull/x", "refused"}, {"/_pull%2fx", "refused"},
		{"/%2f_pull/x", "refused"}, {"/in%2f..%2f_pull/x", "refused"}, {"/in/%2e%2e/_pull/x", "refused"},
		{"/_pull/%2e%2e/in", "refused"}, {"/a%20b/%5Fops/status", "refused"}, {"http://h//_pull/x", "refused"},
		{"/_pull%2fx|", "refused"}, {"http://h/_pull%2fx|", "refused"}, {"/%5fpull/<x>", "refused"}, {"http://h/_pull/x|?/", "pull"},
		{"/_pull/x|", "pull"}, {"http://h?/_pull/x", "ingress"}, {"/http://h/_pull/x", "ingress"},
	}
	for _, test := range tests {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, test.target, nil))
		if got := w.Body.String(); got != test.want {
			t.Errorf("%s: %s, want %s", test.target, got, test.want)
		}
	}
}

func TestGroups(t *testing.T) {
	listens := func(addresses ...string) (all []config.Listen) {
		for _, a := range addresses {
			all = append(all, config.Listen{Address: a})
		}
		return all
	}
	in, pull, admin := &endpoint{name: "ingress"}, &endpoint{name: "pull"}, &endpoint{name: "admin"}
	tests := []struct {
		name    string
		members []member
		want    int
	}{
		{"apart", []member{{in, listens(":1"), nil}, {pull, listens(":2"), nil}, {admin, listens(":3"), nil}}, 3},
		{"all on one", []member{{in, listens(":1"), nil}, {pull, listens(":1"), nil}, {admin, listens(":1"), nil}}, 1},
		{"the APIs", []member{{in, listens(":1"), nil}, {pull, listens(":2", "unix:/x"), nil}, {admin, listens("unix:/x", ":2"), nil}}, 2},
		{"any port", []member{{in, listens("127.0.0.1:0"), nil}, {pull, listens("127.0.0.1:0"), nil}}, 2},
		{"no pull", []member{{in, listens(":1"), nil}, {pull, nil, nil}, {admin, listens(":1"), nil}}, 2},
	}
	for _, test := range tests {
		if got := groupsOf(test.members); len(got) != test.want {
			t.Errorf("%s: %d groups, want %d", test.name, len(got), test.want)
		}
	}
}

// A proxy that connects over a socket which the ingress has too is not an
// operator.
func TestSharedUnixSocketIsNotPrivate(t *testing.T) {
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	networks := make(chan string, 1)
	h := &shared{apis: []sharedAPI{newSharedAPI("/_ops", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		networks <- r.Context().Value(http.LocalAddrContextKey).(net.Addr).Network()
	}))}}
	srv := &http.Server{Handler: h} //nolint:gosec // a test
	go srv.Serve(l)                 //nolint:errcheck // ends with Close
	defer srv.Close()               //nolint:errcheck // a test
	c := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", l.Addr().String())
	}}}
	resp, err := c.Get("http://h/_ops/status")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := <-networks; got == "unix" {
		t.Error("the API takes the connection for one of its own socket")
	}
}

// FuzzSharedPaths holds that a path reaches an API only if every way to read it
// leads there, and the ingress only if none does.
func FuzzSharedPaths(f *testing.F) {
	for _, seed := range []string{
		"/", "/_pull", "/_pull/x", "//_pull/x", "/%5fpull", "/_pull%2fx", "/a/../_pull", "/_pull/../a", "/a%2fb/../_pull/x", "/%2f_pull", "/_pull//x/.", "/_pull%2f|",
	} {
		f.Add(seed)
	}
	var got string
	note := func(name string) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got = name })
	}
	s := &shared{apis: []sharedAPI{newSharedAPI("/_pull", note("api"))}, rest: note("rest"), refuse: note("refused")}
	keep := strings.NewReplacer("%2f", "%252f", "%2F", "%252f")
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") {
			t.Skip()
		}
		raw, _, _ := strings.Cut(target, "?")
		split, err := url.PathUnescape(keep.Replace(raw))
		if err != nil {
			t.Skip()
		}
		got = ""
		s.ServeHTTP(nil, (&http.Request{URL: u, RequestURI: target}).WithContext(t.Context()))
		inside := 0
		readings := []string{raw, u.Path, path.Clean(u.Path), split, path.Clean(split)}
		for _, reading := range readings {
			if under(reading, "/_pull") {
				inside++
			}
		}
		switch {
		case got == "":
			t.Errorf("%q: nobody answers", target)
		case got == "api" && inside < len(readings):
			t.Errorf("%q reaches the API, but only %d of %d readings are below the prefix", target, inside, len(readings))
		case got == "rest" && inside > 0 && !hasDots(u.Path):
			t.Errorf("%q reaches the ingress, but %d readings are below the prefix", target, inside)
		}
	})
}
