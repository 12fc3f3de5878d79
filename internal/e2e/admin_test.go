package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// newManaged prepares a daemon whose admin API wants a token.
func newManaged(t testing.TB, routes string) *daemon {
	t.Helper()
	d := newDaemon(t, routes)
	d.manage(routes)
	return d
}

// manage writes a Hookaidofile whose admin API wants a token.
func (d *daemon) manage(routes string) {
	d.t.Helper()
	d.writeConfig(routes)
	b, err := os.ReadFile(d.path("Hookaidofile"))
	must(d.t, err)
	open := "admin_api { listen " + d.admin + " }"
	guarded := "admin_api {\n  listen " + d.admin + "\n  auth token raw:" + adminToken + "\n}"
	must(d.t, os.WriteFile(d.path("Hookaidofile"), bytes.Replace(b, []byte(open), []byte(guarded), 1), 0o600))
}

// because are the headers of a change that has a reason.
func because(reason string, more ...string) []string {
	return append([]string{"X-Hookaido-Audit-Reason", reason, "Content-Type", "application/json"}, more...)
}

// operate asks the admin API over TCP, with the token.
func (d *daemon) operate(method, path, body string, headers ...string) answer {
	d.t.Helper()
	return d.ask(http.DefaultClient, method, "http://"+d.admin+path, body,
		append([]string{"Authorization", "Bearer " + adminToken}, headers...)...)
}

// operateLocally asks over the Unix socket.
func (d *daemon) operateLocally(method, path, body string, headers ...string) answer {
	d.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", d.socket)
		}}}
	return d.ask(client, method, "http://localhost"+path, body, headers...)
}

func (d *daemon) ask(client *http.Client, method, url, body string, headers ...string) answer {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, url, strings.NewReader(body))
	must(d.t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := client.Do(req)
	must(d.t, err)
	defer res.Body.Close() //nolint:errcheck // read to the end
	b, err := io.ReadAll(res.Body)
	must(d.t, err)
	return answer{res.StatusCode, res.Header, b}
}

// outcome is the status of an answer with the code of a refusal, and the item
// that it names.
func (a answer) outcome() string {
	var refusal struct {
		Code   string
		Detail string
		Item   *int `json:"item_index"`
	}
	text := strconv.Itoa(a.status)
	if json.Unmarshal(a.body, &refusal) != nil || refusal.Code == "" {
		return text
	}
	text += " " + refusal.Code
	if refusal.Detail == "" {
		text += " without a detail"
	}
	if refusal.Item != nil {
		text += " " + strconv.Itoa(*refusal.Item)
	}
	return text
}

// same compares a JSON answer with the wanted text.
func (a answer) same(t testing.TB, status int, want string) {
	t.Helper()
	var got, wanted any
	must(t, json.Unmarshal([]byte(want), &wanted))
	if err := json.Unmarshal(a.body, &got); err != nil || a.status != status {
		t.Errorf("%d %s (%v), want %d %s", a.status, a.body, err, status, want)
		return
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Error(diff)
	}
}

// logLine returns the fields of the log line with the message and all of the
// texts, and waits for it.
func (d *daemon) logLine(texts ...string) map[string]any {
	d.t.Helper()
	var found map[string]any
	d.eventually("logged: "+strings.Join(texts, ", "), func() bool {
	lines:
		for line := range strings.Lines(d.log.String()) {
			for _, text := range texts {
				if !strings.Contains(line, text) {
					continue lines
				}
			}
			found = map[string]any{}
			return json.Unmarshal([]byte(line), &found) == nil
		}
		return false
	})
	return found
}
