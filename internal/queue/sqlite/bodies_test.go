package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
	"hookaido/internal/queue/bodylog"
)

// allApart puts every payload into a body file at first, in small ones.
//
// Where a test counts on the files, it sets bodiesStay of the store.
func allApart() *bodyRules {
	return &bodyRules{min: 1, most: 1 << 40, segment: 256 * kib}
}

// noneApart never does.
func noneApart() *bodyRules { return &bodyRules{min: 1 << 40} }

func bodyFiles(t testing.TB, path string) []string {
	t.Helper()
	names, err := filepath.Glob(path + ".bodies-*")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// large returns a message with a payload that no other has.
func large(n int) queue.NewMessage { return message("/a", payloadOf(n)) }

func payloadOf(n int) string { return strings.Repeat(fmt.Sprintf("%08d", n), 2500) }

// expectPayloads takes n messages, in order, and compares their payloads.
func expectPayloads(t *testing.T, s *Store, n int) []queue.Leased {
	t.Helper()
	got, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: n + 1, TTL: time.Hour})
	must(t, err)
	if len(got) != n {
		t.Fatalf("%d messages, want %d", len(got), n)
	}
	for i := range got {
		if string(got[i].Payload) != payloadOf(i) {
			t.Errorf("the payload of message %d is another: %.20q", i, got[i].Payload)
		}
	}
	return got
}

// As it is set up, a burst of large bodies goes to body files, and what comes
// alone or is small goes to the database.
func TestBurstsGoToBodyFiles(t *testing.T) {
	s := open(t, Options{})
	s.bodiesStay.Store(true)
	enqueue(t, s, message("/a", strings.Repeat("x", 200*kib)), message("/a", strings.Repeat("y", 200*kib)))
	small := make([]queue.NewMessage, 1000)
	for i := range small {
		small[i] = message("/a", strings.Repeat("x", 8*kib))
	}
	enqueue(t, s, small...)
	if files := bodyFiles(t, s.path); len(files) > 0 {
		t.Fatalf("there are %q", files)
	}
	var burst []queue.NewMessage
	for i := range 40 {
		burst = append(burst, large(i))
	}
	enqueue(t, s, burst...)
	if files := bodyFiles(t, s.path); len(files) != 1 {
		t.Errorf("there are %q, want one", files)
	}
}

// A disk on which the database may soon need the room has no body files.
func TestSmallDiskHasNoBodyFiles(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(mount(t, "200m"), "queue.db")})
	for range 4 {
		enqueue(t, s, message("/a", strings.Repeat("x", mib)))
	}
	if files := bodyFiles(t, s.path); len(files) > 0 {
		t.Errorf("there are %q", files)
	}
}

// A fan-out has one body.
func TestFanOutWritesOnce(t *testing.T) {
	s := open(t, Options{bodies: allApart()})
	m := large(0)
	batch := make([]queue.NewMessage, 10)
	for i := range batch {
		batch[i] = m
		batch[i].Target = fmt.Sprint("https://target.example/", i)
	}
	enqueue(t, s, batch...)
	if size := s.bodies.Size(); size > 40_000 {
		t.Errorf("the body files have %d octets for ten messages with the same body of %d", size, len(m.Payload))
	}
	got, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: 10, TTL: time.Hour})
	must(t, err)
	for i := range got {
		if string(got[i].Payload) != payloadOf(0) {
			t.Errorf("message %d has %d octets", i, len(got[i].Payload))
		}
	}
	must(t, s.dropLeases(got))
	eventually(t, time.Minute, "the file goes with the last of them", func() bool { return len(bodyFiles(t, s.path)) == 0 })
}

func (s *Store) dropLeases(got []queue.Leased) error {
	ids := make([]string, len(got))
	for i := range got {
		ids[i] = got[i].LeaseID
	}
	_, err := s.Settle(context.Background(), queue.SettleRequest{LeaseIDs: ids, Action: queue.Ack})
	return err
}

