package sqlite

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"hookaido/internal/queue"
	"hookaido/internal/queue/bodylog"
)

// C55: a copy has the bodies too that are in body files when it is made, and is
// one file, while messages go and come and bodies move.
func TestCopyHasBodies(t *testing.T) {
	s := open(t, Options{bodies: allApart()})
	s.bodiesStay.Store(true)
	const n = 200
	for i := range n {
		enqueue(t, s, large(i))
	}
	leased, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: 150, TTL: time.Hour})
	must(t, err)
	must(t, s.dropLeases(leased[:50]))
	if len(bodyFiles(t, s.path)) == 0 {
		t.Fatal("there are no body files: this proves nothing")
	}
	to := filepath.Join(t.TempDir(), "copy")
	write(t, to, "")
	copying := copying{from: s.path, to: to, progress: func(done, total int) {
		if done == total {
			s.bodiesStay.Store(false)
			must(t, s.dropLeases(leased[50:100]))
			// the files that had them go, and those of the others move
			eventually(t, time.Minute, "the files are gone", func() bool { return len(bodyFiles(t, s.path)) == 0 })
		}
	}}
	must(t, copying.run(t.Context(), readOnly))
	content, err := Inspect(t.Context(), to, true)
	must(t, err)
	if content.Lost != 0 || content.ByState[queue.StateQueued] != 50 || content.ByState[queue.StateLeased] != 50 {
		t.Errorf("the copy has %+v, want 50 queued, 50 leased and nothing lost", content)
	}
	path := dbPath(t)
	_, err = Restore(t.Context(), to, Options{Path: path}, nil)
	must(t, err)
	restored := open(t, Options{Path: path})
	got, err := restored.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: n, TTL: time.Hour})
	must(t, err)
	seen := map[string]bool{}
	for i := range got {
		seen[string(got[i].Payload)] = true
	}
	for i := 100; i < n; i++ {
		if !seen[payloadOf(i)] {
			t.Errorf("message %d is not in the copy", i)
		}
	}
	if len(got) != n-100 {
		t.Errorf("%d messages, want %d", len(got), n-100)
	}
	checkCounters(t, restored)
}

// The copy of a stopped queue has the bodies in files; without the files it says
// how many it lacks.
func TestCopyOfAStoppedQueueHasBodies(t *testing.T) {
	s := open(t, Options{bodies: allApart()})
	s.bodiesStay.Store(true)
	for i := range 10 {
		enqueue(t, s, large(i))
	}
	must(t, s.Close())
	if len(bodyFiles(t, s.path)) == 0 {
		t.Fatal("there are no body files: this proves nothing")
	}
	expectPayloads(t, open(t, Options{Path: copied(t, s.path)}), 10)

	alone := filepath.Join(t.TempDir(), "alone")
	database, err := os.ReadFile(s.path)
	must(t, err)
	write(t, alone, string(database))
	content, err := Inspect(t.Context(), copied(t, alone), false)
	if err != nil || content.Lost != 10 {
		t.Errorf("without its files the copy has %+v, %v; want 10 lost", content, err)
	}
}

// What a restore replaces keeps its bodies.
func TestRestoreKeepsBodyFiles(t *testing.T) {
	s := open(t, Options{bodies: allApart()})
	s.bodiesStay.Store(true)
	for i := range 10 {
		enqueue(t, s, large(i))
	}
	must(t, s.Close())
	kept, err := Restore(t.Context(), copied(t, made(t)), Options{Path: s.path}, nil)
	must(t, err)
	restored := open(t, Options{Path: s.path})
	if got := depth(t, restored); got != 2 {
		t.Errorf("restored are %d messages, want 2", got)
	}
	expectPayloads(t, open(t, Options{Path: kept, bodies: noneApart()}), 10)
}

// A copy from which dead letters were left out counts those that it has.
func TestCopyCountsWhatItHas(t *testing.T) {
	s := open(t, Options{bodies: allApart()})
	s.bodiesStay.Store(true)
	for i := range 40 {
		enqueue(t, s, large(i))
	}
	leased, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: 30, TTL: time.Hour})
	must(t, err)
	var ids, leases []string
	for i := range leased {
		ids, leases = append(ids, leased[i].ID), append(leases, leased[i].LeaseID)
	}
	_, err = s.Settle(t.Context(), queue.SettleRequest{LeaseIDs: leases, Action: queue.Bury, Reason: "x"})
	must(t, err)
	to := filepath.Join(t.TempDir(), "copy")
	write(t, to, "")
	copying := copying{from: s.path, to: to, progress: func(done, total int) {
		if done == total {
			_, err := s.Change(t.Context(), queue.ChangeRequest{Change: queue.Delete, IDs: ids[:20]})
			must(t, err)
			s.bodiesStay.Store(false)
			eventually(t, time.Minute, "the files are gone", func() bool { return len(bodyFiles(t, s.path)) == 0 })
		}
	}}
	must(t, copying.run(t.Context(), readOnly))
	restored := open(t, Options{Path: to})
	stats, err := restored.Stats(t.Context())
	if err != nil || stats.ByState[queue.StateDead] != 10 || stats.ByState[queue.StateQueued] != 10 {
		t.Errorf("the copy counts %v, %v; want 10 dead and 10 queued", stats.ByState, err)
	}
	checkCounters(t, restored)
}

// A restore that takes up one that was interrupted keeps the bodies of what that
// set aside.
func TestInterruptedRestoreKeepsBodyFiles(t *testing.T) {
	for name, done := range map[string]func(path string) error{
		"after the database": func(string) error { return nil },
		"within the rest":    func(path string) error { return os.Rename(bodylog.Name(path, 1), bodylog.Name(path+replaced, 1)) },
		"before the copy":    setAsideRest,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{bodies: allApart()})
			s.bodiesStay.Store(true)
			for i := range 30 { // more than one file
				enqueue(t, s, large(i))
			}
			must(t, s.Close())
			from := copied(t, s.path)
			must(t, os.Rename(s.path, s.path+replaced))
			must(t, done(s.path))
			kept, err := Restore(t.Context(), from, Options{Path: s.path}, nil)
			must(t, err)
			expectPayloads(t, open(t, Options{Path: s.path}), 30)
			expectPayloads(t, open(t, Options{Path: kept, bodies: noneApart()}), 30)
		})
	}
}
