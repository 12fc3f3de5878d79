package sqlite

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

// heldSync makes each sync of a store wait for a value, which is its outcome.
type heldSync struct {
	began  chan struct{}
	finish chan error
	free   atomic.Bool // syncs no longer wait
}

func holdSyncs(t *testing.T, s *Store) *heldSync {
	h := &heldSync{began: make(chan struct{}), finish: make(chan error)}
	over := make(chan struct{})
	t.Cleanup(func() { close(over) }) // before the store is closed, if the test fails
	s.walFile.fdatasync = func(fd int) error {
		if h.free.Load() {
			return unix.Fdatasync(fd)
		}
		select {
		case h.began <- struct{}{}:
		case <-over:
			return unix.Fdatasync(fd)
		}
		select {
		case err := <-h.finish:
			return err
		case <-over:
			return unix.Fdatasync(fd)
		}
	}
	return h
}

// inBackground runs an Enqueue that must wait.
func inBackground(t *testing.T, s *Store, payload string) chan error {
	done := make(chan error, 1)
	go func() {
		_, err := s.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{message("/a", payload)}})
		done <- err
	}()
	return done
}

// While a sync lasts, consumers are served, also with what it is for; whoever
// was promised something waits, and what comes meanwhile shares the next sync.
func TestConsumersDoNotWaitForASync(t *testing.T) {
	s := open(t, Options{})
	enqueue(t, s, message("/a", "before"))
	waiting := make(chan []queue.Leased, 1)
	go func() {
		got, _ := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/b", Max: 1, TTL: time.Hour, Wait: time.Hour})
		waiting <- got
	}()
	eventually(t, time.Minute, "the consumer waits", func() bool {
		s.gate.mu.Lock()
		defer s.gate.mu.Unlock()
		return len(s.gate.parked) == 1
	})
	h := holdSyncs(t, s)
	first := make(chan error, 1)
	go func() {
		_, err := s.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{message("/a", "first"), message("/b", "for who waits")}})
		first <- err
	}()
	<-h.began
	if got := <-waiting; len(got) != 1 || string(got[0].Payload) != "for who waits" {
		t.Errorf("the consumer that waited has %v", got)
	}
	leased, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: 10, TTL: time.Hour})
	if err != nil || len(leased) != 2 {
		t.Fatalf("during a sync Dequeue = %d messages, %v; want 2", len(leased), err)
	}
	must(t, s.Extend(t.Context(), queue.ExtendRequest{LeaseID: leased[0].LeaseID, By: time.Hour}))
	if got := depth(t, s); got != 0 {
		t.Errorf("during a sync %d are queued, want 0", got)
	}
	second, third := inBackground(t, s, "second"), inBackground(t, s, "third")
	acked := make(chan error, 1)
	go func() {
		_, err := s.Settle(t.Context(), queue.SettleRequest{LeaseIDs: []string{leased[0].LeaseID}, Action: queue.Ack})
		acked <- err
	}()
	eventually(t, time.Minute, "all wait", func() bool {
		s.gate.mu.Lock()
		defer s.gate.mu.Unlock()
		return len(s.gate.pending) == 3
	})
	for name, c := range map[string]chan error{"first": first, "second": second, "third": third, "ack": acked} {
		select {
		case err := <-c:
			t.Errorf("%s was promised before the sync: %v", name, err)
		default:
		}
	}
	h.finish <- nil
	must(t, <-first)
	<-h.began // one sync for all three
	h.finish <- nil
	for _, c := range []chan error{second, third, acked} {
		must(t, <-c)
	}
	h.free.Store(true)
	checkCounters(t, s)
}

// A sync that fails promises nothing, not to those either who came meanwhile.
func TestFailedSyncPromisesNothing(t *testing.T) {
	s, err := Open(t.Context(), Options{Path: dbPath(t), Clock: clock.System{}})
	must(t, err)
	h := holdSyncs(t, s)
	first := inBackground(t, s, "first")
	<-h.began
	second := inBackground(t, s, "second")
	eventually(t, time.Minute, "the second waits", func() bool {
		s.gate.mu.Lock()
		defer s.gate.mu.Unlock()
		return len(s.gate.pending) == 1
	})
	h.finish <- unix.EIO
	for _, c := range []chan error{first, second} {
		var unavailable *queue.UnavailableError
		if err := <-c; !errors.As(err, &unavailable) || !errors.Is(err, unix.EIO) {
			t.Errorf("after a failed sync Enqueue = %v", err)
		}
	}
	<-s.Failed()
	if _, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: 1, TTL: time.Hour}); err == nil {
		t.Error("the store goes on after a failed sync")
	}
	must(t, s.Close())
}

