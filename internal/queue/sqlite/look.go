package sqlite

import (
	"cmp"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"

	"hookaido/internal/queue"
)

// The columns of a stored row, and where the rows of a lane are found in the
// order of lists. With INDEXED BY no statement can become a scan.
const (
	storedColumns = `SELECT seq, lane, state, due, received, since, attempt, size, chosen, reason FROM message `

	fromLane   = `INDEXED BY message_lane WHERE lane = ?`
	fromEnded  = `INDEXED BY message_ended WHERE state >= 2 AND lane = ? AND state = ?`
	fromReady  = `INDEXED BY message_ready WHERE state = 0 AND lane = ?`
	fromLeased = `INDEXED BY message_leased WHERE state = 1`

	// rowid
	sqlStored = storedColumns + `WHERE seq = ?`
)

// fewLive is up to how many queued or leased messages are sorted rather than
// looked for among all the messages of their lane.
const fewLive = 5000

// stored is a row of the table message.
type stored struct {
	seq, lane, due, received, since, attempt, size int64
	state                                          queue.State
	chosen, reason                                 string
}

func readStored(v []driver.Value) stored {
	r := stored{
		seq: v[0].(int64), lane: v[1].(int64), state: queue.State(v[2].(int64)), //nolint:gosec // a small number
		due: v[3].(int64), received: v[4].(int64), since: v[4].(int64),
		attempt: v[6].(int64), size: v[7].(int64),
	}
	if at, ok := v[5].(int64); ok {
		r.since = at
	}
	r.chosen, _ = v[8].(string)
	r.reason, _ = v[9].(string)
	return r
}

// laneView is a lane as it was when somebody looked.
type laneView struct {
	id            int64
	route, target string
	count         counts
}

func (w *writer) views() map[int64]laneView {
	views := make(map[int64]laneView, len(w.lanes.byID))
	for id, ln := range w.lanes.byID {
		views[id] = laneView{id, ln.route, ln.target, ln.count}
	}
	return views
}

// look finds messages for a filter. It goes from lane to lane and keeps the
// best; once it has as many as are wanted, a lane need only give better ones.
type look struct {
	c     *conn
	f     queue.Filter
	lanes map[int64]laneView
	found []stored
	stmts map[string]*stmt
}

