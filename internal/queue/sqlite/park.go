package sqlite

import (
	"slices"

	"hookaido/internal/queue"
)

// mayPark reports whether the consumer waits when there is nothing for it. The
// caller holds gate.mu, as for all functions here that take a gate.
func (o *leaseOp) mayPark() bool { return o.parked != nil && !o.noWait && !o.abandoned }

// park puts a consumer at the end of the line of its route.
func (g *gate) park(o *leaseOp) {
	g.parked[o.request.Route] = append(g.parked[o.request.Route], o)
	o.phase = phaseParked
	select {
	case o.parked <- struct{}{}:
	default: // it knows
	}
}

// unpark takes a consumer out of its line and reports whether it was there.
func (g *gate) unpark(o *leaseOp) bool {
	line := g.parked[o.request.Route]
	i := slices.Index(line, o)
	if i < 0 {
		return false
	}
	if len(line) == 1 {
		delete(g.parked, o.request.Route)
	} else {
		g.parked[o.request.Route] = slices.Delete(line, i, i+1)
	}
	o.phase = phaseDone
	return true
}

// finish gives a consumer its result.
func (s *Store) finish(o *leaseOp) {
	o.phase = phaseDone
	if o.abandoned && len(o.rows) > 0 && o.err == nil {
		// pending is looked at again before busy ends
		s.gate.pending = append(s.gate.pending, newTakeBack(o.rows))
		return
	}
	o.done <- struct{}{}
}

// serveParked leases to the consumers that wait, first come first served, what
// is ready for them.
func (w *writer) serveParked() error {
	g := &w.s.gate
	g.mu.Lock()
	var lines [][]*leaseOp
	for route, line := range g.parked {
		if w.nextFor(line) <= w.now {
			lines = append(lines, line)
			delete(g.parked, route)
			for _, o := range line {
				o.phase = phaseNew
			}
		}
	}
	g.mu.Unlock()
	for i, line := range lines {
		var unserved []*leaseOp
		for j, o := range line {
			err := o.apply(w)
			if err != nil {
				w.putBack(append(unserved, line[j:]...), false)
				for _, rest := range lines[i+1:] {
					w.putBack(rest, false)
				}
				return err
			}
			if len(o.rows) > 0 {
				w.tx.served = append(w.tx.served, o)
			} else {
				unserved = append(unserved, o)
			}
		}
		w.putBack(unserved, false)
	}
	return nil
}

// nextFor returns a time before which no consumer of the line can be served.
func (w *writer) nextFor(line []*leaseOp) int64 {
	next := int64(never)
	for _, o := range line {
		for _, ln := range w.lanes.byRoute[o.request.Route] {
			if o.wants(ln) && ln.count[queue.StateQueued] > 0 && !w.pauses.holds(ln) {
				next = min(next, ln.nextDue)
			}
		}
		if o.request.Target == "" {
			break // the others can't want more
		}
	}
	return next
}

// putBack lets consumers wait on, in front of their lines. With undo they were
// served by a batch that failed.
func (w *writer) putBack(line []*leaseOp, undo bool) {
	if len(line) == 0 {
		return
	}
	g := &w.s.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	back := map[string][]*leaseOp{}
	for _, o := range line {
		if undo {
			o.rows = nil
		}
		if !o.mayPark() {
			w.s.finish(o)
			continue
		}
		o.phase = phaseParked
		back[o.request.Route] = append(back[o.request.Route], o)
	}
	for route, front := range back {
		g.parked[route] = append(front, g.parked[route]...)
	}
}

// arm sets the timer for the next moment at which a waiting consumer may be
// served. Without one the timer rests: leases that run out are noticed by the
// next operation. The caller holds gate.mu.
func (w *writer) arm() {
	g := &w.s.gate
	next := int64(never)
	if len(g.parked) > 0 && w.lanes.total[queue.StateLeased] > 0 {
		next = w.nextEnd
	}
	for _, line := range g.parked {
		next = min(next, w.nextFor(line))
	}
	if next == w.wakeAt && next > w.now {
		return
	}
	if w.wakeAt = next; next == never {
		w.s.timer.Stop()
		return
	}
	w.s.timer.Reset(untilWait(w.now, next))
}
