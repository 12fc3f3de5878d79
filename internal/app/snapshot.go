package app

import (
	"fmt"

	"hookaido/internal/auth"
	"hookaido/internal/auth/hmac"
	"hookaido/internal/config"
	"hookaido/internal/ingress"
	"hookaido/internal/pull"
	"hookaido/internal/queue"
)

// parts are what follows from one Hookaidofile, ready to be put in force.
type parts struct {
	ingress *ingress.Snapshot
	pull    pull.Settings
	admin   *auth.Tokens
}

// prepare builds all that can fail of a configuration. It changes nothing.
func (a *App) prepare(cfg *config.Config) (*parts, error) {
	values, err := a.resolve(cfg)
	if err != nil {
		return nil, err
	}
	routes, err := a.ingressRoutes(cfg, values)
	if err != nil {
		return nil, err
	}
	return &parts{
		ingress: ingress.NewSnapshot(routes),
		pull:    pullSettings(cfg, values),
		admin:   auth.NewTokens(values.of(cfg.AdminAPI.Tokens)),
	}, nil
}

func (a *App) ingressRoutes(cfg *config.Config, values secrets) ([]ingress.Route, error) {
	var routes []ingress.Route
	for _, r := range cfg.Routes {
		route := ingress.Route{Config: r, Targets: []string{queue.PullTarget}}
		if r.HMAC != nil {
			v, err := hmac.New(hmac.Options{
				Provider: r.HMAC.Provider, Route: r.Path, Keys: values.of(r.HMAC.Secrets), Clock: a.opts.Clock,
				SignatureHeader: r.HMAC.SignatureHeader, TimestampHeader: r.HMAC.TimestampHeader,
				NonceHeader: r.HMAC.NonceHeader, Tolerance: r.HMAC.Tolerance,
			})
			if err != nil {
				return nil, fmt.Errorf("%s: route %s: %w", r.Pos, r.Path, err)
			}
			route.Verifier = v
		}
		routes = append(routes, route)
	}
	return routes, nil
}

func pullSettings(cfg *config.Config, values secrets) pull.Settings {
	p := cfg.PullAPI
	set := pull.Settings{
		Tokens: auth.NewTokens(values.of(p.Tokens)),
		Limits: pull.Limits{
			MaxBatch: p.MaxBatch, MaxLeaseBatch: p.MaxLeaseBatch,
			DefaultLeaseTTL: p.DefaultLeaseTTL, MaxLeaseTTL: p.MaxLeaseTTL,
			DefaultMaxWait: p.DefaultMaxWait, MaxWait: p.MaxWait,
		},
	}
	for _, r := range cfg.Routes {
		if r.Pull == nil {
			continue
		}
		route := pull.Route{Endpoint: r.Pull.Path, Path: r.Path}
		if len(r.Pull.Tokens) > 0 {
			route.Tokens = auth.NewTokens(values.of(r.Pull.Tokens))
		}
		set.Routes = append(set.Routes, route)
	}
	return set
}

// put makes a configuration the one in force.
func (a *App) put(cfg *config.Config, p *parts) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ingress.Swap(p.ingress)
	a.pull.Swap(a.pull.Snapshot(p.pull))
	a.adminAPI.SetTokens(p.admin)
	a.config = cfg
	a.generation++
	a.admin.SetConfig(cfg, a.generation)
}
