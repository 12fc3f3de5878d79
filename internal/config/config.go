// Package config has the compiled Hookaidofile: plain values with every
// default filled in and every placeholder expanded. A Config is immutable once
// compiled, so that a request may use one snapshot from start to end.
//
// Field tags name the directive that sets a field (`hk:"block.directive"`); a
// test in config/compile holds them to the directive table.
package config

import (
	"fmt"
	"time"

	"hookaido/internal/secret"
)

// Pos is a place in a Hookaidofile. Lines and columns start at 1; columns
// count characters. The zero Pos stands for "not written, a default". Positions
// are for messages only: they play no part in comparing configs.
type Pos struct {
	File         string
	Line, Column int
}

// String returns file:line:column.
func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Config is one compiled Hookaidofile.
type Config struct {
	// Path is the file it was read from; Fingerprint the lower-case hex SHA-256
	// of the file's bytes.
	Path, Fingerprint string `hk:"-"`
	// Written has the place of each directive outside routes that the file has,
	// by its name with its blocks, such as "pull_api.max_batch".
	Written map[string]Pos `hk:"-"`

	Ingress       Ingress
	PullAPI       PullAPI
	AdminAPI      AdminAPI
	QueueLimits   QueueLimits
	Observability Observability
	Defaults      Defaults
	// Routes are in the order of the file, which is the order of matching.
	Routes []Route `hk:"route"`
}

// Backend returns the queue engine, which all routes share.
func (c *Config) Backend() Backend { return c.Routes[0].Queue }

// HasPull reports whether any route is a pull route.
func (c *Config) HasPull() bool {
	for i := range c.Routes {
		if c.Routes[i].Pull != nil {
			return true
		}
	}
	return false
}

// Listen is an address to serve on, host:port as net.Listen takes it.
type Listen struct {
	Address string
	Pos     Pos
}

// SecretRef is a reference to a secret with the place where it stands.
type SecretRef struct {
	secret.Ref
	Pos Pos
}

// Ingress is the public listener.
type Ingress struct {
	Listen Listen `hk:"ingress.listen"`
}

// PullAPI is the worker API. It is served only if there is a pull route.
type PullAPI struct {
	Listen Listen `hk:"pull_api.listen"`
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
}

// AdminAPI is the operator API. It is always served.
type AdminAPI struct {
	Listen Listen      `hk:"admin_api.listen"`
	Prefix string      `hk:"admin_api.prefix"`
	Tokens []SecretRef `hk:"admin_api.auth"`
}

// QueueLimits bound the queue over all routes.
type QueueLimits struct {
	// MaxDepth counts queued and leased messages; 0 is no limit.
	MaxDepth   int        `hk:"queue_limits.max_depth"`
	DropPolicy DropPolicy `hk:"queue_limits.drop_policy"`
}

// DropPolicy says what happens to a new message when the queue is full.
type DropPolicy string

// The drop policies.
const (
	Reject     DropPolicy = "reject"
	DropOldest DropPolicy = "drop_oldest"
)

// Backend is a queue engine.
type Backend string

// The queue engines.
const (
	SQLite Backend = "sqlite"
	Memory Backend = "memory"
)

// Observability has the logs.
type Observability struct {
	AccessLog  AccessLog  `hk:"observability.access_log"`
	RuntimeLog RuntimeLog `hk:"observability.runtime_log"`
}

// LogOutput is where a log goes.
type LogOutput string

// The outputs of a log. Stderr becomes the journal's native protocol when
// stderr is connected to the journal.
const (
	Stderr LogOutput = "stderr"
	Stdout LogOutput = "stdout"
	File   LogOutput = "file"
)

// AccessLog is the log of requests, one line each.
type AccessLog struct {
	Enabled bool      `hk:"access_log.enabled"`
	Output  LogOutput `hk:"access_log.output"`
	Path    string    `hk:"access_log.path"` // of the file, for File only
}

// RuntimeLog is the log of events. An empty Level leaves it to the command
// line; LevelOff silences the log.
type RuntimeLog struct {
	Level  LogLevel  `hk:"runtime_log.level"`
	Output LogOutput `hk:"runtime_log.output"`
	Path   string    `hk:"runtime_log.path"` // of the file, for File only
}

// LogLevel is the least severe level that is logged.
type LogLevel string

// The log levels.
const (
	LevelDebug LogLevel = "debug"
	LevelInfo  LogLevel = "info"
	LevelWarn  LogLevel = "warn"
	LevelError LogLevel = "error"
	LevelOff   LogLevel = "off"
)

// Defaults are the limits of routes that set none, in bytes, and the policy of
// deliveries.
type Defaults struct {
	MaxBody    int64   `hk:"defaults.max_body"`
	MaxHeaders int64   `hk:"defaults.max_headers"`
	Egress     Egress  `hk:"defaults.egress"`
	Deliver    Deliver `hk:"defaults.deliver"`
}

// Route is one path and what happens to the messages that come in on it.
type Route struct {
	// Path is cleaned and is the route's identity.
	Path string `hk:"route.path"`
	Pos  Pos    `hk:"-"`
	// HMAC is nil for an open route.
	HMAC *HMAC `hk:"route.auth"`
	// MaxBody and MaxHeaders are in bytes, with the defaults filled in.
	MaxBody    int64   `hk:"route.max_body"`
	MaxHeaders int64   `hk:"route.max_headers"`
	Queue      Backend `hk:"route.queue"`
	Pull       *Pull   `hk:"route.pull"`
}

// Provider names a signature scheme that a provider defines; empty is the
// canonical scheme with a signature, a timestamp and a nonce header.
type Provider string

// The providers.
const (
	Canonical Provider = ""
	GitHub    Provider = "github"
	Gitea     Provider = "gitea"
	Stripe    Provider = "stripe"
)

// HMAC is signature authentication. Any one of Secrets may verify. The headers
// (canonical names) and Tolerance are those of the canonical scheme.
type HMAC struct {
	Provider        Provider      `hk:"auth_hmac.provider"`
	Secrets         []SecretRef   `hk:"auth_hmac.secret"`
	SignatureHeader string        `hk:"auth_hmac.signature_header"`
	TimestampHeader string        `hk:"auth_hmac.timestamp_header"`
	NonceHeader     string        `hk:"auth_hmac.nonce_header"`
	Tolerance       time.Duration `hk:"auth_hmac.tolerance"`
}

// Pull makes the messages of a route available to workers.
type Pull struct {
	// Path is relative to the prefix of the pull API.
	Path string `hk:"pull.path"`
	// Tokens replace those of the pull API for this route; empty means that
	// those of the pull API apply.
	Tokens []SecretRef `hk:"pull.auth"`
}
