package app

import (
	"context"

	"hookaido/internal/admin"
	"hookaido/internal/auth"
	"hookaido/internal/config"
	"hookaido/internal/ingress"
	"hookaido/internal/limit"
	"hookaido/internal/pull"
)

// parts are what follows from one Hookaidofile, ready to be put in force.
type parts struct {
	values  secrets
	pools   *admin.SecretPools // nil before there is a queue
	ingress *ingress.Snapshot
	rates   *limit.Rates
	pull    pull.Settings
	admin   *auth.Tokens
	push    *deliveries
}

// prepare builds all that can fail of a configuration. It changes nothing. The
// caller holds a.building until put.
func (a *App) prepare(ctx context.Context, cfg *config.Config) (*parts, error) {
	pools, values, err := a.loadSecrets(ctx, cfg)
	if err != nil {
		return nil, err
	}
	snapshot, rates, err := a.ingressSnapshot(cfg, values)
	if err != nil {
		return nil, err
	}
	push, err := a.prepareDeliveries(cfg, values)
	if err != nil {
		return nil, err
	}
	return &parts{
		values:  values,
		pools:   pools,
		push:    push,
		ingress: snapshot,
		rates:   rates,
		pull:    pullSettings(cfg, values),
		admin:   auth.NewTokens(values.of(cfg.AdminAPI.Tokens)),
	}, nil
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
		route := pull.Route{Endpoint: r.Pull.Path, Path: r.Path, MaxDeliveries: r.Pull.MaxDeliveries}
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
	a.rates = p.rates
	a.pull.Swap(a.pull.Snapshot(p.pull))
	a.adminAPI.SetTokens(p.admin)
	a.adminAPI.SetHosts(cfg.AdminAPI.AllowedHosts)
	a.putDeliveries(p.push)
	a.store.SetRetention(retention(cfg.Retention))
	if a.secrets != nil {
		a.secrets.Use(p.pools)
	}
	a.values = p.values
	a.config = cfg
	a.loaded = a.opts.Clock.Now()
	a.generation++
	a.admin.SetConfig(cfg, a.generation)
}
