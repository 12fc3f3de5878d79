package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Outcome is what the other service says of a request.
type Outcome int

// The outcomes. Unavailable is everything that is no decision, and is answered
// with 503; Unauthorized with 401 and Forbidden with 403.
const (
	Unavailable Outcome = iota
	Pass
	Unauthorized
	Forbidden
)

// ForwardOptions describe a [Forward].
type ForwardOptions struct {
	// URL is asked as it is: an http or https URL without a user.
	URL string
	// Timeout bounds a whole exchange, with all redirects and with the wait for
	// a connection. It is above 0.
	Timeout time.Duration
	// CopyHeaders are headers of a 2xx answer that go into the message. The
	// service alone says what they have: the caller must not keep what a sender
	// wrote in headers of these names, whether the service sets them or not.
	CopyHeaders []string
	// BodyLimit is how much of a body is sent along, in bytes; 0 for all.
	BodyLimit int64
	// Roots are who may sign the certificate of the service; nil for those that
	// the system trusts.
	Roots *x509.CertPool
}

// Forward asks another service about each request, by one request of its own.
// It is safe for concurrent use.
//
// The service gets the request's method, body and headers, credentials
// included; not those that belong to the sender's connection (RFC 9110, section
// 7.6.1), nor Host, which is that of the URL. X-Hookaido-Original-Path and
// X-Hookaido-Original-Method are ours alone. Its status decides; of what it
// answers only the headers to copy are kept, and its body is thrown away.
//
// Up to ten redirects are followed: 301, 302 and 303 by a GET without a body,
// 307 and 308 by the same request again. None leads from https to http, and one
// to another scheme, host or port gets no header whose name says that it is a
// credential or a signature.
//
// There are 64 connections to a host at most. More requests than that wait for
// one within their timeout, so that a slow service costs a sender no more than
// the timeout, and then a 503.
type Forward struct {
	url       *url.URL
	timeout   time.Duration
	copied    []string // canonical, each once
	bodyLimit int64
	transport *http.Transport
}

// NewForward makes a Forward. It connects to nobody yet.
func NewForward(o ForwardOptions) (*Forward, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return nil, errors.New("the URL of auth forward is malformed; write it as https://gate.example.org/check")
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil:
		return nil, errors.New("the URL of auth forward needs http or https and a host, and no user: https://gate.example.org/check")
	case o.Timeout <= 0 || o.BodyLimit < 0:
		return nil, fmt.Errorf("auth forward: timeout %s or body_limit %d is out of bounds", o.Timeout, o.BodyLimit)
	}
	if address, err := netip.ParseAddr(u.Hostname()); err == nil && isMetadata(address) {
		return nil, fmt.Errorf("the URL of auth forward: %w", errMetadata)
	}
	f := &Forward{url: u, timeout: o.Timeout, bodyLimit: o.BodyLimit, transport: newTransport(&o)}
	for _, name := range o.CopyHeaders {
		if name = http.CanonicalHeaderKey(name); !slices.Contains(f.copied, name) {
			f.copied = append(f.copied, name)
		}
	}
	return f, nil
}

const (
	maxConnections = 64       // to one host
	maxAnswerHead  = 64 << 10 // in bytes
	idleTime       = 30 * time.Second
)

// newTransport makes connections that no environment sends elsewhere. It talks
// HTTP/1.1, where a connection has one exchange at a time and their number is a
// bound.
func newTransport(o *ForwardOptions) *http.Transport {
	return &http.Transport{
		DialContext:            dialer(o.Timeout).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
		TLSHandshakeTimeout:    o.Timeout,
		MaxConnsPerHost:        maxConnections,
		MaxIdleConnsPerHost:    maxConnections,
		IdleConnTimeout:        idleTime,
		MaxResponseHeaderBytes: maxAnswerHead,
		DisableCompression:     true,
	}
}

// Close closes the connections that are idle. Requests that are under way
// finish, and theirs are closed then.
func (f *Forward) Close() { f.transport.CloseIdleConnections() }

// ForwardRequest is what the service is asked about. Neither Header nor Body is
// changed.
type ForwardRequest struct {
	Method string
	Path   string // as matched: decoded and cleaned
	Header http.Header
	Body   []byte
}

// Header is a header with its canonical name.
type Header struct{ Name, Value string }

// ForwardResult is an answer.
type ForwardResult struct {
	Outcome Outcome
	// Status is what the service answered; 0 if it did not.
	Status int
	// Copied are the headers for the message, in the order of the
	// configuration; repeated ones are joined with a comma. Only Pass has any.
	Copied []Header
}

// Check asks the service. An error is for the log, comes with Unavailable
// alone, and has neither headers nor queries in it. ctx ends the exchange early;
// as net/http ends the context of a request when its sender half-closes, give
// it one that doesn't.
func (f *Forward) Check(ctx context.Context, r ForwardRequest) (ForwardResult, error) {
	if strings.TrimSpace(r.Path) != r.Path || strings.ContainsFunc(r.Path, unicode.IsControl) {
		return ForwardResult{}, fmt.Errorf("ask %s: the path %q has characters that no header can carry", f.origin(), r.Path)
	}
	timedOut := fmt.Errorf("no answer within %s", f.timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, f.timeout, timedOut)
	defer cancel()
	resp, err := f.exchange(ctx, f.call(r)) //nolint:bodyclose // drain closes it
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause // it says more than that the context ended
		}
		return ForwardResult{}, fmt.Errorf("ask %s: %w", f.origin(), err)
	}
	defer drain(ctx, resp.Body)
	result := ForwardResult{Status: resp.StatusCode}
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode <= 299:
		result.Outcome, result.Copied = Pass, f.copies(resp.Header)
	case resp.StatusCode == http.StatusUnauthorized:
		result.Outcome = Unauthorized
	case resp.StatusCode == http.StatusForbidden:
		result.Outcome = Forbidden
	default:
		return result, fmt.Errorf("ask %s: the answer is %d, which is none of 2xx, 401 and 403", f.origin(), resp.StatusCode)
	}
	return result, nil
}

func (f *Forward) origin() string { return f.url.Scheme + "://" + f.url.Host }

func (f *Forward) copies(answer http.Header) []Header {
	var copied []Header
	for _, name := range f.copied {
		if values := answer[name]; len(values) > 0 {
			copied = append(copied, Header{name, strings.Join(values, ",")})
		}
	}
	return copied
}