// When the burst is over, all bodies are in the database again, and any program
// that copies it has them.
func TestBodiesMoveToTheDatabase(t *testing.T) {
	cli, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Fatal("this test needs the sqlite3 program: install it")
	}
	r := prometheus.NewRegistry()
	s := open(t, Options{bodies: allApart(), Metrics: r})
	s.bodiesStay.Store(true)
	const n = 100
	for i := range n {
		enqueue(t, s, large(i))
	}
	if size := figures(t, r)["sqlite_body_files_bytes"]; size < float64(n*len(payloadOf(0))) {
		t.Errorf("the metrics count %v octets", size)
	}
	if files := bodyFiles(t, s.path); len(files) < 5 {
		t.Fatalf("there are %q: this proves nothing", files)
	}
	s.bodiesStay.Store(false)
	eventually(t, time.Minute, "the files are gone", func() bool { return len(bodyFiles(t, s.path)) == 0 })
	if size := s.bodies.Size(); size != 0 {
		t.Errorf("the log counts %d octets", size)
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	if out, err := exec.CommandContext(t.Context(), cli, s.path, ".backup "+to).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	expectPayloads(t, open(t, Options{Path: to}), n)
	expectPayloads(t, s, n)
	checkCounters(t, s)
}

// While bodies move, those who ask for them get them, and what was acknowledged
// does not come back.
func TestBodiesMoveUnderReaders(t *testing.T) {
	s := open(t, Options{bodies: allApart()})
	const n = 300
	var ids []string
	for i := range n {
		ids = append(ids, enqueue(t, s, large(i))...)
	}
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				list, err := s.Get(context.Background(), ids)
				if err != nil {
					t.Error(err)
					return
				}
				for i := range list {
					if len(list[i].Payload) != len(payloadOf(0)) && len(list) > 1 {
						t.Errorf("message %s has %d octets", list[i].ID, len(list[i].Payload))
					}
				}
			}
		})
	}
	acked := 0
	eventually(t, time.Minute, "the files are gone", func() bool {
		got, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: 1, TTL: time.Hour})
		must(t, errors.Join(err, s.dropLeases(got)))
		acked += len(got)
		return len(bodyFiles(t, s.path)) == 0
	})
	close(stop)
	readers.Wait()
	if left := drainAll(t, s, 50); left+acked != n {
		t.Errorf("%d were acknowledged and %d left, of %d", acked, left, n)
	}
	checkCounters(t, s)
}

// A crash at any point keeps what was promised, and drops files that nothing
// refers to.
func TestBodiesSurviveACrash(t *testing.T) {
	s := open(t, Options{bodies: allApart()})
	s.bodiesStay.Store(true)
	const n = 50
	for i := range n {
		enqueue(t, s, large(i))
	}
	_, release, err := s.bodies.Append([][]byte{[]byte(payloadOf(n))}) // whose message the crash prevents
	must(t, err)
	defer release()
	after := open(t, Options{Path: copyStore(t, s), bodies: noneApart()})
	if len(bodyFiles(t, after.path)) == 0 {
		t.Fatal("there are no files: this proves nothing")
	}
	eventually(t, time.Minute, "the files are gone", func() bool { return len(bodyFiles(t, after.path)) == 0 })
	expectPayloads(t, after, n)
	checkCounters(t, after)
}

// A message whose body is lost becomes a dead letter with its reason; the others
// go on. When the file is put back, a requeue has the body again.
func TestLostBodies(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, file string) (mend func()){
		"missing": func(t *testing.T, file string) func() {
			must(t, os.Rename(file, file+".away"))
			return func() { must(t, os.Rename(file+".away", file)) }
		},
		"damaged": func(t *testing.T, file string) func() {
			whole, err := os.ReadFile(file)
			must(t, err)
			must(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(whole), "00000000", "0000000x")), 0o600))
			return func() { must(t, os.WriteFile(file, whole, 0o600)) }
		},
	} {
		t.Run(name, func(t *testing.T) { lostBodies(t, harm) })
	}
}

