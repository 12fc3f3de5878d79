package sqlite

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

const (
	// clockStep is the least difference between wall and monotonic time since
	// the last batch that counts as a step of the wall clock.
	clockStep = time.Second
	// clockBlur is how far apart two readings may be to belong together.
	clockBlur = 100 * time.Millisecond
)

// readClock returns the wall time and its distance from monotonic time.
func readClock(c clock.Clock) (now, offset int64) {
	for {
		before := c.Monotonic()
		now = queue.Nanos(c.Now())
		// a process that was stopped in between must not see a step
		if c.Monotonic()-before < clockBlur {
			return now, now - int64(before)
		}
	}
}

// followClock reads the time for a batch. After a step of the wall clock it
// shifts the deadlines that are kept in wall time, so that a lease lasts as
// long as was promised, and after a step back nothing waits for the time that
// comes twice.
func (w *writer) followClock() error {
	now, offset := readClock(w.s.clock)
	moved := offset - w.offset
	w.now = now
	if time.Duration(moved).Abs() <= clockStep {
		w.offset = offset
		return nil
	}
	w.clear()
	if err := w.shift(moved); err != nil {
		return fmt.Errorf("follow a step of the clock: %w", err)
	}
	w.offset = offset
	w.s.log.Warn("the wall clock was stepped; leases keep their length", zap.Duration("step", time.Duration(moved)))
	return nil
}

func (w *writer) shift(moved int64) error {
	err := w.open()
	if err == nil {
		err = w.file()
	}
	if err == nil {
		err = w.sql.shiftLeases.run(moved)
	}
	for _, ln := range w.lanes.byID {
		if moved < 0 && err == nil && ln.count[queue.StateQueued] > 0 {
			err = w.sql.shiftQueued.run(moved, ln.id, w.now)
		}
	}
	if err == nil {
		err = w.commit()
	}
	if err != nil {
		_ = w.rollback() // the first error tells more
		return err
	}
	w.nextEnd, w.wakeAt = -never, 0
	for _, ln := range w.lanes.byID {
		ln.nextDue = -never
	}
	return nil
}
