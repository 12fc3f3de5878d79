package config

import (
	"net/netip"
	"strings"
	"time"

	"hookaido/internal/secret"
)

// Listen is an address to serve on: host:port as net.Listen takes it, or
// "unix:" and the path of a socket.
type Listen struct {
	Address string
	Pos     Pos
}

// Unix returns the path of a Unix socket, and whether the address is one.
func (l Listen) Unix() (path string, ok bool) { return strings.CutPrefix(l.Address, "unix:") }

// SecretRef is a reference to a secret with the place where it stands.
type SecretRef struct {
	secret.Ref
	Pos Pos
}

// IsZero reports whether there is no reference.
func (r SecretRef) IsZero() bool { return r.Ref == secret.Ref{} }

// Ingress is the public listener.
type Ingress struct {
	// Listens are all addresses, at least one; Listen is the first of them.
	Listens []Listen `hk:"ingress.listen"`
	Listen  Listen   `hk:"-"`
	// TLS is nil for plain HTTP.
	TLS *TLS `hk:"ingress.tls"`
	// RateLimit is for routes without one of their own; nil for none.
	RateLimit *RateLimit `hk:"ingress.rate_limit"`
	// TrustedProxies are the peers whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix `hk:"ingress.trusted_proxies"`
	// ProxyProtocol expects the PROXY protocol, version 1 or 2, in front of each
	// connection from a trusted proxy.
	ProxyProtocol bool `hk:"ingress.proxy_protocol"`
}

// PullAPI is the worker API. It is served only if there is a pull route.
type PullAPI struct {
	// Listens are all addresses, at least one; Listen is the first of them.
	Listens []Listen `hk:"pull_api.listen"`
	Listen  Listen   `hk:"-"`
	// GRPCListen has an empty address if there is no gRPC.
	GRPCListen Listen `hk:"pull_api.grpc_listen"`
	TLS        *TLS   `hk:"pull_api.tls"`
	// Prefix is in front of every pull path; empty for none.
	Prefix string      `hk:"pull_api.prefix"`
	Tokens []SecretRef `hk:"pull_api.auth"`
	// MaxBatch bounds the items of a dequeue, MaxLeaseBatch the leases of an
	// ack or nack.
	MaxBatch      int `hk:"pull_api.max_batch"`
	MaxLeaseBatch int `hk:"pull_api.max_lease_batch"`
	// A zero MaxLeaseTTL or MaxWait is no bound.
	DefaultLeaseTTL time.Duration `hk:"pull_api.default_lease_ttl"`
	MaxLeaseTTL     time.Duration `hk:"pull_api.max_lease_ttl"`
	DefaultMaxWait  time.Duration `hk:"pull_api.default_max_wait"`
	MaxWait         time.Duration `hk:"pull_api.max_wait"`
	// MaxDeliveries is the default of routes; 0 is no bound.
	MaxDeliveries int `hk:"pull_api.max_deliveries"`
	// SSEKeepalive is above 0. A zero SSEMaxConnection is no bound.
	SSEKeepalive     time.Duration `hk:"pull_api.sse_keepalive"`
	SSEMaxConnection time.Duration `hk:"pull_api.sse_max_connection"`
}

// AdminAPI is the operator API. It is always served.
type AdminAPI struct {
	// Listens are all addresses, at least one; Listen is the first of them.
	Listens []Listen    `hk:"admin_api.listen"`
	Listen  Listen      `hk:"-"`
	TLS     *TLS        `hk:"admin_api.tls"`
	Prefix  string      `hk:"admin_api.prefix"`
	Tokens  []SecretRef `hk:"admin_api.auth"`
	// AllowedHosts are further names that clients may send as Host, beside the
	// loopback ones and those of the listeners; lower-case.
	AllowedHosts []string `hk:"admin_api.allowed_hosts"`
}

// TLS is how a listener serves HTTPS.
type TLS struct {
	CertFile string `hk:"tls.cert_file"`
	KeyFile  string `hk:"tls.key_file"`
	// ClientCA is empty for none.
	ClientCA   string     `hk:"tls.client_ca"`
	ClientAuth ClientAuth `hk:"tls.client_auth"`
}

// ClientAuth says what is asked of clients' certificates.
type ClientAuth string

// The ways to treat certificates of clients. Only the last two verify.
const (
	ClientNone             ClientAuth = "none"
	ClientRequest          ClientAuth = "request"
	ClientRequireAny       ClientAuth = "require_any"
	ClientVerifyIfGiven    ClientAuth = "verify_if_given"
	ClientRequireAndVerify ClientAuth = "require_and_verify"
)

// Verifies reports whether a certificate that is shown must be a valid one.
func (a ClientAuth) Verifies() bool {
	return a == ClientVerifyIfGiven || a == ClientRequireAndVerify
}

// RateLimit is a bucket of tokens that starts full: RPS tokens per second, and
// room for Burst.
type RateLimit struct {
	RPS   float64 `hk:"rate_limit.rps"`
	Burst int     `hk:"rate_limit.burst"`
}
