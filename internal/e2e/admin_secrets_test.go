package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const secretRoutes = `/hooks { auth hmac { provider github
    secret_ref live }
  pull { path /hooks } }
secrets { secret live { runtime on max_versions 2 } secret fixed { value raw:0123456789abcdef0123456789abcdef valid_from 2026-01-01T00:00:00Z } }
`

// sealed is a daemon whose stored secrets are encrypted with a key of one octet,
// again and again.
func sealed(t *testing.T, routes string, key byte) *daemon {
	t.Helper()
	d := newManaged(t, routes)
	d.seal(key)
	return d
}

func (d *daemon) seal(key byte) {
	d.env = []string{"HOOKAIDO_SECRET_ENCRYPTION_KEY=" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{key}, 32))}
}

// signed posts a webhook that is signed with a secret and returns the status.
func (d *daemon) signed(secret string) int {
	d.t.Helper()
	body := []byte(`{"a":1}`)
	return post(d.t, "http://"+d.ingress+"/hooks", body, "X-Hub-Signature-256", githubSignature(secret, body)).status
}

// addSecret adds a version and returns its id.
func (d *daemon) addSecret(pool, body string) string {
	d.t.Helper()
	a := d.operate("POST", "/secrets/"+pool, body, because("rotation")...)
	var added struct {
		ID        string
		NotBefore time.Time `json:"not_before"`
		NotAfter  time.Time `json:"not_after"`
		CreatedAt time.Time `json:"created_at"`
	}
	must(d.t, json.Unmarshal(a.body, &added))
	if a.status != http.StatusCreated || !strings.HasPrefix(added.ID, "sec_") || len(added.ID) != 20 || added.CreatedAt.IsZero() {
		d.t.Fatalf("POST /secrets/%s: %d %s", pool, a.status, a.body)
	}
	return added.ID
}

func TestRuntimeSecretLife(t *testing.T) {
	const one, two = "first-secret-of-the-provider", "second-secret-of-the-provider"
	d := sealed(t, secretRoutes, 1).start()
	d.operate("GET", "/secrets/live", "").same(t, http.StatusOK, `{"name":"live","versions":[]}`)
	if got := d.signed(one); got != http.StatusUnauthorized {
		t.Errorf("before there is a secret: %d", got)
	}
	first := d.addSecret("live", `{"value":"`+one+`","not_before":"2026-01-01T01:00:00+01:00","not_after":"2038-01-01T00:00:00Z"}`)
	if got := d.signed(one); got != http.StatusAccepted {
		t.Errorf("the moment it is added: %d", got)
	}
	second := d.addSecret("live", `{"value":"`+two+`","not_before":"2026-02-01T00:00:00Z"}`)
	if a, b := d.signed(one), d.signed(two); a != http.StatusAccepted || b != http.StatusAccepted {
		t.Errorf("during the rotation: %d, %d", a, b)
	}
	list := `{"name":"live","versions":[{"id":"` + second + `","not_before":"2026-02-01T00:00:00Z","not_after":"0001-01-01T00:00:00Z"},
		{"id":"` + first + `","not_before":"2026-01-01T00:00:00Z","not_after":"2038-01-01T00:00:00Z"}]}`
	d.operate("GET", "/secrets/live", "").same(t, http.StatusOK, list)
	d.operateLocally("GET", "/secrets/live", "").same(t, http.StatusOK, list)
	if got := d.operate("POST", "/secrets/live", `{"value":"x"}`, because("r")...).outcome(); got != "413 secret_pool_full" {
		t.Errorf("a third of two: %s", got)
	}
	a := d.operate("DELETE", "/secrets/live/"+first, "", because("r")...)
	if a.status != http.StatusNoContent || len(a.body) > 0 {
		t.Errorf("DELETE: %d %s", a.status, a.body)
	}
	if a, b := d.signed(one), d.signed(two); a != http.StatusUnauthorized || b != http.StatusAccepted {
		t.Errorf("the moment it is deleted: %d, %d", a, b)
	}

	d.reload()
	if a, b := d.signed(one), d.signed(two); a != http.StatusUnauthorized || b != http.StatusAccepted {
		t.Errorf("after a reload: %d, %d", a, b)
	}
	d.stop()
	d.start()
	if a, b := d.signed(one), d.signed(two); a != http.StatusUnauthorized || b != http.StatusAccepted {
		t.Errorf("after a restart: %d, %d", a, b)
	}
	line := d.logLine("admin_secret_mutation", `"add"`)
	if line["pool"] != "live" || line["secret_id"] != first || line["reason"] != "rotation" {
		t.Errorf("the log says %v", line)
	}
	d.logLine("admin_secret_refused", "secret_pool_full")
	d.stop()
	for _, secret := range []string{one, two} {
		d.nowhere(secret)
	}
}

