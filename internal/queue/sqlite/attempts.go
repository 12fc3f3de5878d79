package sqlite

import (
	"context"
	"database/sql/driver"
	"strings"
	"time"

	"hookaido/internal/queue"
)

const (
	// maxAttempts is how many records of attempts are kept, the newest, unless a
	// retention says otherwise.
	maxAttempts = 200_000

	// appended to the end of the table
	sqlInsertAttempt = `INSERT INTO attempt (id, message, lane, number, status, error, outcome, reason, at, latency) VALUES `
	attemptRow       = `(?,?,?,?,?,?,?,?,?,?)`
	attemptColumns   = 10
	// rowid range
	sqlTrimAttempts = `DELETE FROM attempt WHERE id IN (SELECT id FROM attempt WHERE id <= ? ORDER BY id LIMIT ?)`
	// rowid, last entry
	sqlLastAttempt = `SELECT max(id) FROM attempt`

	sqlAttempts = `SELECT attempt.id, message, route, target, number, status, error, outcome, reason, at, latency
		FROM attempt INDEXED BY `
	sqlAttemptsOrder = ` ORDER BY at DESC, attempt.id DESC LIMIT ?`
)

// record keeps the attempts of list. On a full disk they are not worth the space
// that the deliveries need.
func (w *writer) record(list []queue.Conclusion) error {
	attempts := make([]*queue.Attempt, 0, len(list))
	for i := range list {
		if list[i].Attempt != nil {
			attempts = append(attempts, list[i].Attempt)
		}
	}
	if len(attempts) == 0 || w.tx.refuseNew {
		return nil
	}
	if err := w.open(); err != nil {
		return err
	}
	w.tx.wrote = true
	err := w.sql.insertAttempt.chunks(len(attempts), func(st *stmt, from, size int) error {
		for i, a := range attempts[from : from+size] {
			if err := w.bindAttempt(st.args[attemptColumns*i:], a); err != nil {
				return err
			}
		}
		return st.step()
	})
	if err != nil {
		return err
	}
	// twice as many as came, so that a lowered bound is reached some day
	if rows := w.s.retention.Load().AttemptRows; rows > 0 {
		return w.sql.trimAttempts.run(w.lastAttempt-int64(rows), int64(2*len(attempts)))
	}
	return nil
}

func (w *writer) bindAttempt(args []driver.NamedValue, a *queue.Attempt) error {
	ln, err := w.lane(a.Route, a.Target)
	if err != nil {
		return err
	}
	w.lastAttempt++
	for i, v := range [attemptColumns]driver.Value{
		w.lastAttempt, a.MessageID, ln.id, int64(a.Number), int64(a.StatusCode), a.Error,
		string(a.Outcome), a.DeadReason, queue.Nanos(a.At), int64(a.Latency),
	} {
		args[i].Value = v
	}
	return nil
}

// Attempts returns the records that f selects, the newest first.
func (s *Store) Attempts(ctx context.Context, f queue.AttemptFilter) ([]queue.Attempt, error) {
	sql, args := attemptQuery(f)
	var found []queue.Attempt
	err := s.read(ctx, func(r *reader) error {
		st, err := r.c.prepare(sql)
		if err != nil {
			return err
		}
		defer r.c.drop(st)
		return st.each(func(v []driver.Value) error {
			found = append(found, s.attempt(v))
			return nil
		}, args...)
	})
	return found, err
}

// attemptQuery has the most selective index for f: the few attempts of a
// message, those of a route and target, or the newest.
func attemptQuery(f queue.AttemptFilter) (sql string, args []driver.Value) {
	index := "attempt_at"
	var where []string
	add := func(condition string, values ...driver.Value) {
		where, args = append(where, condition), append(args, values...)
	}
	if f.Route != "" {
		add("route = ?", f.Route)
	}
	if f.Target != "" {
		add("target = ?", f.Target)
	}
	if f.Outcome != "" {
		add("outcome = ?", string(f.Outcome))
	}
	if f.MessageID != "" {
		index = "attempt_message"
		add("message = ?", f.MessageID)
	}
	if b := f.Before; b != nil {
		n, _ := queue.ParseID(queue.AttemptPrefix, b.ID) // 0 is behind all of its time
		at := queue.Nanos(b.At)
		add("at <= ? AND (at < ? OR attempt.id < ?)", at, at, int64(n&attemptMask)) //nolint:gosec // 40 bits
	}
	sql = sqlAttempts + index + " JOIN lane ON lane.id = attempt.lane"
	if len(where) > 0 {
		sql += " WHERE " + strings.Join(where, " AND ")
	}
	return sql + sqlAttemptsOrder, append(args, int64(f.Max))
}

func (s *Store) attempt(v []driver.Value) queue.Attempt {
	return queue.Attempt{
		ID: attemptID(s.tag, v[0].(int64)), MessageID: v[1].(string), Route: v[2].(string), Target: v[3].(string),
		Number: int(v[4].(int64)), StatusCode: int(v[5].(int64)), Error: v[6].(string),
		Outcome: queue.Outcome(v[7].(string)), DeadReason: v[8].(string),
		At: wallTime(v[9].(int64)), Latency: time.Duration(v[10].(int64)),
	}
}
