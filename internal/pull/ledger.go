package pull

import (
	"errors"
	"sync"
	"time"

	"hookaido/internal/queue"
)

// How long and how many settled leases are remembered.
const (
	memoryAge  = 2 * time.Minute
	memorySize = 20_000
)

// kind says what a lease has become.
type kind uint8

const (
	leased kind = iota
	acked
	nacked // or buried
)

func kindOf(a queue.Action) kind {
	if a == queue.Ack {
		return acked
	}
	return nacked
}

// ledger knows the leases that this process handed out and has not seen end,
// and for a while those that it saw settled. Times are monotonic. It is safe
// for concurrent use.
type ledger struct {
	mu      sync.Mutex
	entries map[string]entry
	// settled lists the ids of the remembered leases, oldest first, as a ring.
	settled     [memorySize]string
	head, count int
	// sweepAt is the size at which leases that nobody came back for are
	// thrown out.
	sweepAt int
}

type entry struct {
	kind  kind
	route *routeMetrics
	// until is the deadline of a lease, or the end of the memory of it.
	until time.Duration
	// received is when the message of a lease came in.
	received time.Duration
}

// grant is what the leases of one dequeue have in common.
type grant struct {
	route    *routeMetrics
	now, ttl time.Duration
	wall     time.Time // now, by the clock of the messages
}

const firstSweep = 2 * memorySize

func newLedger() *ledger { return &ledger{entries: map[string]entry{}, sweepAt: firstSweep} }

// lease notes new leases.
func (l *ledger) lease(items []queue.Leased, g grant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range items {
		l.entries[items[i].LeaseID] = entry{leased, g.route, g.now + g.ttl, g.now - g.wall.Sub(items[i].ReceivedAt)}
	}
	if len(l.entries) >= l.sweepAt {
		l.sweep(g.now)
		l.sweepAt = max(firstSweep, 2*len(l.entries))
	}
}

// sweep drops the leases that ended before now.
func (l *ledger) sweep(now time.Duration) {
	for id, e := range l.entries {
		if e.kind == leased && e.until <= now {
			delete(l.entries, id)
		}
	}
}

// sort divides ids by what is remembered: those to ask the queue about, those
// settled in another way, and the number of those settled in the same way.
func (l *ledger) sort(ids []string, k kind, now time.Duration) (open []string, conflicts []queue.Conflict, repeated int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, id := range ids {
		e, known := l.entries[id]
		if !known || e.kind == leased || e.until <= now {
			if open != nil {
				open = append(open, id)
			}
			continue
		}
		if open == nil {
			// the usual case, that all are open, needs no second list
			open = append(make([]string, 0, len(ids)), ids[:i]...)
		}
		if e.kind == k {
			repeated++
		} else {
			conflicts = append(conflicts, queue.Conflict{LeaseID: id, Err: queue.ErrLeaseNotFound})
		}
	}
	if open == nil {
		open = ids
	}
	return open, conflicts, repeated
}

// settle remembers what the queue settled and returns the real conflicts: a
// lease that a call at the same time settled in the same way is none.
func (l *ledger) settle(ids []string, found []queue.Conflict, k kind, now time.Duration) []queue.Conflict {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(found) == 0 {
		for _, id := range ids {
			l.remember(id, k, now)
		}
		return nil
	}
	var conflicts []queue.Conflict
	refused := make(map[string]struct{}, len(found))
	for _, c := range found {
		refused[c.LeaseID] = struct{}{}
		e, known := l.entries[c.LeaseID]
		switch {
		case known && e.kind == k && e.until > now:
			continue
		case known && e.kind == leased:
			delete(l.entries, c.LeaseID)
		}
		conflicts = append(conflicts, c)
	}
	for _, id := range ids {
		if _, no := refused[id]; !no {
			l.remember(id, k, now)
		}
	}
	return conflicts
}

// remember keeps a settled lease and forgets those that are too old or too
// many.
func (l *ledger) remember(id string, k kind, now time.Duration) {
	for l.count > 0 && (l.count == memorySize || l.entries[l.settled[l.head]].until <= now) {
		delete(l.entries, l.settled[l.head])
		l.settled[l.head] = ""
		l.head = (l.head + 1) % memorySize
		l.count--
	}
	l.settled[(l.head+l.count)%memorySize] = id
	l.count++
	if e := l.entries[id]; k == acked && e.kind == leased && e.route != nil {
		// negative if the clock of the messages was set back
		e.route.endToEnd.Observe(max(0, now-e.received).Seconds())
	}
	l.entries[id] = entry{kind: k, until: now + memoryAge}
}

// extend moves the deadline of a lease.
func (l *ledger) extend(id string, by time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, known := l.entries[id]; known && e.kind == leased {
		e.until += by
		l.entries[id] = e
	}
}

// drop forgets a lease that turned out to have ended.
func (l *ledger) drop(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, known := l.entries[id]; known && e.kind == leased {
		delete(l.entries, id)
	}
}

// active counts the leases out at now, by route.
func (l *ledger) active(now time.Duration) map[*routeMetrics]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	counts := map[*routeMetrics]int{}
	for _, e := range l.entries {
		if e.kind == leased {
			counts[e.route]++
		}
	}
	return counts
}

func countExpired(conflicts []queue.Conflict) int {
	n := 0
	for _, c := range conflicts {
		if errors.Is(c.Err, queue.ErrLeaseExpired) {
			n++
		}
	}
	return n
}
