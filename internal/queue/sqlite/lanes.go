package sqlite

import (
	"database/sql/driver"

	"hookaido/internal/queue"
)

// lane is a route and target. Its counters are kept here so that no decision
// needs a query; they change with the commit.
type lane struct {
	id            int64
	route, target string
	count         counts
	saved         counts // as of the last commit
	// nextDue is not later than the first due time of a queued message; never
	// if there is none.
	nextDue int64
	dirty   bool
}

// counts has the number of messages per [queue.State].
type counts [5]int64

type laneKey struct{ route, target string }

// laneSet has the lanes of the database.
type laneSet struct {
	byKey   map[laneKey]*lane
	byID    map[int64]*lane
	byRoute map[string][]*lane
	total   counts // over all lanes
	dirty   []*lane
	added   []*lane // since the last commit
}

func (l *laneSet) init() {
	l.byKey, l.byID, l.byRoute = map[laneKey]*lane{}, map[int64]*lane{}, map[string][]*lane{}
}

func (l *laneSet) add(ln *lane) {
	l.byKey[laneKey{ln.route, ln.target}] = ln
	l.byID[ln.id] = ln
	l.byRoute[ln.route] = append(l.byRoute[ln.route], ln)
	for state, n := range ln.count {
		l.total[state] += n
	}
}

// count changes the number of messages of a lane in a state.
func (l *laneSet) count(ln *lane, state queue.State, n int64) {
	ln.count[state] += n
	l.total[state] += n
	l.touch(ln)
}

// move counts a change of state.
func (l *laneSet) move(ln *lane, from, to queue.State) {
	ln.count[from]--
	ln.count[to]++
	l.total[from]--
	l.total[to]++
	l.touch(ln)
}

func (l *laneSet) touch(ln *lane) {
	if !ln.dirty {
		ln.dirty = true
		l.dirty = append(l.dirty, ln)
	}
}

// committed makes the changes final.
func (l *laneSet) committed() {
	for _, ln := range l.dirty {
		ln.saved, ln.dirty = ln.count, false
	}
	l.dirty, l.added = l.dirty[:0], l.added[:0]
}

// restore undoes the changes since the last commit.
func (l *laneSet) restore() {
	for _, ln := range l.dirty {
		for state := range ln.count {
			l.total[state] += ln.saved[state] - ln.count[state]
		}
		// the hint may have been raised by what is undone now
		ln.count, ln.dirty, ln.nextDue = ln.saved, false, -never
	}
	for _, ln := range l.added {
		delete(l.byKey, laneKey{ln.route, ln.target})
		delete(l.byID, ln.id)
		rest := l.byRoute[ln.route]
		l.byRoute[ln.route] = rest[:len(rest)-1]
	}
	l.dirty, l.added = l.dirty[:0], l.added[:0]
}

// lane returns the lane of a new message, making it if need be.
func (w *writer) lane(route, target string) (*lane, error) {
	if ln := w.lanes.byKey[laneKey{route, target}]; ln != nil {
		return ln, nil
	}
	if err := w.open(); err != nil {
		return nil, err
	}
	ln := &lane{id: w.lastLane + 1, route: route, target: target, nextDue: never}
	if err := w.sql.insertLane.run(ln.id, route, target); err != nil {
		return nil, err
	}
	w.lastLane = ln.id
	w.lanes.add(ln)
	w.lanes.added = append(w.lanes.added, ln)
	return ln, nil
}

// saveLanes writes the counters that changed of the states that no index
// covers. Those of queued and leased messages are saved by saveAllLanes.
func (w *writer) saveLanes() error {
	for _, ln := range w.lanes.dirty {
		if [3]int64(ln.count[2:]) == [3]int64(ln.saved[2:]) {
			continue
		}
		if err := w.saveLane(ln); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) saveLane(ln *lane) error {
	c := ln.count
	return w.sql.updateLane.run(c[0], c[1], c[2], c[3], c[4], ln.id)
}

// saveAllLanes makes the table exact, for the next start.
func (w *writer) saveAllLanes() error {
	for _, ln := range w.lanes.byID {
		if err := w.saveLane(ln); err != nil {
			return err
		}
	}
	return w.sql.counted.run(int64(1))
}

// loadLanes reads all lanes. If the counters in the table were not saved at the
// last stop, it counts in the indexes.
func (w *writer) loadLanes(counted bool) error {
	var lanes []*lane
	err := w.sql.selectLanes.each(func(row []driver.Value) error {
		ln := &lane{id: row[0].(int64), route: row[1].(string), target: row[2].(string), nextDue: -never}
		for state := range ln.count {
			ln.count[state] = row[3+state].(int64)
		}
		w.lastLane = max(w.lastLane, ln.id)
		lanes = append(lanes, ln)
		return nil
	})
	if err != nil {
		return err
	}
	if !counted {
		if err := w.recount(lanes); err != nil {
			return err
		}
	}
	w.lanes.init()
	for _, ln := range lanes {
		ln.saved = ln.count
		w.lanes.add(ln)
	}
	return nil
}

func (w *writer) recount(lanes []*lane) error {
	for state, st := range map[queue.State]*stmt{queue.StateQueued: w.sql.countQueued, queue.StateLeased: w.sql.countLeased} {
		found := map[int64]int64{}
		err := st.each(func(row []driver.Value) error {
			found[row[0].(int64)] = row[1].(int64)
			return nil
		})
		if err != nil {
			return err
		}
		for _, ln := range lanes {
			ln.count[state] = found[ln.id]
		}
	}
	return nil
}

// sooner notes that a queued message of the lane is due at that time.
func (ln *lane) sooner(due int64) { ln.nextDue = min(ln.nextDue, due) }

// mayBeDue reports whether the lane can have a message that is due.
func (ln *lane) mayBeDue(now int64) bool {
	return ln.count[queue.StateQueued] > 0 && ln.nextDue <= now
}
