package sqlite

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

// childPath, in the environment, makes the test binary a process that works on
// the database it names, see child. With childSteps it only stores that many
// messages, one after the other.
const (
	childPath   = "QUEUE_TEST_CHILD"
	childSteps  = "QUEUE_TEST_STEPS"
	childBodies = "QUEUE_TEST_BODIES" // puts all bodies into body files at first
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		os.Exit(child(path))
	}
	os.Exit(m.Run())
}

// exitFailed is what a process leaves with when its store failed.
const exitFailed = 74

// child produces and consumes until it is killed or the store fails. It tells
// on stdout what it was promised: "+ID" when an enqueue returned, "?ID" before
// an ack, "-ID" when the ack returned, "!" when something was refused.
func child(path string) int {
	ctx := context.Background()
	o := Options{Path: path, Clock: clock.System{}}
	if os.Getenv(childBodies) != "" {
		o.bodies = allApart()
	}
	s, err := Open(ctx, o)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	say("ready")
	if steps, err := strconv.Atoi(os.Getenv(childSteps)); err == nil {
		produce(ctx, s, steps, say)
		return 0
	}
	for range 4 {
		go produce(ctx, s, math.MaxInt, say)
	}
	go consume(ctx, s, say)
	<-s.Failed()
	_, err = s.Enqueue(ctx, queue.Batch{Messages: []queue.NewMessage{message("/a", "late")}})
	say("failed %v; then %v; close %v", s.Err(), err, s.Close())
	return exitFailed
}

func produce(ctx context.Context, s *Store, n int, say func(string, ...any)) {
	for ; n > 0 && s.Err() == nil; n-- {
		m := message("/a", strings.Repeat("x", 1000))
		m.ReceivedAt = s.clock.Now()
		claim := queue.Claim{Until: m.ReceivedAt.Add(time.Hour)}
		_, _ = rand.Read(claim.Key[:]) // never fails
		copy(m.Payload, claim.Key[:])  // for check
		ids, err := s.Enqueue(ctx, queue.Batch{Messages: []queue.NewMessage{m}, Claims: []queue.Claim{claim}})
		if err != nil {
			say("! %v", err)
			continue
		}
		say("+%s", ids[0])
	}
}

func consume(ctx context.Context, s *Store, say func(string, ...any)) {
	for s.Err() == nil {
		got, err := s.Dequeue(ctx, queue.DequeueRequest{Route: "/a", Max: 3, TTL: time.Hour, Wait: time.Second})
		if err != nil || len(got) == 0 {
			continue
		}
		// the third lease stays out
		var ids []string
		for _, l := range got[:min(2, len(got))] {
			say("?%s", l.ID)
			ids = append(ids, l.LeaseID)
		}
		conflicts, err := s.Settle(ctx, queue.SettleRequest{LeaseIDs: ids, Action: queue.Ack})
		if err != nil || len(conflicts) > 0 {
			say("! %v %v", err, conflicts)
			continue
		}
		for _, l := range got[:len(ids)] {
			say("-%s", l.ID)
		}
	}
}

// ledger is what processes said.
type ledger struct {
	stored, acking, acked map[string]bool
	other                 []string
}

func newLedger() *ledger {
	return &ledger{map[string]bool{}, map[string]bool{}, map[string]bool{}, nil}
}

func (l *ledger) note(line string) {
	switch line[0] {
	case '+':
		l.stored[line[1:]] = true
	case '?':
		l.acking[line[1:]] = true
	case '-':
		l.acked[line[1:]] = true
	default:
		l.other = append(l.other, line)
	}
}

