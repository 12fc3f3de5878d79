package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// taskTime bounds how long the keeper waits for its turn on the write
// connection.
const taskTime = 10 * time.Second

// checkpoint copies the WAL into the database. One at a time does it, because
// SQLite turns a second one away at once.
func (s *Store) checkpoint(c *conn, mode string) error {
	s.copying.Lock()
	defer s.copying.Unlock()
	began := s.clock.Monotonic()
	err := c.exec("PRAGMA wal_checkpoint(" + mode + ")")
	if classify(err) == faultFull {
		// the database must grow for what is in the WAL
		s.disk.spend()
		err = c.exec("PRAGMA wal_checkpoint(" + mode + ")")
	}
	s.metrics.checkpointDone(s.clock.Monotonic()-began, err)
	return err
}

// writeBack copies the WAL into the database. Nearly all is done beside the
// writer; only what was committed meanwhile is copied between two batches, so
// that the WAL can start over instead of growing.
func (k *keeper) writeBack() {
	err := k.s.checkpoint(k.c, "PASSIVE")
	if err == nil {
		err = k.task(func(w *writer) error { return w.writeBack() })
	}
	if err != nil {
		k.report(err)
	}
}

func (w *writer) writeBack() error {
	return errors.Join(w.s.checkpoint(w.c, "PASSIVE"), w.readLog())
}

// boundLog makes the writer wait for a checkpoint if the keeper can't keep up,
// so that the WAL does not grow without end.
func (w *writer) boundLog() {
	if w.behind*pageSize < 2*w.s.disk.logLimit || w.s.Err() != nil {
		return
	}
	if err := w.writeBack(); classify(err) == faultFatal {
		w.s.fail(err)
	}
}

// task runs f between two batches of the writer.
func (k *keeper) task(f func(w *writer) error) error {
	ctx, cancel := context.WithTimeout(k.s.ctx, taskTime)
	defer cancel()
	t := newTask(f)
	if err := k.s.submit(t, false); err != nil {
		return nil //nolint:nilerr // the store is closed or has failed, which others report
	}
	return k.s.await(ctx, t)
}

// round does one piece of the work that keeps the files small, and reports
// whether there is more. Most of it waits until the queue rests.
func (k *keeper) round() (more bool, err error) {
	idle, low := k.idle(), k.s.disk.low.Load()
	if !low {
		k.s.disk.restore()
	}
	// a message may be too large for what is left long before the disk is low
	low = k.s.disk.refused.Swap(false) || low
	if idle || low {
		if err := k.s.checkpoint(k.c, "PASSIVE"); err != nil {
			return false, err
		}
	}
	more, err = k.vacuum(idle, low)
	if err == nil {
		var moves bool
		moves, err = k.tidyBodies(low)
		more = more || moves
	}
	if !idle {
		k.quiet = 0
	}
	if err != nil || more || !idle {
		return more, err
	}
	if k.quiet++; k.quiet == quietRounds {
		return false, k.shrinkLog()
	}
	return false, nil
}

// vacuum gives free pages back to the file system, a few at a time.
func (k *keeper) vacuum(idle, low bool) (more bool, err error) {
	pages, err := k.c.integer("PRAGMA page_count")
	if err != nil {
		return false, err
	}
	free, err := k.c.integer("PRAGMA freelist_count")
	if err != nil {
		return false, err
	}
	switch {
	case low && free > 0:
	case idle && free > vacuumSlack && free > pages/20:
	case free > 4*vacuumSlack && free > pages/2: // the peak is long over
	default:
		return false, nil
	}
	err = k.task(func(w *writer) error {
		// stepping does the work
		err := w.sql.vacuum.each(func([]driver.Value) error { return nil })
		return errors.Join(err, w.readLog())
	})
	return err == nil && (idle || low), err
}

const (
	// logStep is by how much the file of the WAL is extended at a time, in
	// octets: the next sync has to write that much more.
	logStep = 512 * kib
	// restingLog is the size above which it is emptied when the queue rests.
	restingLog = 1 * mib
)

// growLog extends the file of the WAL ahead of its use, up to what it is allowed
// under load. Writing to blocks that exist is much quicker than growing: a sync
// need not commit a new size.
func (k *keeper) growLog() error {
	if k.s.disk.low.Load() {
		return nil
	}
	if err := k.task((*writer).extendLog); err != nil {
		return err
	}
	// written out here, beside the writer, it does not weigh on a commit
	f, err := os.OpenFile(k.s.path+"-wal", os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Fdatasync(int(f.Fd())), f.Close())
}

// shrinkLog empties the file of the WAL, unless it is small.
func (k *keeper) shrinkLog() error {
	info, err := os.Stat(k.s.path + "-wal")
	if err != nil || info.Size() <= restingLog {
		return err
	}
	return k.task(func(w *writer) error {
		err := k.s.checkpoint(k.c, "TRUNCATE")
		w.logFile = 0
		return errors.Join(err, w.readLog())
	})
}

// extendLog writes zeros behind the end of the WAL. SQLite takes them for the
// end of the log. The lock keeps other programs from writing at the same time.
func (w *writer) extendLog() (err error) {
	if err := w.sql.begin.step(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.c.exec("ROLLBACK")) }()
	f, err := os.OpenFile(w.s.path+"-wal", os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		size := info.Size()
		w.logFile = max(size, min(size+logStep, w.s.disk.logRoom()))
		if err = fillZeros(f, size, w.logFile); errors.Is(err, unix.ENOSPC) {
			err = f.Truncate(size)
		}
	}
	return errors.Join(err, f.Close())
}