// nowhere looks for a text in all that the daemon wrote.
func (d *daemon) nowhere(text string) {
	d.t.Helper()
	if strings.Contains(d.log.String(), text) {
		d.t.Error("a secret is in the log")
	}
	must(d.t, filepath.WalkDir(d.path("data"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			d.t.Errorf("a secret is in %s", path)
		}
		return err
	}))
}

func TestRuntimeSecretRefusals(t *testing.T) {
	d := sealed(t, strings.Replace(secretRoutes, "secrets {", `/std { auth hmac { provider standard-webhooks
    secret_ref std }
  pull { path /std } }
secrets { secret std { runtime on } `, 1), 1).start()
	why, text := because("a test"), []string{"X-Hookaido-Audit-Reason", "r", "Content-Type", "text/plain"}
	for _, test := range []struct {
		name, method, path, body string
		headers                  []string
		want                     string
	}{
		{"unknown pool", "POST", "/secrets/none", `{"value":"x"}`, why, "404 secret_pool_not_found"},
		{"the pool comes before the body", "POST", "/secrets/none", `{`, nil, "415 unsupported_media_type"},
		{"the pool comes before the body", "POST", "/secrets/none", `{`, why, "404 secret_pool_not_found"},
		{"static secret", "POST", "/secrets/fixed", `{"value":"x"}`, why, "404 secret_pool_not_found"},
		{"static secret to list", "GET", "/secrets/fixed", "", nil, "404 secret_pool_not_found"},
		{"bad label", "POST", "/secrets/a%20b", `{"value":"x"}`, why, "404 not_found"},
		{"not JSON", "POST", "/secrets/live", `value`, why, "400 invalid_body"},
		{"no body", "POST", "/secrets/live", ``, why, "400 invalid_body"},
		{"badinput 87: unknown member", "POST", "/secrets/live", `{"value":"x","id":"sec_mine"}`, why, "400 invalid_body"},
		{"badinput 86: upper case", "POST", "/secrets/live", `{"Value":"x"}`, why, "400 invalid_body"},
		{"a number", "POST", "/secrets/live", `{"value":1}`, why, "400 invalid_body"},
		{"bad time", "POST", "/secrets/live", `{"value":"x","not_before":"now"}`, why, "400 invalid_body"},
		{"no value", "POST", "/secrets/live", `{}`, why, "400 secret_value_empty"},
		{"blank value", "POST", "/secrets/live", `{"value":"  "}`, why, "400 secret_value_empty"},
		{"no window", "POST", "/secrets/live", `{"value":"x","not_before":"2030-01-02T00:00:00Z","not_after":"2030-01-01T00:00:00Z"}`, why, "400 secret_invalid_window"},
		{"badinput 97: year 9999", "POST", "/secrets/live", `{"value":"x","not_after":"9999-12-31T00:00:00Z"}`, why, "400 secret_invalid_window"},
		{"the window comes before the audit", "POST", "/secrets/live", `{"value":"x","not_after":"2020-01-01T00:00:00Z"}`, []string{"Content-Type", "application/json"}, "400 secret_invalid_window"},
		{"no reason", "POST", "/secrets/live", `{"value":"x"}`, []string{"Content-Type", "application/json"}, "400 audit_reason_required"},
		{"badinput 96: text", "POST", "/secrets/live", `{"value":"x"}`, text, "415 unsupported_media_type"},
		{"badinput 95: cross-site", "POST", "/secrets/live", `{"value":"x"}`, append(why, "Sec-Fetch-Site", "cross-site"), "403 forbidden"},
		{"large", "POST", "/secrets/live", `{"value":"` + strings.Repeat("x", 1<<20) + `"}`, why, "413 payload_too_large"},
		{"not what the provider has", "POST", "/secrets/std", `{"value":"this-has-no-prefix"}`, why, "400 invalid_body"},
		{"unknown version", "DELETE", "/secrets/live/sec_0123456789abcdef", "", why, "404 secret_id_not_found"},
		{"version of an unknown pool", "DELETE", "/secrets/none/sec_0123456789abcdef", "", why, "404 secret_pool_not_found"},
		{"bad version", "DELETE", "/secrets/live/a%20b", "", why, "404 not_found"},
		{"delete a pool", "DELETE", "/secrets/live", "", why, "404 not_found"},
		{"get a version", "GET", "/secrets/live/sec_0123456789abcdef", "", nil, "404 not_found"},
		{"post a version", "POST", "/secrets/live/sec_0123456789abcdef", `{}`, why, "404 not_found"},
		{"no pool", "GET", "/secrets", "", nil, "404 not_found"},
		{"deeper", "GET", "/secrets/live/a/b", "", nil, "404 not_found"},
		{"PUT", "PUT", "/secrets/live", `{"value":"x"}`, why, "405 method_not_allowed"},
		{"PATCH of a version", "PATCH", "/secrets/live/sec_0123456789abcdef", `{}`, why, "405 method_not_allowed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := d.operate(test.method, test.path, test.body, test.headers...)
			if got := a.outcome(); got != test.want || bytes.Contains(a.body, []byte("this-has-no-prefix")) {
				t.Errorf("got %s, want %s: %s", got, test.want, a.body)
			}
		})
	}
	if got := d.ask(http.DefaultClient, "GET", "http://"+d.admin+"/secrets/live", "").outcome(); got != "401 unauthorized" {
		t.Errorf("without a token: %s", got)
	}
	d.operate("GET", "/secrets/live", "").same(t, http.StatusOK, `{"name":"live","versions":[]}`)
	d.addSecret("std", `{"value":"whsec_`+base64.StdEncoding.EncodeToString([]byte("a key of the provider"))+`"}`)
	d.stop()
	d.nowhere("this-has-no-prefix")
}

