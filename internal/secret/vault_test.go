package secret

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const vaultToken = "hvs.MARKER-token"

// standIn is a Vault of a few paths over real HTTP.
func standIn(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Vault-Token") != vaultToken || r.Method != http.MethodGet {
		http.Error(w, `{"errors":["permission denied"]}`, http.StatusForbidden)
		return
	}
	answers := map[string]string{
		"/v1/kv/data/app":     `{"data":{"data":{"token":"v2-text","port":8080,"big":12345678901234567890,"on":true,"empty":"","list":["a"],"null":null},"metadata":{"version":3}}}`,
		"/v1/secret/app":      `{"data":{"token":"v1-text","value":"v1-value"}}`,
		"/v1/kv/data/only":    `{"data":{"data":{"password":"the-only-one"},"metadata":{}}}`,
		"/v1/secret/only":     `{"data":{"password":"v1-only","metadata":{}}}`,
		"/v1/secret/odd":      `{"data":{"data":"a field of that name","token":"v1 beside it"}}`,
		"/v1/kv/data/ns":      `{"data":{"data":{"value":"in ` + r.Header.Get("X-Vault-Namespace") + `"}}}`,
		"/v1/kv/data/a b":     `{"data":{"data":{"value":"escaped"}}}`,
		"/v1/kv/data/nodata":  `{"warnings":["x"]}`,
		"/v1/kv/data/garbage": `<html>`,
		"/v1/kv/data/deleted": `{"data":{"data":null,"metadata":{"deletion_time":"2026-01-01T00:00:00Z"}}}`,
		"/v1/kv/data/big":     `{"data":{"data":{"value":"` + strings.Repeat("x", maxVault) + `"}}}`,
		"/v1/kv/data/edge":    `{"data":{"data":{"value":"` + strings.Repeat("x", maxVault-64) + `"}}}`,
	}
	statuses := map[string]int{
		"/v1/err/400": 400, "/v1/err/401": 401, "/v1/err/403": 403, "/v1/err/404": 404, "/v1/err/429": 429, "/v1/err/500": 500, "/v1/err/503": 503,
	}
	switch path := r.URL.Path; {
	case path == "/v1/err/redirect":
		http.Redirect(w, r, "/v1/kv/data/app", http.StatusTemporaryRedirect)
	case path == "/v1/err/hang":
		<-r.Context().Done()
	case path == "/v1/err/cut":
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"data":`))
	case statuses[path] != 0:
		http.Error(w, "you sent "+r.Header.Get("X-Vault-Token"), statuses[path])
	case answers[path] == "":
		http.Error(w, `{"errors":[]}`, http.StatusNotFound)
	default:
		_, _ = w.Write([]byte(answers[path]))
	}
}

// vaultEnv is the environment of a resolver.
func vaultEnv(pairs ...string) Resolver {
	env := map[string]string{"HOOKAIDO_VAULT_TOKEN": vaultToken}
	for i := 0; i < len(pairs); i += 2 {
		env["HOOKAIDO_VAULT_"+pairs[i]] = pairs[i+1]
	}
	return Resolver{LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
}

// check resolves a reference and compares the value or the error, which never
// holds the token.
func check(t *testing.T, r Resolver, text, want, wantErr string) {
	t.Helper()
	ref, err := ParseRef(text)
	if err != nil {
		t.Fatal(err)
	}
	v, err := r.Resolve(ref)
	switch {
	case wantErr == "" && (err != nil || string(v.Reveal()) != want):
		t.Errorf("%s: got %.60q, %v", text, v.Reveal(), err)
	case wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr) || !strings.HasPrefix(err.Error(), ref.String()+": ")):
		t.Errorf("%s: error %v, want one with %q", text, err, wantErr)
	case err != nil && strings.Contains(err.Error(), "MARKER"):
		t.Errorf("the token shows: %v", err)
	}
}

// TestVault is badinput 118 over real HTTP.
func TestVault(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(standIn))
	defer server.Close()
	tests := []struct{ ref, want, err string }{
		{"vault:kv/data/app#token", "v2-text", ""},
		{"vault:/kv/data/app/#token", "v2-text", ""},
		{"vault:v1/kv/data/app#token", "v2-text", ""},
		{"vault:kv/data/app#port", "8080", ""},
		{"vault:kv/data/app#big", "12345678901234567890", ""},
		{"vault:kv/data/app#on", "true", ""},
		{"vault:secret/app#token", "v1-text", ""},
		{"vault:secret/app", "v1-value", ""},
		{"vault:kv/data/only", "the-only-one", ""},
		{"vault:secret/only", "v1-only", ""},
		{"vault:secret/odd#token", "v1 beside it", ""},
		{"vault:secret/odd#data", "a field of that name", ""},
		{"vault:kv/data/a b", "escaped", ""},
		{"vault:kv/data/edge", strings.Repeat("x", maxVault-64), ""},
		{"vault:kv/data/app", "", `no field "value"`},
		{"vault:kv/data/app#nope", "", `no field "nope"`},
		{"vault:kv/data/app#empty", "", "is empty"},
		{"vault:kv/data/app#list", "", "neither a text"},
		{"vault:kv/data/app#null", "", "neither a text"},
		{"vault:kv/data/nodata", "", "it has no data"},
		{"vault:kv/data/garbage", "", "not one of Vault"},
		{"vault:kv/data/deleted", "", "neither a text"},
		{"vault:kv/data/big", "", "larger than 1048576 bytes"},
		{"vault:kv/data/missing", "", "404: no secret is there"},
		{"vault:err/400", "", "400: "},
		{"vault:err/401", "", "401: the token may not"},
		{"vault:err/403", "", "403: the token may not"},
		{"vault:err/429", "", "429: too many"},
		{"vault:err/500", "", "is 500"},
		{"vault:err/503", "", "503: it is sealed"},
		{"vault:err/redirect", "", "307: a redirect, which is not followed"},
		{"vault:err/cut", "", "can't reach Vault"},
	}
	for _, test := range tests {
		check(t, vaultEnv("ADDR", server.URL), test.ref, test.want, test.err)
	}
	check(t, vaultEnv("ADDR", server.URL+"/v1/"), "vault:kv/data/app#token", "v2-text", "")
	check(t, vaultEnv("ADDR", server.URL, "NAMESPACE", "team/a"), "vault:kv/data/ns", "in team/a", "")
	check(t, vaultEnv("ADDR", server.URL, "TOKEN", "MARKER-wrong"), "vault:kv/data/app#token", "", "403")
	check(t, vaultEnv("ADDR", server.URL, "TIMEOUT", "50ms"), "vault:err/hang", "", "no answer from Vault in time")
	check(t, vaultEnv("ADDR", strings.Replace(server.URL, "http:", "https:", 1)), "vault:kv/data/app#token", "", "can't reach Vault")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := vaultEnv("ADDR", server.URL).ResolveContext(ctx, Ref{Scheme: Vault, Name: "err/hang", Field: "value"}); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("a context that ended: %v", err)
	}
	if v, err := vaultEnv("ADDR", server.URL).ResolveContext(context.Background(), Ref{Scheme: Vault, Name: "secret/app", Field: "token"}); err != nil || string(v.Reveal()) != "v1-text" {
		t.Errorf("with a context: %v", err)
	}
}

func TestVaultSettings(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "ca")
	if err := os.WriteFile(notPEM, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		want string
		env  []string
	}{
		{"HOOKAIDO_VAULT_ADDR is not set", nil},
		{"HOOKAIDO_VAULT_ADDR is no http", []string{"ADDR", "vault:8200"}},
		{"HOOKAIDO_VAULT_ADDR is no http", []string{"ADDR", "https://u:MARKER@v"}},
		{"HOOKAIDO_VAULT_TOKEN is not set", []string{"ADDR", "https://v", "TOKEN", " "}},
		{"has a line end", []string{"ADDR", "https://v", "TOKEN", "a\nMARKER"}},
		{"HOOKAIDO_VAULT_TIMEOUT", []string{"ADDR", "https://v", "TIMEOUT", "5"}},
		{"HOOKAIDO_VAULT_TIMEOUT", []string{"ADDR", "https://v", "TIMEOUT", "0s"}},
		{"HOOKAIDO_VAULT_INSECURE_SKIP_VERIFY", []string{"ADDR", "https://v", "INSECURE_SKIP_VERIFY", "maybe"}},
		{"go together", []string{"ADDR", "https://v", "CLIENT_CERT", "/c"}},
		{"go together", []string{"ADDR", "https://v", "CLIENT_KEY", "/k"}},
		{"HOOKAIDO_VAULT_CLIENT_CERT", []string{"ADDR", "https://v", "CLIENT_CERT", "/no", "CLIENT_KEY", "/no"}},
		{"HOOKAIDO_VAULT_CACERT", []string{"ADDR", "https://v", "CACERT", "/no"}},
		{"no PEM certificate", []string{"ADDR", "https://v", "CACERT", notPEM}},
	}
	for _, test := range tests {
		check(t, vaultEnv(test.env...), "vault:a", "", test.want)
	}
}

// keyPair makes a certificate that signs itself, and writes it and its key.
func keyPair(t *testing.T, dir, name string) (certFile, keyFile string, pair tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if pair, err = tls.LoadX509KeyPair(certFile, keyFile); err != nil {
		t.Fatal(err)
	}
	return certFile, keyFile, pair
}

// TestVaultTLS checks authority and client certificate over real TLS.
func TestVaultTLS(t *testing.T) {
	dir := t.TempDir()
	serverCert, _, pair := keyPair(t, dir, "server")
	clientCert, clientKey, _ := keyPair(t, dir, "client")
	clients := x509.NewCertPool()
	text, err := os.ReadFile(clientCert)
	if err != nil {
		t.Fatal(err)
	}
	clients.AppendCertsFromPEM(text)
	server := httptest.NewUnstartedServer(http.HandlerFunc(standIn))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	server.Config.ErrorLog = nil
	server.StartTLS()
	defer server.Close()

	const ref = "vault:kv/data/app#token"
	all := []string{"ADDR", server.URL, "CLIENT_CERT", clientCert, "CLIENT_KEY", clientKey}
	check(t, vaultEnv(append(all, "CACERT", serverCert)...), ref, "v2-text", "")
	check(t, vaultEnv(append(all, "INSECURE_SKIP_VERIFY", "TRUE")...), ref, "v2-text", "")
	check(t, vaultEnv(all...), ref, "", "certificate")
	check(t, vaultEnv("ADDR", server.URL, "CACERT", serverCert), ref, "", "can't reach Vault")
	check(t, vaultEnv("ADDR", strings.Replace(server.URL, "https:", "http:", 1)), ref, "", "400: the request is not understood; is HOOKAIDO_VAULT_ADDR https")
}
