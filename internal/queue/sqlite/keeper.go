package sqlite

import (
	"database/sql/driver"
	"errors"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/clock"
)

const (
	// keepEvery is the pace of the keeper's rounds, in real time: disks do not
	// follow an injected clock.
	keepEvery = time.Second
	// keepMore is the pause when a round left something to do.
	keepMore = 20 * time.Millisecond
	// quietRounds is after how many rounds without a commit the queue rests.
	quietRounds = 10
	// vacuumSlack is how many free pages are not worth giving back.
	vacuumSlack = 256
)

// keeper writes the WAL back into the database beside the writer, and puts the
// files in order when the queue rests.
type keeper struct {
	s       *Store
	c       *conn
	asked   chan struct{} // to write back
	roused  chan struct{} // from rest
	cramped chan struct{} // the file of the WAL will soon be filled
	batches atomic.Int64  // that committed something
	resting atomic.Bool   // the timer is off until the next commit
	seen    int64         // batches at the last round
	quiet   int           // idle rounds in a row

	placed    *stmt           // what a segment of the log of bodies has
	moved     map[int64]int64 // by segment: up to which seq its bodies were moved
	stuck     map[int64]bool  // segments that can't be removed
	warned    map[int64]bool  // segments with lost bodies, of which was told
	appends   int64           // to that log, at the time
	appendsAt time.Duration
	rests     bool // nothing was appended for a while
}

func newKeeper(s *Store) (*keeper, error) {
	c, err := connect(s.ctx, s.path, readWrite)
	if err != nil {
		return nil, err
	}
	// it must not stand in the way: what is locked now is free at the next round
	if err := c.exec("PRAGMA busy_timeout = 20; PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = FULL"); err != nil {
		return nil, errors.Join(err, c.close())
	}
	placed, err := c.prepare(sqlInSegment)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return &keeper{
		s: s, c: c, placed: placed, moved: map[int64]int64{}, stuck: map[int64]bool{}, warned: map[int64]bool{}, asked: make(chan struct{}, 1),
		roused: make(chan struct{}, 1), cramped: make(chan struct{}, 1),
	}, nil
}

// committed notes a commit: it measures the WAL and asks for a checkpoint when
// there is enough to copy.
func (w *writer) committed() {
	if err := w.measureLog(); err != nil {
		w.s.log.Warn("can't measure the write-ahead log", zap.Error(err))
	}
	k := w.s.keeper
	if k == nil { // the store is being opened
		return
	}
	k.batches.Add(1)
	if w.behind*pageSize >= w.s.disk.logLimit {
		signal(k.asked)
	}
	if k.resting.CompareAndSwap(true, false) {
		signal(k.roused)
	}
	if used := w.logPages * pageSize; used+logStep/2 > w.logFile && w.logFile < w.s.disk.logRoom() {
		signal(k.cramped)
	}
}

// guessMax is how many pages of the WAL may be guessed before it is measured.
const guessMax = logStep / 2 / pageSize

// measureLog guesses high how many pages a small commit added to the WAL, and
// looks once that many could be there: to ask SQLite each time costs as much as
// an insert.
func (w *writer) measureLog() error {
	mayRestart := w.behind == 0 // all was written back, so SQLite may begin anew
	pages := int64(4 + w.tx.weight/256)
	w.logPages, w.behind, w.guessed = w.logPages+pages, w.behind+pages, w.guessed+pages
	if !mayRestart && w.guessed < guessMax {
		return nil
	}
	return w.readLog()
}

// readLog reads how many pages the WAL holds and how many of these are not in
// the database yet.
func (w *writer) readLog() error {
	return w.sql.logSize.each(func(v []driver.Value) error {
		w.logPages, w.behind, w.guessed = v[1].(int64), v[1].(int64)-v[2].(int64), 0
		return nil
	})
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (k *keeper) run() {
	defer k.s.loops.Done()
	timer := clock.System{}.NewTimer(keepEvery)
	defer timer.Stop()
	for {
		select {
		case <-k.s.stop:
			return
		case <-k.asked:
			k.writeBack()
		case <-k.cramped:
			if err := k.growLog(); err != nil {
				k.report(err)
			}
		case <-k.roused:
			timer.Reset(keepEvery)
		case <-timer.C():
			switch more, err := k.round(); {
			case err != nil:
				k.report(err)
				timer.Reset(keepEvery)
			case more:
				timer.Reset(keepMore)
			case k.idle() && k.quiet >= quietRounds:
				k.resting.Store(true)
				if !k.idle() && k.resting.CompareAndSwap(true, false) {
					timer.Reset(keepEvery)
				}
			default:
				timer.Reset(keepEvery)
			}
			k.seen = k.batches.Load()
		}
	}
}

func (k *keeper) idle() bool { return k.batches.Load() == k.seen }

func (k *keeper) report(err error) {
	if classify(err) == faultFatal {
		k.s.fail(err)
		return
	}
	k.s.log.Warn("can't put the queue database in order now", zap.Error(err))
}
