package sqlite

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"hookaido/internal/queue"
)

// promises is a batch whose callers wait for the sync of what was committed.
type promises struct {
	batch     []operation
	began     time.Duration // monotonic time
	committed bool          // there was a transaction
	wrote     bool          // and it changed what is promised
}

// logFile is the WAL, opened beside SQLite to sync it. SQLite itself commits
// without a sync (synchronous=NORMAL), because it would hold the write connection
// meanwhile. It is open from the start, so that it learns of every write that
// the kernel could not carry out (fsync(2)).
type logFile struct {
	f         *os.File
	fdatasync func(fd int) error // unix.Fdatasync, but in tests
}

func openLogFile(path string) (*logFile, error) {
	f, err := os.OpenFile(path+"-wal", os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, gone(err)
	}
	return &logFile{f, unix.Fdatasync}, nil
}

// sync makes all that was committed durable.
func (l *logFile) sync() error {
	for {
		err := l.fdatasync(int(l.f.Fd()))
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("%w: %w", errSync, err)
		}
	}
}

// step works a batch off. While it syncs, the write connection is free for
// operations that promise nothing. The caller has busy; step reports whether it
// still has it.
func (s *Store) step(batch []operation) (busy bool) {
	c, waits := s.process(batch)
	if !waits {
		return true
	}
	g := &s.gate
	g.mu.Lock()
	g.syncing = true
	g.busy = g.ready()
	if g.busy {
		g.kick <- struct{}{}
	}
	g.mu.Unlock()
	s.keep(c)
	if len(c.batch) > 1 {
		// those who were answered may come again with the next batch, which makes
		// it larger; with nothing else to run this takes no time
		runtime.Gosched()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.syncing = false
	if g.busy {
		return false // whoever has it sees to all that waits
	}
	g.busy = true
	return true
}

// keep makes promises true and answers those who wait for them.
func (s *Store) keep(c promises) {
	err := s.Err()
	if err == nil && c.committed {
		err = s.walFile.sync()
	}
	now := s.clock.Monotonic()
	if err == nil {
		err = s.files.checkAt(now)
	}
	if err == nil {
		err = s.Err() // somebody else may have noticed meanwhile
	}
	s.metrics.batchDone(c, now-c.began, err)
	if err == nil && c.wrote {
		s.lastSync.Store(int64(now))
	}
	if err != nil {
		err = s.unavailable(err)
	}
	g := &s.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, o := range c.batch {
		if call := o.base(); call.synced {
			if err != nil {
				call.err = err
			}
			call.done <- struct{}{}
		}
	}
	if s.Err() != nil {
		g.dismissAll(&queue.UnavailableError{Cause: s.failure})
	}
}