func lostBodies(t *testing.T, harm func(t *testing.T, file string) (mend func())) {
	s := open(t, Options{bodies: allApart()})
	s.bodiesStay.Store(true)
	ids := enqueue(t, s, large(0))
	path := copyStore(t, s)
	mend := harm(t, bodyFiles(t, path)[0])

	core, logs := observer.New(zapcore.ErrorLevel)
	s = open(t, Options{Path: path, bodies: noneApart(), Logger: zap.New(core)})
	enqueue(t, s, message("/a", "whole"))
	got, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: 10, TTL: time.Hour})
	must(t, err)
	if len(got) != 1 || string(got[0].Payload) != "whole" {
		t.Errorf("leased are %d messages, want the whole one alone", len(got))
	}
	list, err := s.List(t.Context(), queue.ListRequest{Filter: queue.Filter{States: []queue.State{queue.StateDead}, Limit: 10}})
	must(t, err)
	if len(list) != 1 || list[0].ID != ids[0] || list[0].Reason != queue.ReasonBodyLost || list[0].Size != len(payloadOf(0)) {
		t.Errorf("dead letters are %+v", list)
	}
	whole := enqueue(t, s, message("/a", "whole too"))
	list, err = s.Get(t.Context(), append(ids, whole...))
	if err != nil || len(list) != 2 || !list[0].PayloadLost || list[0].Payload != nil || list[1].PayloadLost || string(list[1].Payload) != "whole too" {
		t.Errorf("Get = %+v, %v; want the first without its payload and the second whole", list, err)
	}
	_, err = s.Change(t.Context(), queue.ChangeRequest{Change: queue.Cancel, IDs: whole})
	must(t, err)
	if lines := logs.FilterMessageSnippet("bodies of messages are lost").All(); len(lines) != 1 {
		t.Errorf("%d lines in the log, want one", len(lines))
	}
	checkCounters(t, s)
	must(t, s.Close())

	mend()
	s = open(t, Options{Path: path, bodies: noneApart()})
	_, err = s.Change(t.Context(), queue.ChangeRequest{Change: queue.Requeue, IDs: ids})
	must(t, err)
	expectPayloads(t, s, 1)
}

func TestMissingBodyFilesAreTold(t *testing.T) {
	s := open(t, Options{bodies: allApart()})
	s.bodiesStay.Store(true)
	enqueue(t, s, large(0), large(1))
	path := copyStore(t, s)
	file := bodyFiles(t, path)[0]
	must(t, os.Remove(file))
	core, logs := observer.New(zapcore.ErrorLevel)
	open(t, Options{Path: path, Logger: zap.New(core)})
	lines := logs.FilterMessageSnippet("a body file is missing").All()
	if len(lines) != 1 || lines[0].ContextMap()["path"] != file || lines[0].ContextMap()["messages"] != int64(2) {
		t.Errorf("the log has %v", lines)
	}
}

// A full queue refuses before a body is written.
func TestFullQueueWritesNoBodies(t *testing.T) {
	s := open(t, Options{bodies: allApart(), Limits: queue.Limits{MaxDepth: 2}})
	enqueue(t, s, large(0), large(1))
	refused := func() {
		t.Helper()
		if _, err := s.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{large(2)}}); !errors.Is(err, queue.ErrFull) {
			t.Errorf("Enqueue = %v, want ErrFull", err)
		}
	}
	refused()
	before := s.bodies.Appends()
	for range 10 {
		refused()
	}
	if n := s.bodies.Appends() - before; n > 0 {
		t.Errorf("%d bodies were written for nothing", n)
	}
	must(t, s.dropLeases(expectPayloads(t, s, 2)))
	enqueue(t, s, large(0)) // which tells that there is room
	enqueue(t, s, large(1))
	if n := s.bodies.Appends() - before; n != 1 {
		t.Errorf("%d bodies were written after there was room, want 1", n)
	}
}

