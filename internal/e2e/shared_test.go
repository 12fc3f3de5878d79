package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
)

// adminToken is that of an admin API that needs one.
const adminToken = "e2e-admin-token-of-enough-length"

// onSocket is a client of a Unix socket; the host in its URLs means nothing.
func onSocket(t testing.TB, path string) *http.Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// startQuietly starts a daemon whose admin API is not where start looks.
func (d *daemon) startQuietly() *daemon {
	d.t.Helper()
	d.launch()
	return d.untilReady()
}

// untilReady asks over the private socket.
func (d *daemon) untilReady() *daemon {
	d.t.Helper()
	c := onSocket(d.t, d.socket)
	d.eventually("ready", func() bool {
		if !d.running() {
			d.t.Fatalf("hookaido ended before it was ready:\n%s", d.log)
		}
		return ask(d.t, c, http.MethodGet, "http://localhost/readyz").status == http.StatusOK
	})
	return d
}

// ask sends a request without a body; status 0 stands for no answer.
func ask(t testing.TB, c *http.Client, method, url string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	must(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := c.Do(req)
	if err != nil {
		return answer{}
	}
	defer res.Body.Close() //nolint:errcheck // only the head counts
	return answer{status: res.StatusCode, header: res.Header}
}

// TestOnePortForEverything is example E of the seed, with a certificate and
// tokens of the test.
func TestOnePortForEverything(t *testing.T) {
	a := newAuthority(t)
	d := newDaemon(t, "")
	d.writePair(a, "one")
	block := func(name, more string) string {
		return fmt.Sprintf("%s {\n  listen %s\n  tls { cert_file %s key_file %s }\n  %s\n}\n",
			name, d.ingress, d.path("cert.pem"), d.path("key.pem"), more)
	}
	d.configure(block("ingress", "") + block("pull_api", "prefix /_pull auth token raw:"+pullToken) +
		block("admin_api", "prefix /_ops auth token raw:"+adminToken) +
		"observability { access_log on }\n/events/orders { auth hmac { provider github secret raw:" + githubSecret + " } pull { path /orders } }\n")
	d.startQuietly()
	body := []byte(`{"order":1}`)
	pull := []string{"Authorization", "Bearer " + pullToken}
	admin := []string{"Authorization", "Bearer " + adminToken}
	for _, http2 := range []bool{true, false} {
		c := httpsClient(t, a.trust(""), http2)
		base := "https://" + d.ingress
		for _, row := range []struct {
			method, path string
			headers      []string
			want         int
		}{
			{http.MethodPost, "/events/orders", nil, http.StatusUnauthorized},
			{http.MethodPost, "/_pull/orders/dequeue", nil, http.StatusUnauthorized},
			{http.MethodPost, "/_pull/orders/dequeue", admin, http.StatusUnauthorized},
			{http.MethodPost, "/_pull/orders/dequeue", pull, http.StatusOK},
			{http.MethodGet, "/_ops/status", nil, http.StatusUnauthorized},
			{http.MethodGet, "/_ops/status", pull, http.StatusUnauthorized},
			{http.MethodGet, "/_ops/status", admin, http.StatusOK},
			{http.MethodGet, "/_ops/healthz", nil, http.StatusOK},
			{http.MethodPost, "/_ops/reload", admin, http.StatusNotFound},
			{http.MethodGet, "/status", admin, http.StatusNotFound},
			{http.MethodPost, "/orders/dequeue", pull, http.StatusNotFound},
			{http.MethodGet, "//_ops/status", admin, http.StatusBadRequest},
			{http.MethodGet, "/%5fops/status", admin, http.StatusBadRequest},
			{http.MethodGet, "/_ops%2fstatus", admin, http.StatusBadRequest},
			{http.MethodGet, "/events/../_ops/status", admin, http.StatusBadRequest},
			{http.MethodPost, "/_pull/../events/orders", pull, http.StatusBadRequest},
		} {
			if got := ask(t, c, row.method, base+row.path, row.headers...); got.status != row.want {
				t.Errorf("%s %s (HTTP/2 %v, %d headers): %d, want %d", row.method, row.path, http2, len(row.headers)/2, got.status, row.want)
			}
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/events/orders", strings.NewReader(string(body)))
		must(t, err)
		req.Header.Set("X-Hub-Signature-256", githubSignature(githubSecret, body))
		res, err := c.Do(req)
		must(t, err)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusAccepted {
			t.Errorf("a signed webhook: %d", res.StatusCode)
		}
		if got := ask(t, c, http.MethodPost, base+"/_pull/orders/dequeue", pull...); got.status != http.StatusOK {
			t.Errorf("dequeue: %d", got.status)
		}
	}
	for _, component := range []string{"ingress", "pull_api", "admin_api"} {
		if !strings.Contains(d.log.String(), `"component":"`+component+`"`) {
			t.Errorf("no line of the access log is of %s", component)
		}
	}
	d.stop()
}

// TestSeveralAddresses has an ingress on IPv4, IPv6 and a Unix socket.
func TestSeveralAddresses(t *testing.T) {
	six, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6")
	}
	address := six.Addr().String()
	must(t, six.Close())
	d := newDaemon(t, "")
	d.configure(fmt.Sprintf("ingress { listen %s listen %s listen unix:%s }\npull_api { listen %s auth token raw:%s }\nadmin_api { listen %s listen unix:%s }\n%s",
		d.ingress, address, d.path("in.sock"), d.pull, pullToken, d.admin, d.path("ops.sock"), openRoute))
	d.start()
	for _, base := range []string{d.ingress, address} {
		if a := post(t, "http://"+base+"/in", []byte(base)); a.status != http.StatusAccepted {
			t.Errorf("%s: %d", base, a.status)
		}
	}
	if a := ask(t, onSocket(t, d.path("in.sock")), http.MethodPost, "http://h/in"); a.status != http.StatusAccepted {
		t.Errorf("Unix socket: %d", a.status)
	}
	// both sockets of the admin API are private, that of the ingress is not one of them
	for _, name := range []string{"ops.sock", "admin.sock"} {
		if a := ask(t, onSocket(t, d.path(name)), http.MethodGet, "http://h/status"); a.status != http.StatusOK {
			t.Errorf("admin API on %s: %d", name, a.status)
		}
		info, err := os.Stat(d.path(name))
		must(t, err)
		if info.Mode().Perm() != 0o660 {
			t.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
	}
	d.stored(t, "/in", d.ingress, address, "")
	d.stop()
	if _, err := os.Stat(d.path("in.sock")); err == nil {
		t.Error("the socket is left behind")
	}
}

// A Unix socket that the ingress has too, for a proxy, makes nobody an
// operator.
func TestSharedUnixSocketNeedsTokens(t *testing.T) {
	d := newDaemon(t, "")
	d.configure(fmt.Sprintf("ingress { listen unix:%s }\npull_api { listen %s auth token raw:%s }\nadmin_api { listen unix:%s prefix /_ops auth token raw:%s }\n%s",
		d.path("all.sock"), d.pull, pullToken, d.path("all.sock"), adminToken, openRoute))
	d.startQuietly()
	c := onSocket(t, d.path("all.sock"))
	json := []string{"Content-Type", "application/json"}
	for _, row := range []struct {
		method, path string
		headers      []string
		want         int
	}{
		{http.MethodPost, "/in", nil, http.StatusAccepted},
		{http.MethodGet, "/_ops/status", nil, http.StatusUnauthorized},
		{http.MethodGet, "/_ops/status", []string{"Authorization", "Bearer " + adminToken}, http.StatusOK},
		{http.MethodPost, "/_ops/reload", json, http.StatusUnauthorized},
		{http.MethodPost, "/reload", json, http.StatusNotFound},
	} {
		if got := ask(t, c, row.method, "http://h"+row.path, row.headers...); got.status != row.want {
			t.Errorf("%s %s (%d headers): %d, want %d", row.method, row.path, len(row.headers)/2, got.status, row.want)
		}
	}
	if _, errs, code := d.hookaido("reload", "--socket", d.socket); code != 0 {
		t.Errorf("reload over the private socket: %d %s", code, errs)
	}
}

// TestPassedSocketsAreShared has three sockets of systemd, two of one name, for
// servers that the Hookaidofile puts on one address.
func TestPassedSocketsAreShared(t *testing.T) {
	d := newDaemon(t, "")
	d.configure(fmt.Sprintf("ingress { listen %s }\npull_api { listen %s prefix /_pull auth token raw:%s }\nadmin_api { listen %s }\n%s",
		d.ingress, d.ingress, pullToken, d.admin, openRoute))
	var sockets []passed
	for _, name := range []string{"ingress", "ingress", "pull"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		defer l.Close() //nolint:errcheck // a test
		sockets = append(sockets, passed{name, l})
	}
	d.launchWith(sockets...)
	d.untilReady()
	for _, s := range sockets {
		base := "http://" + s.Addr().String()
		if a := post(t, base+"/in", []byte(s.Addr().String())); a.status != http.StatusAccepted {
			t.Errorf("webhook to a socket of %s: %d", s.name, a.status)
		}
		if a := post(t, base+"/_pull/in/dequeue", nil, "Authorization", "Bearer "+pullToken); a.status != http.StatusOK {
			t.Errorf("dequeue from a socket of %s: %d %s", s.name, a.status, a.body)
		}
	}
	if c, err := net.Dial("tcp", d.ingress); err == nil {
		_ = c.Close()
		t.Error("the address of the Hookaidofile is served beside the sockets")
	}
	if !strings.Contains(d.log.String(), "listen_differs_from_socket") {
		t.Error("nothing says that the sockets are elsewhere")
	}
}