func findStored(c *conn, lanes map[int64]laneView, f queue.Filter) (found []stored, err error) {
	if f.Limit < 1 {
		return nil, nil
	}
	l := &look{c: c, f: f, lanes: lanes, stmts: map[string]*stmt{}}
	defer func() {
		for range l.stmts { // which are the last that were prepared
			c.drop(c.stmts[len(c.stmts)-1])
		}
	}()
	ids := make([]int64, 0, len(lanes))
	leased := int64(0)
	for id, v := range lanes {
		leased += v.count[queue.StateLeased]
		if (f.Route == "" || f.Route == v.route) && (f.Target == "" || f.Target == v.target) && v.count != (counts{}) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if len(f.States) > 0 && f.Wants(queue.StateLeased) && leased <= fewLive {
		if err := l.from(fromLeased); err != nil {
			return nil, err
		}
	}
	for _, id := range ids {
		if err := l.lane(lanes[id], leased <= fewLive); err != nil {
			return nil, err
		}
	}
	return l.found, nil
}

// lane looks at one lane; with leasedDone its leased messages were looked at.
func (l *look) lane(v laneView, leasedDone bool) error {
	if len(l.f.States) == 0 {
		return l.from(fromLane, v.id)
	}
	for _, s := range queue.States() {
		n := v.count[s]
		if n == 0 || !l.f.Wants(s) || s == queue.StateLeased && leasedDone {
			continue
		}
		var err error
		switch {
		case s >= queue.StateDelivered:
			err = l.from(fromEnded, v.id, int64(s))
		case s == queue.StateQueued && n <= fewLive:
			err = l.from(fromReady, v.id)
		default:
			err = l.from(fromLane+` AND state = ?`, v.id, int64(s))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// from adds what one source has.
func (l *look) from(source string, args ...driver.Value) error {
	sql, args := l.query(source, args)
	st := l.stmts[sql]
	if st == nil {
		var err error
		if st, err = l.c.prepare(sql); err != nil {
			return err
		}
		l.stmts[sql] = st
	}
	before := len(l.found)
	err := st.each(func(v []driver.Value) error {
		r := readStored(v)
		if lane, known := l.lanes[r.lane]; known && l.selects(lane, &r) {
			l.found = append(l.found, r)
		}
		return nil
	}, args...)
	if err != nil || len(l.found) == before {
		return err
	}
	slices.SortFunc(l.found, func(a, b stored) int {
		if l.f.OldestFirst {
			return inOrder(&a, &b)
		}
		return inOrder(&b, &a)
	})
	l.found = l.found[:min(len(l.found), l.f.Limit)]
	return nil
}

func inOrder(a, b *stored) int {
	return cmp.Or(cmp.Compare(a.received, b.received), cmp.Compare(a.seq, b.seq))
}

// selects reports whether the row is wanted, of which only the place is sure.
func (l *look) selects(lane laneView, r *stored) bool {
	return (l.f.Route == "" || l.f.Route == lane.route) && (l.f.Target == "" || l.f.Target == lane.target) && l.f.Wants(r.state)
}

// query completes a statement with the bounds, the order and the limit.
func (l *look) query(source string, args []driver.Value) (string, []driver.Value) {
	var b strings.Builder
	b.WriteString(storedColumns)
	b.WriteString(source)
	add := func(condition string, values ...driver.Value) {
		b.WriteString(" AND ")
		b.WriteString(condition)
		args = append(args, values...)
	}
	if !l.f.Before.IsZero() {
		add("received < ?", queue.Nanos(l.f.Before))
	}
	full := len(l.found) == l.f.Limit
	if l.f.OldestFirst {
		if after := l.f.After; after != nil {
			at := queue.Nanos(after.ReceivedAt)
			add("received >= ? AND (received > ? OR seq > ?)", at, at, int64(after.Seq)) //nolint:gosec // 40 bits
		}
		if full {
			add("received <= ?", l.found[len(l.found)-1].received)
		}
		b.WriteString(" ORDER BY received, seq LIMIT ?")
	} else {
		if after := l.f.After; after != nil {
			at := queue.Nanos(after.ReceivedAt)
			add("received <= ? AND (received < ? OR seq < ?)", at, at, int64(after.Seq)) //nolint:gosec // 40 bits
		}
		if full {
			add("received >= ?", l.found[len(l.found)-1].received)
		}
		b.WriteString(" ORDER BY received DESC, seq DESC LIMIT ?")
	}
	limit := int64(l.f.Limit)
	if source == fromLeased {
		limit = fewLive // of all lanes, of which some are not wanted
	}
	return b.String(), append(args, limit)
}

// findNamed returns the rows of the messages with these ids that exist, each
// once and in the order of ids.
func findNamed(c *conn, tag uint64, ids []string) ([]stored, error) {
	byKey, err := c.prepare(sqlStored)
	if err != nil {
		return nil, err
	}
	defer c.drop(byKey)
	chosen, err := c.prepare(sqlFindChosen)
	if err != nil {
		return nil, err
	}
	defer c.drop(chosen)
	var list []stored
	seen := map[int64]bool{}
	for _, id := range ids {
		n, assigned := queue.ParseID(queue.MessagePrefix, id)
		assigned = assigned && n>>seqBits == tag
		seq := int64(n & (1<<seqBits - 1)) //nolint:gosec // 40 bits
		var errs error
		if !assigned {
			seq = 0
			errs = chosen.each(func(v []driver.Value) error { seq = v[0].(int64); return nil }, id)
		}
		if seq != 0 && !seen[seq] {
			errs = errors.Join(errs, byKey.each(func(v []driver.Value) error {
				if r := readStored(v); assigned == (r.chosen == "") {
					seen[seq] = true
					list = append(list, r)
				}
				return nil
			}, seq))
		}
		if errs != nil {
			return nil, errs
		}
	}
	return list, nil
}