// check compares the ledger with the database.
func (l *ledger) check(t *testing.T, s *Store) {
	t.Helper()
	there := map[string]bool{}
	must(t, s.read(t.Context(), func(r *reader) error {
		st, err := r.c.prepare("SELECT seq FROM message")
		if err != nil {
			return err
		}
		defer r.c.drop(st)
		return st.each(func(v []driver.Value) error {
			there[messageID(s.tag, v[0].(int64))] = true
			return nil
		})
	}))
	l.checkClaims(t, s)
	for id := range l.stored {
		if !there[id] && !l.acking[id] {
			t.Errorf("%s was promised to be stored, and is lost", id)
		}
	}
	for id := range l.acked {
		if there[id] {
			t.Errorf("%s was promised to be gone, and is back", id)
		}
	}
	checkCounters(t, s)
}

// checkClaims makes sure that messages and their claims were committed together:
// no message without its claim, no claim whose message never was.
func (l *ledger) checkClaims(t *testing.T, s *Store) {
	t.Helper()
	there := 0
	must(t, s.read(t.Context(), func(r *reader) error {
		st, err := r.c.prepare("SELECT seq FROM body")
		if err != nil {
			return err
		}
		defer r.c.drop(st)
		return st.each(func(v []driver.Value) error {
			there++
			payload, _, err := r.payload(v[0].(int64))
			if err != nil {
				return err
			}
			if _, ok := s.w.claims.until[[16]byte(payload)]; !ok {
				t.Error("a message is there without its claim")
			}
			return nil
		})
	}))
	if n := len(s.w.claims.until); n < there || n > there+len(l.acking) {
		t.Errorf("%d claims, for %d messages and at most %d that were acked", n, there, len(l.acking))
	}
}

// read reads what a process says, until enough(line) or its end.
func (l *ledger) read(lines *bufio.Scanner, enough func(line string) bool) {
	for lines.Scan() {
		if line := lines.Text(); line != "" {
			l.note(line)
			if enough(line) {
				return
			}
		}
	}
}

func childCommand(t *testing.T, path string, wrap ...string) *exec.Cmd {
	t.Helper()
	args := append(wrap, os.Args[0]) //nolint:gocritic // a fresh slice each time
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), childPath+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

// C59 too: leases that are out stay out over a crash.
func TestKillLosesNothing(t *testing.T) {
	t.Run("bodies in the database", func(t *testing.T) { killLosesNothing(t, "") })
	t.Run("bodies in files", func(t *testing.T) { killLosesNothing(t, childBodies+"=1") })
}

func killLosesNothing(t *testing.T, env string) {
	path := dbPath(t)
	all := newLedger()
	for round := range 5 {
		cmd := childCommand(t, path)
		cmd.Env = append(cmd.Env, env)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		said := bufio.NewScanner(out) // one for both readings, since it reads ahead
		promised := 0
		all.read(said, func(line string) bool {
			if line[0] == '+' {
				promised++
			}
			return promised == 300*(round+1)
		})
		must(t, cmd.Process.Kill())
		all.read(said, func(string) bool { return false }) // what was said before the kill
		_ = cmd.Wait()                                     // it was killed
		s := open(t, Options{Path: path})
		all.check(t, s)
		st, err := s.Stats(t.Context())
		must(t, err)
		if st.ByState[queue.StateLeased] == 0 {
			t.Error("no lease survived")
		}
		must(t, s.Close())
	}
	t.Logf("%d stored, %d acked, refusals: %v", len(all.stored), len(all.acked), all.other)
}

// A real sync that fails, in a running process: nothing is promised after it,
// the process leaves, and the next one has all that was promised.
func TestFailedSync(t *testing.T) {
	t.Run("bodies in the database", func(t *testing.T) { failedSync(t, "") })
	t.Run("bodies in files", func(t *testing.T) { failedSync(t, childBodies+"=1") })
}

