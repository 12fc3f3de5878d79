package app

import (
	"context"
	"os"

	"hookaido/internal/admin"
	"hookaido/internal/adminapi"
	"hookaido/internal/config"
	"hookaido/internal/dispatch"
	"hookaido/internal/ingress"
	"hookaido/internal/limit"
	"hookaido/internal/pull"
	"hookaido/internal/pullapi"
)

// makeServices builds the services that live as long as the process.
func (a *App) makeServices(ctx context.Context, cfg *config.Config, es *endpoints) error {
	clk := a.opts.Clock
	if err := a.observeDaemon(ctx); err != nil {
		return err
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
	a.flow = admin.NewRates(clk, a.flows)
	a.admin = admin.New(admin.Options{
		Deliveries: a.deliveryStatus, Counters: a.counters, Rates: a.flow.Now,
		Store: a.store, Reloader: a, Clock: clk, Version: a.opts.Version, PID: os.Getpid(), Listeners: es.list(),
	})
	messages := admin.NewMessages(admin.MessagesOptions{
		Queue: a.store, Clock: clk, Config: a.admin.Config, Logger: a.logger.Named("admin"),
	})
	if err := a.registry.Register(messages.PublishCollector()); err != nil {
		return err
	}
	routes := admin.NewRoutes(admin.RoutesOptions{
		Queue: a.store, Clock: clk, Config: a.admin.Config, Deliveries: a.deliveryStatus, Recall: a.dispatcher.Recall,
		Logger: a.logger.Named("admin"),
	})
	endpoints := admin.NewEndpoints(admin.EndpointsOptions{Store: a.store, Service: a.admin, Logger: a.logger.Named("admin")})
	if err := endpoints.Load(ctx); err != nil {
		return &Failure{Code: ExitStorage, Err: err}
	}
	if err := a.makeSecrets(cfg); err != nil {
		return err
	}
	a.adminAPI = adminapi.New(adminapi.Options{
		Secrets:   a.secrets,
		Endpoints: endpoints,
		Service:   a.admin, Messages: messages, Routes: routes, Backlog: a.backlogViews(), Prefix: cfg.AdminAPI.Prefix, Metrics: a.scrape(), Logger: a.logger.Named("admin_api"),
	})
	return nil
}
