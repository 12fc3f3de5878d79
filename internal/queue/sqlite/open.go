package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mattn/go-sqlite3"
	"go.uber.org/zap"

	"hookaido/internal/queue"
)

// Open opens the queue at o.Path, making it if there never was one. A refusal
// is an [*OpenError].
func Open(ctx context.Context, o Options) (*Store, error) {
	o = o.withDefaults()
	o.Path = behindLink(o.Path)
	if err := preparePlace(o); err != nil {
		return nil, err
	}
	lock, err := takeLock(o.Path)
	if err != nil {
		return nil, err
	}
	s := &Store{
		path: o.Path, clock: o.Clock, log: o.Logger, ctx: context.WithoutCancel(ctx), lock: lock, metrics: newMetrics(),
		failed: make(chan struct{}), stop: make(chan struct{}), prunes: make(chan struct{}, 1),
	}
	s.retention.Store(&queue.Retention{AttemptRows: maxAttempts})
	s.SetLimits(o.Limits)
	s.gate.init()
	if err := s.open(ctx, o); err != nil {
		return nil, errors.Join(explain(o.Path, err), s.unwind())
	}
	if err := s.metrics.register(s, o.Metrics); err != nil {
		return nil, errors.Join(err, s.unwind())
	}
	s.start()
	return s, nil
}

// behindLink returns where a link leads, because SQLite keeps the other files
// there. A link that leads nowhere is refused later.
func behindLink(path string) string {
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			return target
		}
	}
	return path
}

func (s *Store) open(ctx context.Context, o Options) error {
	found, err := examine(o)
	if err != nil {
		return err
	}
	s.marker = found.marker
	if s.disk, err = newDiskGuard(o.Path, o.Logger); err != nil {
		return err
	}
	if err := s.disk.makeRoom(); err != nil {
		return err
	}
	if s.rules = s.disk.bodyRules(); o.bodies != nil {
		s.rules = *o.bodies
	}
	s.w = &writer{s: s, wakeAt: never, nextEnd: -never}
	if s.w.c, err = connect(s.ctx, o.Path, readWrite); err != nil {
		return err
	}
	if err := s.w.prepare(o); err != nil {
		return err
	}
	if s.held, err = holdDatabase(o.Path); err != nil {
		return err
	}
	if found.marker.known && !found.marker.clean {
		if err := s.w.quickCheck(ctx, o); err != nil {
			return err
		}
	}
	if err := s.w.load(); err != nil {
		return err
	}
	if err := s.openBodies(s.w.c); err != nil {
		return err
	}
	if s.readers, err = openReaders(s.ctx, o.Path, s.bodies); err != nil {
		return err
	}
	if s.keeper, err = newKeeper(s); err != nil {
		return err
	}
	return s.sign(found)
}

// sign marks the database as in use.
func (s *Store) sign(found findings) error {
	if old := found.marker.identity; found.marker.known && old != s.marker.identity {
		s.log.Warn("the database is not the one that was here before", zap.String("path", s.path))
	}
	if err := s.w.sql.counted.run(int64(0)); err != nil {
		return err
	}
	var err error
	if s.walFile, err = openLogFile(s.path); err != nil {
		return err
	}
	if s.files, err = rememberFiles(s.path); err != nil {
		return err
	}
	return s.marker.write(false)
}

// start sets the goroutines going.
func (s *Store) start() {
	s.timer = s.clock.NewTimer(untilWait(0, never))
	s.timer.Stop()
	s.disk.restore() // the reserve must be there before the first message
	s.loops.Add(2 + workers)
	for range workers {
		go s.work()
	}
	go s.prune()
	go s.keeper.run()
}

// persistWAL is SQLITE_FCNTL_PERSIST_WAL: keep the file of the WAL on close, so
// that one that is missing was taken away by someone.
const persistWAL = 10

// prepare sets the connection up and brings the database into shape.
func (w *writer) prepare(o Options) error {
	for _, sql := range []string{
		fmt.Sprintf("PRAGMA page_size = %d", pageSize),
		"PRAGMA auto_vacuum = INCREMENTAL", // both have effect on a new database only
		"PRAGMA temp_store = MEMORY",
		"PRAGMA cache_size = -8192",
		"PRAGMA wal_autocheckpoint = 0", // the keeper does it
	} {
		if err := w.c.exec(sql); err != nil {
			return err
		}
	}
	if mode, err := w.c.value("PRAGMA journal_mode = WAL"); err != nil || mode != "wal" {
		return errors.Join(fmt.Errorf("the journal mode is %v, not wal", mode), err)
	}
	if err := w.c.c.SetFileControlInt("main", persistWAL, 1); err != nil {
		return err
	}
	if err := w.synchronous(2); err != nil { // FULL
		return err
	}
	if err := migrate(w.c, o); err != nil {
		return err
	}
	// rewrites pages too of which an earlier life could not sync the writing
	if err := w.c.exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return fmt.Errorf("write the log back: %w", err)
	}
	if err := w.checkLength(); err != nil {
		return err
	}
	if err := w.synchronous(1); err != nil { // NORMAL: promises are synced beside SQLite, see logFile
		return err
	}
	if err := w.sql.prepare(w.c); err != nil {
		return &OpenError{OpenForeign, o.Path, "its tables are not as they should be",
			"restore the database from a backup", err}
	}
	return nil
}

