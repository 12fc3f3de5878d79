package admin

import (
	"fmt"
	"slices"
	"sync"

	"hookaido/internal/config"
	"hookaido/internal/queue"
)

// labels joins the two sources of endpoints: the Hookaidofile, which wins, and
// the mappings of the database.
type labels struct {
	mu       sync.Mutex
	file     *config.Config // as written
	mappings []queue.Mapping
	yielded  []Yielded
}

// Yielded is a mapping of the database that is not in force, and why.
type Yielded struct {
	queue.Mapping
	Reason string
}

// SetMappings tells which routes the database gives to endpoints, from now on.
func (s *Service) SetMappings(list []queue.Mapping) {
	s.labels.mu.Lock()
	defer s.labels.mu.Unlock()
	s.labels.mappings = list
	info := s.loaded.Load().info
	s.loaded.Store(&loaded{s.labels.apply(), info})
}

// mappings returns what SetMappings set.
func (s *Service) mappings() []queue.Mapping {
	s.labels.mu.Lock()
	defer s.labels.mu.Unlock()
	return s.labels.mappings
}

// Yielded returns the mappings that the configuration in force leaves without
// effect.
func (s *Service) Yielded() []Yielded {
	s.labels.mu.Lock()
	defer s.labels.mu.Unlock()
	return s.labels.yielded
}

// written reports whether the Hookaidofile itself has a route for the endpoint.
func (s *Service) written(scope *Scope) bool {
	s.labels.mu.Lock()
	defer s.labels.mu.Unlock()
	return routeNamed(s.labels.file, scope.Application, scope.EndpointName) != nil
}

// apply returns the configuration with the labels of both sources. The caller
// holds mu.
func (l *labels) apply() *config.Config {
	l.yielded = nil
	if len(l.mappings) == 0 {
		return l.file
	}
	labelled := *l.file
	labelled.Routes = slices.Clone(l.file.Routes)
	for _, m := range l.mappings {
		r := routeOf(&labelled, m.Route)
		other := routeNamed(l.file, m.Application, m.EndpointName)
		switch {
		case other != nil && other.Path == m.Route: // they agree
		case other != nil:
			l.yield(m, "the Hookaidofile gives this endpoint to the route %s", other.Path)
		case r == nil:
			l.yield(m, "the Hookaidofile has no route %s", m.Route)
		case managed(r):
			l.yield(m, "the Hookaidofile gives the route %s to the endpoint %s of %s", m.Route, r.EndpointName, r.Application)
		default:
			r.Application, r.EndpointName = m.Application, m.EndpointName
		}
	}
	return &labelled
}

func (l *labels) yield(m queue.Mapping, format string, args ...any) {
	l.yielded = append(l.yielded, Yielded{m, fmt.Sprintf(format, args...)})
}

// routeNamed finds the route with two labels.
func routeNamed(cfg *config.Config, application, endpointName string) *config.Route {
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		if managed(r) && r.Application == application && r.EndpointName == endpointName {
			return r
		}
	}
	return nil
}
