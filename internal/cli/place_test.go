package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hookaido/internal/config"
)

// reached asks a listener for something.
func reached(t *testing.T, at place) (string, error) {
	t.Helper()
	base, err := at.base()
	if err != nil {
		t.Fatal(err)
	}
	transport, err := at.transport()
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base.String()+"/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() //nolint:errcheck // read to the end
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), nil
}

// serve answers with the host that was asked for.
func serve(t *testing.T, network, address string) *httptest.Server {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Skipf("this machine can't listen on %s: %v", address, err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) }))
	_ = s.Listener.Close()
	s.Listener = l
	t.Cleanup(s.Close)
	return s
}

func TestPlaceIsReached(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "in.sock")
	for name, test := range map[string]struct{ network, address, listen, host string }{
		"IPv4":          {"tcp", "127.0.0.1:0", "127.0.0.1:PORT", "127.0.0.1:PORT"},
		"all":           {"tcp", "127.0.0.1:0", ":PORT", "localhost:PORT"},
		"all of IPv4":   {"tcp", "127.0.0.1:0", "0.0.0.0:PORT", "localhost:PORT"},
		"IPv6 only":     {"tcp6", "[::1]:0", "[::]:PORT", "localhost:PORT"},
		"a Unix socket": {"unix", socket, "unix:" + socket, "localhost"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, test.network, test.address)
			s.Start()
			port := ""
			if a, ok := s.Listener.Addr().(*net.TCPAddr); ok {
				_, port, _ = net.SplitHostPort(a.String())
			}
			at := place{listen: config.Listen{Address: strings.Replace(test.listen, "PORT", port, 1)}}
			if got, err := reached(t, at); err != nil || got != strings.Replace(test.host, "PORT", port, 1) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// certificate makes one for a name, and returns the file that it is in.
func certificate(t *testing.T, name string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: noon.AddDate(100, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func TestPlaceHasTheCertificateOfTheHookaidofile(t *testing.T) {
	own, file := certificate(t, "hooks.example")
	_, another := certificate(t, "hooks.example")
	_, wild := certificate(t, "*.example")
	s := serve(t, "tcp", "127.0.0.1:0")
	s.TLS = &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	listen := config.Listen{Address: s.Listener.Addr().String()}
	if _, err := reached(t, place{listen, &config.TLS{CertFile: file}}); err != nil {
		t.Errorf("its own: %v", err)
	}
	for _, wrong := range []string{another, wild} {
		if _, err := reached(t, place{listen, &config.TLS{CertFile: wrong}}); err == nil {
			t.Error("another certificate was taken for the listener's")
		}
	}
	for _, bad := range []string{"none", os.DevNull} {
		if _, err := (place{listen, &config.TLS{CertFile: bad}}).transport(); err == nil {
			t.Errorf("%s was taken for a certificate", bad)
		}
	}
}
