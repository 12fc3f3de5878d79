package admin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"

	"hookaido/internal/config"
	"hookaido/internal/queue"
)

// EndpointStore keeps the routes of endpoints that operators set.
type EndpointStore interface {
	Mappings(ctx context.Context) ([]queue.Mapping, error)
	SetMapping(ctx context.Context, m queue.Mapping) error
	DropMapping(ctx context.Context, application, endpointName string) error
	Stats(ctx context.Context) (queue.Stats, error)
}

// EndpointsOptions are what an [Endpoints] is made of.
type EndpointsOptions struct {
	Store EndpointStore
	// Service has the configuration in force and is told of new mappings.
	Service *Service
	// Logger gets a line for every change, and for every one that was refused.
	Logger *zap.Logger
}

// Endpoints gives routes to endpoints. What the Hookaidofile says of an endpoint
// or of a route can't be changed here; all else is kept in the store. It is safe
// for concurrent use.
type Endpoints struct {
	store   EndpointStore
	service *Service
	log     *zap.Logger
	mu      sync.Mutex // held during a change
}

// NewEndpoints makes the service. Load must follow.
func NewEndpoints(o EndpointsOptions) *Endpoints {
	return &Endpoints{store: o.Store, service: o.Service, log: o.Logger}
}

// Load puts the mappings of the store in force.
func (e *Endpoints) Load(ctx context.Context) error {
	list, err := e.store.Mappings(ctx)
	if err != nil {
		return fmt.Errorf("read the endpoints of the database: %w", err)
	}
	e.service.SetMappings(list)
	return nil
}

// EndpointChange asks for an endpoint to get a route, or to lose it.
type EndpointChange struct {
	Audit Audit
	// Scope names the endpoint.
	Scope Scope
	// Route decodes the route that the endpoint is to have. It is called once;
	// nil takes the route away.
	Route func() (string, error)
}

// The actions of [EndpointChanged].
const (
	EndpointCreated = "created"
	EndpointUpdated = "updated"
	EndpointDeleted = "deleted"
	EndpointNoop    = "noop"
)

// EndpointChanged is the answer to a change of an endpoint.
type EndpointChanged struct {
	Applied  bool     `json:"applied"`
	Action   string   `json:"action"`
	Endpoint Endpoint `json:"endpoint"`
	Scope    Scope    `json:"scope"`
	Audit    Audit    `json:"audit"`
}

// Change gives an endpoint a route or takes it away. An error is a [*Refusal] or
// what Route returned.
func (e *Endpoints) Change(ctx context.Context, c EndpointChange) (EndpointChanged, error) {
	operation, change := "upsert_endpoint", e.set
	if c.Route == nil {
		operation, change = "delete_endpoint", e.drop
	}
	d := &deed{operation: operation, audit: &c.Audit}
	d.add(zap.String("application", c.Scope.Application), zap.String("endpoint_name", c.Scope.EndpointName))
	action, err := change(ctx, &c)
	if err == nil {
		changed := 1
		if action == EndpointNoop {
			changed = 0
		}
		d.add(zap.Int("changed", changed))
	}
	d.add(zap.String("route", clip(c.Scope.Route, maxID)))
	d.write(e.log, err)
	if err != nil {
		return EndpointChanged{}, err
	}
	answer := EndpointChanged{Applied: action != EndpointNoop, Action: action, Scope: c.Scope, Audit: c.Audit}
	answer.Endpoint = Endpoint{
		Application: c.Scope.Application, EndpointName: c.Scope.EndpointName, Route: c.Scope.Route,
		PublishPolicy: EndpointPolicy{true, true, true},
	}
	if action != EndpointDeleted {
		if r := routeOf(e.service.Config(), c.Scope.Route); r != nil {
			answer.Endpoint = e.describe(r, &c.Scope)
		}
	}
	return answer, nil
}

