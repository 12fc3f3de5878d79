package admin

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/config"
	"hookaido/internal/queue"
)

// The operations of [Routes], as the log calls them.
const (
	PauseRoute  Operation = "pause"
	ResumeRoute Operation = "resume"
)

// PauseBody names what is paused or goes on: a route, by its path or its
// labels, or one target of it.
type PauseBody struct {
	Route        string `json:"route,omitempty"`
	Target       string `json:"target,omitempty"`
	Application  string `json:"application,omitempty"`
	EndpointName string `json:"endpoint_name,omitempty"`
}

// Paused is a route that is paused, or one target of it.
type Paused struct {
	Route string `json:"route"`
	// Target is empty if all of the route is paused.
	Target string    `json:"target,omitempty"`
	Since  time.Time `json:"since"`
	// Orphaned is set if the Hookaidofile has it no more.
	Orphaned bool `json:"orphaned,omitempty"`
}

// PausedList is the answer to GET /paused, sorted by route and target.
type PausedList struct {
	Items []Paused `json:"items"`
}

// PauseResult is the answer to a pause, or to its end.
type PauseResult struct {
	Route  string `json:"route"`
	Target string `json:"target,omitempty"`
	// Paused says how it is now, Changed whether it was otherwise before.
	Paused  bool   `json:"paused"`
	Changed bool   `json:"changed"`
	Scope   *Scope `json:"scope,omitempty"`
	Audit   Audit  `json:"audit"`
}

// Paused lists what is paused. An error is one of the queue.
func (s *Routes) Paused(ctx context.Context) (PausedList, error) {
	pauses, err := s.queue.Paused(ctx)
	if err != nil {
		return PausedList{}, err
	}
	cfg := s.config()
	list := PausedList{Items: []Paused{}}
	for _, p := range pauses {
		r := routeOf(cfg, p.Route)
		orphaned := r == nil || p.Target != "" && !slices.Contains(targetsOf(r), p.Target)
		list.Items = append(list.Items, Paused{Route: p.Route, Target: p.Target, Since: p.Since.UTC(), Orphaned: orphaned})
	}
	return list, nil
}

// PauseRequest asks for a pause or for its end.
type PauseRequest struct {
	// Operation is [PauseRoute] or [ResumeRoute].
	Operation Operation
	Audit     Audit
	// Decode decodes the rest. It is called once.
	Decode func() (PauseBody, error)
}

// SetPaused begins a pause or ends it. Messages come in meanwhile, and leases
// and attempts that run come to their end; it lasts over restarts. An error is a
// [*Refusal], what Decode returned, or one of the queue.
func (s *Routes) SetPaused(ctx context.Context, r PauseRequest) (PauseResult, error) {
	d := &deed{operation: string(r.Operation), audit: &r.Audit}
	result, err := s.setPaused(ctx, &r, d)
	d.write(s.log, err)
	return result, err
}

func (s *Routes) setPaused(ctx context.Context, r *PauseRequest, d *deed) (PauseResult, error) {
	pause := r.Operation == PauseRoute
	body, err := r.Decode()
	if err != nil {
		return PauseResult{}, unreadable{err}
	}
	cfg := s.config()
	selector := Selector{Route: body.Route, Target: body.Target, Application: body.Application, EndpointName: body.EndpointName}
	scope, refusal := selector.resolve(cfg)
	if refusal != nil {
		return PauseResult{}, refusal
	}
	route, target := selector.Route, selector.Target
	d.add(zap.String("route", clip(route, maxID)), zap.String("target", clip(shown([]string{target})[0], maxID)))
	before, err := s.queue.Paused(ctx)
	if err != nil {
		return PauseResult{}, err
	}
	was := slices.ContainsFunc(before, func(p queue.Pause) bool { return p.Route == route && p.Target == target })
	of := routeOf(cfg, route)
	if refusal := pausable(of, &selector); refusal != nil && !was { // what is paused may always go on
		return PauseResult{}, refusal
	}
	guarded := of != nil && managed(of)
	if refusal := r.Audit.check(judge{policy: &cfg.Defaults.PublishPolicy, names: guarded, actors: guarded}); refusal != nil {
		return PauseResult{}, refusal
	}
	if err := s.queue.SetPaused(ctx, route, target, pause); err != nil {
		return PauseResult{}, err
	}
	if pause {
		s.recall(route, target)
	}
	d.add(zap.Bool("changed", was != pause))
	return PauseResult{Route: route, Target: target, Paused: pause, Changed: was != pause, Scope: scope, Audit: r.Audit}, nil
}

// pausable decides whether there is such a route, and such a target of it.
func pausable(r *config.Route, s *Selector) *Refusal {
	switch {
	case s.Route == "":
		return refuse("invalid_body", "route is missing: name one by its path, or by application and endpoint_name")
	case r == nil:
		return refuse("route_not_found", "the Hookaidofile has no route %q", clip(s.Route, maxID))
	case s.Target != "" && !slices.Contains(targetsOf(r), s.Target):
		return refuse("target_unresolvable", "target must be one of: %s; without it all of the route is meant",
			strings.Join(shown(targetsOf(r)), ", "))
	}
	return nil
}