// A body file that is removed under us ends the store, before a promise.
func TestRemovedBodyFileIsNoticed(t *testing.T) {
	s, err := Open(t.Context(), Options{Path: dbPath(t), Clock: clock.System{}, bodies: allApart()})
	must(t, err)
	enqueue(t, s, large(0))
	must(t, os.Remove(bodyFiles(t, s.path)[0]))
	_, err = s.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{large(1)}})
	var unavailable *queue.UnavailableError
	if !errors.As(err, &unavailable) || !errors.Is(s.Err(), bodylog.ErrReplaced) {
		t.Errorf("Enqueue = %v, store %v; want the store to fail", err, s.Err())
	}
	must(t, s.Close())
}

// A database of the first version is brought up to date with what it has.
func TestMigrationKeepsBodies(t *testing.T) {
	s := open(t, Options{bodies: noneApart()})
	for i := range 20 {
		enqueue(t, s, large(i))
	}
	path := copyStore(t, s)
	alter(t, path, "DROP INDEX body_segment; ALTER TABLE body DROP COLUMN segment; ALTER TABLE body DROP COLUMN at;"+
		"ALTER TABLE body DROP COLUMN length; ALTER TABLE body DROP COLUMN sum; PRAGMA user_version = 1")
	to := filepath.Join(t.TempDir(), "copy")
	write(t, to, "")
	must(t, Copy(t.Context(), path, to, nil)) // of the old version
	if content, err := Inspect(t.Context(), to, true); err != nil || content.Schema != 1 || content.Lost != 0 {
		t.Errorf("Inspect = %+v, %v", content, err)
	}
	expectPayloads(t, open(t, Options{Path: path, bodies: allApart()}), 20)
}

// When the disk is full, what must be written for consumers has the room: bodies
// move later.
func TestBodiesDoNotMoveToAFullDisk(t *testing.T) {
	s := open(t, Options{bodies: allApart()})
	s.bodiesStay.Store(true)
	enqueue(t, s, large(0))
	must(t, s.keeper.task(func(w *writer) error {
		rows, err := s.keeper.inSegment(1, 0, 1)
		if err != nil || len(rows) != 1 {
			t.Fatalf("%v, %v", rows, err)
		}
		w.clear()
		w.tx.refuseNew = true
		o := &moveOp{rows: rows, payloads: [][]byte{[]byte(payloadOf(0))}}
		if err := o.apply(w); err != nil || !errors.Is(o.err, queue.ErrDiskFull) || w.tx.open {
			t.Errorf("apply = %v, %v; the transaction is open: %v", err, o.err, w.tx.open)
		}
		return nil
	}))
	expectPayloads(t, s, 1)
}

// If no file can be made for large bodies, the database takes them.
func TestBodiesGoToTheDatabaseOtherwise(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	s := open(t, Options{bodies: allApart(), Logger: zap.New(core)})
	for i := range 3 { // whose names are taken
		must(t, os.Mkdir(bodylog.Name(s.path, int64(i+1)), 0o700))
		enqueue(t, s, large(i))
	}
	if n := s.bodies.Size(); n != 0 {
		t.Errorf("the log has %d octets", n)
	}
	if lines := logs.FilterMessageSnippet("no file for them can be written").All(); len(lines) != 1 {
		t.Errorf("%d lines in the log, want one", len(lines))
	}
	expectPayloads(t, s, 3)
}

// A file goes only when the deletion of its last message is on the disk.
func TestFilesGoAfterASync(t *testing.T) {
	s := open(t, Options{bodies: allApart()})
	s.bodiesStay.Store(true)
	enqueue(t, s, large(0))
	must(t, s.dropLeases(expectPayloads(t, s, 1)))
	h := holdSyncs(t, s)
	s.bodiesStay.Store(false)
	<-h.began
	if files := bodyFiles(t, s.path); len(files) != 1 {
		t.Errorf("before the sync there are %q", files)
	}
	h.free.Store(true)
	h.finish <- nil
	eventually(t, time.Minute, "the file is gone", func() bool { return len(bodyFiles(t, s.path)) == 0 })
}
