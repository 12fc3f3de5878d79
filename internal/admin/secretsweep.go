package admin

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/queue"
)

// sweepInterval is the time between two searches for versions whose time is
// over.
const sweepInterval = 5 * time.Minute

// Run removes versions whose time is over, at once and then every five minutes,
// until ctx ends. They are out of use by themselves before that.
func (s *Secrets) Run(ctx context.Context) {
	timer := s.clock.NewTimer(sweepInterval)
	defer timer.Stop()
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("runtime_secret_gc_failed", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C():
			timer.Reset(sweepInterval)
		}
	}
}

// sweep removes versions of all pools, also of those that no Hookaidofile has
// any more.
func (s *Secrets) sweep(ctx context.Context) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	rows, err := s.store.SealedSecrets(ctx)
	if err != nil {
		return err
	}
	now := s.clock.Now()
	for i := range rows {
		if row := &rows[i]; !row.NotAfter.IsZero() && !now.Before(row.NotAfter) {
			if err := s.forget(ctx, row); err != nil {
				return err
			}
		}
	}
	return nil
}

// forget removes one version.
func (s *Secrets) forget(ctx context.Context, row *queue.SealedSecret) error {
	if err := s.store.DropSealed(ctx, row.Pool, row.ID); err != nil {
		return err
	}
	s.pruned.WithLabelValues(row.Pool).Inc()
	s.log.Info("runtime_secret_pruned", zap.String("pool", row.Pool), zap.String("secret_id", row.ID))
	if p := s.loaded.Load(); p != nil && len(p.pools[row.Pool]) > 0 {
		rest := slices.DeleteFunc(slices.Clone(p.pools[row.Pool]), func(v keptVersion) bool { return v.ID == row.ID })
		s.loaded.Store(p.with(row.Pool, rest))
	}
	return nil
}
