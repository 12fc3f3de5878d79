package sqlite

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

// checkCounters compares the counters, in memory and in the table, with the
// messages.
func checkCounters(t *testing.T, s *Store) {
	t.Helper()
	must(t, s.keeper.task(func(w *writer) error {
		counted := map[int64]counts{}
		st, err := w.c.prepare("SELECT lane, state, count(*) FROM message GROUP BY lane, state")
		if err != nil {
			return err
		}
		err = st.each(func(v []driver.Value) error {
			c := counted[v[0].(int64)]
			c[v[1].(int64)] = v[2].(int64)
			counted[v[0].(int64)] = c
			return nil
		})
		w.c.drop(st)
		if err != nil {
			return err
		}
		for _, r := range w.loose {
			c := counted[r.lane]
			c[queue.StateQueued]++
			counted[r.lane] = c
		}
		var total counts
		err = w.sql.selectLanes.each(func(v []driver.Value) error {
			ln := w.lanes.byID[v[0].(int64)]
			stored := counts{v[3].(int64), v[4].(int64), v[5].(int64), v[6].(int64), v[7].(int64)}
			stored[0], stored[1] = ln.count[0], ln.count[1] // saved at the end only
			if want := counted[ln.id]; ln.count != want || stored != want || ln.saved != want {
				t.Errorf("lane %s %s: memory %v, table %v, messages %v", ln.route, ln.target, ln.count, stored, want)
			}
			for state, n := range ln.count {
				total[state] += n
			}
			return nil
		})
		if total != w.lanes.total {
			t.Errorf("totals %v, lanes %v", w.lanes.total, total)
		}
		bodies, countErr := w.c.integer("SELECT (SELECT count(*) FROM body) - (SELECT count(*) FROM message)")
		if bodies != int64(len(w.loose)) {
			t.Errorf("%d bodies without a message, of which %d are loose", bodies, len(w.loose))
		}
		return errors.Join(err, countErr)
	}))
}

// shuffle does n random operations.
func shuffle(t *testing.T, s *Store, m *clock.Manual, r *rand.Rand, n int) {
	t.Helper()
	var leases []string
	for range n {
		route := fmt.Sprint("/r", r.IntN(3))
		switch r.IntN(5) {
		case 0, 1:
			x := message(route, "x")
			x.ReceivedAt = m.Now()
			_, _ = s.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{x, x}}) // full is fine
		case 2:
			got, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: route, Max: 3, TTL: time.Duration(1 + r.IntN(int(time.Minute)))})
			must(t, err)
			for _, l := range got {
				leases = append(leases, l.LeaseID)
			}
		case 3:
			if len(leases) > 0 {
				id := leases[r.IntN(len(leases))]
				_, err := s.Settle(t.Context(), queue.SettleRequest{
					LeaseIDs: []string{id, id}, Action: queue.Action(1 + r.IntN(3)), Delay: time.Duration(r.IntN(int(time.Minute))),
				})
				must(t, err)
			}
		case 4:
			m.Advance(time.Duration(r.IntN(int(5 * time.Second))))
		}
	}
}

func TestCountersAgreeWithTheTable(t *testing.T) {
	for _, policy := range []queue.DropPolicy{queue.Reject, queue.DropOldest} {
		m := clock.NewManual(start)
		s := open(t, Options{Clock: m, Limits: queue.Limits{MaxDepth: 50, DropPolicy: policy}})
		r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test that repeats
		for range 20 {
			shuffle(t, s, m, r, 50)
			checkCounters(t, s)
		}
	}
}

// The counters come back, whether they were saved or not.
func TestCountersAtStart(t *testing.T) {
	m := clock.NewManual(start)
	path := dbPath(t)
	for round := range 3 {
		s := open(t, Options{Path: path, Clock: m})
		checkCounters(t, s)
		shuffle(t, s, m, rand.New(rand.NewPCG(5, uint64(round))), 200) //nolint:gosec // as above
		checkCounters(t, s)
		must(t, s.Close())
		if round == 1 {
			alter(t, path, "UPDATE lane SET queued = 99, leased = 99; UPDATE meta SET counted = 0")
		}
	}
}

