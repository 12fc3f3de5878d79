package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

// A worker that extends its lease again and again must not be able to prepare
// a sum that no integer holds for the next step of the clock.
func TestFarLeaseSurvivesAClockStep(t *testing.T) {
	m := clock.NewManual(time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC))
	s := open(t, Options{Clock: m})
	enqueue(t, s, message("/a", "x"))
	got, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: 1, TTL: time.Minute})
	must(t, err)
	for range 300 {
		must(t, s.Extend(t.Context(), queue.ExtendRequest{LeaseID: got[0].LeaseID, By: 365 * 24 * time.Hour}))
	}
	m.Step(2 * time.Second)
	enqueue(t, s, message("/a", "y"))
	conflicts, err := s.Settle(t.Context(), queue.SettleRequest{LeaseIDs: []string{got[0].LeaseID}, Action: queue.Ack})
	if err != nil || len(conflicts) != 0 {
		t.Errorf("ack after the step: %v, %v", conflicts, err)
	}
}

// C47: removing the lock file doesn't let a second process in.
func TestLockFileRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.db")
	open(t, Options{Path: path})
	must(t, os.Remove(path+".lock"))
	_, err := Open(t.Context(), Options{Path: path, Clock: clock.System{}})
	var refused *OpenError
	if !errors.As(err, &refused) || refused.Kind != OpenLocked {
		t.Errorf("a second opening: %v, want a refusal because of the first", err)
	}
}

// C49: a queue that is started while the disk is full serves its consumers.
func TestStartOnAFullDisk(t *testing.T) {
	dir := mount(t, "8m")
	path := filepath.Join(dir, "queue.db")
	s := open(t, Options{Path: path})
	for range 40 {
		enqueue(t, s, realMessage(s, 1000))
	}
	must(t, s.Close())
	f, err := os.Create(filepath.Join(dir, "filler"))
	must(t, err)
	if err := fillZeros(f, 0, 8*mib); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("filling the disk up: %v", err)
	}
	must(t, f.Close())
	s = open(t, Options{Path: path})
	if _, err := s.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{realMessage(s, 1000)}}); !errors.Is(err, queue.ErrDiskFull) {
		t.Errorf("Enqueue = %v, want ErrDiskFull", err)
	}
	if n := drainAll(t, s, 10); n != 40 {
		t.Errorf("%d of 40 messages were drained", n)
	}
}

// Large and small messages by turns on a disk that is nearly full must not make
// a log line each.
func TestDiskNearlyFullDoesNotWaver(t *testing.T) {
	dir := mount(t, "8m")
	s, logs := observed(t, filepath.Join(dir, "queue.db"))
	for n := 0; ; n++ {
		if _, err := s.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{realMessage(s, 20_000)}}); errors.Is(err, queue.ErrDiskFull) {
			break
		} else if must(t, err); n > 1000 {
			t.Fatal("8 MiB took 1000 messages of 20 kB")
		}
	}
	for range 100 {
		for _, size := range []int{20_000, 10} {
			_, err := s.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{realMessage(s, size)}})
			if err != nil && !errors.Is(err, queue.ErrDiskFull) {
				t.Fatal(err)
			}
		}
	}
	if n := logs.FilterMessageSnippet("free disk space").Len(); n > 4 {
		t.Errorf("%d log lines about the space on the disk", n)
	}
}
