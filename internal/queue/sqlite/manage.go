package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"

	"hookaido/internal/queue"
	"hookaido/internal/queue/bodylog"
)

// rowid
const sqlEnvelope = `SELECT seq, envelope FROM body WHERE seq = ?`

// lookOp brings the tables up to the present, so that a reader finds all.
type lookOp struct {
	call
	lanes map[int64]laneView
	now   int64
}

func (o *lookOp) apply(w *writer) error {
	if err := w.present(); err != nil {
		return err
	}
	o.lanes, o.now = w.views(), w.now
	return nil
}

// present gives every message its row, and ends the leases that have run out.
func (w *writer) present() error {
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.file(); err != nil {
		return err
	}
	return w.expire()
}

// List returns the messages that r selects, in its order. If their payloads
// would be more than [queue.MaxBatchBytes] together there are fewer, but one at
// least.
func (s *Store) List(ctx context.Context, r queue.ListRequest) ([]queue.Message, error) {
	return s.look(ctx, r, func(c *conn, lanes map[int64]laneView) ([]stored, error) {
		return findStored(c, lanes, r.Filter)
	})
}

// Get returns the messages with these ids, whole and in the order of ids. Those
// that don't exist are left out, as are those at the end beyond
// [queue.MaxBatchBytes].
func (s *Store) Get(ctx context.Context, ids []string) ([]queue.Message, error) {
	whole := queue.ListRequest{Envelope: true, Payload: true}
	return s.look(ctx, whole, func(c *conn, _ map[int64]laneView) ([]stored, error) {
		return findNamed(c, s.tag, ids)
	})
}

// look reads messages in one snapshot of the database.
func (s *Store) look(ctx context.Context, r queue.ListRequest,
	find func(c *conn, lanes map[int64]laneView) ([]stored, error),
) ([]queue.Message, error) {
	o := &lookOp{call: newCall(0, false)}
	if err := s.do(ctx, o); err != nil {
		return nil, err
	}
	var list []queue.Message
	var placed []int
	err := s.read(ctx, func(rd *reader) (err error) {
		if err := rd.c.exec("BEGIN"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rd.c.exec("COMMIT")) }()
		rows, err := find(rd.c, o.lanes)
		if err != nil {
			return err
		}
		for i := range rows {
			list = append(list, s.message(&rows[i], o.lanes[rows[i].lane]))
		}
		if r.Payload {
			list = queue.WithinBytes(list)
		}
		if r.Envelope || r.Payload {
			placed, err = rd.fill(list, r)
		}
		return err
	})
	if err == nil && len(placed) > 0 {
		list, err = s.fillPlaced(ctx, list, placed)
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}

// fillPlaced adds the payloads that are in the log of bodies. Messages that went
// since the list was made leave it, but for a last one: an empty list would say
// that there are no more.
func (s *Store) fillPlaced(ctx context.Context, list []queue.Message, placed []int) ([]queue.Message, error) {
	gone := map[string]bool{}
	err := s.read(ctx, func(r *reader) error {
		for _, i := range placed {
			m := &list[i]
			payload, there, err := r.payload(int64(m.Place.Seq)) //nolint:gosec // 40 bits
			if err != nil && !errors.Is(err, bodylog.ErrLost) {
				return fmt.Errorf("read message %s: %w", m.ID, err)
			}
			m.Payload, m.PayloadLost, gone[m.ID] = payload, err != nil || !there, !there
		}
		return nil
	})
	last := list[len(list)-1]
	if list = slices.DeleteFunc(list, func(m queue.Message) bool { return gone[m.ID] }); len(list) == 0 {
		list = append(list, last)
	}
	return list, err
}

// fill adds the large parts, and returns which of the payloads are in the log of
// bodies.
func (r *reader) fill(list []queue.Message, parts queue.ListRequest) (placed []int, err error) {
	at := make(map[int64]int, len(list))
	seqs := make([]int64, len(list))
	for i := range list {
		seqs[i] = int64(list[i].Place.Seq) //nolint:gosec // 40 bits
		at[seqs[i]] = i
	}
	add := func(v []driver.Value) (err error) {
		i := at[v[0].(int64)]
		m := &list[i]
		if parts.Payload {
			m.Payload = v[2].([]byte)
			if v[3] != nil {
				placed = append(placed, i)
			}
		}
		if parts.Envelope {
			if m.Envelope, err = queue.ParseEnvelope(v[1].([]byte)); err != nil {
				return fmt.Errorf("read message %s: %w", m.ID, err)
			}
		}
		return nil
	}
	if parts.Payload {
		err = r.bodies.eachKey(seqs, add)
		return placed, err
	}
	st, err := r.c.prepare(sqlEnvelope)
	if err != nil {
		return nil, err
	}
	defer r.c.drop(st)
	for _, seq := range seqs {
		if err := st.each(add, seq); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (s *Store) message(r *stored, lane laneView) queue.Message {
	m := queue.Message{
		ID: r.chosen, Route: lane.route, Target: lane.target, State: r.state,
		ReceivedAt: wallTime(r.received), Attempt: int(r.attempt), Since: wallTime(r.since), Reason: r.reason,
		Size: int(r.size), Place: queue.Cursor{ReceivedAt: wallTime(r.received), Seq: uint64(r.seq)}, //nolint:gosec // positive
	}
	if m.ID == "" {
		m.ID = messageID(s.tag, r.seq)
	}
	switch r.state {
	case queue.StateQueued, queue.StateCanceled:
		m.Due = wallTime(r.due)
	case queue.StateLeased:
		m.LeaseUntil = wallTime(r.due)
	default:
	}
	return m
}
