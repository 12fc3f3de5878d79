package e2e

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestAllowedHosts is badinput 95: a name that was rebound to the loopback
// address gets nothing, unless the operator allows it.
func TestAllowedHosts(t *testing.T) {
	d := newDaemon(t, messagesRoutes).start()
	status := func(host string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.admin+"/messages?include_payload=1", http.NoBody)
		must(t, err)
		req.Host = host
		res, err := http.DefaultClient.Do(req)
		must(t, err)
		must(t, res.Body.Close())
		return res.StatusCode
	}
	want := func(when string, answers map[string]int) {
		t.Helper()
		for host, wanted := range answers {
			if got := status(host); got != wanted {
				t.Errorf("%s: Host %s gets %d, want %d", when, host, got, wanted)
			}
		}
	}
	want("at first", map[string]int{d.admin: 200, "localhost": 200, "ops.internal": 403, "evil.example": 403})

	b, err := os.ReadFile(d.path("Hookaidofile"))
	must(t, err)
	listen := "admin_api { listen " + d.admin
	must(t, os.WriteFile(d.path("Hookaidofile"), []byte(strings.Replace(string(b), listen, listen+" allowed_hosts ops.internal *.corp.example", 1)), 0o600))
	d.reload()
	want("with allowed_hosts", map[string]int{d.admin: 200, "localhost:1": 200, "ops.internal:2019": 200, "a.corp.example": 200, "corp.example": 403, "evil.example": 403})
	if got := d.operateLocally("GET", "/messages", "").status; got != 200 {
		t.Errorf("over the Unix socket: %d", got)
	}
}
