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
	Retention     Retention
	Observability Observability
	Defaults      Defaults
	// Secrets are the versions of secrets that routes name by their id.
	Secrets []Secret `hk:"secrets.secret"`
	// Matchers are the named conditions. Routes have theirs filled in; these are
	// for showing.
	Matchers []Matcher `hk:"matcher"`
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
	SQLite   Backend = "sqlite"
	Memory   Backend = "memory"
	Postgres Backend = "postgres"
)

// Retention says how long messages and the history of deliveries are kept. Zero
// ages and counts are no bound, but a zero DeliveredAge keeps no delivered
// message at all.
type Retention struct {
	// QueueAge drops messages that have waited longer.
	QueueAge time.Duration `hk:"queue_retention.max_age"`
	// PruneInterval is the time between two rounds of all retention; it is above
	// 0 unless nothing is bounded.
	PruneInterval time.Duration `hk:"queue_retention.prune_interval"`
	DeliveredAge  time.Duration `hk:"delivered_retention.max_age"`
	DeadAge       time.Duration `hk:"dlq_retention.max_age"`
	DeadDepth     int           `hk:"dlq_retention.max_depth"`
	AttemptsAge   time.Duration `hk:"attempts_retention.max_age"`
	AttemptsRows  int           `hk:"attempts_retention.max_rows"`
}

// Defaults are the limits of routes that set none, in bytes, the policies of
// deliveries and publishing, and what counts as too much of a backlog.
type Defaults struct {
	MaxBody              int64   `hk:"defaults.max_body"`
	MaxHeaders           int64   `hk:"defaults.max_headers"`
	Egress               Egress  `hk:"defaults.egress"`
	Deliver              Deliver `hk:"defaults.deliver"`
	PublishPolicy        PublishPolicy
	TrendSignals         TrendSignals
	AdaptiveBackpressure AdaptiveBackpressure
}

// Secret is one version of a secret, valid from ValidFrom (inclusive) to
// ValidUntil (exclusive; zero for no end).
type Secret struct {
	ID string `hk:"secret.id"`
	// Value is the zero reference if a runtime secret has no version to begin
	// with; ValidFrom is zero then too.
	Value      SecretRef `hk:"secret.value"`
	ValidFrom  time.Time `hk:"secret.valid_from"`
	ValidUntil time.Time `hk:"secret.valid_until"`
	// Runtime lets the admin API add versions, MaxVersions of them at most.
	Runtime     bool `hk:"secret.runtime"`
	MaxVersions int  `hk:"secret.max_versions"`
	Pos         Pos
}

// SecretName is the id of a [Secret] with the place where a route names it.
type SecretName struct {
	ID  string
	Pos Pos
}
