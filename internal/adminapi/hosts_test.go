package adminapi

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"hookaido/internal/auth"
	"hookaido/internal/secret"
)

// TestHosts is badinput 95 with names that the operator allows.
func TestHosts(t *testing.T) {
	a := newAPI(t)
	const token = "\nAuthorization: Bearer t0ken"
	listed := []string{"ops.internal", "*.corp.example", "192.0.2.7", "2001:db8::7"}
	tests := []struct {
		name, host string
		allowed    []string
		// with and without a token
		guarded, open string
	}{
		{"loopback", "127.0.0.1:2019", listed, "200", "200"},
		{"localhost", "localhost", listed, "200", "200"},
		{"localhost with the dot of DNS", "localhost.:2019", listed, "200", "200"},
		{"listed", "ops.internal:2019", listed, "200", "200"},
		{"listed, in other letters", "OPS.Internal.", listed, "200", "200"},
		{"below a listed one", "a.ops.internal", listed, "403 forbidden", "403 forbidden"},
		{"look-alike in front", "xops.internal", listed, "403 forbidden", "403 forbidden"},
		{"look-alike behind", "ops.internal.evil.example", listed, "403 forbidden", "403 forbidden"},
		{"sub-domain", "a.b.corp.example:1", listed, "200", "200"},
		{"the domain of sub-domains", "corp.example", listed, "403 forbidden", "403 forbidden"},
		{"nothing in front of the dot", ".corp.example", listed, "403 forbidden", "403 forbidden"},
		{"look-alike of a sub-domain", "evilcorp.example", listed, "403 forbidden", "403 forbidden"},
		{"listed address", "192.0.2.7", listed, "200", "200"},
		{"listed address of IPv6", "[2001:db8::7]:2019", listed, "200", "200"},
		{"other address", "192.0.2.8", listed, "403 forbidden", "403 forbidden"},
		{"other name", "evil.example", listed, "403 forbidden", "403 forbidden"},
		{"other name, nothing listed", "evil.example", nil, "200", "403 forbidden"},
		{"other name, all allowed", "evil.example", []string{"*"}, "200", "200"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a.t = t
			a.handler.SetHosts(test.allowed)
			a.handler.SetTokens(auth.NewTokens([]secret.Value{secret.New([]byte("t0ken"))}))
			if got := a.outcome(a.ask("tcp", "GET /adm/status\nHost: "+test.host+token)); got != test.guarded {
				t.Errorf("with a token: %q, want %q", got, test.guarded)
			}
			if got := a.outcome(a.ask("tcp", "GET /adm/status\nHost: "+test.host)); got != "401 unauthorized" {
				t.Errorf("with none of the tokens: %q", got)
			}
			a.handler.SetTokens(auth.NewTokens(nil))
			if got := a.outcome(a.ask("tcp", "GET /adm/status\nHost: "+test.host)); got != test.open {
				t.Errorf("without tokens: %q, want %q", got, test.open)
			}
			if got := a.outcome(a.ask("unix", "GET /status\nHost: "+test.host)); got != "200" {
				t.Errorf("over the Unix socket: %q", got)
			}
			if got := a.outcome(a.ask("tcp", "GET /adm/healthz\nHost: "+test.host)); got != "200 ok" {
				t.Errorf("a probe: %q", got)
			}
		})
	}
}

// The address that a client connected to is a name that it may send.
func TestHostOfTheListener(t *testing.T) {
	a := newAPI(t)
	a.handler.SetHosts([]string{"ops.internal"})
	a.handler.SetTokens(auth.NewTokens([]secret.Value{secret.New([]byte("t0ken"))}))
	for host, want := range map[string]int{"192.0.2.1:2019": 200, "192.0.2.2": 403, "": 200} {
		w := &memoryWriter{header: http.Header{}}
		ctx := context.WithValue(t.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.ParseIP("192.0.2.1"), Port: 2019}))
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://x/adm/status", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		r.Header.Set("Authorization", "Bearer t0ken")
		a.handler.ServeHTTP(w, r)
		if w.status != want {
			t.Errorf("Host %q: %d, want %d", host, w.status, want)
		}
	}
}

// FuzzHosts compares the check with how clients read the address that they put
// into Host: one that leads elsewhere is never let in.
func FuzzHosts(f *testing.F) {
	for _, seed := range []string{
		"ops.internal", "a.corp.example:1", "corp.example", "[::1]:2", "localhost", "evil.example", "ops.internal:1:2", "[ops.internal]", "ops.internal.", "*", "127.1",
	} {
		f.Add(seed)
	}
	h := New(Options{Hosts: []string{"ops.internal", "*.corp.example"}})
	f.Fuzz(func(t *testing.T, host string) {
		u, err := url.Parse("http://" + host + "/")
		if err != nil || u.Host != host || host == "" || !h.knownHost(&http.Request{Host: host}) {
			return
		}
		name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
		addr := net.ParseIP(name)
		if name != "ops.internal" && name != "localhost" && !strings.HasSuffix(name, ".corp.example") && (addr == nil || !addr.IsLoopback()) {
			t.Errorf("Host %q, which leads to %q, is let in", host, name)
		}
	})
}
