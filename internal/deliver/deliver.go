// Package deliver makes one attempt to hand a message to a target: over HTTP,
// or by running a program. It says what came of it and whether another attempt
// makes sense; when that takes place, and what becomes of the lease, is for its
// caller to decide.
//
// # Where a delivery may go
//
// A [Deliverer] has one egress policy and one pool of connections. The policy
// is asked three times: about the URL, before anything is looked up; about all
// addresses that a name has, of which one bad one refuses the target; and about
// the address of the socket that is about to connect. A connection in the pool
// has passed all three, under the same policy, because policies don't change: a
// new one takes a new Deliverer. So a name that changes its address between two
// look-ups, or between the check and the connection, gains nothing.
//
// Which addresses are public is asked of [config.IsPublic], which validation
// uses too; a library would bring a second table that could differ. What is
// added here are the forms in which an IPv4 address hides in an IPv6 one, and
// the addresses where clouds keep the credentials of their machines.
//
// # What a target sees
//
// The stored headers without those that belong to a connection and without any
// X-Hookaido- header of the sender; then headers that name the message, the
// attempt, the route and the time; then those of the target's configuration,
// in which every placeholder has been expanded by the compiler; then the
// signature.
package deliver

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/secret"
)

// Resolver looks up the addresses of a host. [net.Resolver] is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options are what a [Deliverer] is made of. Clock must be set.
type Options struct {
	Egress config.Egress
	Clock  clock.Clock
	// Resolver looks up targets; nil is the resolver of the system, in Go.
	Resolver Resolver
	// RootCAs are trusted to sign the certificates of targets; nil for those of
	// the system.
	RootCAs *x509.CertPool
	// Own are the addresses that this process listens on. They are not
	// delivered to, lest a message go round in circles.
	Own []netip.AddrPort
	// Path is the variable PATH of programs.
	Path string
	// UserAgent is sent with messages that came without one.
	UserAgent string
}

// Deliverer makes attempts under one egress policy and keeps connections for
// further ones. It is safe for concurrent use.
type Deliverer struct {
	clock     clock.Clock
	policy    *policy
	transport *http.Transport
	path      string
	userAgent string
}

const (
	// connectTimeout bounds looking a target up and connecting to it, which goes
	// on after an attempt has given up, for the next one to use.
	connectTimeout = 15 * time.Second
	// idlePerHost is above the number of attempts that usually run at a time.
	idlePerHost = 256
	idleTimeout = time.Minute
	// pingAfter and pingTimeout find an HTTP/2 connection that has died quietly,
	// on which all attempts would time out.
	pingAfter   = 15 * time.Second
	pingTimeout = 10 * time.Second

	maxResponseHeaders = 64 << 10
)

// New makes a Deliverer. It looks nothing up and connects to nothing.
func New(o Options) (*Deliverer, error) {
	if o.Clock == nil {
		return nil, errors.New("deliver: a clock is missing")
	}
	p, err := newPolicy(&o.Egress, o.Own)
	if err != nil {
		return nil, err
	}
	if o.Resolver == nil {
		o.Resolver = &net.Resolver{PreferGo: true}
	}
	d := &dialer{policy: p, resolver: o.Resolver, clock: o.Clock}
	return &Deliverer{
		clock: o.Clock, policy: p, transport: newTransport(d, &o), path: o.Path, userAgent: o.UserAgent,
	}, nil
}

// Close closes connections that no attempt uses. Attempts that run are not
// disturbed, and their connections are closed when they end.
func (d *Deliverer) Close() { d.transport.CloseIdleConnections() }

// Target is somewhere that messages are delivered to. It never changes and is
// safe for concurrent use.
type Target struct {
	deliverer *Deliverer
	timeout   time.Duration
	attempt   func(ctx context.Context, m *queue.Leased) Result
}

// Target compiles a target. Keys has the secrets that may sign; of those valid
// at the time of an attempt the configuration picks one. A URL that can't be
// dialled at all and a key that can't be read are errors; what the egress
// policy refuses is not, and is told by each attempt.
func (d *Deliverer) Target(cfg *config.Target, keys secret.Pool) (*Target, error) {
	t := &Target{deliverer: d, timeout: cfg.Timeout}
	switch {
	case cfg.Timeout <= 0:
		return nil, fmt.Errorf("%s: target %s: the timeout must be above 0", cfg.Pos, nameOf(cfg))
	case cfg.Exec != "":
		t.attempt = newProgram(d, cfg).attempt
	default:
		h, err := newHTTPTarget(d, cfg, keys)
		if err != nil {
			return nil, fmt.Errorf("%s: target %s: %w", cfg.Pos, nameOf(cfg), err)
		}
		t.attempt = h.attempt
	}
	return t, nil
}

// Attempt makes one attempt to deliver m and says what came of it. It takes no
// longer than the target's timeout, but for the moments that a program gets to
// end in order. When ctx ends first, the attempt is broken off with
// [ReasonStopped], unless the target has answered already.
func (t *Target) Attempt(ctx context.Context, m *queue.Leased) Result {
	start := t.deliverer.clock.Monotonic()
	limit := &timeoutError{after: t.timeout}
	attempt, cancel := context.WithTimeoutCause(ctx, t.timeout, limit)
	defer cancel()
	r := t.attempt(attempt, m)
	if r.Class != Done && ctx.Err() != nil && !errors.Is(context.Cause(attempt), limit) && r.Status == 0 {
		r = Result{Class: Retry, Reason: ReasonStopped, Cause: errors.New("the delivery was broken off by a stop"), Output: r.Output}
	}
	r.Latency = t.deliverer.clock.Monotonic() - start
	return r
}

// nameOf is the target's name for an error, without what may be secret in it.
func nameOf(cfg *config.Target) string {
	if cfg.Exec != "" {
		return cfg.Exec
	}
	if where := locationText(cfg.URL); where != "" {
		return where
	}
	return "with a malformed URL"
}
