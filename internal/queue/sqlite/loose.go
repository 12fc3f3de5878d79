package sqlite

import "database/sql/driver"

// looseMax is how many messages may be loose after a commit.
const looseMax = 64

// looseRow is a message that has its body in the database and no row in the
// table message yet. Under single requests that row, and its entry in the index
// message_ready, would cost two pages of the WAL more with every commit. So it
// is filed later, with its neighbours, and at the latest before anyone leases.
// The body has all that is needed for that: after a crash, Open files what was
// loose. Messages are filed in the order of their keys, so that those which are
// loose come after all that are filed.
type looseRow struct {
	seq, lane, due, received, size int64
	since                          driver.Value // null for received
}

// sqlFileRest files what was loose when the database was left. The rows that
// are loose are those behind the last one filed, since a message and its body
// are deleted together.
const sqlFileRest = `INSERT INTO message (seq, lane, due, received, size, since)
	SELECT seq, lane, coalesce(due, received), received, coalesce(length, length(payload)), iif(due > received, due, NULL) FROM body
	WHERE seq > (SELECT coalesce(max(seq), 0) FROM message) ORDER BY seq`

// loosen notes that the bodies of rows are in the database.
func (w *writer) loosen(rows []row) {
	if w.loose == nil {
		w.loose = make([]looseRow, 0, 2*looseMax)
	}
	for i := range rows {
		r := &rows[i]
		w.loose = append(w.loose, looseRow{r.seq, r.lane, r.due, r.received, r.size(), r.since})
	}
}

// file gives every loose message its row.
func (w *writer) file() error {
	if len(w.loose) == 0 {
		return nil
	}
	if err := w.open(); err != nil {
		return err
	}
	err := w.sql.insertMessage.chunks(len(w.loose), func(st *stmt, from, size int) error {
		a := st.args
		for i := range size {
			r := &w.loose[from+i]
			a[6*i].Value, a[6*i+1].Value, a[6*i+2].Value = r.seq, r.lane, r.due
			a[6*i+3].Value, a[6*i+4].Value, a[6*i+5].Value = r.received, r.size, r.since
		}
		return st.step()
	})
	w.loose = nil // the transaction has them still, for a rollback
	return err
}
