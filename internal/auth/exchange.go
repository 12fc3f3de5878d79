package auth

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxRedirects = 10
	// maxDrain and drainTime bound what is read of a body that nobody wants,
	// so that its connection can be used again.
	maxDrain  = 64 << 10
	drainTime = 100 * time.Millisecond

	originalPath   = "X-Hookaido-Original-Path"
	originalMethod = "X-Hookaido-Original-Method"
)

// call is one request of an exchange.
type call struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
}

// call makes the first request of an exchange.
func (f *Forward) call(r ForwardRequest) call {
	header := make(http.Header, len(r.Header)+4)
	for name, values := range r.Header {
		header[name] = values
	}
	for _, list := range r.Header["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			header.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range [...]string{"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Host", "Content-Length", "Expect"} {
		delete(header, name)
	}
	header[originalPath], header[originalMethod] = []string{r.Path}, []string{r.Method}
	if header["User-Agent"] == nil {
		header["User-Agent"] = []string{""} // or net/http adds its own
	}
	if header["X-Idempotency-Key"] == nil {
		// An empty list is not sent, and tells net/http that it may ask again
		// if a connection turns out to be closed by the service. To ask twice
		// does less harm than a 503, after which the sender asks twice too.
		header["X-Idempotency-Key"] = []string{}
	}
	body := r.Body
	if f.bodyLimit > 0 && int64(len(body)) > f.bodyLimit {
		body = body[:f.bodyLimit]
	}
	return call{method: r.Method, url: f.url, header: header, body: body}
}

// exchange sends a call and follows redirects. The caller closes the body.
func (f *Forward) exchange(ctx context.Context, c call) (*http.Response, error) {
	for range maxRedirects + 1 {
		req, err := http.NewRequestWithContext(ctx, c.method, c.url.String(), bytes.NewReader(c.body))
		if err != nil {
			return nil, errors.New("the method of the request is malformed")
		}
		req.Header = c.header
		resp, err := f.transport.RoundTrip(req)
		if err != nil {
			return nil, withoutAnswer(err)
		}
		location := resp.Header.Get("Location")
		if !isRedirect(resp.StatusCode) || location == "" {
			return resp, nil
		}
		drain(ctx, resp.Body)
		if c, err = c.redirected(resp.StatusCode, location); err != nil {
			return nil, fmt.Errorf("follow its redirect: %w", err)
		}
	}
	return nil, fmt.Errorf("it redirects more than %d times", maxRedirects)
}

// withoutAnswer returns an error of net/http without what it quotes of a
// malformed answer, which may be long, or a header that is secret.
func withoutAnswer(err error) error {
	var network *net.OpError
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &network) || errors.As(err, &certificate) {
		return err
	}
	text, _, quotes := strings.Cut(err.Error(), `"`)
	if !quotes {
		return err
	}
	return errors.New(strings.TrimRight(text, ": "))
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirected returns the call that a redirect asks for. Errors don't repeat the
// location, which may hold a token.
func (c call) redirected(status int, location string) (call, error) {
	to, err := c.url.Parse(location)
	switch {
	case err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Hostname() == "" || to.User != nil:
		return call{}, errors.New("the location is no http or https URL with a host and without a user")
	case c.url.Scheme == "https" && to.Scheme == "http":
		return call{}, errors.New("it leads from https to http")
	}
	next := call{method: c.method, url: to, header: c.header.Clone(), body: c.body}
	if status != http.StatusTemporaryRedirect && status != http.StatusPermanentRedirect {
		next.body = nil
		if next.method != http.MethodHead {
			next.method = http.MethodGet
		}
		for _, name := range [...]string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Location"} {
			delete(next.header, name)
		}
	}
	if to.Scheme != c.url.Scheme || !strings.EqualFold(to.Host, c.url.Host) {
		for name := range next.header {
			if isSensitive(name) {
				delete(next.header, name)
			}
		}
	}
	return next, nil
}

// isSensitive reports whether the name of a header says that a stranger must
// not have it.
func isSensitive(name string) bool {
	name = strings.ToLower(name)
	for _, word := range [...]string{"auth", "cookie", "token", "secret", "signature", "hmac", "api-key", "apikey", "password", "referer"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// drain reads the rest of a body if it is short and comes at once, so that the
// connection can be used again, and closes it in any case.
func drain(ctx context.Context, body io.ReadCloser) {
	limited, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	stop := context.AfterFunc(limited, func() { _ = body.Close() })
	defer stop()
	_, _ = io.CopyN(io.Discard, body, maxDrain) // what fails here closes the connection, which is all
	_ = body.Close()
}
