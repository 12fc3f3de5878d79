package e2e

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

// TestBackupUnderLoad is case C55 for our own commands: a copy that is made
// under load is for nobody else, has all that was accepted before, starts on
// another machine, and what was leased there is due at once.
func TestBackupUnderLoad(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	before := map[string]bool{}
	for n := range 200 {
		body := "before-" + itoa(n)
		d.accept("/in", body)
		before[body] = true
	}
	if got := d.dequeue("/in", `{"batch":10,"lease_ttl":"1h"}`); len(got) != 10 {
		t.Fatalf("%d leased", len(got))
	}
	load := d.startLoad("during")
	soon(t, "under load", func() bool { return load.count() > 20 })
	to := d.path("copy.db")
	out, errs, code := d.hookaido("backup", to, "--db", d.path("data/hookaido.db"))
	if code != 0 {
		t.Fatalf("backup: exit %d\n%s%s", code, out, errs)
	}
	seen := load.count()
	soon(t, "still under load", func() bool { return load.count() > seen })
	load.end()
	info, err := os.Stat(to)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the copy has mode %o", info.Mode().Perm())
	}
	d.kill()

	e := newDaemon(t, openRoute)
	must(t, os.MkdirAll(e.path("data"), 0o700))
	if out, errs, code := e.hookaido("restore", to, "--yes", "--db", e.path("data/hookaido.db")); code != 0 {
		t.Fatalf("restore: exit %d\n%s%s", code, out, errs)
	}
	e.start()
	c52(t, e)
	got := e.drain("/in")
	for body := range before {
		if got[body] != 1 {
			t.Errorf("%s is there %d times", body, got[body])
		}
	}
	e.stop()
}

// TestVaultThatFails is row 118 of bad input: a start without Vault's answer is
// refused with the reason, a reload keeps what it has, and no token shows.
func TestVaultThatFails(t *testing.T) {
	const token = "e2e-vault-token"
	var status atomic.Int32
	vault := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s := int(status.Load()); s != http.StatusOK {
			w.Header().Set("Location", "http://127.0.0.1:1/"+token)
			w.WriteHeader(s)
			return
		}
		if r.Header.Get("X-Vault-Token") != token {
			t.Error("a request without the token")
		}
		_, _ = w.Write([]byte(`{"data":{"data":{"key":"` + githubSecret + `","number":[1]}}}`))
	}))
	defer vault.Close()
	routes := func(field string) string {
		return "/x {\n  auth hmac { provider github secret \"vault:kv/data/hook#" + field + "\" }\n  pull { path /x }\n}\n"
	}
	fresh := func(text, address string) *daemon {
		d := newDaemon(t, text)
		d.env = []string{"HOOKAIDO_VAULT_ADDR=" + address, "HOOKAIDO_VAULT_TOKEN=" + token, "HOOKAIDO_VAULT_TIMEOUT=5s"}
		return d
	}
	signed := func(d *daemon) int {
		return post(t, "http://"+d.ingress+"/x", []byte("b"), "X-Hub-Signature-256", githubSignature(githubSecret, []byte("b"))).status
	}
	status.Store(http.StatusOK)
	running := fresh(routes("key"), vault.URL).start()
	if got := signed(running); got != http.StatusAccepted {
		t.Fatalf("a signed webhook: %d", got)
	}
	for _, row := range []struct {
		name   string
		status int
		field  string
		closed bool
		want   string
	}{
		{"403", http.StatusForbidden, "key", false, "403"},
		{"404", http.StatusNotFound, "key", false, "404"},
		{"429", http.StatusTooManyRequests, "key", false, "429"},
		{"503", http.StatusServiceUnavailable, "key", false, "503"},
		{"redirect", http.StatusTemporaryRedirect, "key", false, "redirect"},
		{"no such field", http.StatusOK, "other", false, `no field "other"`},
		{"no text", http.StatusOK, "number", false, "neither a text"},
		{"nobody there", http.StatusOK, "key", true, "can't reach Vault"},
	} {
		t.Run("badinput 118 "+row.name, func(t *testing.T) {
			status.Store(int32(row.status)) //nolint:gosec // a status
			address := vault.URL
			if row.closed {
				address = "http://" + freeAddress(t)
			}
			d := fresh(routes(row.field), address)
			d.launch()
			code, log := d.wait(), d.log.String()
			if code != 78 || !strings.Contains(log, row.want) || !strings.Contains(log, "vault:kv/data/hook#"+row.field) || strings.Contains(log, token) {
				t.Errorf("exit %d, want 78, %s and the reference, without the token:\n%s", code, row.want, log)
			}
			if row.closed {
				return
			}
			running.writeConfig(routes(row.field))
			_, errs, code := running.hookaido("reload", "--socket", running.socket)
			if code != 1 || !strings.Contains(errs, row.want) || strings.Contains(errs, token) {
				t.Errorf("reload: exit %d, want 1 and %s, without the token:\n%s", code, row.want, errs)
			}
			if got := signed(running); got != http.StatusAccepted {
				t.Errorf("after the refused reload a signed webhook: %d", got)
			}
		})
	}
	if strings.Contains(running.log.String(), token) {
		t.Error("the token is in the log")
	}
}
