// Package client talks to the admin API of a running daemon, for the operator
// commands. Its errors are for people at a terminal: they say what to do.
package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"hookaido/internal/admin"
)

// Credential is a token that does not show itself when it is printed.
type Credential interface{ Reveal() []byte }

// Options say where the daemon is: at Socket, or at URL.
type Options struct {
	// Socket is the path of the Unix socket of the admin API.
	Socket string
	// URL is the base of the admin API over TCP, with its prefix, such as
	// http://127.0.0.1:2019. Token is for it; nil for none.
	URL   string
	Token Credential
	// Authorities are whom to trust when URL is HTTPS; nil for the system's.
	Authorities *x509.CertPool
	// Timeout bounds a call; 0 is 30 seconds.
	Timeout time.Duration
}

const defaultTimeout = 30 * time.Second

// Client calls one daemon. It is safe for concurrent use.
type Client struct {
	http  *http.Client
	base  string
	place string // for messages
	unix  bool
	token Credential
}

// New makes a client. It connects when it is used.
func New(o Options) (*Client, error) {
	timeout := o.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	transport := &http.Transport{ // a proxy of the environment has no part in this
		TLSClientConfig: &tls.Config{RootCAs: o.Authorities, MinVersion: tls.VersionTLS12},
	}
	c := &Client{http: &http.Client{Transport: transport, Timeout: timeout, CheckRedirect: noRedirect}, token: o.Token}
	if o.URL == "" {
		c.base, c.place, c.unix = "http://localhost", o.Socket, true
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", o.Socket)
		}
		return c, nil
	}
	u, err := url.Parse(o.URL)
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the address of the admin API must be like http://127.0.0.1:2019")
	case u.User != nil:
		return nil, errors.New("the address of the admin API must not hold a password; give the token on its own")
	}
	u.RawQuery, u.Fragment = "", ""
	c.base = strings.TrimSuffix(u.String(), "/")
	c.place = c.base
	return c, nil
}

// noRedirect keeps the token from going elsewhere.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Health asks for the health of the daemon with its details.
func (c *Client) Health(ctx context.Context) (admin.Health, error) {
	var h admin.Health
	status, body, err := c.call(ctx, http.MethodGet, "/healthz?details=1")
	if err != nil {
		return h, err
	}
	if status == http.StatusServiceUnavailable && json.Unmarshal(body, &h) == nil && !h.Time.IsZero() {
		return h, nil // it says itself what is wrong
	}
	if status != http.StatusOK {
		return h, c.refusal(status, body)
	}
	return h, c.decode(body, &h)
}

// Status asks what the daemon is doing.
func (c *Client) Status(ctx context.Context) (admin.Status, error) {
	var s admin.Status
	err := c.get(ctx, "/status", &s)
	return s, err
}

// Reload makes the daemon take its Hookaidofile anew and returns when that is
// done. When it refuses, the error is an [*admin.ReloadError].
func (c *Client) Reload(ctx context.Context) (admin.ReloadResult, error) {
	var result admin.ReloadResult
	status, body, err := c.call(ctx, http.MethodPost, "/reload")
	if err != nil {
		return result, err
	}
	if status == http.StatusOK {
		return result, c.decode(body, &result)
	}
	var refused admin.ReloadError
	if json.Unmarshal(body, &refused) != nil || refused.Diagnostics == nil {
		return result, c.refusal(status, body)
	}
	return result, &refused
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	status, body, err := c.call(ctx, http.MethodGet, path)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return c.refusal(status, body)
	}
	return c.decode(body, into)
}

// maxAnswer bounds what is read of an answer, in bytes. A list with payloads
// may have 64 MiB of them, in base64.
const maxAnswer = 128 << 20

func (c *Client) call(ctx context.Context, method, path string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	return c.send(req)
}

func (c *Client) send(req *http.Request) (int, []byte, error) {
	if req.Method != http.MethodGet {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != nil {
		req.Header.Set("Authorization", "Bearer "+string(c.token.Reveal()))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, c.explain(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, nil, c.explain(err)
	}
	return resp.StatusCode, body, nil
}

func (c *Client) decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read the answer of %s, is that the admin API of hookaido?: %w", c.place, err)
	}
	return nil
}
