package sqlite

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// taskTime bounds how long the keeper waits for its turn on the write
// connection.
const taskTime = 10 * time.Second

// writeBack copies the WAL into the database. Nearly all is done beside the
// writer; only what was committed meanwhile is copied between two batches, so
// that the WAL can start over instead of growing.
func (k *keeper) writeBack() {
	err := k.checkpoint()
	if err == nil {
		err = k.task(func(w *writer) error {
			err := w.c.exec("PRAGMA wal_checkpoint(PASSIVE)")
			return errors.Join(err, w.readLog())
		})
	}
	if err != nil {
		k.report(err)
	}
}

// checkpoint copies what it can without waiting for anyone.
func (k *keeper) checkpoint() error {
	err := k.c.exec("PRAGMA wal_checkpoint(PASSIVE)")
	if classify(err) == faultFull {
		// the database must grow for what is in the WAL
		k.s.disk.spend()
		err = k.c.exec("PRAGMA wal_checkpoint(PASSIVE)")
	}
	return err
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
	if idle || low {
		if err := k.checkpoint(); err != nil {
			return false, err
		}
	}
	more, err = k.vacuum(idle, low)
	if err != nil || more || !idle {
		return more, err
	}
	return false, k.shrinkLog()
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
		if err := w.setSynced(false); err != nil {
			return err
		}
		return errors.Join(w.c.exec(vacuumSQL), w.readLog())
	})
	return err == nil && (idle || low), err
}

// leastLog is the size, in octets, to which the file of a WAL grows at first.
const leastLog = 256 * kib

// growLog doubles the file of the WAL, up to what it is allowed under load.
// Writing to blocks that exist is much quicker than growing: a sync need not
// commit a new size.
func (k *keeper) growLog() error {
	if k.s.disk.low.Load() {
		return nil
	}
	return k.task((*writer).extendLog)
}

// shrinkLog empties the file of the WAL if it is larger than it need be, which
// happens when a reader kept it from starting over.
func (k *keeper) shrinkLog() error {
	info, err := os.Stat(k.s.path + "-wal")
	if err != nil || info.Size() <= 2*k.s.disk.logRoom() {
		return err
	}
	return k.task(func(w *writer) error {
		err := k.c.exec("PRAGMA wal_checkpoint(TRUNCATE)")
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
		w.logFile = max(size, min(max(2*size, leastLog), w.s.disk.logRoom()))
		if err = fillZeros(f, size, w.logFile); errors.Is(err, unix.ENOSPC) {
			err = f.Truncate(size)
		}
	}
	return errors.Join(err, f.Close())
}