// synchronous sets how SQLite syncs, and makes sure of it.
func (w *writer) synchronous(level int64) error {
	if err := w.c.exec(fmt.Sprintf("PRAGMA synchronous = %d", level)); err != nil {
		return err
	}
	if got, err := w.c.integer("PRAGMA synchronous"); err != nil || got != level {
		return errors.Join(fmt.Errorf("synchronous is %d, not %d", got, level), err)
	}
	return nil
}

// checkLength compares the file with what its header says.
func (w *writer) checkLength() error {
	pages, err := w.c.integer("PRAGMA page_count")
	if err != nil {
		return err
	}
	size, err := w.c.integer("PRAGMA page_size")
	if err != nil {
		return err
	}
	info, err := os.Stat(w.s.path)
	if err == nil && info.Size() < pages*size {
		err = &OpenError{OpenDamaged, w.s.path, fmt.Sprintf("it is cut: %d octets of %d are there", info.Size(), pages*size),
			"restore it from a backup", nil}
	}
	return err
}

// quickCheck looks for damage after an unclean stop, for a bounded time.
func (w *writer) quickCheck(ctx context.Context, o Options) error {
	o.Notify("checking the queue database after an unclean stop")
	ctx, cancel := context.WithTimeout(ctx, o.CheckTime)
	defer cancel()
	rows, err := w.c.c.QueryContext(ctx, "PRAGMA quick_check(1)", nil)
	result := []driver.Value{nil}
	if err == nil {
		err = errors.Join(rows.Next(result), rows.Close())
	}
	switch {
	case ctx.Err() != nil:
		o.Logger.Info("the check of the queue database was not finished in its time", zap.Duration("limit", o.CheckTime))
		return nil
	case err != nil:
		return err
	case result[0] != "ok":
		return &OpenError{OpenDamaged, o.Path, fmt.Sprintf("it is damaged: %v", result[0]), "restore it from a backup", nil}
	}
	return nil
}

// load reads what is kept in memory.
func (w *writer) load() error {
	st, err := w.c.prepare("SELECT tag, next_seq, counted FROM meta")
	if err != nil {
		return err
	}
	counted := false
	err = st.each(func(v []driver.Value) error {
		counted = v[2] == int64(1)
		w.s.tag, w.nextSeq = uint64(v[0].(int64)), v[1].(int64) //nolint:gosec // 24 bits
		return nil
	})
	w.c.drop(st)
	if err == nil && w.nextSeq == 0 {
		err = errors.New("the table meta is empty")
	}
	if err != nil {
		return err
	}
	w.mark = w.nextSeq
	if w.lastAttempt, err = w.c.integer(sqlLastAttempt); err != nil {
		return err
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	w.salt = int64(binary.NativeEndian.Uint64(random[:]) & saltMask)
	w.now, w.offset = readClock(w.s.clock)
	if err := w.c.exec(sqlFileRest); err != nil {
		return err
	}
	if err := w.loadLanes(counted); err != nil {
		return err
	}
	if err := w.loadPauses(); err != nil {
		return err
	}
	return w.loadClaims()
}

// explain makes an OpenError of what SQLite and the system say.
func explain(path string, err error) error {
	var refusal *OpenError
	if errors.As(err, &refusal) {
		return err
	}
	e := &OpenError{OpenIO, path, "it can't be opened", "look at the disk and at the rights of the files", err}
	var lite sqlite3.Error
	switch {
	case errors.Is(err, fs.ErrPermission):
		e.Kind = OpenPlace
	case !errors.As(err, &lite):
	case lite.Code == sqlite3.ErrCorrupt || lite.Code == sqlite3.ErrNotADB:
		e.Kind, e.Problem, e.Hint = OpenDamaged, "it is damaged", "restore it from a backup"
	case lite.Code == sqlite3.ErrBusy:
		e.Kind, e.Problem, e.Hint = OpenLocked, "another program holds a lock on it", "end that program"
	case lite.Code == sqlite3.ErrReadonly:
		e.Kind, e.Problem, e.Hint = OpenPlace, "it is not writable", "let the user of the service write to it"
	}
	return e
}
