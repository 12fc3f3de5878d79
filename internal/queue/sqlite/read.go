package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"hookaido/internal/queue"
	"hookaido/internal/queue/bodylog"
)

// readers is the number of read-only connections. Reading is copying, so more
// would only compete for the processors.
const readers = 4

const (
	// rowid
	sqlBodies = `SELECT seq, envelope, payload, segment FROM body WHERE seq IN (`
	sqlPlaced = `SELECT payload, segment, at, length, sum FROM body WHERE seq = ?`
	// the first entries of message_ready
	sqlFirstQueued = `SELECT min(received), min(due) FROM (SELECT received, due FROM message INDEXED BY message_ready
		WHERE state = 0 AND lane = ? ORDER BY due LIMIT ?)`
)

// reader is a read-only connection.
type reader struct {
	c             *conn
	log           *bodylog.Log
	bodies        bySize
	placed        *stmt
	firstOfQueued *stmt
}

// readPool lends readers.
type readPool struct {
	free chan *reader
	all  []*reader
}

func openReaders(ctx context.Context, path string, log *bodylog.Log) (*readPool, error) {
	p := &readPool{free: make(chan *reader, readers)}
	for range readers {
		r, err := openReader(ctx, path, log)
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.all = append(p.all, r)
		p.free <- r
	}
	return p, nil
}

func openReader(ctx context.Context, path string, log *bodylog.Log) (*reader, error) {
	c, err := connect(ctx, path, readOnly)
	if err != nil {
		return nil, err
	}
	r := &reader{c: c, log: log}
	if r.bodies, err = c.prepareSizes(sqlBodies, "?", ")", 64, 16, 4, 1); err != nil {
		return nil, errors.Join(err, c.close())
	}
	if r.placed, err = c.prepare(sqlPlaced); err != nil {
		return nil, errors.Join(err, c.close())
	}
	if r.firstOfQueued, err = c.prepare(sqlFirstQueued); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return r, nil
}

func (p *readPool) close() error {
	var errs []error
	for _, r := range p.all {
		errs = append(errs, r.c.close())
	}
	p.all = nil
	return errors.Join(errs...)
}

// read runs f with a reader. Errors of SQLite become an UnavailableError.
func (s *Store) read(ctx context.Context, f func(r *reader) error) error {
	select {
	case r := <-s.readers.free:
		defer func() { s.readers.free <- r }()
		err := f(r)
		if err == nil {
			return nil
		}
		return s.unavailable(err)
	case <-ctx.Done():
		return ctx.Err()
	case <-s.stop:
		return queue.ErrClosed
	}
}

// readBodies makes messages of leased rows. One whose lease ran out and that was
// settled by another meanwhile is left out, as is one whose body is lost.
func (s *Store) readBodies(ctx context.Context, rows []leasedRow) ([]queue.Leased, error) {
	messages := make([]queue.Leased, len(rows))
	var lost []*leasedRow
	var cause error
	err := s.read(ctx, func(r *reader) error {
		placed, err := s.readRows(r, rows, messages)
		if err != nil {
			return err
		}
		for _, i := range placed {
			payload, there, err := r.payload(rows[i].seq)
			switch {
			case errors.Is(err, bodylog.ErrLost):
				lost, cause, there = append(lost, &rows[i]), err, false
			case err != nil:
				return err
			}
			if messages[i].Payload = payload; !there {
				messages[i].ID = ""
			}
		}
		return nil
	})
	if err == nil && len(lost) > 0 {
		err = s.buryLost(ctx, lost, cause)
	}
	if err != nil {
		return nil, err
	}
	kept := messages[:0]
	for i := range messages {
		if messages[i].ID != "" {
			kept = append(kept, messages[i])
		}
	}
	return kept, nil
}

// readRows fills messages with what the database has of rows, and returns which
// of their payloads are in the log of bodies.
func (s *Store) readRows(r *reader, rows []leasedRow, messages []queue.Leased) (placed []int, err error) {
	at := make(map[int64]int, len(rows))
	seqs := make([]int64, len(rows))
	for i := range rows {
		at[rows[i].seq], seqs[i] = i, rows[i].seq
	}
	err = r.bodies.eachKey(seqs, func(v []driver.Value) error {
		i := at[v[0].(int64)]
		envelope, err := queue.ParseEnvelope(v[1].([]byte))
		if err != nil {
			return fmt.Errorf("read message %s: %w", s.idOf(&rows[i]), err)
		}
		messages[i] = s.leased(&rows[i])
		messages[i].Envelope, messages[i].Payload = envelope, v[2].([]byte)
		if v[3] != nil {
			placed = append(placed, i)
		}
		return nil
	})
	return placed, err
}

func (s *Store) idOf(r *leasedRow) string {
	if r.chosen != "" {
		return r.chosen
	}
	return messageID(s.tag, r.seq)
}

func (s *Store) leased(r *leasedRow) queue.Leased {
	return queue.Leased{
		ID: s.idOf(r), LeaseID: leaseID(r.seq, r.salt),
		Route: r.lane.route, Target: r.lane.target,
		ReceivedAt: wallTime(r.received), Due: wallTime(r.due), Attempt: int(r.attempt), LeaseUntil: wallTime(r.until),
	}
}