// set gives the endpoint of c its route.
func (e *Endpoints) set(ctx context.Context, c *EndpointChange) (string, error) {
	if refusal := c.Scope.labels(); refusal != nil {
		return "", refusal
	}
	path, err := c.Route()
	if err != nil {
		return "", unreadable{err}
	}
	if c.Scope.Route = strings.TrimSpace(path); !strings.HasPrefix(c.Scope.Route, "/") {
		return "", refuse("invalid_body", "route must be the path of a route, such as /webhooks/orders")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	cfg := e.service.Config()
	if refusal := c.Audit.check(judge{policy: &cfg.Defaults.PublishPolicy, names: true, actors: true}); refusal != nil {
		return "", refusal
	}
	to := routeOf(cfg, c.Scope.Route)
	if to == nil {
		return "", refuse("management_route_not_found", "the Hookaidofile has no route %q", clip(c.Scope.Route, maxID))
	}
	from := routeNamed(cfg, c.Scope.Application, c.Scope.EndpointName)
	if from == to {
		return EndpointNoop, nil
	}
	if err := e.mayMove(ctx, &c.Scope, from, to); err != nil {
		return "", err
	}
	if err := e.store.SetMapping(ctx, queue.Mapping{
		Application: c.Scope.Application, EndpointName: c.Scope.EndpointName, Route: to.Path,
	}); err != nil {
		return "", unavailable(err)
	}
	if from == nil {
		return EndpointCreated, e.follow(ctx)
	}
	return EndpointUpdated, e.follow(ctx)
}

// mayMove decides whether an endpoint may get the route to; from is the one that
// it has, or nil.
func (e *Endpoints) mayMove(ctx context.Context, scope *Scope, from, to *config.Route) error {
	switch {
	case e.service.written(scope):
		return refuse("management_conflict", "the Hookaidofile gives this endpoint to the route %s; change it there and reload", from.Path)
	case managed(to):
		return refuse("management_route_already_mapped", "the route %s belongs to the endpoint %s of %s", to.Path, to.EndpointName, to.Application)
	case !to.Publish.Enabled || !to.Publish.Managed:
		return refuse("management_route_publish_disabled", "the route %s has publish off, for endpoints at least", to.Path)
	case from == nil:
		return nil
	case modeOf(from) != modeOf(to) || !sameTargets(from, to):
		return refuse("management_route_target_mismatch", "the routes %s and %s differ in their targets; "+
			"delete the endpoint first if that is meant", from.Path, to.Path)
	}
	return e.idle(ctx, from.Path)
}

func sameTargets(a, b *config.Route) bool {
	return slices.Equal(slices.Sorted(slices.Values(targetsOf(a))), slices.Sorted(slices.Values(targetsOf(b))))
}

// drop takes the route of the endpoint of c away.
func (e *Endpoints) drop(ctx context.Context, c *EndpointChange) (string, error) {
	if refusal := c.Scope.labels(); refusal != nil {
		return "", refusal
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	cfg := e.service.Config()
	if refusal := c.Audit.check(judge{policy: &cfg.Defaults.PublishPolicy, names: true, actors: true}); refusal != nil {
		return "", refusal
	}
	kept := e.kept(&c.Scope)
	r := routeNamed(cfg, c.Scope.Application, c.Scope.EndpointName)
	switch {
	case r == nil && kept == nil:
		return "", c.Scope.unknown()
	case r == nil: // it has yielded
		c.Scope.Route = kept.Route
	case e.service.written(&c.Scope):
		c.Scope.Route = r.Path
		return "", refuse("management_conflict", "the Hookaidofile gives this endpoint to the route %s; take its labels out there and reload", r.Path)
	default:
		c.Scope.Route = r.Path
		if err := e.idle(ctx, r.Path); err != nil {
			return "", err
		}
	}
	if err := e.store.DropMapping(ctx, c.Scope.Application, c.Scope.EndpointName); err != nil {
		return "", unavailable(err)
	}
	return EndpointDeleted, e.follow(ctx)
}

// kept returns the mapping of the database for an endpoint, or nil.
func (e *Endpoints) kept(scope *Scope) *queue.Mapping {
	for _, m := range e.service.mappings() {
		if m.Application == scope.Application && m.EndpointName == scope.EndpointName {
			return &m
		}
	}
	return nil
}

// idle refuses to touch a route that consumers still work on.
func (e *Endpoints) idle(ctx context.Context, path string) error {
	stats, err := e.store.Stats(ctx)
	if err != nil {
		return unavailable(err)
	}
	waiting := 0
	for _, l := range stats.Lanes {
		if l.Route == path {
			waiting += l.Queued + l.Leased
		}
	}
	if waiting > 0 {
		return refuse("management_route_backlog_active", "the route %s has %d messages queued or leased; wait until they are done, or cancel them",
			path, waiting)
	}
	return nil
}

// follow puts what was stored in force.
func (e *Endpoints) follow(ctx context.Context) error {
	// it is stored already, so that a client who leaves must not keep it from
	// taking effect
	if err := e.Load(context.WithoutCancel(ctx)); err != nil {
		return unavailable(err)
	}
	return nil
}

// unavailable is the refusal that goes with an error of the store. The cause is
// for the log alone.
func unavailable(err error) error {
	return fmt.Errorf("%w: %w", refuse("management_unavailable", "the database could not do it now; the log has the cause"), err)
}

// labels refuses what can't be the name of an endpoint.
func (s *Scope) labels() *Refusal {
	for _, label := range []struct{ name, text string }{{"application", s.Application}, {"endpoint_name", s.EndpointName}} {
		if !isLabel(label.text) {
			return refuse("invalid_body", "%s must be a label: letters, digits and . _ : -, beginning with a letter or digit, 128 at most", label.name)
		}
	}
	return nil
}

func (s *Scope) unknown() *Refusal {
	return refuse("management_endpoint_not_found", "no route has application %s and endpoint_name %s", s.Application, s.EndpointName)
}

// compareEndpoints sorts by application and name.
func compareEndpoints(a, b *config.Route) int {
	return cmp.Or(cmp.Compare(a.Application, b.Application), cmp.Compare(a.EndpointName, b.EndpointName))
}
