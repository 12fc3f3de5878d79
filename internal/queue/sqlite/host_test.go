package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"
	"golang.org/x/sys/unix"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

// mount mounts a file system of the given size for the test. It needs root.
func mount(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+size); err != nil {
		t.Fatalf("this test must mount a tmpfs, which takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// eventually polls, in real time, until ok or a deadline.
func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	real := clock.System{}
	timer := real.NewTimer(0)
	for deadline := real.Monotonic() + limit; ; timer.Reset(20 * time.Millisecond) {
		<-timer.C()
		if ok() {
			return
		}
		if real.Monotonic() > deadline {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

func realMessage(s *Store, size int) queue.NewMessage {
	m := message("/a", strings.Repeat("x", size))
	m.ReceivedAt = s.clock.Now()
	return m
}

// drainAll leases and acks until nothing is there, and returns how many it got.
func drainAll(t *testing.T, s *Store, batch int) int {
	t.Helper()
	n := 0
	for {
		got, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: batch, TTL: time.Hour})
		must(t, err)
		if len(got) == 0 {
			return n
		}
		var ids []string
		for _, l := range got {
			ids = append(ids, l.LeaseID)
		}
		conflicts, err := s.Settle(t.Context(), queue.SettleRequest{LeaseIDs: ids, Action: queue.Ack})
		must(t, err)
		if len(conflicts) > 0 {
			t.Fatal(conflicts)
		}
		n += len(got)
	}
}

// C49, badinput 131: on a disk of 6 MiB that is full, messages are refused,
// consumers drain the queue, and messages are accepted again by themselves.
func TestFullDisk(t *testing.T) {
	for name, fillUp := range map[string]bool{"by the queue alone": false, "by others, to the last octet": true} {
		for _, size := range []int{200, 1000, 40_000, 100_000} {
			t.Run(fmt.Sprintf("%s, messages of %d", name, size), func(t *testing.T) { fullDisk(t, fillUp, size) })
		}
	}
}

func fullDisk(t *testing.T, fillUp bool, size int) {
	dir := mount(t, "6m")
	s := open(t, Options{Path: filepath.Join(dir, "queue.db")})
	s.disk.restore()
	stored := 0
	store := func() error {
		_, err := s.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{realMessage(s, size)}})
		if err == nil {
			stored++
		}
		return err
	}
	for err := error(nil); !errors.Is(err, queue.ErrDiskFull); err = store() {
		must(t, err)
	}
	if total := stored * size; total < mib {
		t.Errorf("only %d octets of messages fit on the disk", total)
	}
	filler := filepath.Join(dir, "filler")
	if fillUp {
		f, err := os.Create(filler)
		must(t, err)
		if err := fillZeros(f, 0, 6*mib); !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("filling the disk up: %v", err)
		}
		must(t, f.Close())
		// without the others the queue may have made room for itself by now
		if err := store(); !errors.Is(err, queue.ErrDiskFull) {
			t.Errorf("Enqueue = %v, want ErrDiskFull", err)
		}
	}
	must(t, s.Ping(t.Context()))
	stored -= operate(t, s)
	if got := drainAll(t, s, 7); got != stored {
		t.Errorf("%d of %d messages came out of the full disk", got, stored)
	}
	if fillUp {
		must(t, os.Remove(filler))
	}
	eventually(t, time.Minute, "messages are accepted again", func() bool { return store() == nil })
	checkCounters(t, s)
	if s.Err() != nil {
		t.Errorf("the store failed: %v", s.Err())
	}
	eventually(t, time.Minute, "the reserve is back", func() bool {
		info, err := os.Stat(s.disk.ballast)
		return err == nil && info.Size() == s.disk.reserve
	})
}

// operate looks at the queue and takes a message out, as operators may on a full
// disk too, and returns 1.
func operate(t *testing.T, s *Store) int {
	t.Helper()
	list, err := s.List(t.Context(), queue.ListRequest{Filter: queue.Filter{Limit: 5}, Payload: true})
	if err != nil || len(list) != 5 {
		t.Fatalf("List on the full disk: %d messages, %v", len(list), err)
	}
	for _, c := range []queue.Change{queue.Cancel, queue.Requeue, queue.Cancel, queue.Delete} {
		got, err := s.Change(t.Context(), queue.ChangeRequest{Change: c, IDs: []string{list[0].ID}})
		if err != nil || got.Changed != 1 {
			t.Fatalf("change %d on the full disk: %+v, %v", c, got, err)
		}
	}
	return 1
}

// badinput 131, C53: a file system that is read-only.
func TestReadOnlyMount(t *testing.T) {
	dir := mount(t, "6m")
	must(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	_, err := Open(t.Context(), Options{Path: filepath.Join(dir, "queue.db"), Clock: clock.System{}})
	var refusal *OpenError
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "read-only") || !strings.Contains(err.Error(), dir) {
		t.Errorf("Open = %v, want a refusal that names the path", err)
	}
}

