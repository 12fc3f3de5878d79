package secret

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// maxVault bounds an answer of Vault, in bytes.
	maxVault       = 1 << 20
	vaultTimeout   = 5 * time.Second
	vaultVariables = "HOOKAIDO_VAULT_"
)

// vault reads secrets of the key-value engine, version 1 or 2, over HTTP. It
// follows no redirect and uses no proxy of the environment, so that the token
// goes to the one server that the operator named.
type vault struct {
	base             *url.URL
	token, namespace string
	client           *http.Client
}

// newVault makes a client from the HOOKAIDO_VAULT_ variables. Errors name the
// variable that is wrong, and never show the token.
func newVault(lookup func(string) (string, bool)) (*vault, error) {
	env := func(name string) string {
		if lookup == nil {
			return ""
		}
		text, _ := lookup(vaultVariables + name)
		return strings.TrimSpace(text)
	}
	v := &vault{token: env("TOKEN"), namespace: env("NAMESPACE")}
	base, err := url.Parse(env("ADDR"))
	switch {
	case env("ADDR") == "":
		return nil, errors.New("HOOKAIDO_VAULT_ADDR is not set: it names the server, such as https://vault.example.org:8200")
	case err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Hostname() == "" || base.User != nil:
		return nil, errors.New("HOOKAIDO_VAULT_ADDR is no http or https URL with a host and without a user")
	case v.token == "":
		return nil, errors.New("HOOKAIDO_VAULT_TOKEN is not set")
	case strings.ContainsAny(v.token+v.namespace, "\r\n\x00"):
		return nil, errors.New("HOOKAIDO_VAULT_TOKEN or HOOKAIDO_VAULT_NAMESPACE has a line end inside")
	}
	v.base = base
	timeout := vaultTimeout
	if text := env("TIMEOUT"); text != "" {
		if timeout, err = time.ParseDuration(text); err != nil || timeout <= 0 {
			return nil, errors.New("HOOKAIDO_VAULT_TIMEOUT is no duration above 0, such as 5s")
		}
	}
	config, err := vaultTLS(env)
	if err != nil {
		return nil, err
	}
	v.client = &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10},
	}
	return v, nil
}

func vaultTLS(env func(string) string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if text := env("INSECURE_SKIP_VERIFY"); text != "" {
		skip, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return nil, errors.New("HOOKAIDO_VAULT_INSECURE_SKIP_VERIFY is neither true nor false")
		}
		config.InsecureSkipVerify = skip //nolint:gosec // the operator asks for it, for tests
	}
	if path := env("CACERT"); path != "" {
		pem, err := os.ReadFile(path) //nolint:gosec // the operator names the file
		if err != nil {
			return nil, fmt.Errorf("HOOKAIDO_VAULT_CACERT: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("HOOKAIDO_VAULT_CACERT: %s has no PEM certificate", path)
		}
	}
	cert, key := env("CLIENT_CERT"), env("CLIENT_KEY")
	if (cert == "") != (key == "") {
		return nil, errors.New("HOOKAIDO_VAULT_CLIENT_CERT and HOOKAIDO_VAULT_CLIENT_KEY go together, and one is not set")
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("HOOKAIDO_VAULT_CLIENT_CERT: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// url returns where a secret is asked for.
func (v *vault) url(path string) string {
	u := *v.base
	root := strings.Trim(u.Path, "/")
	if root != "v1" && !strings.HasSuffix(root, "/v1") && !strings.HasPrefix(path, "v1/") {
		root = strings.TrimPrefix(root+"/v1", "/")
	}
	u.Path = "/" + strings.TrimPrefix(root+"/"+path, "/")
	u.RawPath, u.RawQuery, u.Fragment = "", "", ""
	return u.String()
}

// read asks with a request for url and takes the field from the answer.
func (v *vault) read(r *http.Request, field string) (Value, error) {
	r.Header.Set("X-Vault-Token", v.token)
	r.Header.Set("X-Vault-Request", "true")
	if v.namespace != "" {
		r.Header.Set("X-Vault-Namespace", v.namespace)
	}
	answer, err := v.client.Do(r) //nolint:gosec // the operator names the server
	if err != nil {
		return Value{}, reached(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read only
	if answer.StatusCode != http.StatusOK {
		return Value{}, refused(answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxVault+1))
	switch {
	case err != nil:
		return Value{}, reached(err)
	case len(body) > maxVault:
		return Value{}, fmt.Errorf("the answer of Vault is larger than %d bytes", maxVault)
	}
	return pick(body, field)
}

// reached explains why there was no answer. The error has no secret: the token
// is in a header, which net/http doesn't show.
func reached(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		if failed.Timeout() {
			return fmt.Errorf("no answer from Vault in time (HOOKAIDO_VAULT_TIMEOUT): %w", failed.Err)
		}
		err = failed.Err
	}
	return fmt.Errorf("can't reach Vault: %w", err)
}

// refused explains a status other than 200. The body is left out: it may repeat
// what was sent.
func refused(status int) error {
	hint := ""
	switch {
	case status >= 300 && status < 400:
		hint = ": a redirect, which is not followed; set HOOKAIDO_VAULT_ADDR to the server that answers itself"
	case status == http.StatusBadRequest:
		hint = ": the request is not understood; is HOOKAIDO_VAULT_ADDR https, and the namespace right?"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		hint = ": the token may not read this path; check its policy and that it has not expired"
	case status == http.StatusNotFound:
		hint = ": no secret is there; paths of version 2 have data/ in them, such as kv/data/app"
	case status == http.StatusTooManyRequests:
		hint = ": too many requests, or a standby node"
	case status == http.StatusServiceUnavailable:
		hint = ": it is sealed or being maintained"
	}
	return fmt.Errorf("the answer of Vault is %d%s", status, hint)
}

// pick takes the field from an answer: from the data of version 2, or else from
// that of version 1. A field that isn't named may be the only one there is.
func pick(body []byte, field string) (Value, error) {
	var answer struct {
		Data map[string]json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Data == nil {
		return Value{}, errors.New("the answer is not one of Vault: it has no data")
	}
	var inner map[string]json.RawMessage
	levels := []map[string]json.RawMessage{answer.Data}
	if raw, ok := answer.Data["data"]; ok && json.Unmarshal(raw, &inner) == nil && inner != nil {
		levels = []map[string]json.RawMessage{inner, answer.Data}
	}
	for _, level := range levels {
		if raw, ok := level[field]; ok {
			return scalar(raw, field)
		}
	}
	if field == DefaultField {
		only := ""
		count := 0
		for name := range levels[0] {
			if name != "metadata" {
				only, count = name, count+1
			}
		}
		if count == 1 {
			return scalar(levels[0][only], only)
		}
	}
	return Value{}, fmt.Errorf("the secret has no field %q; name one of its fields after a #", field)
}

// scalar takes a text, a number or a truth value.
func scalar(raw json.RawMessage, field string) (Value, error) {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return Value{}, fmt.Errorf("the field %q can't be read", field)
	}
	var text string
	switch x := value.(type) {
	case string:
		text = x
	case json.Number:
		text = x.String()
	case bool:
		text = strconv.FormatBool(x)
	default:
		return Value{}, fmt.Errorf("the field %q is neither a text nor a number nor a truth value", field)
	}
	if text == "" {
		return Value{}, fmt.Errorf("the field %q is empty", field)
	}
	return New([]byte(text)), nil
}
