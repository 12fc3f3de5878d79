// Package sqlite is the durable queue engine for one host: a SQLite database
// in WAL mode, synchronised before every answer that promises something.
//
// All changes go through one write connection. Callers put operations into a
// list; whoever finds the connection free takes all that wait, runs them in one
// transaction, commits once and answers each (writer.go). So the number of
// syncs stays flat while the load grows. An operation that is refused fails
// alone, because it decides before it writes; a commit that fails fails the
// whole batch.
//
// A message is a narrow row in the table message and a wide one in body. The
// writer touches bodies only to insert and delete them; consumers read them
// through a small pool of read-only connections after their lease is committed
// (read.go). Counters, claims, lanes and hints live in memory beside the
// database and change only with a successful commit.
//
// A burst of large payloads goes to a log of bodies beside the database (package
// bodylog): SQLite would write each twice and all in one line. Their rows say
// where they are (bodies.go), and the keeper moves them into the database when
// the burst is over (bodymove.go).
//
// SQLite commits without a sync; the WAL is synced beside it before whoever was
// promised something is answered (sync.go). Meanwhile the write connection is
// free for what promises nothing, leases above all: after a power cut those
// messages are queued again, which at-least-once allows. So a consumer may have
// a message before its sender has the answer.
//
// When a sync fails, nothing can be said about what is on the disk any more.
// The store then refuses everything and closes [Store.Failed]; the process is
// expected to leave and to be started again on the recovered database.
package sqlite

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
	"hookaido/internal/queue/bodylog"
)

// Options configure [Open]. Path and Clock must be set.
type Options struct {
	// Path is the database file. Beside it the engine keeps PATH-wal, PATH-shm,
	// PATH.lock, PATH.state, PATH.ballast and, for a while after a burst of large
	// bodies, PATH.bodies-1 and so on.
	Path   string
	Clock  clock.Clock
	Limits queue.Limits
	// Logger gets steps of the clock, damage, disk trouble; nil discards.
	Logger *zap.Logger
	// Notify is told what a long start is doing, for systemd's
	// EXTEND_TIMEOUT_USEC; nil discards.
	Notify func(progress string)
	// Metrics gets the figures of the engine; nil keeps them to ourselves.
	Metrics prometheus.Registerer
	// AllowNetworkFS permits a database on NFS, SMB and the like, where SQLite's
	// shared memory is not safe.
	AllowNetworkFS bool
	// CheckTime bounds the check of the database after an unclean stop; 0 means
	// [DefaultCheckTime].
	CheckTime time.Duration

	// bodies replaces the rules for large payloads, in tests.
	bodies *bodyRules
}

// DefaultCheckTime is the value of [Options.CheckTime] when it is not set.
const DefaultCheckTime = 2 * time.Second

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Notify == nil {
		o.Notify = func(string) {}
	}
	if o.CheckTime == 0 {
		o.CheckTime = DefaultCheckTime
	}
	return o
}

// Store is an open queue. It is safe for concurrent use.
type Store struct {
	path  string
	clock clock.Clock
	log   *zap.Logger
	// ctx has the values of Open's context and never ends: a commit is not
	// given up half-way.
	ctx    context.Context
	limits atomic.Pointer[queue.Limits]
	// retention is never nil
	retention atomic.Pointer[queue.Retention]
	prunes    chan struct{} // asks for a round of pruning

	lock    *os.File // PATH.lock, which names us
	held    *os.File // the database itself, held under a lock too
	walFile *logFile
	files   *fileSet
	marker  marker
	disk    *diskGuard
	metrics *metrics
	readers *readPool
	tag     uint64

	bodies   *bodylog.Log
	rules    bodyRules
	arriving atomic.Int64 // octets of large payloads in calls of Enqueue
	// bodiesWarned is the monotonic time of the last warning that the log can't be
	// used, bodiesStay keeps its payloads where they are, for tests.
	bodiesWarned atomic.Int64
	bodiesStay   atomic.Bool
	full         atomic.Bool // the last message was refused for the depth limit

	w        *writer // owned by whoever is busy, see gate
	gate     gate
	lastSync atomic.Int64 // monotonic time of the last synced commit
	timer    clock.Timer
	keeper   *keeper
	copying  sync.Mutex // held during a checkpoint

	failed    chan struct{}
	failOnce  sync.Once
	failure   error // set before failed is closed
	stop      chan struct{}
	loops     sync.WaitGroup
	closeOnce sync.Once
	closeErr  error
}

// SetLimits replaces the depth limit and the drop policy. It takes effect with
// the next message.
func (s *Store) SetLimits(l queue.Limits) { s.limits.Store(&l) }

// Failed returns a channel that is closed when the store can't go on: a sync
// failed, or the files are not the ones that were opened. The process must
// leave (exit code 74); nothing of the store works any more.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Err returns why [Store.Failed] is closed, or nil.
func (s *Store) Err() error {
	select {
	case <-s.failed:
		return s.failure
	default:
		return nil
	}
}

// fail gives the store up.
func (s *Store) fail(err error) {
	s.failOnce.Do(func() {
		s.failure = err
		close(s.failed)
		s.log.Error("the queue database failed; leaving is the only way on", zap.String("path", s.path), zap.Error(err))
	})
}

// Close ends all operations with [queue.ErrClosed], writes the log back into
// the database and releases the files. After a failure it only releases the
// lock: SQLite would sync once more, and a sync that succeeds after one that
// failed proves nothing. Close may be called more than once.
func (s *Store) Close() error {
	s.closeOnce.Do(func() { s.closeErr = s.shut() })
	return s.closeErr
}
