package ingress

import (
	"slices"

	"hookaido/internal/auth"
	"hookaido/internal/auth/hmac"
	"hookaido/internal/config"
	"hookaido/internal/handshake"
	"hookaido/internal/limit"
	"hookaido/internal/peer"
	"hookaido/internal/route"
)

// Route is a route with what it needs at run time. A request must pass every
// check that is there; without any the route is open.
type Route struct {
	Config config.Route
	// Limit is the bucket that requests take from; nil for no limit.
	Limit *limit.Bucket
	// Basic and Bearer look at the Authorization header, Forward asks another
	// service, Verifier checks signatures.
	Basic    *auth.Basic
	Bearer   *auth.Tokens
	Forward  *auth.Forward
	Verifier *hmac.Verifier
	// Handshakes are answered here; nil for none.
	Handshakes *handshake.Set
	// Targets get one message each, in this order. There is at least one.
	Targets []string

	metrics    *routeMetrics // set before the snapshot is in force
	accepted   *reply
	challenges []string // of WWW-Authenticate
	hidden     []string // headers, beside those of all routes, that are not kept
}

// guarded reports whether the route looks at the Authorization header or may
// have given a meaning to it.
func (r *Route) guarded() bool {
	return r.Basic != nil || r.Bearer != nil || r.Forward != nil || r.Verifier != nil
}

// SnapshotOptions describe a [Snapshot].
type SnapshotOptions struct {
	// Routes are in the order of matching. The snapshot keeps the slice.
	Routes []Route
	// Proxies are believed about their clients.
	Proxies peer.Proxies
	// Thresholds say when the backlog is too large to take more; nil for never.
	Thresholds *limit.Thresholds
}

// Snapshot is everything that one configuration says about ingress. A request
// uses one snapshot from start to end. It never changes.
type Snapshot struct {
	table      *route.Table
	routes     []Route
	proxies    peer.Proxies
	thresholds *limit.Thresholds
	maxBody    int64 // the largest of all routes
}

// NewSnapshot makes a snapshot.
func NewSnapshot(o SnapshotOptions) *Snapshot {
	s := &Snapshot{routes: o.Routes, proxies: o.Proxies, thresholds: o.Thresholds}
	rules := make([]route.Rule, len(s.routes))
	for i := range s.routes {
		r := &s.routes[i]
		rules[i] = route.Rule{Route: &r.Config, Handshakes: r.Handshakes.Methods()}
		s.maxBody = max(s.maxBody, r.Config.MaxBody)
		r.complete()
	}
	s.table = route.New(rules)
	return s
}

// complete works out what follows from the parts of the route.
func (r *Route) complete() {
	r.accepted = replyOf(r.Config.Respond)
	r.challenges = nil
	if r.Basic != nil {
		r.challenges = append(r.challenges, `Basic realm="hookaido", charset="UTF-8"`)
	}
	if r.Bearer != nil {
		r.challenges = append(r.challenges, `Bearer realm="hookaido"`)
	}
	r.hidden = nil
	if r.Verifier != nil {
		r.hidden = slices.Clone(r.Verifier.CredentialHeaders())
	}
	if r.Forward != nil {
		// what the other service says of these counts, not what the sender says
		r.hidden = append(r.hidden, r.Config.Forward.CopyHeaders...)
	}
}

// Close closes what the routes keep open, after no request uses the snapshot
// any more or while the last ones do.
func (s *Snapshot) Close() {
	for i := range s.routes {
		if f := s.routes[i].Forward; f != nil {
			f.Close()
		}
	}
}
