package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/queue"
	"hookaido/internal/queue/bodylog"
)

// bodyRules say when large payloads go to the log of bodies. SQLite writes each
// page twice and all in one line, which for a burst of large bodies is half as
// fast. In quiet times the database takes them all the same: then it is one
// file, and one sync is quicker than two.
type bodyRules struct {
	// min is the length from which a payload counts as large, in octets.
	min int
	// pressure is how many octets of large payloads must be on their way in.
	pressure int64
	// most bounds the size of the log, spare is the free space that it leaves
	// above the floor, beside what it takes to move each payload once.
	most, spare int64
	segment     int64 // size of a file, 0 for the usual one
}

// bodyRules returns the rules for a disk of this size. A small one has no room
// for a log of bodies.
func (d *diskGuard) bodyRules() bodyRules {
	return bodyRules{min: 16 * kib, pressure: 512 * kib, most: min(d.total/16, 2<<30), spare: 256 * mib}
}

// openBodies opens the log of bodies and tells what of it is missing.
func (s *Store) openBodies(c *conn) error {
	identity, err := c.value("SELECT identity FROM meta")
	if err != nil {
		return err
	}
	s.marker.identity, _ = identity.(string)
	counts := map[int64]int64{}
	st, err := c.prepare(sqlSegments)
	if err != nil {
		return err
	}
	defer c.drop(st)
	last := int64(0)
	err = st.each(func(v []driver.Value) error {
		last = v[0].(int64)
		counts[last] = v[1].(int64)
		return nil
	})
	if err != nil {
		return err
	}
	var strange []string
	s.bodies, strange, err = bodylog.Open(bodylog.Options{Path: s.path, Identity: s.marker.identity, After: last, SegmentSize: s.rules.segment})
	if err != nil {
		return err
	}
	for _, name := range strange {
		s.log.Warn("a file with the name of a body file is not of this database; it is left alone", zap.String("path", name))
	}
	for _, n := range s.bodies.Settled(false) {
		delete(counts, n)
	}
	for n, messages := range counts {
		s.log.Error("a body file is missing: put it back beside the database and restart, or its messages become dead letters when they are due",
			zap.String("path", bodylog.Name(s.path, n)), zap.Int64("messages", messages), zap.String("reason", queue.ReasonBodyLost))
	}
	return nil
}

// offload appends the large payloads of a call to the log of bodies if that is
// the better way, and notes their places. release must be called when the call
// is over.
func (s *Store) offload(o *enqueueOp) (release func(), err error) {
	unique, index := o.largePayloads(s.rules.min)
	if len(unique) == 0 || !s.offloads(unique) {
		return func() {}, nil
	}
	places, release, err := s.bodies.Append(unique)
	switch {
	case errors.Is(err, bodylog.ErrNotNow): // the database may take it
		s.warnOfBodies(err)
		return func() {}, nil
	case errors.Is(err, bodylog.ErrClosed):
		return nil, queue.ErrClosed
	case err != nil:
		s.fail(err)
		return nil, &queue.UnavailableError{Cause: err}
	}
	o.places = make([]*bodylog.Place, len(o.batch.Messages))
	for i, at := range index {
		o.places[i] = &places[at]
	}
	return release, nil
}

// warnOfBodies tells, once a minute at most, that the log can't be used.
func (s *Store) warnOfBodies(err error) {
	now := int64(s.clock.Monotonic())
	last := s.bodiesWarned.Load()
	if (last == 0 || now-last >= int64(time.Minute)) && s.bodiesWarned.CompareAndSwap(last, now) {
		s.log.Warn("large bodies go to the database at once, because no file for them can be written", zap.Error(err))
	}
}

// offloads reports whether the log takes these payloads now.
func (s *Store) offloads(payloads [][]byte) bool {
	// a full queue would refuse what was already written
	if s.arriving.Load() < s.rules.pressure || s.full.Load() || s.disk.low.Load() {
		return false
	}
	size := s.bodies.Size()
	for _, p := range payloads {
		size += int64(len(p))
	}
	if size > s.rules.most {
		return false
	}
	_, free, err := s.disk.space()
	return err == nil && free-s.disk.floor >= size+s.rules.spare
}

// largePayloads returns the payloads from min octets on, each once though a
// fan-out has it many times, and which of them the messages have.
func (o *enqueueOp) largePayloads(min int) (unique [][]byte, index map[int]int) {
	for i := range o.batch.Messages {
		p := o.batch.Messages[i].Payload
		if len(p) < max(min, 1) {
			continue
		}
		if index == nil {
			index = map[int]int{}
		}
		at := len(unique)
		for j, other := range unique {
			if &other[0] == &p[0] && len(other) == len(p) {
				at = j
			}
		}
		if at == len(unique) {
			unique = append(unique, p)
		}
		index[i] = at
	}
	return unique, index
}

// insertPlaced inserts the bodies of rows whose payloads are in the log.
func (w *writer) insertPlaced(rows []row) error {
	return w.sql.insertPlaced.chunks(len(rows), func(st *stmt, from, size int) error {
		for i := range size {
			rows[from+i].bindPlaced(st.args[10*i : 10*i+10])
		}
		return st.step()
	})
}

func (r *row) bindPlaced(a []driver.NamedValue) {
	r.bind(a)
	p := r.place
	a[6].Value, a[7].Value, a[8].Value, a[9].Value = p.Segment, p.At, p.Length, int64(p.Sum)
}

// readPlace makes a place of the columns segment, at, length and sum.
func readPlace(v []driver.Value) (p bodylog.Place, placed bool) {
	segment, placed := v[0].(int64)
	if !placed {
		return p, false
	}
	at, _ := v[1].(int64)
	length, _ := v[2].(int64)
	sum, _ := v[3].(int64)
	return bodylog.Place{Segment: segment, At: at, Length: length, Sum: uint32(sum)}, true //nolint:gosec // as it was stored
}

// placedBody is a body whose payload is in the log.
type placedBody struct {
	seq   int64
	place bodylog.Place
}

// readPlaced makes one of the columns seq, segment, at, length and sum.
func readPlaced(v []driver.Value) placedBody {
	b := placedBody{seq: v[0].(int64)}
	b.place, _ = readPlace(v[1:])
	return b
}

// payload returns a payload that was in the log when its row was looked at. It
// may have moved to the database since, or be gone with its message. It fails
// with [bodylog.ErrLost]. The reader must not be in a transaction.
func (r *reader) payload(seq int64) (payload []byte, there bool, err error) {
	var before bodylog.Place
	for {
		var place bodylog.Place
		placed := false
		there, payload = false, nil
		err := r.placed.each(func(v []driver.Value) error {
			there, payload = true, v[0].([]byte)
			place, placed = readPlace(v[1:])
			return nil
		}, seq)
		if err != nil || !there || !placed {
			return payload, there, err
		}
		payload, err = r.log.Read(place)
		if err == nil || place == before {
			return payload, true, err
		}
		before = place
	}
}

// buryLost makes dead letters of messages that can't be handed out any more.
func (s *Store) buryLost(ctx context.Context, rows []*leasedRow, cause error) error {
	list := make([]queue.Conclusion, len(rows))
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = s.idOf(r)
		list[i] = queue.Conclusion{LeaseID: leaseID(r.seq, r.salt), Action: queue.Bury, Reason: queue.ReasonBodyLost}
	}
	s.log.Error("bodies of messages are lost: the messages become dead letters", zap.Strings("messages", ids), zap.Error(cause))
	if _, err := s.Conclude(ctx, list); err != nil {
		return fmt.Errorf("bury messages without a body: %w", err)
	}
	return nil
}
