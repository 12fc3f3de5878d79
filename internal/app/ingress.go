package app

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"hookaido/internal/auth"
	"hookaido/internal/auth/hmac"
	"hookaido/internal/config"
	"hookaido/internal/handshake"
	"hookaido/internal/ingress"
	"hookaido/internal/limit"
	"hookaido/internal/peer"
	"hookaido/internal/queue"
	"hookaido/internal/secret"
	"hookaido/internal/trend"
)

// ingressSnapshot builds what the public listener needs. The error names every
// route that can't be built.
func (a *App) ingressSnapshot(cfg *config.Config, values secrets) (*ingress.Snapshot, *limit.Rates, error) {
	rates := limit.NewRates(a.opts.Clock, a.currentRates(), rateLimits(cfg))
	b := routeBuilder{app: a, cfg: cfg, values: values, rates: rates}
	var routes []ingress.Route
	var errs []error
	for i := range cfg.Routes {
		r, err := b.build(&cfg.Routes[i])
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: route %s: %w", cfg.Routes[i].Pos, cfg.Routes[i].Path, err))
		}
		routes = append(routes, r)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	return ingress.NewSnapshot(ingress.SnapshotOptions{
		Routes:     routes,
		Proxies:    peer.Proxies{Trusted: cfg.Ingress.TrustedProxies},
		Thresholds: thresholds(&cfg.Defaults),
	}), rates, nil
}

// currentRates are the buckets that requests take from now; nil at the start.
func (a *App) currentRates() *limit.Rates {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rates
}

func rateLimits(cfg *config.Config) map[string]limit.Rate {
	limits := map[string]limit.Rate{}
	set := func(key string, r *config.RateLimit) {
		if r != nil {
			limits[key] = limit.Rate{PerSecond: r.RPS, Burst: r.Burst}
		}
	}
	set(limit.Global, cfg.Ingress.RateLimit)
	for i := range cfg.Routes {
		set(cfg.Routes[i].Path, cfg.Routes[i].RateLimit)
	}
	return limits
}

// thresholds are nil unless adaptive backpressure is on.
func thresholds(d *config.Defaults) *limit.Thresholds {
	p := &d.AdaptiveBackpressure
	if !p.Enabled {
		return nil
	}
	t := &limit.Thresholds{
		MinTotal: p.MinTotal, QueuedPercent: p.QueuedPercent,
		ReadyLag: p.ReadyLag, OldestQueuedAge: p.OldestQueuedAge,
	}
	if s := &d.TrendSignals; p.SustainedGrowth {
		t.Growth = &limit.Growth{
			Window: s.Window, Growth: trend.Growth{
				Consecutive: s.SustainedGrowthConsecutive, MinSamples: s.SustainedGrowthMinSamples, MinDelta: s.SustainedGrowthMinDelta,
			},
		}
	}
	return t
}

// backlog reads the queue's figures for adaptive backpressure.
func (a *App) backlog(ctx context.Context) (limit.Backlog, error) {
	s, err := a.store.Stats(ctx)
	if err != nil {
		return limit.Backlog{}, err
	}
	return limit.Backlog{
		Queued: s.ByState[queue.StateQueued], Leased: s.ByState[queue.StateLeased], Dead: s.ByState[queue.StateDead],
		OldestQueued: s.OldestQueued, EarliestDue: s.EarliestDue,
	}, nil
}

// followBacklog keeps an eye on the backlog, and on the time of secrets, until
// stopFollowing is called.
func (a *App) followBacklog(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { a.pressure.Run(ctx) })
	running.Go(func() { a.sampleBacklog(ctx) })
	running.Go(func() { a.flow.Run(ctx) })
	running.Go(func() { a.secrets.Run(ctx) })
	a.stopFollowing = func() {
		cancel()
		running.Wait()
	}
}

// routeBuilder makes the routes of one configuration.
type routeBuilder struct {
	app    *App
	cfg    *config.Config
	values secrets
	rates  *limit.Rates
}

func (b *routeBuilder) build(r *config.Route) (route ingress.Route, err error) {
	route = ingress.Route{Config: *r, Targets: targetNames(r), Limit: b.rates.Of(r.Path)}
	if len(r.Bearer) > 0 {
		route.Bearer = auth.NewTokens(b.values.of(r.Bearer))
	}
	if route.Basic, err = b.basic(r); err != nil {
		return route, fmt.Errorf("auth basic: %w", err)
	}
	if r.Forward != nil {
		if route.Forward, err = auth.NewForward(auth.ForwardOptions{
			URL: r.Forward.URL, Timeout: r.Forward.Timeout, CopyHeaders: r.Forward.CopyHeaders, BodyLimit: r.Forward.BodyLimit,
		}); err != nil {
			return route, err
		}
	}
	if r.HMAC != nil {
		if route.Verifier, err = b.verifier(r); err != nil {
			return route, err
		}
	}
	if len(r.Handshakes) > 0 {
		route.Handshakes, err = b.handshakes(r)
	}
	return route, err
}

func (b *routeBuilder) basic(r *config.Route) (*auth.Basic, error) {
	if len(r.Basic)+len(r.BasicHashes)+len(r.Htpasswd) == 0 {
		return nil, nil
	}
	o := auth.BasicOptions{Gate: b.app.gate}
	for _, u := range r.Basic {
		o.Passwords = append(o.Passwords, auth.User{Name: u.User, Secret: u.Password})
	}
	for _, u := range r.BasicHashes {
		o.Hashes = append(o.Hashes, auth.User{Name: u.User, Secret: u.Password})
	}
	for _, ref := range r.Htpasswd {
		o.Files = append(o.Files, auth.File{Name: ref.String(), Text: b.values.refs[ref.Ref]})
	}
	return auth.NewBasic(o)
}

func (b *routeBuilder) verifier(r *config.Route) (*hmac.Verifier, error) {
	return hmac.New(hmac.Options{
		Provider: r.HMAC.Provider, Route: r.Path, URL: r.HMAC.URL,
		Keys: b.values.of(r.HMAC.Secrets), Pool: b.values.pool(b.cfg, r.HMAC.SecretNames),
		MayLackKeys:     changesAtRunTime(b.cfg, r.HMAC.SecretNames),
		SignatureHeader: r.HMAC.SignatureHeader, TimestampHeader: r.HMAC.TimestampHeader,
		NonceHeader: r.HMAC.NonceHeader, Tolerance: r.HMAC.Tolerance,
		Generic: r.HMAC.Generic, Clock: b.app.opts.Clock,
	})
}

func (b *routeBuilder) handshakes(r *config.Route) (*handshake.Set, error) {
	var keys []secret.Value
	var pool secret.Pool
	later := false
	if r.HMAC != nil {
		later = changesAtRunTime(b.cfg, r.HMAC.SecretNames)
		keys, pool = b.values.of(r.HMAC.Secrets), b.values.pool(b.cfg, r.HMAC.SecretNames)
	}
	var options []handshake.Options
	for _, h := range r.Handshakes {
		options = append(options, handshake.Options{
			Provider: h.Provider, Token: b.values.refs[h.Token.Ref], Keys: keys, Pool: pool, MayLackKeys: later, Clock: b.app.opts.Clock,
			URL: h.URL,
		})
	}
	return handshake.New(options)
}
