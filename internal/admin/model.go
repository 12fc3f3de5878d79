package admin

import (
	"slices"

	"hookaido/internal/config"
)

// Endpoint is an endpoint with its route.
type Endpoint struct {
	Application  string `json:"application"`
	EndpointName string `json:"endpoint_name"`
	Route        string `json:"route"`
	// Mode is pull or deliver; empty for an endpoint that was deleted.
	Mode string `json:"mode"`
	// Targets are what messages of the route may have as their target.
	Targets       []string       `json:"targets"`
	PublishPolicy EndpointPolicy `json:"publish_policy"`
	// Source is where the route comes from: hookaidofile or database.
	Source string `json:"source,omitempty"`
}

// The values of [Endpoint].Source.
const (
	FromHookaidofile = "hookaidofile"
	FromDatabase     = "database"
)

// EndpointPolicy says what may be published to the route of an endpoint.
type EndpointPolicy struct {
	Enabled bool `json:"enabled"`
	Direct  bool `json:"direct_enabled"`
	Managed bool `json:"managed_enabled"`
}

// ModelEndpoint is an endpoint of a [ModelApplication].
type ModelEndpoint struct {
	Name          string         `json:"name"`
	Route         string         `json:"route"`
	Mode          string         `json:"mode"`
	Targets       []string       `json:"targets"`
	PublishPolicy EndpointPolicy `json:"publish_policy"`
	Source        string         `json:"source"`
}

// ModelApplication is an application with its endpoints.
type ModelApplication struct {
	Name          string          `json:"name"`
	EndpointCount int             `json:"endpoint_count"`
	Endpoints     []ModelEndpoint `json:"endpoints"`
}

// Model is all applications with their endpoints, sorted by name.
type Model struct {
	// RouteCount counts all routes, also those without an endpoint.
	RouteCount       int                `json:"route_count"`
	ApplicationCount int                `json:"application_count"`
	EndpointCount    int                `json:"endpoint_count"`
	Applications     []ModelApplication `json:"applications"`
}

// ApplicationCount is one entry of [Applications].
type ApplicationCount struct {
	Name          string `json:"name"`
	EndpointCount int    `json:"endpoint_count"`
}

// Applications lists all applications, sorted by name.
type Applications struct {
	ApplicationCount int                `json:"application_count"`
	EndpointCount    int                `json:"endpoint_count"`
	Items            []ApplicationCount `json:"items"`
}

// ApplicationEndpoints lists the endpoints of one application, sorted by name.
type ApplicationEndpoints struct {
	Application   string          `json:"application"`
	EndpointCount int             `json:"endpoint_count"`
	Items         []ModelEndpoint `json:"items"`
}

// Model returns all endpoints.
func (e *Endpoints) Model() Model {
	cfg := e.service.Config()
	m := Model{RouteCount: len(cfg.Routes), Applications: []ModelApplication{}}
	var routes []*config.Route
	for i := range cfg.Routes {
		if r := &cfg.Routes[i]; managed(r) {
			routes = append(routes, r)
		}
	}
	slices.SortFunc(routes, compareEndpoints)
	for _, r := range routes {
		n := len(m.Applications)
		if n == 0 || m.Applications[n-1].Name != r.Application {
			m.Applications = append(m.Applications, ModelApplication{Name: r.Application})
			n++
		}
		app := &m.Applications[n-1]
		of := e.describe(r, &Scope{Application: r.Application, EndpointName: r.EndpointName})
		app.Endpoints = append(app.Endpoints, ModelEndpoint{
			Name: r.EndpointName, Route: of.Route, Mode: of.Mode, Targets: of.Targets, PublishPolicy: of.PublishPolicy, Source: of.Source,
		})
		app.EndpointCount++
		m.EndpointCount++
	}
	m.ApplicationCount = len(m.Applications)
	return m
}

// Applications returns the applications.
func (e *Endpoints) Applications() Applications {
	m := e.Model()
	list := Applications{ApplicationCount: m.ApplicationCount, EndpointCount: m.EndpointCount, Items: []ApplicationCount{}}
	for i := range m.Applications {
		list.Items = append(list.Items, ApplicationCount{m.Applications[i].Name, m.Applications[i].EndpointCount})
	}
	return list
}

// List returns the endpoints of an application. An error is a [*Refusal].
func (e *Endpoints) List(application string) (ApplicationEndpoints, error) {
	if refusal := (&Scope{Application: application, EndpointName: "any"}).labels(); refusal != nil {
		return ApplicationEndpoints{}, refusal
	}
	m := e.Model()
	for i := range m.Applications {
		if app := &m.Applications[i]; app.Name == application {
			return ApplicationEndpoints{Application: application, EndpointCount: app.EndpointCount, Items: app.Endpoints}, nil
		}
	}
	return ApplicationEndpoints{}, refuse("not_found", "no route has application %s", application)
}

// Get returns one endpoint. An error is a [*Refusal].
func (e *Endpoints) Get(scope Scope) (Endpoint, error) {
	if refusal := scope.labels(); refusal != nil {
		return Endpoint{}, refusal
	}
	r := routeNamed(e.service.Config(), scope.Application, scope.EndpointName)
	if r == nil {
		return Endpoint{}, scope.unknown()
	}
	return e.describe(r, &scope), nil
}

// describe is the endpoint that scope names and that has the route r.
func (e *Endpoints) describe(r *config.Route, scope *Scope) Endpoint {
	endpoint := Endpoint{
		Application: scope.Application, EndpointName: scope.EndpointName, Route: r.Path, Mode: modeOf(r), Targets: targetsOf(r),
		PublishPolicy: EndpointPolicy{r.Publish.Enabled, r.Publish.Direct, r.Publish.Managed}, Source: FromDatabase,
	}
	if e.service.written(scope) {
		endpoint.Source = FromHookaidofile
	}
	return endpoint
}

func modeOf(r *config.Route) string {
	if r.Pull != nil {
		return "pull"
	}
	return "deliver"
}
