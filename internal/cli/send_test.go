package cli

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A password in --url is not printed.
func TestSendShowsNoPassword(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }))
	defer server.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "Hookaidofile")
	if err := os.WriteFile(file, []byte("pull_api { auth token raw:a-pull-token-of-enough-length }\n/in { pull { path /in } }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	address := strings.Replace(server.URL, "//", "//user:hidden-word@", 1)
	for _, form := range []string{"--json", "--json=false"} {
		var out bytes.Buffer
		args := []string{"send", "/in", "--config", file, "--socket", filepath.Join(dir, "none"), "--url", address, form}
		if code := Main(t.Context(), args, Environment{Stdout: &out, Stderr: &out}); code != exitOK || strings.Contains(out.String(), "hidden-word") {
			t.Errorf("%s: exit %d: %s", form, code, &out)
		}
	}
}
