package app

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/admin"
	"hookaido/internal/config"
	"hookaido/internal/dispatch"
	"hookaido/internal/ingress"
	"hookaido/internal/observe"
	"hookaido/internal/pull"
	"hookaido/internal/queue"
	"hookaido/internal/queue/memory"
	"hookaido/internal/queue/sqlite"
)

// store is what the daemon needs of a queue engine: the wishes of the packages
// that use one, and its life cycle.
type store interface {
	ingress.Enqueuer
	consumers
	operators
	observer
	lifecycle
}

// consumers take messages: workers over the pull API, and deliveries.
type consumers interface {
	pull.Queue
	dispatch.Queue
	retainer
}

// operators look at messages, change them, and keep what is theirs.
type operators interface {
	admin.Queue
	admin.EndpointStore
	admin.SecretStore
}

// observer is for health, metrics and operators.
type observer interface {
	admin.RouteQueue
	admin.BacklogQueue
	Ping(ctx context.Context) error
	CaptureTrend(ctx context.Context) error
}

// lifecycle tells of a store that can't go on, and ends it.
type lifecycle interface {
	Failed() <-chan struct{}
	Err() error
	Close() error
}

func (a *App) openStore(ctx context.Context, cfg *config.Config) (store, error) {
	limits := queue.Limits{MaxDepth: cfg.QueueLimits.MaxDepth}
	if cfg.QueueLimits.DropPolicy == config.DropOldest {
		limits.DropPolicy = queue.DropOldest
	}
	if cfg.Backend() == config.Memory {
		a.logger.Warn("queue_in_memory", zap.String("effect", "every message is lost when this process ends"))
		m := memory.Open(memory.Options{Clock: a.opts.Clock, Limits: limits})
		return m, a.registry.Register(m.Collector())
	}
	waiting := newLongStart(a.opts.Clock, func(d time.Duration, progress string) {
		if err := a.notifier.ExtendTimeout(d, progress); err != nil {
			a.logger.Debug("notify_failed", observe.Err(err))
		}
	})
	defer waiting.end()
	s, err := sqlite.Open(ctx, sqlite.Options{
		Path:    a.opts.DatabasePath,
		Clock:   a.opts.Clock,
		Limits:  limits,
		Logger:  a.logger.Named("queue"),
		Metrics: a.registry,

		AllowNetworkFS: a.opts.AllowNetworkFS,
		Notify:         waiting.report,
	})
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return nil, err
		}
		return nil, &Failure{Code: ExitStorage, Err: err}
	}
	return s, nil
}
