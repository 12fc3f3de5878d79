package sqlite

import (
	"context"
	"time"
)

// pingFresh is how old a synced commit may be to prove that commits work.
const pingFresh = 500 * time.Millisecond

// Ping returns nil only if the store commits: something was synced to the disk
// in the last half second, or is synced now. It answers when ctx ends, even if
// the disk hangs.
func (s *Store) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.gate.mu.Lock()
	err := s.refusal()
	s.gate.mu.Unlock()
	if err != nil {
		return err
	}
	if s.clock.Monotonic()-time.Duration(s.lastSync.Load()) <= pingFresh {
		return nil
	}
	o := &pingOp{newCall(0, true)}
	if err := s.submit(o, false); err != nil {
		return err
	}
	return s.await(ctx, o)
}

// pingOp makes a commit of almost nothing.
type pingOp struct{ call }

func (o *pingOp) apply(w *writer) error {
	if w.tx.beaten {
		return nil
	}
	if err := w.open(); err != nil {
		return err
	}
	if err := w.sql.probe.step(); err != nil {
		return err
	}
	w.tx.beaten, w.tx.wrote = true, true
	return w.sql.beat.step()
}