// A reload that brings the first secret of the kind needs the key too; refused, it
// leaves all as it was.
func TestRuntimeSecretByReload(t *testing.T) {
	d := newManaged(t, messagesRoutes).start()
	d.manage(messagesRoutes + secretRoutes)
	_, errs, code := d.hookaido("reload", "--socket", d.socket)
	if code == 0 || !strings.Contains(errs, `secret "live" has runtime on: the key to store it with is missing`) {
		t.Errorf("reload without a key: %d %s", code, errs)
	}
	if got := d.operate("GET", "/secrets/live", "").outcome(); got != "404 secret_pool_not_found" {
		t.Errorf("after the refused reload: %s", got)
	}
	d.stop()
	d.manage(messagesRoutes)
	d.seal(1)
	d.start()
	d.manage(messagesRoutes + strings.Replace(secretRoutes, "runtime on", "runtime on value raw:the-first-secret-of-the-pool valid_from 2026-01-01T00:00:00Z", 1))
	d.reload()
	if got := d.signed("the-first-secret-of-the-pool"); got != http.StatusAccepted {
		t.Errorf("with the first value: %d", got)
	}
	if got := d.operate("DELETE", "/secrets/live/sec_bootstrap", "", because("it leaked")...).status; got != http.StatusNoContent {
		t.Errorf("delete the first version: %d", got)
	}
	d.reload()
	if got := d.signed("the-first-secret-of-the-pool"); got != http.StatusUnauthorized {
		t.Errorf("a deleted secret is back after a reload: %d", got)
	}
	d.stop()
	d.start()
	if got := d.signed("the-first-secret-of-the-pool"); got != http.StatusUnauthorized {
		t.Errorf("a deleted secret is back after a restart: %d", got)
	}
}

// Webhooks are answered as ever while secrets come and go and the Hookaidofile is
// reloaded, and no version gets lost on the way.
func TestRuntimeSecretsUnderLoad(t *testing.T) {
	const steady = "the-secret-that-stays-all-the-time"
	d := sealed(t, strings.Replace(secretRoutes, "max_versions 2", "max_versions 20", 1), 1).start()
	d.addSecret("live", `{"value":"`+steady+`"}`)
	done := make(chan struct{})
	var working sync.WaitGroup
	refused := make(chan int, 1)
	end := sync.OnceFunc(func() {
		close(done)
		working.Wait()
	})
	defer end()
	working.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			body := []byte(`{"a":1}`)
			a, err := tryPost(t, "http://"+d.ingress+"/hooks", body, "X-Hub-Signature-256", githubSignature(steady, body))
			if err != nil || a.status != http.StatusAccepted {
				refused <- a.status
				return
			}
		}
	})
	working.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				d.hookaido("reload", "--socket", d.socket)
			}
		}
	})
	for i := range 10 {
		value := "another-secret-" + itoa(i) + "-that-comes-and-goes"
		id := d.addSecret("live", `{"value":"`+value+`"}`)
		if got := d.signed(value); got != http.StatusAccepted {
			t.Errorf("%d, added: %d", i, got)
		}
		if got := d.operate("DELETE", "/secrets/live/"+id, "", because("r")...).status; got != http.StatusNoContent {
			t.Errorf("%d, DELETE: %d", i, got)
		}
		if got := d.signed(value); got != http.StatusUnauthorized {
			t.Errorf("%d, deleted: %d", i, got)
		}
	}
	end()
	select {
	case status := <-refused:
		t.Errorf("a webhook with a secret that stays was answered %d", status)
	default:
	}
}

