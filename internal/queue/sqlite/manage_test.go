package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

// A batch that fails leaves nothing of what operators did in memory: the
// counters and pauses are those of the database.
func TestRollbackUndoesOperators(t *testing.T) {
	s := open(t, Options{})
	ids := enqueue(t, s, message("/a", "1"), message("/a", "2"), message("/a", "3"))
	must(t, s.SetPaused(t.Context(), "/b", "", true))
	before, err := s.Stats(t.Context())
	must(t, err)
	must(t, s.keeper.task(func(w *writer) error {
		w.clear()
		for _, o := range []operation{
			&changeOp{request: queue.ChangeRequest{Change: queue.Cancel, IDs: ids[:2]}},
			&changeOp{request: queue.ChangeRequest{Change: queue.Requeue, IDs: ids[:1]}},
			&changeOp{request: queue.ChangeRequest{Change: queue.Move, IDs: ids[2:], Route: "/new", Target: "t"}},
			&changeOp{request: queue.ChangeRequest{Change: queue.Delete, IDs: ids[1:2]}},
			&pauseOp{key: laneKey{"/a", ""}, paused: true},
			&pauseOp{key: laneKey{"/b", ""}},
		} {
			if err := o.apply(w); err != nil {
				return err
			}
		}
		if w.lanes.total == (counts{queue.StateQueued: 3}) || len(w.lanes.byID) != 2 {
			t.Error("nothing was changed")
		}
		return w.rollback()
	}))
	after, err := s.Stats(t.Context())
	must(t, err)
	if len(after.Lanes) != 1 || after.Lanes[0] != before.Lanes[0] || after.Total() != 3 {
		t.Errorf("statistics %+v, want %+v", after, before)
	}
	pauses, err := s.Paused(t.Context())
	if err != nil || len(pauses) != 1 || pauses[0].Route != "/b" {
		t.Errorf("pauses %+v, %v", pauses, err)
	}
	checkCounters(t, s)
	got, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: 9, TTL: time.Minute})
	if err != nil || len(got) != 3 {
		t.Errorf("dequeued %d, %v", len(got), err)
	}
}

// C64: a million attempts of one message, a year of them, leave a bounded
// history.
func TestAttemptsStayBounded(t *testing.T) {
	m := clock.NewManual(start)
	s := open(t, Options{Clock: m, Path: filepath.Join(t.TempDir(), "q", "queue.db")})
	s.SetRetention(queue.Retention{AttemptAge: 7 * 24 * time.Hour, AttemptRows: 5000, Interval: 5 * time.Minute})
	const calls, each = 100, 500 // in place of 10^6, by the same rule
	for range calls {
		list := make([]queue.Conclusion, each)
		for i := range list {
			list[i].Attempt = &queue.Attempt{
				MessageID: "m", Route: "/a", Target: "t", Number: i, Outcome: queue.OutcomeRetry, At: m.Now(), Error: "refused",
			}
		}
		_, err := s.Conclude(t.Context(), list)
		must(t, err)
		m.Advance(time.Second)
	}
	rows := func() int64 {
		var n int64
		must(t, s.keeper.task(func(w *writer) (err error) {
			n, err = w.c.integer("SELECT count(*) FROM attempt")
			return err
		}))
		return n
	}
	if n := rows(); n > 5000+each {
		t.Errorf("%d records are kept of %d, more than the bound of 5000", n, calls*each)
	}
	m.Advance(8 * 24 * time.Hour)
	eventually(t, 10*time.Second, "the history ages", func() bool { return rows() == 0 })
}

// What somebody touched between the look of a reader and the turn of the writer
// is not dropped for its age.
func TestPruneLooksAgain(t *testing.T) {
	m := clock.NewManual(start)
	s := open(t, Options{Clock: m, Path: filepath.Join(t.TempDir(), "q", "queue.db")})
	ids := enqueue(t, s, message("/a", "requeued"), message("/a", "leased"), message("/a", "canceled"), message("/a", "untouched"))
	m.Advance(time.Hour)
	var rows []stored
	until := queue.Nanos(m.Now())
	_, err := s.List(t.Context(), queue.ListRequest{Filter: queue.Filter{Limit: 1}}) // files the messages
	must(t, err)
	must(t, s.read(t.Context(), func(r *reader) (err error) {
		rows, err = findNamed(r.c, s.tag, ids)
		return err
	}))
	m.Advance(time.Second)
	change := func(c queue.Change, id string) {
		got, err := s.Change(t.Context(), queue.ChangeRequest{Change: c, IDs: []string{id}})
		if err != nil || got.Changed != 1 {
			t.Fatalf("change %d: %+v, %v", c, got, err)
		}
	}
	change(queue.Cancel, ids[0])
	got, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: 1, TTL: time.Hour})
	if err != nil || len(got) != 1 || got[0].ID != ids[1] {
		t.Fatalf("dequeued %+v, %v", got, err)
	}
	change(queue.Requeue, ids[0])
	change(queue.Cancel, ids[2])
	p := &pruneRound{s, &queue.Retention{}, map[queue.State]int{}}
	must(t, p.dropStillQueued(rows, until))
	left, err := s.Get(t.Context(), ids)
	must(t, err)
	if len(rows) != 4 || len(left) != 3 || p.dropped[queue.StateQueued] != 1 {
		t.Errorf("%d of %d are left, %v dropped", len(left), len(rows), p.dropped)
	}
	checkCounters(t, s)
}