// Close waits for the sync and for who was promised something.
func TestCloseDuringASync(t *testing.T) {
	s, err := Open(t.Context(), Options{Path: dbPath(t), Clock: clock.System{}})
	must(t, err)
	h := holdSyncs(t, s)
	first := inBackground(t, s, "first")
	<-h.began
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	eventually(t, time.Minute, "nothing more is taken", func() bool {
		s.gate.mu.Lock()
		defer s.gate.mu.Unlock()
		return s.gate.closed
	})
	select {
	case err := <-closed:
		t.Errorf("Close = %v during a sync", err)
	default:
	}
	h.free.Store(true)
	h.finish <- nil
	must(t, errors.Join(<-first, <-closed))
	if again := open(t, Options{Path: s.path}); depth(t, again) != 1 {
		t.Error("the message is not there")
	}
}

// During a sync only what promises nothing is taken, in its order, and what is
// done alone stays alone.
func TestTakeDuringASync(t *testing.T) {
	op := func(synced, alone bool) operation {
		o := newTask(nil)
		o.synced, o.alone = synced, alone
		return o
	}
	a, b, c, d, e := op(false, false), op(true, false), op(false, false), op(false, true), op(false, false)
	g := &gate{syncing: true, pending: []operation{a, b, c, d, e}}
	for _, want := range [][]operation{{a, c, e}, {d}, nil} {
		if ready := g.ready(); ready != (want != nil) {
			t.Errorf("ready is %v", ready)
		}
		if got := g.take(); !slices.Equal(got, want) {
			t.Errorf("taken are %v, want %v", got, want)
		}
	}
	g.syncing = false
	if got := g.take(); !slices.Equal(got, []operation{b}) {
		t.Errorf("after the sync taken are %v", got)
	}
}

// A consumer may see an id before the sync of its message. No other message gets
// it, should the power fail.
func TestIDsAreDurableBeforeTheirMessages(t *testing.T) {
	s := open(t, Options{})
	must(t, s.Ping(t.Context()))
	for _, n := range []int{1, seqBlock + 10} { // the first after a start, and more than are reserved then
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			route := fmt.Sprint("/", n)
			h := holdSyncs(t, s)
			batch := make([]queue.NewMessage, n)
			for i := range batch {
				batch[i] = message(route, "x")
			}
			done := make(chan error, 1)
			go func() {
				_, err := s.Enqueue(t.Context(), queue.Batch{Messages: batch})
				done <- err
			}()
			<-h.began // of the keys
			h.finish <- nil
			synced := copyStore(t, s) // what is on the disk if the power fails later
			<-h.began                 // of the messages
			got, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: route, Max: n, TTL: time.Hour})
			if err != nil || len(got) == 0 {
				t.Fatalf("Dequeue = %d messages, %v", len(got), err)
			}
			h.free.Store(true)
			h.finish <- nil
			must(t, <-done)
			seen := map[string]bool{}
			for i := range got {
				seen[got[i].ID] = true
			}
			after := open(t, Options{Path: synced})
			if ids := enqueue(t, after, message("/other", "x")); seen[ids[0]] {
				t.Errorf("the id %s is given out twice", ids[0])
			}
		})
	}
}

// That the files were replaced is told to all who ask, not only to the first.
func TestReplacedFilesAreToldToAll(t *testing.T) {
	s, err := Open(t.Context(), Options{Path: dbPath(t), Clock: clock.System{}})
	must(t, err)
	now := s.clock.Monotonic()
	must(t, s.files.checkAt(now))
	must(t, os.Remove(s.path+"-wal"))
	for i := range 3 {
		if err := s.files.checkAt(now + time.Duration(i)*time.Millisecond); !errors.Is(err, errReplaced) {
			t.Errorf("look %d = %v, want errReplaced", i, err)
		}
	}
	_ = s.Close() // which finds it too
}
