package dispatch

import "time"

const (
	// quickPace is what attempts may take for a lane to be quick: permits that
	// it has are soon free again.
	quickPace = time.Second
	// aheadTime is what the messages that are leased ahead keep the permits busy
	// for, so that these don't wait for the queue. Slower lanes lease nothing
	// ahead.
	aheadTime = 100 * time.Millisecond
	// recently is how long a lane counts as busy, or as short of permits.
	recently = 10 * time.Second
	// smallShare divides the permits of a route for lanes that must stand back.
	smallShare = 16
	// maxAhead and aheadBytes bound the messages that are leased ahead.
	maxAhead   = 200
	aheadBytes = 4 << 20
)

// pace is what attempts have taken lately.
type pace struct {
	mean  time.Duration
	known bool
}

func (p *pace) note(latency time.Duration) {
	if !p.known {
		p.mean, p.known = latency, true
		return
	}
	p.mean += (latency - p.mean) / 8
}

func (p *pace) quick() bool { return p.known && p.mean < quickPace }

// limit is how many attempts of l may run at a time. A lane alone may have all
// permits. Of several each has an equal share, and beyond that
//
//   - a quick lane may have the shares of those that rest, but for one permit
//     each with which they can begin at once;
//   - while a quick lane is short of permits, one that is not quick has a small
//     share only: its attempts hold permits so long that there is no other way
//     to leave the quick lane most of what it can use;
//   - a lane of which nothing is known begins with a small share.
//
// The caller holds r.mu.
func (r *route) limit(l *lane, now time.Duration) int {
	lanes := r.lanesInForce()
	n := r.permits
	if lanes > 1 {
		n = r.shareOf(l, lanes, now)
	}
	if l.breaker.state == halfOpen {
		n = 1
	}
	if l.ramp > 0 {
		n = min(n, l.ramp)
	}
	return n
}

func (r *route) shareOf(l *lane, lanes int, now time.Duration) int {
	equal, small := max(1, r.permits/lanes), max(1, r.permits/smallShare)
	if !l.pace.quick() {
		if !l.pace.known || r.quickIsShort(now) {
			return small
		}
		return equal
	}
	n := r.permits
	for _, other := range r.lanes {
		switch {
		case other == l || other.retired:
		case !other.busy(now):
			n--
		case other.pace.quick() || !r.quickIsShort(now):
			n -= equal
		default:
			n -= small
		}
	}
	return max(n, equal)
}

// busy reports whether the lane has had something to do recently.
func (l *lane) busy(now time.Duration) bool {
	return l.running > 0 || len(l.ready) > 0 || l.started && now-l.lastStart < recently
}

func (r *route) quickIsShort(now time.Duration) bool {
	for _, l := range r.lanes {
		if !l.retired && l.short && now-l.shortAt < recently && l.pace.quick() {
			return true
		}
	}
	return false
}

// noteShort remembers that l could use another permit, as far as it can be known.
func (r *route) noteShort(l *lane, now time.Duration) {
	if l.pace.quick() && len(r.lanes) > 1 {
		l.short, l.shortAt = true, now
	}
}

// lanesInForce counts the lanes that are not on their way out.
func (r *route) lanesInForce() int {
	n := 0
	for _, l := range r.lanes {
		if !l.retired {
			n++
		}
	}
	return n
}

// pick returns the lane whose turn it is to begin an attempt: of those that may
// the one with the fewest running, then the one that waits longest. It notes
// which quick lanes would have liked to. The caller holds r.mu.
func (r *route) pick(now time.Duration) *lane {
	var next *lane
	for _, l := range r.lanes {
		if len(l.ready) == 0 || l.retired {
			continue
		}
		if r.running >= r.permits || l.running >= r.limit(l, now) || r.mustLeaveOne(l) {
			r.noteShort(l, now)
			continue
		}
		if next == nil || l.running < next.running || l.running == next.running && l.turn < next.turn {
			next = l
		}
	}
	return next
}

// mustLeaveOne reports whether l, which is not quick, must not begin: lanes that
// are not quick would have all permits then, and there are others.
func (r *route) mustLeaveOne(l *lane) bool {
	if l.pace.quick() || r.permits == 1 {
		return false
	}
	held, others := 0, false
	for _, other := range r.lanes {
		if other.pace.quick() {
			others = others || !other.retired
		} else {
			held += other.running
		}
	}
	return others && held >= r.permits-1
}

// ahead is how many messages l leases beyond those that run.
func (l *lane) ahead(limit int) int {
	if !l.pace.known || l.pace.mean >= aheadTime || l.breaker.state != closed || l.ramp > 0 {
		return 0
	}
	n := limit * int(aheadTime/max(l.pace.mean, time.Millisecond))
	return min(n, maxAhead, aheadBytes/max(l.size, 1))
}