// C46: the lock of another program is waited for, up to a limit.
func TestForeignLock(t *testing.T) {
	s := open(t, Options{})
	lock := func() *conn {
		c, err := connect(context.Background(), s.path, readWrite)
		must(t, err)
		must(t, c.exec("BEGIN IMMEDIATE; UPDATE meta SET beat = beat"))
		return c
	}
	unlock := func(c *conn) { must(t, errors.Join(c.exec("COMMIT"), c.close())) }
	done := make(chan error, 16)
	work := func() {
		for i := range cap(done) {
			go func() {
				if i%2 == 0 {
					_, err := s.Enqueue(context.Background(), queue.Batch{Messages: []queue.NewMessage{message("/a", "x")}})
					done <- err
					return
				}
				_, err := s.Dequeue(context.Background(), queue.DequeueRequest{Route: "/a", Max: 1, TTL: time.Hour})
				done <- err
			}()
		}
	}
	enqueue(t, s, message("/a", "so that a lease writes"))
	held := lock()
	work()
	pause := clock.System{}.NewTimer(2 * time.Second)
	<-pause.C()
	unlock(held)
	for range cap(done) {
		must(t, <-done)
	}
	held = lock()
	_, err := s.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{message("/a", "x")}})
	var unavailable *queue.UnavailableError
	if !errors.As(err, &unavailable) || s.Err() != nil {
		t.Errorf("Enqueue under a lock that stays = %v, store %v; want an UnavailableError", err, s.Err())
	}
	unlock(held)
	enqueue(t, s, message("/a", "x"))
}

// C55: other programs copy the database while it is written to.
func TestBackupWhileRunning(t *testing.T) {
	cli, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Fatal("this test needs the sqlite3 program: install it")
	}
	s := open(t, Options{})
	enqueue(t, s, message("/a", "before"))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_, _ = s.Enqueue(ctx, queue.Batch{Messages: []queue.NewMessage{realMessage(s, 1000)}}) // until it is stopped
		}
	}()
	dir := t.TempDir()
	for _, sql := range []string{".backup " + dir + "/backup.db", "VACUUM INTO '" + dir + "/vacuum.db'"} {
		if out, err := exec.CommandContext(ctx, cli, s.path, ".timeout 5000", sql).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", sql, err, out)
		}
	}
	stop()
	<-done
	for _, name := range []string{"backup.db", "vacuum.db"} {
		copied := open(t, Options{Path: filepath.Join(dir, name)})
		if check, err := copied.w.c.value("PRAGMA integrity_check"); err != nil || check != "ok" {
			t.Errorf("%s: %v, %v", name, check, err)
		}
		got, err := copied.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: 1, TTL: time.Hour})
		if err != nil || len(got) != 1 || string(got[0].Payload) != "before" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		checkCounters(t, copied)
	}
}

// C50: the files shrink when the queue is empty.
func TestFilesShrink(t *testing.T) {
	for name, bodies := range ways() {
		t.Run(name, func(t *testing.T) { filesShrink(t, bodies) })
	}
}

func filesShrink(t *testing.T, bodies *bodyRules) {
	s := open(t, Options{Logger: zaptest.NewLogger(t), bodies: bodies})
	for range 30 {
		batch := make([]queue.NewMessage, 50)
		for i := range batch {
			batch[i] = realMessage(s, 40_000)
		}
		enqueue(t, s, batch...)
	}
	size := func() int64 {
		sum := int64(0)
		for _, name := range append(bodyFiles(t, s.path), s.path, s.path+"-wal") {
			info, err := os.Stat(name)
			if !errors.Is(err, os.ErrNotExist) { // it may go at any time
				must(t, err)
				sum += info.Size()
			}
		}
		return sum
	}
	peak := size()
	drainAll(t, s, 100)
	eventually(t, time.Minute, "the files shrink", func() bool { return size() < peak/10 })
	checkCounters(t, s)
}

// The WAL starts over under a steady load, with readers about.
func TestLogStaysBounded(t *testing.T) {
	s := open(t, Options{})
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = s.Dequeue(context.Background(), queue.DequeueRequest{Route: "/a", Max: 50, TTL: time.Hour})
			}
		}
	}()
	largest := int64(0)
	for range 1000 {
		batch := make([]queue.NewMessage, 50)
		for i := range batch {
			batch[i] = realMessage(s, 2000)
		}
		enqueue(t, s, batch...)
		info, err := os.Stat(s.path + "-wal")
		must(t, err)
		largest = max(largest, info.Size())
	}
	close(stop)
	<-done
	if largest > 4*s.disk.logLimit {
		t.Errorf("the log grew to %d KiB, written back from %d KiB on", largest/kib, s.disk.logLimit/kib)
	}
	t.Logf("the log grew to %d KiB", largest/kib)
}
