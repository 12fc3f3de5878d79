package app

import (
	"context"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"hookaido/internal/admin"
	"hookaido/internal/adminapi"
	"hookaido/internal/config"
	"hookaido/internal/dispatch"
	"hookaido/internal/ingress"
	"hookaido/internal/limit"
	"hookaido/internal/observe"
	"hookaido/internal/pull"
	"hookaido/internal/pullapi"
	"hookaido/internal/queue"
)

// makeServices builds the services that live as long as the process.
func (a *App) makeServices(ctx context.Context, cfg *config.Config, es *endpoints) error {
	clk := a.opts.Clock
	a.registry = observe.NewRegistry(a.opts.Version, clk.Now())
	if err := a.registry.Register(observe.NewQueueCollector(ctx, a.queueStats)); err != nil {
		return err
	}
	if err := a.registry.Register(observe.NewLostLines("runtime", a.logs.runtime.Dropped)); err != nil {
		return err
	}
	if a.logs.access != nil {
		if err := a.registry.Register(observe.NewLostLines("access", a.logs.access.Dropped)); err != nil {
			return err
		}
	}
	a.pressure = limit.NewPressure(limit.PressureOptions{Clock: clk, Read: a.backlog})
	a.ingress = ingress.New(ingress.Options{
		Enqueuer: a.store, Clock: clk, Logger: a.logger.Named("ingress"), Metrics: a.registry, Pressure: a.pressure,
	})
	var err error
	if a.pull, err = pull.New(pull.Options{Queue: a.store, Clock: clk, Registerer: a.registry}); err != nil {
		return err
	}
	a.pullAPI = pullapi.New(pullapi.Options{
		Service: a.pull, Prefix: cfg.PullAPI.Prefix, Clock: clk, Logger: a.logger.Named("pull_api"),
	})
	if a.dispatcher, err = dispatch.New(ctx, dispatch.Options{
		Queue: a.store, Clock: clk, Logger: a.logger.Named("dispatcher"), Metrics: a.registry,
	}); err != nil {
		return err
	}
	a.admin = admin.New(admin.Options{
		Deliveries: a.deliveryStatus,
		Store:      a.store, Reloader: a, Clock: clk, Version: a.opts.Version, PID: os.Getpid(), Listeners: es.list(),
	})
	messages := admin.NewMessages(admin.MessagesOptions{
		Queue: a.store, Clock: clk, Config: a.admin.Config, Logger: a.logger.Named("admin"),
	})
	a.adminAPI = adminapi.New(adminapi.Options{
		Service: a.admin, Messages: messages, Prefix: cfg.AdminAPI.Prefix, Logger: a.logger.Named("admin_api"),
	})
	return nil
}

// queueStats puts the queue's figures into the form of the gauges.
func (a *App) queueStats(ctx context.Context) (observe.QueueStats, error) {
	s, err := a.store.Stats(ctx)
	if err != nil {
		return observe.QueueStats{}, err
	}
	out := observe.QueueStats{
		Queued: s.ByState[queue.StateQueued], Leased: s.ByState[queue.StateLeased],
		Dead: s.ByState[queue.StateDead], Total: s.Total(),
	}
	now := a.opts.Clock.Now()
	if !s.OldestQueued.IsZero() {
		out.OldestQueued = max(0, now.Sub(s.OldestQueued))
	}
	if !s.EarliestDue.IsZero() {
		out.ReadyLag = max(0, now.Sub(s.EarliestDue))
	}
	return out, nil
}

func (a *App) metricsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{}))
	return mux
}
