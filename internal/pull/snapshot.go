package pull

import (
	"time"

	"hookaido/internal/auth"
)

// Limits are the defaults and bounds of requests.
type Limits struct {
	// MaxBatch bounds the messages of a dequeue, MaxLeaseBatch the leases of an
	// ack or nack; both are at least 1.
	MaxBatch, MaxLeaseBatch int
	// DefaultLeaseTTL is greater than 0. A zero MaxLeaseTTL is no bound.
	DefaultLeaseTTL, MaxLeaseTTL time.Duration
	// A zero MaxWait bounds waits to [MaxWait], or to a greater DefaultMaxWait.
	DefaultMaxWait, MaxWait time.Duration
}

// Route is a route whose messages workers may take.
type Route struct {
	// Endpoint is its path in the pull API, without the prefix of the API.
	Endpoint string
	// Path is the route's own path.
	Path string
	// Tokens, if not nil, replace the tokens of the whole API.
	Tokens *auth.Tokens
	// MaxDeliveries is how often a message is handed out before it becomes a
	// dead letter; 0 is no bound.
	MaxDeliveries int
}

// Settings are the part of a configuration that the service needs.
type Settings struct {
	Routes []Route
	Tokens *auth.Tokens // for routes that have none of their own
	Limits Limits
}

// Snapshot is a set of endpoints under one configuration. It is immutable.
type Snapshot struct {
	endpoints map[string]*Endpoint
	tokens    *auth.Tokens
	limits    Limits
	// scoped: a lease may be settled only through the endpoint of its route.
	// It is on as soon as one route has tokens of its own, because from then
	// on two workers may not trust each other.
	scoped bool
}

// Endpoint is where a worker takes the messages of one route.
type Endpoint struct {
	route    string
	tokens   *auth.Tokens
	snapshot *Snapshot
	metrics  *routeMetrics
	// maxDeliveries is that of the [Route].
	maxDeliveries int
}

// Route returns the path of the route behind the endpoint.
func (e *Endpoint) Route() string { return e.route }

// scope is the only route whose leases may be settled here; empty for any.
func (e *Endpoint) scope() string {
	if e.snapshot.scoped {
		return e.route
	}
	return ""
}

// Snapshot prepares settings for [Service.Swap].
func (s *Service) Snapshot(set Settings) *Snapshot {
	snap := &Snapshot{
		endpoints: make(map[string]*Endpoint, len(set.Routes)),
		tokens:    set.Tokens,
		limits:    set.Limits,
	}
	for _, r := range set.Routes {
		tokens := r.Tokens
		if tokens == nil {
			tokens = set.Tokens
		} else {
			snap.scoped = true
		}
		snap.endpoints[r.Endpoint] = &Endpoint{
			route: r.Path, tokens: tokens, snapshot: snap, metrics: s.metrics.route(r.Path),
			maxDeliveries: r.MaxDeliveries,
		}
	}
	return snap
}

// Swap puts snap in force for requests that begin from now on. The metrics of
// routes that it doesn't have end.
func (s *Service) Swap(snap *Snapshot) {
	s.current.Store(snap)
	kept := make(map[string]bool, len(snap.endpoints))
	for _, e := range snap.endpoints {
		kept[e.route] = true
	}
	s.metrics.keep(kept)
}

// Authorize finds the endpoint at path, without the prefix of the API, for a
// request with the given Authorization header. Who has no right to an endpoint
// gets [ErrUnauthorized]; who has a token of the API and asks for one that
// does not exist gets [ErrNoEndpoint].
func (s *Service) Authorize(path string, authorization []string) (*Endpoint, error) {
	snap := s.current.Load()
	endpoint, found := snap.endpoints[path]
	tokens := snap.tokens
	if found {
		tokens = endpoint.tokens
	}
	if !tokens.AllowHeader(authorization) {
		return nil, ErrUnauthorized
	}
	if !found {
		return nil, ErrNoEndpoint
	}
	return endpoint, nil
}