func failedSync(t *testing.T, env string) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("this test needs strace: install it")
	}
	path := dbPath(t)
	all := newLedger()
	cmd := childCommand(t, path, strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=fsync,fdatasync",
		"-e", "inject=fsync,fdatasync:error=EIO:when=60+")
	cmd.Env = append(cmd.Env, env)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	all.read(bufio.NewScanner(out), func(string) bool { return false })
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
		t.Fatalf("the process ended with %v, want exit code %d; it said %q", err, exitFailed, all.other)
	}
	// others may still speak after the one that saw the store fail
	last := all.other[slices.IndexFunc(all.other, func(line string) bool { return strings.HasPrefix(line, "failed") })]
	if !strings.Contains(strings.ToLower(last), "i/o error") && !strings.Contains(last, "input/output error") || !strings.Contains(last, "then the queue is unavailable") ||
		!strings.Contains(last, "close <nil>") {
		t.Errorf("the process said at last: %q", last)
	}
	if len(all.stored) == 0 {
		t.Fatal("nothing was stored before the fault")
	}
	s := open(t, Options{Path: path})
	all.check(t, s)
	t.Logf("%d stored, %d acked, %d lines more, the last: %s", len(all.stored), len(all.acked), len(all.other), last)
}

// Between the write of a message and its promise stands a sync of the WAL, and
// of its body's file.
func TestEveryPromiseIsSynced(t *testing.T) {
	t.Run("bodies in the database", func(t *testing.T) { everyPromiseIsSynced(t, "") })
	t.Run("bodies in files", func(t *testing.T) { everyPromiseIsSynced(t, childBodies+"=1") })
}

func everyPromiseIsSynced(t *testing.T, env string) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("this test needs strace: install it")
	}
	const steps = 50
	path, trace := dbPath(t), filepath.Join(t.TempDir(), "trace")
	cmd := childCommand(t, path, strace, "-f", "-qq", "-y", "-o", trace, "-e", "trace=write,pwrite64,fsync,fdatasync")
	cmd.Env = append(cmd.Env, env, fmt.Sprintf("%s=%d", childSteps, steps))
	must(t, cmd.Run())
	content, err := os.ReadFile(trace)
	must(t, err)
	if n := strings.Count(string(content), "fdatasync("); env != "" && len(bodySync.FindAll(content, -1)) < steps {
		t.Errorf("of %d syncs fewer than %d are of body files", n, steps)
	}
	if n := syncedPromises(t, string(content)); n != steps {
		t.Errorf("the trace has %d promises, want %d", n, steps)
	}
}

// frameWrite is SQLite writing a header or a frame to the WAL; the engine itself
// lays down zeros beside it, in larger pieces. bodyWrite is a payload.
var (
	frameWrite = regexp.MustCompile(`pwrite64\(\d+<[^>]*-wal>, .*, (24|32|4096), \d+\)`)
	bodyWrite  = regexp.MustCompile(`pwrite64\(\d+<[^>]*\.bodies-\d+>, `)
	bodySync   = regexp.MustCompile(`fdatasync\(\d+<[^>]*\.bodies-\d+>`)
)

// syncedPromises counts the promises in a trace of calls, and fails if one was
// made while something in the WAL or in a body file was not yet synced.
func syncedPromises(t *testing.T, trace string) int {
	t.Helper()
	promises, dirty, syncing := 0, map[string]bool{}, map[string]string{}
	for line := range strings.Lines(trace) {
		thread, done := strings.Fields(line)[0], strings.HasSuffix(strings.TrimSpace(line), "= 0")
		file := ""
		switch {
		case strings.Contains(line, "-wal>"):
			file = "wal"
		case strings.Contains(line, ".bodies-"):
			file = "bodies"
		}
		switch {
		case frameWrite.MatchString(line), bodyWrite.MatchString(line):
			dirty[file] = true
		case strings.Contains(line, "sync(") && file != "":
			syncing[thread] = file
			dirty[file] = dirty[file] && !done
		case strings.Contains(line, "sync resumed") && syncing[thread] != "" && done:
			dirty[syncing[thread]] = false
		case strings.Contains(line, "write(1<") && strings.Contains(line, `"+evt_`):
			promises++
			if dirty["wal"] || dirty["bodies"] {
				t.Errorf("a promise before the sync: %s", line)
			}
		}
	}
	return promises
}
