package app

import (
	"net"
	"net/http"

	"hookaido/internal/config"
	"hookaido/internal/httpx"
	"hookaido/internal/systemd"
	"hookaido/internal/tlsconf"
)

// The components of the access log.
const (
	componentIngress = "ingress"
	componentPull    = "pull_api"
	componentAdmin   = "admin_api"
	componentMetrics = "metrics"
)

// site is what is served on some listeners.
type site struct {
	name string // that of the first endpoint
	// component is in the access log for requests that no handler sees.
	component   string
	handler     http.Handler
	listeners   []net.Listener
	certificate *tlsconf.Source // nil for plain HTTP
	// proxied is set if trusted proxies send the PROXY protocol.
	proxied bool
}

// sites puts handlers on the listeners.
func (a *App) sites(cfg *config.Config, es *endpoints) []site {
	var all []site
	for _, g := range es.groups {
		if len(g[0].listeners) > 0 {
			all = append(all, a.groupSite(cfg, g))
		}
	}
	return append(all,
		site{
			name: systemd.Admin, component: componentAdmin, handler: a.logged(componentAdmin, a.adminAPI),
			listeners: es.admin.private,
		},
		site{
			name: systemd.Metrics, component: componentMetrics, handler: a.logged(componentMetrics, a.metricsHandler(cfg.Observability.Metrics)),
			listeners: es.metrics.listeners,
		})
}

// groupSite serves one server, or several by their prefixes. The first one of
// a group is the ingress if that is part of it.
func (a *App) groupSite(cfg *config.Config, g group) site {
	first := g[0].name
	s := site{name: first, listeners: g[0].listeners, certificate: a.certificates.sources[first]}
	s.proxied = first == systemd.Ingress && cfg.Ingress.ProxyProtocol
	s.component, s.handler, _ = a.server(cfg, first)
	if len(g) == 1 {
		return s
	}
	mux := &shared{rest: s.handler, refuse: a.logged(s.component, http.HandlerFunc(ambiguous))}
	if first != systemd.Ingress {
		mux.rest = a.logged(s.component, http.HandlerFunc(nothing))
	}
	for _, m := range g {
		if _, handler, prefix := a.server(cfg, m.name); prefix != "" {
			mux.apis = append(mux.apis, newSharedAPI(prefix, handler))
		}
	}
	s.handler = mux
	return s
}

// server returns the handler of a name with its component of the access log
// and its prefix.
func (a *App) server(cfg *config.Config, name string) (component string, handler http.Handler, prefix string) {
	switch name {
	case systemd.Ingress:
		return componentIngress, a.logged(componentIngress, a.ingress), ""
	case systemd.Pull:
		return componentPull, a.logged(componentPull, a.pullAPI), cfg.PullAPI.Prefix
	default:
		return componentAdmin, a.logged(componentAdmin, a.adminAPI), cfg.AdminAPI.Prefix
	}
}

func (a *App) logged(component string, h http.Handler) http.Handler {
	return httpx.AccessLog(component, a.logs.accessLogger(), a.opts.Clock, h)
}
