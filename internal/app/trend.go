package app

import (
	"context"

	"go.uber.org/zap"

	"hookaido/internal/admin"
	"hookaido/internal/queue"
	"hookaido/internal/trend"
)

// sampleBacklog takes a sample of the backlog at the start and every minute,
// until ctx ends.
func (a *App) sampleBacklog(ctx context.Context) {
	timer := a.opts.Clock.NewTimer(0)
	defer timer.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C():
		}
		timer.Reset(trend.CaptureInterval)
		err := a.sampleOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if failed := err != nil; failed != failing {
			failing = failed
			if failed {
				a.logger.Warn("trend_sample_failed", zap.Error(err))
			} else {
				a.logger.Info("trend_sample_ok")
			}
		}
	}
}

// sampleOnce takes a sample and shows backpressure where the backlog is
// heading.
func (a *App) sampleOnce(ctx context.Context) error {
	if err := a.store.CaptureTrend(ctx); err != nil {
		return err
	}
	now := a.opts.Clock.Now()
	samples, err := a.store.Trend(ctx, queue.TrendFilter{
		From: now.Add(-a.admin.Config().Defaults.TrendSignals.Window), Until: now, Max: trend.MaxSamples,
	})
	if err == nil {
		a.pressure.SetSamples(samples)
	}
	return err
}

// backlogViews is the operators' view of what waits.
func (a *App) backlogViews() *admin.Backlog {
	return admin.NewBacklog(admin.BacklogOptions{Queue: a.store, Clock: a.opts.Clock, Config: a.admin.Config})
}
