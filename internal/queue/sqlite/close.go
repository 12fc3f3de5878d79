package sqlite

import (
	"errors"
	"fmt"

	"hookaido/internal/queue"
)

// unwind releases what a failed open took.
func (s *Store) unwind() error {
	var errs []error
	if s.files != nil {
		s.files.close()
	}
	if s.walFile != nil {
		errs = append(errs, s.walFile.f.Close())
	}
	if s.keeper != nil {
		errs = append(errs, s.keeper.c.close())
	}
	if s.bodies != nil {
		errs = append(errs, s.bodies.Close())
	}
	if s.readers != nil {
		errs = append(errs, s.readers.close())
	}
	if s.w != nil && s.w.c != nil {
		errs = append(errs, s.w.c.close())
	}
	// last, since closing any descriptor of the database drops SQLite's locks
	if s.held != nil {
		errs = append(errs, s.held.Close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// shut is Close, once.
func (s *Store) shut() error {
	s.shutGate(queue.ErrClosed)
	close(s.stop)
	s.loops.Wait()
	s.timer.Stop()
	if s.Err() != nil {
		s.files.close()
		return errors.Join(s.walFile.f.Close(), s.bodies.Close(), s.lock.Close())
	}
	for range readers { // those in use come back first
		<-s.readers.free
	}
	err := s.w.finish()
	err = errors.Join(err, s.files.check())
	if closeErr := s.unwind(); err == nil && closeErr == nil {
		return s.marker.write(true)
	} else {
		return errors.Join(err, closeErr)
	}
}

// finish writes everything back into the database.
func (w *writer) finish() error {
	w.clear()
	err := w.open()
	if err == nil {
		err = w.file()
	}
	if err == nil {
		err = w.sql.nextSeq.run(w.nextSeq)
	}
	if err == nil {
		err = w.saveAllLanes()
	}
	if err == nil {
		err = w.commit()
	}
	if err != nil {
		return fmt.Errorf("close the queue database: %w", err)
	}
	// a checkpoint syncs too, unless another program reads an older state
	return errors.Join(w.c.exec("PRAGMA wal_checkpoint(TRUNCATE)"), w.s.walFile.sync())
}
