package sqlite

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/mattn/go-sqlite3"

	"hookaido/internal/queue"
)

// OpenKind is the class of an [OpenError].
type OpenKind uint8

// The kinds of [OpenError].
const (
	OpenIO      OpenKind = iota + 1 // the disk or file system refuses
	OpenDamaged                     // the file is not whole
	OpenLocked                      // another process has it
	OpenForeign                     // not a queue database, or not of this version
	OpenLost                        // a queue was here and is gone
	OpenPlace                       // the path can't hold a database
)

// OpenError is the refusal to open a database. Its text names the path and says
// what to do.
type OpenError struct {
	Kind OpenKind
	Path string
	// Problem says what is wrong, Hint what to do.
	Problem, Hint string
	Cause         error // may be nil
}

// Error implements error.
func (e *OpenError) Error() string {
	text := fmt.Sprintf("queue database %s: %s", e.Path, e.Problem)
	if e.Cause != nil {
		text += fmt.Sprintf(" (%v)", e.Cause)
	}
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Unwrap returns the cause.
func (e *OpenError) Unwrap() error { return e.Cause }

// fault is what an error of SQLite means for the store.
type fault uint8

const (
	faultOther fault = iota // the batch fails, the next may succeed
	faultFull               // no space; consumers must go on
	faultFatal              // what is on the disk is uncertain
)

// errSync means that what was committed may not be on the disk.
var errSync = errors.New("the write-ahead log can't be synced")

// classify sorts the errors of a transaction.
func classify(err error) fault {
	var e sqlite3.Error
	if errors.Is(err, errReplaced) || errors.Is(err, errSync) {
		return faultFatal
	}
	if !errors.As(err, &e) {
		return faultOther
	}
	switch e.Code {
	case sqlite3.ErrFull:
		return faultFull
	case sqlite3.ErrIoErr:
		// the shared memory can't grow, or a quota is exhausted: the same as a
		// full disk; a sync that fails is never that harmless
		noSpace := e.SystemErrno == syscall.ENOSPC || e.SystemErrno == syscall.EDQUOT
		if e.ExtendedCode == sqlite3.ErrIoErrSHMSize || noSpace && e.ExtendedCode == sqlite3.ErrIoErrWrite {
			return faultFull
		}
		return faultFatal
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB, sqlite3.ErrReadonly, sqlite3.ErrCantOpen:
		return faultFatal
	}
	return faultOther
}

// unavailable is what callers get for an error of the database. One that leaves
// the disk uncertain ends the store.
func (s *Store) unavailable(err error) error {
	if classify(err) == faultFatal {
		s.fail(err)
	}
	return &queue.UnavailableError{Cause: err}
}
