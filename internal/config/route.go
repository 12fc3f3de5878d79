package config

import (
	"net/netip"
	"time"
)

// Channel says which way messages flow through a route.
type Channel string

// The channels: webhooks that come in, and messages that are published over
// the admin API and delivered or pulled.
const (
	Inbound  Channel = "inbound"
	Outbound Channel = "outbound"
	Internal Channel = "internal"
)

// Route is one path and what happens to the messages that come in on it. It
// has either Pull or Targets.
type Route struct {
	// Path is cleaned and is the route's identity.
	Path string `hk:"route.path"`
	Pos  Pos    `hk:"-"`
	// Channel is the word that the route or the block around it begins with;
	// Inbound if there is none.
	Channel Channel `hk:"-"`
	// Application and EndpointName are labels, both set or both empty.
	Application  string `hk:"route.application"`
	EndpointName string `hk:"route.endpoint_name"`
	// Match has the conditions of the route with those of its named matchers.
	Match Match `hk:"route.match"`
	// IgnoreUnmatched is the status that answers a request which fits the path
	// but not the conditions; 0 to go on to the next route.
	IgnoreUnmatched int `hk:"route.ignore_unmatched"`
	// RateLimit takes the place of that of the ingress; nil for none.
	RateLimit *RateLimit `hk:"route.rate_limit"`
	// A request must pass one of Basic, BasicHashes and Htpasswd, if there are
	// any, and HMAC, Forward and Bearer if they are set. Without any the route
	// is open.
	Basic       []BasicUser  `hk:"route.auth_basic"`
	BasicHashes []BasicUser  `hk:"route.auth_basic_hash"`
	Htpasswd    []SecretRef  `hk:"route.auth_htpasswd"`
	Bearer      []SecretRef  `hk:"route.auth_bearer"`
	HMAC        *HMAC        `hk:"route.auth"`
	Forward     *ForwardAuth `hk:"route.auth_forward"`
	// Handshakes are answered by the ingress and never queued.
	Handshakes []Handshake `hk:"route.handshake"`
	// Respond is what an accepted request is answered; nil for 202 and JSON.
	Respond *Respond `hk:"route.respond"`
	// Dedupe accepts a repeated message without keeping it; nil for none.
	Dedupe *Dedupe `hk:"route.dedupe"`
	// MaxBody and MaxHeaders are in bytes, with the defaults filled in.
	MaxBody    int64 `hk:"route.max_body"`
	MaxHeaders int64 `hk:"route.max_headers"`
	// Publish says what the admin API may publish here.
	Publish Publish
	Queue   Backend `hk:"route.queue"`
	Pull    *Pull   `hk:"route.pull"`
	// Targets each get every message.
	Targets []Target `hk:"route.deliver"`
	// DeliverConcurrency is the number of attempts that may run at a time over
	// all targets, with the default filled in; 0 without targets.
	DeliverConcurrency int `hk:"route.deliver_concurrency"`
}

// Match is a set of conditions; those of different kinds must all hold. Nil
// lists are no condition, except that no Methods means POST alone.
type Match struct {
	// A request has one of Methods and one of Hosts, and comes from one of
	// RemoteIP. Hosts are lower-case: a host, "*." and a suffix for its
	// sub-domains, or "*".
	Methods  []string       `hk:"match.method"`
	Hosts    []string       `hk:"match.host"`
	RemoteIP []netip.Prefix `hk:"match.remote_ip"`
	// A request has all of the others.
	Headers      []Pair   `hk:"match.header"`
	HeaderExists []string `hk:"match.header_exists"`
	Query        []Pair   `hk:"match.query"`
	QueryExists  []string `hk:"match.query_exists"`
}

// Empty reports whether there is no condition, so that every POST fits.
func (m *Match) Empty() bool {
	return len(m.Methods)+len(m.Hosts)+len(m.RemoteIP)+len(m.Headers)+len(m.HeaderExists)+len(m.Query)+len(m.QueryExists) == 0
}

// Pair is a name and the value that it must have.
type Pair struct {
	Name  string `hk:"pair.name"`
	Value string `hk:"pair.value"`
}

// Matcher is a set of conditions with a name. The name has its "@".
type Matcher struct {
	Name  string `hk:"matcher.name"`
	Match Match
	Pos   Pos
}

// Handshake is a request of a provider that wants to see whether the receiver
// is the right one.
type Handshake struct {
	// Provider is the word that the Hookaidofile has for it.
	Provider string `hk:"handshake.provider"`
	// Token is what provider and receiver have agreed on; zero for none.
	Token SecretRef `hk:"handshake.token"`
	// URL is the public address of the route; empty if not given.
	URL string `hk:"handshake.url"`
	Pos Pos
}

// Respond is an answer.
type Respond struct {
	Status int    `hk:"respond.status"`
	Body   string `hk:"respond.body"`
}

// Dedupe takes two requests with the same value of Header as one message, if
// they are not more than Window apart.
type Dedupe struct {
	Header string        `hk:"dedupe.header"`
	Window time.Duration `hk:"dedupe.window"`
}

// Publish says what the admin API may publish to a route.
type Publish struct {
	Enabled bool `hk:"publish.enabled"`
	Direct  bool `hk:"publish.direct"`
	Managed bool `hk:"publish.managed"`
}

// Pull makes the messages of a route available to workers.
type Pull struct {
	// Path is relative to the prefix of the pull API.
	Path string `hk:"pull.path"`
	// Tokens replace those of the pull API for this route; empty means that
	// those of the pull API apply.
	Tokens []SecretRef `hk:"pull.auth"`
	// MaxDeliveries is how often a message is handed out before it is dead,
	// with that of the pull API filled in; 0 is no bound.
	MaxDeliveries int `hk:"pull.max_deliveries"`
}