// A target signs with the version that began last, be it the first one of the
// Hookaidofile or one that was added since.
func TestRuntimeSecretSigns(t *testing.T) {
	keys := []string{"the key of the Hookaidofile", "the key that was added later"}
	by := make(chan string, 1)
	rec := receive(t, func(_ http.ResponseWriter, r *http.Request, body string) int {
		for _, key := range keys {
			text := r.Header.Get("Webhook-Id") + "." + r.Header.Get("Webhook-Timestamp") + "." + body
			if r.Header.Get("Webhook-Signature") == "v1,"+macBase64(key, text) {
				by <- key
				return http.StatusOK
			}
		}
		by <- "no key"
		return http.StatusOK
	})
	whsec := func(key string) string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(key)) }
	seed := func(ref string) string {
		return here + "outbound /out { deliver " + rec.server.URL + ` { sign standard-webhooks secret_ref out } }
secrets { secret out { runtime on value ` + ref + " valid_from 2026-01-01T00:00:00Z } }\n"
	}
	d := sealed(t, seed("raw:"+whsec(keys[0])), 1).start()
	signs := func(id, want string) {
		t.Helper()
		d.publish("/messages/publish", "/out", id)
		select {
		case got := <-by:
			if got != want {
				t.Errorf("%s is signed by %s, want %s", id, got, want)
			}
		case <-time.After(patience):
			t.Fatalf("%s was not delivered", id)
		}
	}
	signs("first", keys[0])
	d.manage(seed("env:IS_NOT_SET_ANY_MORE")) // it is stored, and not needed again
	d.reload()
	signs("reloaded", keys[0])
	id := d.addSecret("out", `{"value":"`+whsec(keys[1])+`"}`)
	signs("added", keys[1])
	if got := d.operate("DELETE", "/secrets/out/"+id, "", because("r")...).status; got != http.StatusNoContent {
		t.Errorf("DELETE: %d", got)
	}
	signs("deleted", keys[0])
}

func TestSealingKey(t *testing.T) { // badinput 120
	d := sealed(t, secretRoutes, 1).start()
	d.addSecret("live", `{"value":"secret-of-the-provider"}`)
	d.stop()
	for name, test := range map[string]struct {
		env  []string
		want string
	}{
		"none":        {nil, `secret "live" has runtime on: the key to store it with is missing: set HOOKAIDO_SECRET_ENCRYPTION_KEY`},
		"too short":   {[]string{"HOOKAIDO_SECRET_ENCRYPTION_KEY=c2hvcnQ="}, `secret "live" has runtime on: HOOKAIDO_SECRET_ENCRYPTION_KEY must be base64 of 32 random bytes`},
		"another one": {[]string{"HOOKAIDO_SECRET_ENCRYPTION_KEY=" + strings.Repeat("A", 43) + "="}, `secret "live": the version sec_`},
	} {
		t.Run(name, func(t *testing.T) {
			d.t, d.env, d.log = t, test.env, &logBuffer{}
			d.launch()
			if code := d.wait(); code != 78 || !strings.Contains(d.log.String(), test.want) || strings.Contains(d.log.String(), "c2hvcnQ=") {
				t.Errorf("exit code %d:\n%s", code, d.log)
			}
		})
	}
	d.t = t
	dir := t.TempDir() // the key as a credential; the rows are still there
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32))
	must(t, os.WriteFile(filepath.Join(dir, "HOOKAIDO_SECRET_ENCRYPTION_KEY"), []byte(key+"\n"), 0o600))
	d.env = []string{"CREDENTIALS_DIRECTORY=" + dir}
	d.start()
	if got := d.signed("secret-of-the-provider"); got != http.StatusAccepted {
		t.Errorf("with the right key again: %d", got)
	}
}
