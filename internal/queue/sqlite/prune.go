package sqlite

import (
	"database/sql/driver"
	"errors"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/queue"
)

// pruneBatch is how many messages one operation of a round drops at most, so
// that no neighbour in its batch waits long.
const pruneBatch = 100

const (
	// message_age, in its order
	sqlOverAge = storedColumns + `INDEXED BY message_age WHERE state >= 2 AND state = ? AND since <= ? ORDER BY since LIMIT ?`
	// message_lane, in its order, in steps of place
	sqlWaitedTooLong = storedColumns + `INDEXED BY message_lane WHERE lane = ? AND received >= ? AND received <= ?
		AND (received > ? OR seq > ?) AND state = 0 AND (since IS NULL OR since <= ?) ORDER BY received, seq LIMIT ?`
	// attempt_at, in its order
	sqlOldAttempts = `DELETE FROM attempt WHERE id IN (SELECT id FROM attempt INDEXED BY attempt_at WHERE at <= ? ORDER BY at LIMIT ?) RETURNING id`
	// rowid range
	sqlOverAttempts = `DELETE FROM attempt WHERE id IN (SELECT id FROM attempt WHERE id <= ? ORDER BY id LIMIT ?) RETURNING id`
)

// SetRetention replaces the bounds of age and number. A round of pruning takes
// place at once and whenever the interval has passed since the last.
func (s *Store) SetRetention(r queue.Retention) {
	s.retention.Store(&r)
	signal(s.prunes)
}

func (w *writer) keepsDelivered() bool { return w.s.retention.Load().Delivered > 0 }

// prune is the goroutine that drops what is kept no longer, in operations of
// the writer that are small and not synced: what a crash brings back is dropped
// again.
func (s *Store) prune() {
	defer s.loops.Done()
	timer := s.clock.NewTimer(time.Hour)
	defer timer.Stop()
	timer.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-s.prunes:
		case <-timer.C():
		}
		keep := s.retention.Load()
		if keep.Interval <= 0 {
			timer.Stop()
			continue
		}
		s.pruneRound(keep)
		timer.Reset(keep.Interval)
	}
}

// pruneRound is one round.
type pruneRound struct {
	s       *Store
	keep    *queue.Retention
	dropped map[queue.State]int
}

// pruneRound drops all that is too old or too much at this moment.
func (s *Store) pruneRound(keep *queue.Retention) {
	p := &pruneRound{s, keep, map[queue.State]int{}}
	err := p.run()
	for state, n := range p.dropped {
		if n == 0 {
			continue
		}
		s.log.Info("dropped messages that were kept long enough", zap.Stringer("state", state), zap.Int("messages", n))
	}
	if err != nil && !errors.Is(err, queue.ErrClosed) && s.Err() == nil {
		s.log.Warn("can't drop old messages now", zap.Error(err))
	}
}

func (p *pruneRound) run() error {
	for _, state := range []queue.State{queue.StateDelivered, queue.StateDead, queue.StateCanceled} {
		age := p.keep.Age(state)
		n, err := p.repeat(age > 0, func(w *writer) (int, error) {
			return w.dropEnded(state, queue.Later(w.now, -age), pruneBatch)
		})
		if p.dropped[state] += n; err != nil {
			return err
		}
	}
	n, err := p.repeat(p.keep.DeadDepth > 0, func(w *writer) (int, error) {
		over := w.lanes.total[queue.StateDead] - int64(p.keep.DeadDepth)
		return w.dropEnded(queue.StateDead, never, min(over, pruneBatch))
	})
	p.dropped[queue.StateDead] += n
	if err == nil && p.keep.Queued > 0 {
		err = p.dropQueued()
	}
	if err != nil {
		return err
	}
	_, err = p.repeat(p.keep.AttemptAge > 0, func(w *writer) (int, error) {
		return w.dropAttempts(sqlOldAttempts, queue.Later(w.now, -p.keep.AttemptAge))
	})
	if err != nil {
		return err
	}
	_, err = p.repeat(p.keep.AttemptRows > 0, func(w *writer) (int, error) {
		return w.dropAttempts(sqlOverAttempts, w.lastAttempt-int64(p.keep.AttemptRows))
	})
	return err
}

