package ingress

import (
	"hookaido/internal/auth/hmac"
	"hookaido/internal/config"
	"hookaido/internal/route"
)

// Route is a route with what it needs at run time.
type Route struct {
	Config config.Route
	// Verifier checks signatures; nil admits everyone.
	Verifier *hmac.Verifier
	// Targets get one message each, in this order. There is at least one.
	Targets []string
}

// Snapshot is everything that one configuration says about ingress. A request
// uses one snapshot from start to end. It never changes.
type Snapshot struct {
	table   *route.Table
	routes  []Route
	maxBody int64 // the largest of all routes
}

// NewSnapshot makes a snapshot of routes in the order of matching. It keeps
// the slice.
func NewSnapshot(routes []Route) *Snapshot {
	s := &Snapshot{routes: routes}
	rules := make([]route.Rule, len(routes))
	for i := range routes {
		rules[i].Route = &routes[i].Config
		s.maxBody = max(s.maxBody, routes[i].Config.MaxBody)
	}
	s.table = route.New(rules)
	return s
}
