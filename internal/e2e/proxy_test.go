package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestProxyProtocol has a trusted proxy that tells the client's address in
// front of plain HTTP, of TLS and of HTTP/2, and one that forgets to.
func TestProxyProtocol(t *testing.T) {
	a := newAuthority(t)
	const header = "PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n"
	secure := newTLSDaemon(t, a, "")
	plain := newDaemon(t, "")
	for d, block := range map[*daemon]string{
		secure: fmt.Sprintf("tls { cert_file %s key_file %s }", secure.path("cert.pem"), secure.path("key.pem")), plain: "",
	} {
		d.configure(fmt.Sprintf("ingress {\n  listen %s\n  trusted_proxies 127.0.0.1\n  proxy_protocol on\n  %s\n}\npull_api { listen %s auth token raw:%s }\nadmin_api { listen %s }\n%s",
			d.ingress, block, d.pull, pullToken, d.admin, openRoute))
		d.start()
	}
	dial := func(d *daemon, text string) net.Conn {
		c, err := net.Dial("tcp", d.ingress)
		must(t, err)
		t.Cleanup(func() { _ = c.Close() })
		must(t, c.SetDeadline(time.Now().Add(patience)))
		_, err = io.WriteString(c, text)
		must(t, err)
		return c
	}
	raw := "POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
	if got, _ := io.ReadAll(dial(plain, header+raw)); !strings.HasPrefix(string(got), "HTTP/1.1 202") {
		t.Errorf("plain: %q", got)
	}
	if got, _ := io.ReadAll(dial(plain, raw)); len(got) > 0 {
		t.Errorf("a proxy without a header was answered %q", got)
	}
	for _, http2 := range []bool{true, false} {
		c := httpsClient(t, a.trust(""), http2)
		c.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
			return dial(secure, header), nil
		}
		if status, proto, text := send(t, c, "https://"+secure.ingress+"/in", "y"); status != http.StatusAccepted {
			t.Errorf("HTTP/2 %v: %d %s %s", http2, status, proto, text)
		}
	}
	if c := tls.Client(dial(secure, ""), a.trust("")); c.Handshake() == nil {
		t.Error("a proxy without a header got through to TLS")
	}
	for d, want := range map[*daemon]int{plain: 1, secure: 2} {
		items := d.dequeue("/in", `{"batch":10}`)
		if len(items) != want {
			t.Errorf("%d messages, want %d", len(items), want)
		}
		for _, it := range items {
			if it.Trace["remote_addr"] != "203.0.113.9:4711" {
				t.Errorf("the client is %q", it.Trace["remote_addr"])
			}
		}
	}
}
