package memory

import (
	"time"

	"hookaido/internal/queue"
)

// itemCost is what a message takes besides payload and envelope, in bytes:
// the item, its places in maps and heaps.
const itemCost = 400

// item is a stored message. All times are points of the store's timeline but
// receivedAt.
type item struct {
	seq        uint64
	id         string
	lane       *lane
	state      queue.State
	attempt    int
	due        int64 // kept while leased, for a lease that is taken back
	until      int64 // the end of the lease
	salt       uint32
	reason     string
	since      time.Time // when its present life began
	cost       int64
	receivedAt time.Time
	envelope   queue.Envelope
	payload    []byte
	pos        [slots]int // places in the heaps
}

func cost(m *queue.NewMessage) int64 {
	n := itemCost + len(m.ID) + len(m.Payload) +
		len(m.Envelope.Method) + len(m.Envelope.RawPath) + len(m.Envelope.RawQuery)
	for _, p := range m.Envelope.Headers {
		n += len(p.Name) + len(p.Value)
	}
	for _, p := range m.Envelope.Trace {
		n += len(p.Name) + len(p.Value)
	}
	return int64(n)
}

// lane holds the messages of one route and target.
type lane struct {
	route  *route
	target string
	ready  ordered // the queued messages by due time, then seq
	age    ordered // the same by seq
	leased int
	ended  [5]int // messages in the other states
}

// route groups the lanes of a route, because a consumer may take from any.
type route struct {
	name    string
	lanes   []*lane
	waiters []*waiter // in the order of their arrival
	paused  pauses
}

// lane returns the lane of target, new if need be.
func (r *route) lane(target string) *lane {
	for _, l := range r.lanes {
		if l.target == target {
			return l
		}
	}
	l := &lane{
		route: r, target: target,
		ready: ordered{before: dueBefore, slot: slotReady},
		age:   ordered{before: olderThan, slot: slotAge},
	}
	r.lanes = append(r.lanes, l)
	return l
}

// first returns the queued message that is delivered first, for target or,
// when that is empty, for any. There is none for what is paused.
func (r *route) first(target string) *item {
	var best *item
	for _, l := range r.lanes {
		if target != "" && l.target != target || len(r.paused) > 0 && r.paused.holds(l.target) {
			continue
		}
		if it := l.ready.first(); it != nil && (best == nil || dueBefore(it, best)) {
			best = it
		}
	}
	return best
}

// nextDue returns when the first message that a waiting consumer wants is due,
// or never.
func (r *route) nextDue() int64 {
	next := int64(never)
	for i, w := range r.waiters {
		target := w.request.Target
		if i > 0 && target == r.waiters[i-1].request.Target {
			continue
		}
		if it := r.first(target); it != nil {
			next = min(next, it.due)
		}
	}
	return next
}

func (s *Store) route(name string) *route {
	r := s.routes[name]
	if r == nil {
		r = &route{name: name, paused: pauses{}}
		s.routes[name] = r
	}
	return r
}

// enqueue makes it queued, due at the given point.
func (s *Store) enqueue(it *item, due int64) {
	it.state, it.due = queue.StateQueued, due
	it.lane.ready.push(it)
	it.lane.age.push(it)
	s.queued++
	s.tally.bytes[queue.StateQueued] += it.cost
}

// dequeue takes it out of the queued messages; the caller gives it a new state.
func (s *Store) dequeue(it *item) {
	it.lane.ready.remove(it)
	it.lane.age.remove(it)
	s.queued--
	s.tally.bytes[queue.StateQueued] -= it.cost
}

// forget removes it, which must be in no heap any more.
func (s *Store) forget(it *item) {
	delete(s.items, it.seq)
	if s.chosen[it.id] == it {
		delete(s.chosen, it.id)
	}
	s.bytes -= it.cost
}
