package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// authority signs the certificates of a test.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of a test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	a.cert, err = x509.ParseCertificate(der)
	must(t, err)
	a.key, a.pem = key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

// issue returns a certificate for loopback with its key, in PEM.
func (a *authority) issue(name string) (cert, key []byte) {
	a.t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(a.t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	must(a.t, err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, own.Public(), a.key)
	must(a.t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(own)
	must(a.t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// trust is the configuration of a client that trusts the authority; with a
// name it shows a certificate of that name.
func (a *authority) trust(name string) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	c := &tls.Config{RootCAs: pool}
	if name != "" {
		pair, err := tls.X509KeyPair(a.issue(name))
		must(a.t, err)
		c.Certificates = []tls.Certificate{pair}
	}
	return c
}

// httpsClient speaks HTTP/2 or HTTP/1.1 and keeps its connections.
func httpsClient(t testing.TB, c *tls.Config, http2 bool) *http.Client {
	transport := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: http2}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// writePair puts a new certificate where the daemon reads it.
func (d *daemon) writePair(a *authority, name string) {
	d.t.Helper()
	cert, key := a.issue(name)
	must(d.t, os.WriteFile(d.path("cert.pem"), cert, 0o600))
	must(d.t, os.WriteFile(d.path("key.pem"), key, 0o600))
}

// configure writes a Hookaidofile with what stands in front of its routes.
func (d *daemon) configure(text string) {
	d.t.Helper()
	must(d.t, os.WriteFile(d.path("Hookaidofile"), []byte(text), 0o600))
}

// newTLSDaemon has an ingress with TLS and whatever more stands in its block.
func newTLSDaemon(t testing.TB, a *authority, more string) *daemon {
	t.Helper()
	d := newDaemon(t, "")
	d.writePair(a, "first")
	must(t, os.WriteFile(d.path("ca.pem"), a.pem, 0o600))
	d.configure(fmt.Sprintf(`ingress {
  listen %s
  tls { cert_file %s key_file %s %s }
}
pull_api { listen %s auth token raw:%s }
admin_api { listen %s }
%s`, d.ingress, d.path("cert.pem"), d.path("key.pem"), more, d.pull, pullToken, d.admin, openRoute))
	return d
}

// send posts a body and returns the answer, 0 and the error as text without
// one.
func send(t testing.TB, c *http.Client, url, body string) (status int, proto, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	must(t, err)
	res, err := c.Do(req)
	if err != nil {
		return 0, "", err.Error()
	}
	defer res.Body.Close() //nolint:errcheck // read to the end
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, res.Proto, err.Error()
	}
	return res.StatusCode, res.Proto, string(b)
}

func TestTLS(t *testing.T) {
	a := newAuthority(t)
	d := newTLSDaemon(t, a, "").start()
	for http2, want := range map[bool]string{true: "HTTP/2.0", false: "HTTP/1.1"} {
		c := httpsClient(t, a.trust(""), http2)
		if status, proto, text := send(t, c, "https://"+d.ingress+"/in", want); status != http.StatusAccepted || proto != want {
			t.Errorf("%s: %d over %s: %s", want, status, proto, text)
		}
		if status, _, text := send(t, c, "https://"+d.ingress+"/none", ""); status != http.StatusNotFound {
			t.Errorf("%s: no route: %d %s", want, status, text)
		}
	}
	if got := d.drain("/in"); len(got) != 2 || got["HTTP/2.0"] != 1 || got["HTTP/1.1"] != 1 {
		t.Errorf("queued %v", got)
	}
	c, err := net.Dial("tcp", d.ingress)
	must(t, err)
	defer c.Close() //nolint:errcheck // a test
	_, err = io.WriteString(c, "POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx")
	must(t, err)
	must(t, c.SetReadDeadline(time.Now().Add(patience)))
	b, err := io.ReadAll(c)
	must(t, err)
	if got := string(b); !strings.HasPrefix(got, "HTTP/1.1 400") || !strings.Contains(got, "HTTPS") {
		t.Errorf("plain HTTP on the TLS port: %q", got)
	}
}

// TestAmbiguousRequestsInsideTLS has rows 33 to 54 of bad input in the ways
// that only the check of heads finds.
func TestAmbiguousRequestsInsideTLS(t *testing.T) {
	a := newAuthority(t)
	d := newTLSDaemon(t, a, "").start()
	for raw, want := range map[string]string{
		"POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": "HTTP/1.1 400",
		"POST /in HTTP/1.1\r\nHost: h\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n":                        "HTTP/1.1 400",
		"POST /in HTTP/1.1\nHost: h\nContent-Length: 0\n\n":                                                "HTTP/1.1 400",
		"POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx":                  "HTTP/1.1 202",
	} {
		c, err := tls.Dial("tcp", d.ingress, a.trust(""))
		must(t, err)
		_, err = io.WriteString(c, raw)
		must(t, err)
		must(t, c.SetReadDeadline(time.Now().Add(patience)))
		got, err := io.ReadAll(c)
		if !strings.HasPrefix(string(got), want) || err != nil {
			t.Errorf("%q: %q, %v; want %s", raw, got, err, want)
		}
		_ = c.Close()
	}
}

// TestMutualTLS is the seed's client_auth with a certificate of the test.
func TestMutualTLS(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	d := newTLSDaemon(t, a, "client_ca "+newDaemonPath("ca.pem")+" client_auth require_and_verify")
	b, err := os.ReadFile(d.path("Hookaidofile"))
	must(t, err)
	d.configure(strings.ReplaceAll(string(b), newDaemonPath("ca.pem"), d.path("ca.pem")))
	d.start()
	foreign := a.trust("")
	pair, err := tls.X509KeyPair(stranger.issue("stranger"))
	must(t, err)
	foreign.Certificates = []tls.Certificate{pair}
	for _, http2 := range []bool{true, false} {
		for name, row := range map[string]struct {
			config *tls.Config
			want   int
		}{"nobody": {a.trust(""), 0}, "stranger": {foreign, 0}, "partner": {a.trust("partner"), http.StatusAccepted}} {
			if status, _, text := send(t, httpsClient(t, row.config.Clone(), http2), "https://"+d.ingress+"/in", name); status != row.want {
				t.Errorf("%s (HTTP/2 %v): %d %s", name, http2, status, text)
			}
		}
	}
	if got := d.drain("/in"); len(got) != 1 || got["partner"] != 2 {
		t.Errorf("queued %v", got)
	}
	if !strings.Contains(d.log.String(), "tls_handshake_failed") {
		t.Error("the log does not tell of the refused handshakes")
	}
}

// newDaemonPath stands for a path in a configuration whose folder is not known
// yet.
func newDaemonPath(name string) string { return "/FOLDER/" + name }

// shown returns the name in the certificate of the ingress.
func (d *daemon) shown(a *authority) string {
	c, err := tls.Dial("tcp", d.ingress, a.trust(""))
	if err != nil {
		return err.Error()
	}
	defer c.Close() //nolint:errcheck // nothing was sent
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// TestCertificateIsRenewed is case C92.
func TestCertificateIsRenewed(t *testing.T) {
	a := newAuthority(t)
	d := newTLSDaemon(t, a, "").start()
	kept := httpsClient(t, a.trust(""), true)
	if status, _, text := send(t, kept, "https://"+d.ingress+"/in", "before"); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, text)
	}
	reload := func() (string, int) {
		_, errs, code := d.hookaido("reload", "--socket", d.socket)
		return errs, code
	}

	cert, key := a.issue("second")
	must(t, os.WriteFile(d.path("cert.pem"), cert, 0o600))
	if errs, code := reload(); code != 1 || !strings.Contains(errs, "key.pem") || !strings.Contains(errs, "does not belong") {
		t.Errorf("reload half-way: exit %d\n%s", code, errs)
	}
	if got := d.shown(a); got != "first" {
		t.Errorf("half-way the certificate is %s", got)
	}
	must(t, os.WriteFile(d.path("key.pem"), key, 0o600))
	if errs, code := reload(); code != 0 || d.shown(a) != "second" {
		t.Errorf("reload with both: exit %d, certificate %s\n%s", code, d.shown(a), errs)
	}

	// certbot's way, and no reload
	must(t, os.Mkdir(d.path("live"), 0o700))
	d.writePair(a, "third")
	d.eventually("renewed by itself", func() bool { return d.shown(a) == "third" })
	if status, _, text := send(t, kept, "https://"+d.ingress+"/in", "after"); status != http.StatusAccepted {
		t.Errorf("a connection from before: %d %s", status, text)
	}

	must(t, os.Remove(d.path("key.pem")))
	d.stop()
	d.launch()
	if code := d.wait(); code != 78 || !strings.Contains(d.log.String(), "key.pem") {
		t.Errorf("start without a key: exit %d, want 78 and the file", code)
	}
}

// passed is an open listener with the name of its socket unit.
type passed struct {
	name string
	net.Listener
}

// launchWith starts the daemon as systemd does, with open listeners.
func (d *daemon) launchWith(sockets ...passed) {
	d.t.Helper()
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh", binary, "run",
		"--config", d.path("Hookaidofile"), "--db", d.path("data/hookaido.db"), "--socket", d.socket)
	var names []string
	for _, s := range sockets {
		f, err := s.Listener.(*net.TCPListener).File()
		must(d.t, err)
		defer f.Close() //nolint:errcheck // the process has it
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		names = append(names, s.name)
	}
	cmd.Env = append(os.Environ(), "LISTEN_FDS="+itoa(len(sockets)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	cmd.Stdout, cmd.Stderr = d.log, d.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(d.t, cmd.Start())
	exited := make(chan struct{})
	d.cmd, d.exited = cmd, exited
	go func() {
		_ = cmd.Wait() // the state is read from ProcessState
		close(exited)
	}()
}

// TestRestartUnderLoadWithTLS restarts the daemon three times while clients
// send over HTTP/2, on connections that they keep, and over HTTP/1.1, each time
// on a new one. None may see an error, and every 202 must be there.
func TestRestartUnderLoadWithTLS(t *testing.T) {
	a := newAuthority(t)
	d := newTLSDaemon(t, a, "")
	l, err := net.Listen("tcp", d.ingress)
	must(t, err)
	defer l.Close() //nolint:errcheck // a test
	ready := func() {
		d.launchWith(passed{"ingress", l})
		d.eventually("ready", func() bool { return d.get("http://"+d.admin+"/readyz") == http.StatusOK })
	}
	ready()
	ctx, cancel := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	var accepted, failed atomic.Int64
	for i := range 8 {
		c := httpsClient(t, a.trust(""), i%2 == 0)
		c.Transport.(*http.Transport).DisableKeepAlives = i%2 == 1
		senders.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				body := []byte(fmt.Sprintf("%d-%d", i, n))
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+d.ingress+"/in", bytes.NewReader(body))
				must(t, err)
				res, err := c.Do(req)
				if err != nil || res.StatusCode != http.StatusAccepted {
					failed.Add(1)
					t.Errorf("sender %d: %v %v", i, res, err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body) // to use the connection again
				_ = res.Body.Close()
				accepted.Add(1)
			}
		})
	}
	for range 3 {
		more := accepted.Load() + 200
		d.eventually("under load", func() bool { return accepted.Load() > more || failed.Load() > 0 })
		d.stop()
		ready()
	}
	cancel()
	senders.Wait()
	total := 0
	for _, n := range d.drain("/in") {
		total += n
	}
	if int64(total) != accepted.Load() {
		t.Errorf("%d messages, %d were accepted", total, accepted.Load())
	}
}