// pruneOp is one step of a round.
type pruneOp struct {
	call
	step func(w *writer) (n int, err error)
	n    int // dropped
}

func (o *pruneOp) apply(w *writer) (err error) {
	o.n, err = o.step(w)
	return err
}

// repeat does a step as an operation until it finds less than it may take, and
// returns how much was dropped.
func (p *pruneRound) repeat(wanted bool, step func(w *writer) (int, error)) (n int, err error) {
	for wanted {
		o := &pruneOp{call: newCall(pruneBatch*rowWeight, false), step: step}
		if err := p.s.do(p.s.ctx, o); err != nil {
			return n, err
		}
		n += o.n
		wanted = o.n == pruneBatch
	}
	return n, nil
}

// dropEnded drops the first messages of a state that are in it since until.
func (w *writer) dropEnded(state queue.State, until, limit int64) (int, error) {
	if limit <= 0 || w.lanes.total[state] == 0 {
		return 0, nil
	}
	rows, err := readRows(w.c, sqlOverAge, int64(state), until, limit)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	if err := w.open(); err != nil {
		return 0, err
	}
	return len(rows), w.drop(rows)
}

// dropQueued drops what has waited too long. Readers look for it, because there
// may be many old messages that were requeued lately.
func (p *pruneRound) dropQueued() error {
	o := &lookOp{call: newCall(0, false)}
	if err := p.s.do(p.s.ctx, o); err != nil {
		return err
	}
	until := queue.Later(o.now, -p.keep.Queued)
	for id, v := range o.lanes {
		if v.count[queue.StateQueued] == 0 {
			continue
		}
		last := stored{received: queue.Dawn}
		for more := true; more; {
			var rows []stored
			err := p.s.read(p.s.ctx, func(r *reader) (err error) {
				rows, err = readRows(r.c, sqlWaitedTooLong, id, last.received, until, last.received, last.seq, until, int64(pruneBatch))
				return err
			})
			if err != nil {
				return err
			}
			if more = len(rows) == pruneBatch; more {
				last = rows[len(rows)-1]
			}
			if err := p.dropStillQueued(rows, until); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropStillQueued drops those of rows that nobody has touched meanwhile.
func (p *pruneRound) dropStillQueued(rows []stored, until int64) error {
	n, err := p.repeat(len(rows) > 0, func(w *writer) (int, error) {
		if err := w.open(); err != nil {
			return 0, err
		}
		st, err := w.c.prepare(sqlStored)
		if err != nil {
			return 0, err
		}
		defer w.c.drop(st)
		var old []stored
		for i := range rows {
			err := st.each(func(v []driver.Value) error {
				if r := readStored(v); r.state == queue.StateQueued && r.since <= until {
					old = append(old, r)
				}
				return nil
			}, rows[i].seq)
			if err != nil {
				return 0, err
			}
		}
		return len(old), w.drop(old)
	})
	p.dropped[queue.StateQueued] += n
	return err
}

// dropAttempts runs a statement that deletes up to a bound, in steps.
func (w *writer) dropAttempts(sql string, bound int64) (n int, err error) {
	if w.lastAttempt == 0 {
		return 0, nil
	}
	if err := w.open(); err != nil {
		return 0, err
	}
	st, err := w.c.prepare(sql)
	if err != nil {
		return 0, err
	}
	defer w.c.drop(st)
	err = st.each(func([]driver.Value) error { n++; return nil }, bound, int64(pruneBatch))
	w.tx.wrote = w.tx.wrote || n > 0
	return n, err
}

// readRows runs a query for rows of the table message.
func readRows(c *conn, sql string, args ...driver.Value) (rows []stored, err error) {
	st, err := c.prepare(sql)
	if err != nil {
		return nil, err
	}
	defer c.drop(st)
	err = st.each(func(v []driver.Value) error {
		rows = append(rows, readStored(v))
		return nil
	}, args...)
	return rows, err
}
