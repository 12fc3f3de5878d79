package app

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/admin"
	"hookaido/internal/config"
	"hookaido/internal/config/compile"
	"hookaido/internal/deliver"
	"hookaido/internal/dispatch"
	"hookaido/internal/queue"
	"hookaido/internal/secret"
)

// deliveries are what a configuration says of push routes. What a reload leaves
// as it was is taken over, so that those targets keep their connections.
type deliveries struct {
	egress    config.Egress
	deliverer *deliver.Deliverer
	targets   map[targetKey]madeTarget
	routes    []dispatch.Route
}

type targetKey struct{ route, name string }

// madeTarget is a target with what it was made of.
type madeTarget struct {
	config config.Target
	keys   secret.Pool
	target *deliver.Target
}

// prepareDeliveries builds the targets of cfg.
func (a *App) prepareDeliveries(cfg *config.Config, values secrets) (*deliveries, error) {
	old := a.currentDeliveries()
	d := &deliveries{egress: cfg.Defaults.Egress, targets: map[targetKey]madeTarget{}}
	if old != nil && compile.Equal(old.egress, d.egress) {
		d.deliverer = old.deliverer
	} else {
		path, _ := a.opts.LookupEnv("PATH")
		var err error
		if d.deliverer, err = deliver.New(deliver.Options{
			Egress: d.egress, Clock: a.opts.Clock, Own: a.own, Path: path, UserAgent: "Hookaido/" + a.opts.Version,
		}); err != nil {
			return nil, err
		}
	}
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		if len(r.Targets) == 0 {
			continue
		}
		route := dispatch.Route{Path: r.Path, Concurrency: r.DeliverConcurrency}
		for j := range r.Targets {
			t := &r.Targets[j]
			made, err := d.make(old, r.Path, t, signingKeys(cfg, t, values))
			if err != nil {
				return nil, err
			}
			d.targets[targetKey{r.Path, t.Name()}] = made
			route.Targets = append(route.Targets, dispatch.Target{
				Name: t.Name(), Timeout: t.Timeout, Retry: queue.Retry(t.Retry), Deliver: made.target,
			})
		}
		d.routes = append(d.routes, route)
	}
	return d, nil
}

// make builds a target, or takes over the old one if it would be the same.
func (d *deliveries) make(old *deliveries, route string, cfg *config.Target, keys secret.Pool) (madeTarget, error) {
	if old != nil && old.deliverer == d.deliverer {
		was, known := old.targets[targetKey{route, cfg.Name()}]
		if known && compile.Equal(was.config, *cfg) && slices.EqualFunc(was.keys.All(), keys.All(), sameVersion) {
			return was, nil
		}
	}
	target, err := d.deliverer.Target(cfg, keys)
	return madeTarget{*cfg, keys, target}, err
}

func sameVersion(a, b secret.Version) bool {
	return a.ID == b.ID && a.Value.Equal(b.Value.Reveal()) && a.From.Equal(b.From) && a.Until.Equal(b.Until)
}

// signingKeys are the secrets that may sign for t.
func signingKeys(cfg *config.Config, t *config.Target, values secrets) secret.Pool {
	switch {
	case t.Sign == nil:
		return secret.Pool{}
	case len(t.Sign.SecretNames) > 0:
		return values.pool(cfg, t.Sign.SecretNames)
	}
	return secret.NewPool(secret.Version{Value: values.refs[t.Sign.Secret.Ref]})
}

func (a *App) currentDeliveries() *deliveries {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.deliveries
}

// putDeliveries makes them those in force. The caller holds a.mu.
func (a *App) putDeliveries(d *deliveries) {
	old := a.deliveries
	a.deliveries = d
	a.dispatcher.Swap(d.routes)
	if old != nil && old.deliverer != d.deliverer {
		old.deliverer.Close()
	}
}

// stopDeliveries lets attempts that run come to their end, unless the queue has
// failed and could not take their results.
func (a *App) stopDeliveries() {
	if a.dispatcher == nil {
		return
	}
	limit := a.dispatcher.DrainTime()
	if a.store.Err() != nil {
		limit = 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if a.notifier.Enabled() && limit > 0 {
		a.notify(a.notifier.ExtendTimeout(limit+stopGrace, "finishing deliveries"))
	}
	a.dispatcher.Stop(ctx)
	if d := a.currentDeliveries(); d != nil {
		d.deliverer.Close()
	}
}

// stopGrace is what the rest of a stop may take after the deliveries.
const stopGrace = 30 * time.Second

// ownAddresses are those that the daemon listens on over TCP.
func ownAddresses(es *endpoints) []netip.AddrPort {
	var own []netip.AddrPort
	for _, e := range []*endpoint{es.ingress, es.pull, es.admin, es.metrics} {
		for _, l := range e.all() {
			if tcp, ok := l.Addr().(*net.TCPAddr); ok {
				own = append(own, tcp.AddrPort())
			}
		}
	}
	return own
}

// targetNames are the targets of the messages of a route.
func targetNames(r *config.Route) []string {
	if len(r.Targets) == 0 {
		return []string{queue.PullTarget}
	}
	var names []string
	for i := range r.Targets {
		names = append(names, r.Targets[i].Name())
	}
	return names
}

// warnOrphans names messages that wait for a target which no route has any
// more. They stay until it comes back, or an operator takes them out.
func (a *App) warnOrphans(ctx context.Context, cfg *config.Config) {
	ctx, cancel := context.WithTimeout(ctx, statsTime)
	defer cancel()
	stats, err := a.store.Stats(ctx)
	if err != nil {
		return // told where the queue is looked after
	}
	wanted := map[targetKey]bool{}
	for i := range cfg.Routes {
		for _, name := range targetNames(&cfg.Routes[i]) {
			wanted[targetKey{cfg.Routes[i].Path, name}] = true
		}
	}
	for _, l := range stats.Lanes {
		if l.Queued > 0 && !wanted[targetKey{l.Route, l.Target}] {
			a.logger.Warn("messages_without_target", zap.String("route", l.Route), zap.String("target", dispatch.Label(l.Target)),
				zap.Int("queued", l.Queued), zap.String("effect", "they are kept, and go out when the route has this target again"))
		}
	}
}

// deliveryStatus describes the targets for the admin API.
func (a *App) deliveryStatus() []admin.Delivery {
	all := []admin.Delivery{}
	for _, l := range a.dispatcher.Status() {
		all = append(all, admin.Delivery{
			Route: l.Route, Name: l.Name, Target: l.Target, Breaker: l.Breaker, Running: l.Running,
			Failures: l.Failures, Reason: l.Reason, ProbeInSeconds: int64(l.Probe.Round(time.Second) / time.Second),
		})
	}
	return all
}

// restingTargets names the targets whose breaker is not closed, for a status
// line; empty for none.
func (a *App) restingTargets() string {
	var names []string
	for _, l := range a.dispatcher.Status() {
		if l.Breaker != "closed" {
			names = append(names, l.Target)
		}
	}
	if len(names) == 0 {
		return ""
	}
	const shown = 3
	text := count(len(names), "target") + " failing: " + strings.Join(names[:min(len(names), shown)], ", ")
	if len(names) > shown {
		text += ", …"
	}
	return text
}