// A batch that fails leaves nothing behind, in memory or on disk.
func TestFailedBatchIsUndone(t *testing.T) {
	m := clock.NewManual(start)
	s := open(t, Options{Clock: m})
	shuffle(t, s, m, rand.New(rand.NewPCG(3, 4)), 100) //nolint:gosec // as above
	before := depth(t, s)
	blocker, err := connect(t.Context(), s.path, readWrite)
	must(t, err)
	must(t, s.keeper.task(func(w *writer) error { return w.c.exec("PRAGMA busy_timeout = 10") }))
	must(t, blocker.exec("BEGIN IMMEDIATE"))
	for _, route := range []string{"/r0", "/new"} {
		_, err := s.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{message(route, "x")}})
		if err == nil {
			t.Fatal("committed under the lock of another")
		}
	}
	if _, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/r1", Max: 5, TTL: time.Minute}); err == nil {
		t.Fatal("leased under the lock of another")
	}
	must(t, blocker.exec("ROLLBACK"))
	must(t, blocker.close())
	checkCounters(t, s)
	if after := depth(t, s); after != before {
		t.Errorf("%d messages queued after the failures, %d before", after, before)
	}
	enqueue(t, s, message("/new", "x"))
	checkCounters(t, s)
}

// Messages that a failed batch filed are loose again.
func TestFailedBatchLoosensAgain(t *testing.T) {
	s := open(t, Options{})
	for range 3 {
		enqueue(t, s, message("/a", "x"))
	}
	must(t, s.keeper.task(func(w *writer) error {
		w.clear()
		if len(w.loose) != 3 {
			t.Errorf("%d messages are loose, want 3", len(w.loose))
		}
		err := w.file()
		if len(w.loose) != 0 || !w.tx.open {
			t.Errorf("%d messages are loose after they were filed", len(w.loose))
		}
		return errors.Join(err, w.rollback())
	}))
	checkCounters(t, s)
	if n := drainAll(t, s, 10); n != 3 {
		t.Errorf("%d messages were leased, want 3", n)
	}
}

// A long run of single messages leaves few of them loose.
func TestFewAreLoose(t *testing.T) {
	s := open(t, Options{})
	for i := range 5 * looseMax {
		enqueue(t, s, message("/a", "x"))
		if n := len(s.w.loose); n > looseMax || i < looseMax && n != i+1 {
			t.Fatalf("%d messages are loose after %d", n, i+1)
		}
	}
	checkCounters(t, s)
}

// Claims of days don't keep those of minutes that were made together with them,
// and all of them go in the end, in small steps.
func TestLongClaims(t *testing.T) {
	m := clock.NewManual(start)
	s := open(t, Options{Clock: m})
	const n, month = 1000, 30 * 24 * time.Hour
	for i := range n {
		short, long := [16]byte{0: 1, 1: byte(i), 2: byte(i >> 8)}, [16]byte{0: 2, 1: byte(i), 2: byte(i >> 8)}
		_, err := s.Enqueue(t.Context(), queue.Batch{
			Messages: []queue.NewMessage{message("/a", "x")},
			Claims:   []queue.Claim{{Key: long, Until: m.Now().Add(month)}, {Key: short, Until: m.Now().Add(5 * time.Minute)}},
		})
		must(t, err)
	}
	// each batch looks at pruneStep rows
	rounds := func(count int) {
		for range count {
			before := len(s.w.claims.until)
			enqueue(t, s, message("/a", "x"))
			m.Advance(10 * time.Millisecond)
			if gone := before - len(s.w.claims.until); gone > pruneStep {
				t.Fatalf("one batch pruned %d claims, want %d at most", gone, pruneStep)
			}
		}
	}
	m.Advance(5 * time.Minute)
	rounds(2*2*n/pruneStep + 200)
	if left := len(s.w.claims.until); left != n {
		t.Errorf("%d claims are left, want the %d long ones", left, n)
	}
	must(t, s.Close())
	s = open(t, Options{Path: s.path, Clock: m})
	if left := len(s.w.claims.until); left != n {
		t.Errorf("%d claims after a restart, want %d", left, n)
	}
	m.Advance(month)
	rounds(2*n/pruneStep + 200)
	rows, err := s.keeper.c.integer("SELECT count(*) FROM claim")
	must(t, err)
	if rows != 0 || len(s.w.claims.until) != 0 {
		t.Errorf("%d rows and %d claims are left", rows, len(s.w.claims.until))
	}
}

func TestClaimsArePruned(t *testing.T) {
	m := clock.NewManual(start)
	s := open(t, Options{Clock: m})
	for i := range 100 {
		_, err := s.Enqueue(t.Context(), queue.Batch{
			Messages: []queue.NewMessage{message("/a", "x")},
			Claims:   []queue.Claim{{Key: [16]byte{byte(i)}, Until: m.Now().Add(time.Minute)}},
		})
		must(t, err)
		m.Advance(time.Second)
	}
	m.Advance(time.Hour)
	for range 100 {
		enqueue(t, s, message("/a", "x"))
		m.Advance(2 * time.Second)
	}
	rows, err := s.keeper.c.integer("SELECT count(*) FROM claim")
	must(t, err)
	if rows != 0 || len(s.w.claims.until) != 0 {
		t.Errorf("%d rows and %d claims are left", rows, len(s.w.claims.until))
	}
}
