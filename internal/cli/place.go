package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"hookaido/internal/config"
)

// place is a listener of this machine, as the Hookaidofile has it.
type place struct {
	listen config.Listen
	tls    *config.TLS
}

// base is the URL of the listener.
func (l place) base() (*url.URL, error) {
	u := &url.URL{Scheme: "http"}
	if l.tls != nil {
		u.Scheme = "https"
	}
	if _, unix := l.listen.Unix(); unix {
		u.Host = "localhost"
		return u, nil
	}
	host, port, err := net.SplitHostPort(l.listen.Address)
	if err != nil {
		return nil, fmt.Errorf("%s is no address to connect to", l.listen.Address)
	}
	if unspecified(host) {
		host = "localhost"
	}
	u.Host = net.JoinHostPort(host, port)
	return u, nil
}

// unspecified reports whether a host to listen on means all addresses.
func unspecified(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

// dial connects to the listener. One for all addresses is on the loopback too,
// whose name not every machine can look up.
func (l place) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	if path, unix := l.listen.Unix(); unix {
		return d.DialContext(ctx, "unix", path)
	}
	host, port, err := net.SplitHostPort(l.listen.Address)
	if err != nil || !unspecified(host) {
		return d.DialContext(ctx, network, address)
	}
	c, err := d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	if err == nil {
		return c, nil
	}
	if c, err6 := d.DialContext(ctx, network, net.JoinHostPort("::1", port)); err6 == nil {
		return c, nil
	}
	return nil, err
}

// transport reaches the listener. Its certificate need not be for an address of
// this machine: it must be the very one that the Hookaidofile names.
func (l place) transport() (*http.Transport, error) {
	t := plainTransport()
	t.DialContext = l.dial
	if l.tls == nil {
		return t, nil
	}
	text, err := os.ReadFile(l.tls.CertFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificate of the listener: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s has no certificate in PEM", l.tls.CertFile)
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read the certificate of the listener: %w", err)
	}
	t.TLSClientConfig.RootCAs = x509.NewCertPool()
	t.TLSClientConfig.RootCAs.AppendCertsFromPEM(text)
	switch {
	case len(leaf.DNSNames) > 0:
		t.TLSClientConfig.ServerName = strings.Replace(leaf.DNSNames[0], "*", "test", 1)
	case len(leaf.IPAddresses) > 0:
		t.TLSClientConfig.ServerName = leaf.IPAddresses[0].String()
	}
	return t, nil
}

// plainTransport goes where the URL says; a proxy of the environment has no
// part in it.
func plainTransport() *http.Transport {
	return &http.Transport{DisableCompression: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
}
