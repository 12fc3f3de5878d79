package deliver

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/secret"
)

const (
	// maxDrain and drainTimeout bound what is read of an answer's body so that
	// the connection can be used again. Beyond, the connection is closed: the
	// status has told all.
	maxDrain     = 64 << 10
	drainTimeout = time.Second

	maxRedirects = 3
)

func newTransport(d *dialer, o *Options) *http.Transport {
	t := &http.Transport{
		DialContext:            d.dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		TLSHandshakeTimeout:    connectTimeout,
		ForceAttemptHTTP2:      true, // or an own DialContext would switch it off
		DisableCompression:     true,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxResponseHeaders,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
	}
	if d.policy.proxy != nil {
		proxy := &url.URL{Scheme: d.policy.proxy.scheme, Host: d.policy.proxy.authority()}
		t.Proxy = http.ProxyURL(proxy)
		t.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
			if resp.StatusCode != http.StatusOK {
				return &proxyError{resp.StatusCode}
			}
			return nil
		}
	}
	return t
}

// httpTarget delivers to a URL.
type httpTarget struct {
	deliverer *Deliverer
	url       *url.URL
	site      site
	refusal   error // what the policy says of the URL, which never changes
	headers   []config.Header
	again     []int
	signer    *signer // nil if nothing is signed
	more      int     // fields beside those of the message and of the configuration
}

func newHTTPTarget(d *Deliverer, cfg *config.Target, keys secret.Pool) (*httpTarget, error) {
	u, s, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	t := &httpTarget{deliverer: d, url: u, site: s, refusal: d.policy.checkSite(s), headers: cfg.Headers, again: cfg.RetryStatus, more: 1}
	if cfg.Sign != nil {
		t.more += signatureFields
		if t.signer, err = newSigner(cfg.Sign, keys); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// attempt sends m and, if the policy lets it, follows redirects.
func (t *httpTarget) attempt(ctx context.Context, m *queue.Leased) Result {
	if t.refusal != nil {
		return failed(GiveUp, ReasonEgress, t.refusal)
	}
	at, u := t.site, t.url
	for hop := 0; ; hop++ {
		req, err := t.request(m, u, at == t.site)
		if err != nil {
			return failed(Retry, ReasonSigning, err)
		}
		r, location := t.exchange(ctx, req)
		if !t.follows(r.Status, location) || hop == maxRedirects {
			return r
		}
		next, s, err := t.deliverer.policy.redirect(u, at, location)
		if err != nil {
			status := r.Status
			r = failed(GiveUp, ReasonEgress, err)
			r.Status = status
			return r
		}
		u, at = next, s
	}
}

// exchange sends a request and judges the answer. It returns where the answer
// points to, if anywhere.
func (t *httpTarget) exchange(ctx context.Context, req *http.Request) (r Result, location string) {
	p := &progress{}
	resp, err := t.deliverer.transport.RoundTrip(req.WithContext(httptrace.WithClientTrace(ctx, p.trace())))
	if err != nil {
		return t.deliverer.failure(ctx, step(p.step.Load()), err), ""
	}
	defer drain(ctx, resp)
	return judge(resp, t.again, t.deliverer.clock.Now()), resp.Header.Get("Location")
}

// request makes the request for one hop. Home is whether the hop is to the host
// that the target names; no other gets credentials or signatures.
func (t *httpTarget) request(m *queue.Leased, u *url.URL, home bool) (*http.Request, error) {
	h := messageHeader(m, len(t.headers)+t.more)
	if home {
		for _, c := range t.headers {
			if !config.OfConnection(c.Name) {
				h.set(c.Name, string(c.Value.Reveal()))
			}
		}
	} else {
		for name := range h.fields {
			if isCredential(name) {
				delete(h.fields, name)
			}
		}
	}
	if _, has := h.fields["User-Agent"]; !has {
		h.set("User-Agent", t.deliverer.userAgent)
	}
	if home && t.signer != nil {
		if err := t.signer.sign(h, m, u, t.deliverer.clock.Now()); err != nil {
			return nil, err
		}
	}
	req := &http.Request{
		Method: http.MethodPost, URL: u, Host: u.Host, Header: h.fields, ContentLength: int64(len(m.Payload)), Body: http.NoBody,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if len(m.Payload) > 0 {
		// lets the transport take another connection if the first turns out to
		// be closed before anything was sent
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(m.Payload)), nil }
		req.Body, _ = req.GetBody()
	}
	return req, nil
}

// follows reports whether an answer sends the request elsewhere as it is. The
// other redirects would turn it into a GET without the body.
func (t *httpTarget) follows(status int, location string) bool {
	return t.deliverer.policy.Redirects && location != "" &&
		(status == http.StatusTemporaryRedirect || status == http.StatusPermanentRedirect)
}

// redirect judges where a target sends a request, as if it were configured, and
// more strictly as to the port, which somebody else has chosen.
func (p *policy) redirect(from *url.URL, at site, location string) (*url.URL, site, error) {
	ref, err := url.Parse(location)
	if err != nil || hasOddCharacter(location) {
		return nil, site{}, &Denial{Rule: RuleMalformed, what: "the redirect's URL can't be read"}
	}
	u, s, err := parseURL(from.ResolveReference(ref).String())
	if err != nil {
		return nil, site{}, err
	}
	deny := func(what string) error { return &Denial{Rule: RuleRedirect, Host: s.host, what: what} }
	switch {
	case at.scheme == "https" && s.scheme != "https":
		return nil, s, deny("the redirect leads from https to http")
	case s.port != defaultPort(s.scheme) && (s.host != at.host || s.port != at.port):
		return nil, s, deny("the redirect leads to another port than that of " + s.scheme)
	}
	return u, s, p.checkSite(s)
}

// drain reads what is left of an answer and closes it.
func drain(ctx context.Context, resp *http.Response) {
	defer resp.Body.Close() //nolint:errcheck // nothing is left to be read
	if resp.Body == http.NoBody || resp.ContentLength == 0 {
		return
	}
	limit, done := context.WithTimeout(ctx, drainTimeout)
	defer done()
	stop := context.AfterFunc(limit, func() { _ = resp.Body.Close() }) // ends a read that waits
	defer stop()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxDrain+1))
}
