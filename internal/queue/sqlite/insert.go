package sqlite

import (
	"database/sql/driver"

	"hookaido/internal/queue/bodylog"
)

// largePayload is the size from which a payload gets a statement of its own: a
// kept statement would hold its copy for good.
const largePayload = 64 << 10

// row is a message on its way into the tables.
type row struct {
	seq, lane, due, received int64
	since                    driver.Value // null for received
	chosen                   string
	envelope, payload        []byte
	place                    *bodylog.Place // of the payload, which is empty then; mostly nil
}

// size is the length of the payload, wherever that is.
func (r *row) size() int64 {
	if r.place != nil {
		return r.place.Length
	}
	return int64(len(r.payload))
}

// flush inserts the messages that were added.
func (w *writer) flush() error {
	rows := w.tx.rows
	if len(rows) == 0 {
		return nil
	}
	w.tx.rows = rows[:0]
	defer clear(rows) // payloads must not be held by the spare room
	for rest := rows; len(rest) > 0; {
		n, way := 1, rest[0].way()
		for n < len(rest) && rest[n].way() == way {
			n++
		}
		if err := w.insertBy(way, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	if len(w.loose) <= looseMax {
		return nil
	}
	return w.file()
}

// way is how a row gets into the tables.
type way uint8

const (
	wayPlain  way = iota // many with one statement
	wayPlaced            // likewise; the payload is in the log of bodies
	wayOdd               // with statements of its own
)

func (r *row) way() way {
	switch {
	case r.chosen != "" || len(r.payload) >= largePayload:
		return wayOdd
	case r.place != nil:
		return wayPlaced
	}
	return wayPlain
}

// insertBy inserts rows that all go the same way.
func (w *writer) insertBy(way way, rows []row) error {
	insert := w.insert
	switch way {
	case wayPlaced:
		insert = w.insertPlaced
	case wayOdd:
		for i := range rows {
			if err := w.insertOdd(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	default:
	}
	if err := insert(rows); err != nil {
		return err
	}
	w.loosen(rows)
	return nil
}

func (w *writer) insert(rows []row) error {
	return w.sql.insertBody.chunks(len(rows), func(st *stmt, from, size int) error {
		a := st.args
		for i := range size {
			r := &rows[from+i]
			r.bind(a[6*i : 6*i+6])
		}
		return st.step()
	})
}

// bind sets the arguments for a row of the table body.
func (r *row) bind(a []driver.NamedValue) {
	a[0].Value, a[1].Value, a[2].Value, a[3].Value = r.seq, r.lane, r.received, nil
	if r.due != r.received {
		a[3].Value = r.due
	}
	a[4].Value, a[5].Value = r.envelope, r.payload
}

// insertOdd inserts a row that is odd. A chosen id is in the table message at
// once, where it is found.
func (w *writer) insertOdd(r *row) error {
	if err := w.insertAlone(r); err != nil {
		return err
	}
	if r.chosen == "" {
		w.loosen([]row{*r})
		return nil
	}
	if err := w.file(); err != nil {
		return err
	}
	return w.sql.insertChosen.run(r.seq, r.lane, r.due, r.received, r.size(), r.since, r.chosen)
}

// insertAlone inserts a body with a statement that is not kept.
func (w *writer) insertAlone(r *row) error {
	if r.place != nil {
		return w.insertPlaced([]row{*r})
	}
	st, err := w.c.prepare(sqlInsertBody + bodyRow)
	if err != nil {
		return err
	}
	defer w.c.drop(st)
	r.bind(st.args)
	return st.step()
}
