// Package backup makes copies of the queue's database while it is in use, and
// puts them back. A copy is whole and checked before it has its name, and for
// nobody else to read.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"hookaido/internal/queue"
	"hookaido/internal/queue/sqlite"
)

// filePerm is the mode of copies: messages hold personal data and tokens.
const filePerm = 0o600

// Options say what to copy where.
type Options struct {
	// Database is the path of the database, To that of the copy.
	Database, To string
	// Overwrite replaces a file at To.
	Overwrite bool
	// AllowNetworkFS lets Restore put the database on a network file system,
	// where it may be damaged.
	AllowNetworkFS bool
	// Progress is told the pages that are done and those that there are; it may
	// be nil.
	Progress func(done, total int)
}

// Copy describes a copy that was found good.
type Copy struct {
	// Bytes is the length of its file, Schema the version of its tables.
	Bytes  int64
	Schema int
	// ByState counts its messages by the names of their states, Messages all of
	// them, Attempts the records of deliveries.
	ByState  map[string]int
	Messages int
	Attempts int
	// Lost counts the messages whose bodies it lacks, see [sqlite.Content].
	Lost int
}

// PlaceError is a place that no copy can be made at. Nothing was tried.
type PlaceError struct{ path, problem string }

// Error implements error.
func (e *PlaceError) Error() string { return e.path + " " + e.problem }

const exists = "is there already: name another file, or give --force to replace it"

// Make copies a database as it is at one moment, checks the copy, syncs it to
// the disk and only then gives it its name. On an error there is no such file,
// or still the old one.
func Make(ctx context.Context, o Options) (Copy, error) {
	if err := o.check(); err != nil {
		return Copy{}, err
	}
	file, err := os.CreateTemp(filepath.Dir(o.To), "."+filepath.Base(o.To)+".*")
	if err != nil {
		return Copy{}, fmt.Errorf("make the copy: %w", err)
	}
	made, err := fill(ctx, o, file)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = name(file.Name(), o)
	}
	if removeErr := os.Remove(file.Name()); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
		err = errors.Join(err, removeErr)
	}
	return made, err
}

func (o *Options) check() error {
	source, err := os.Stat(o.Database)
	if err != nil {
		return fmt.Errorf("find the database, which --db names: %w", err)
	}
	target, err := os.Stat(o.To)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at the place of the copy: %w", err)
	case os.SameFile(source, target):
		return &PlaceError{o.To, "is the database itself"}
	case !target.Mode().IsRegular():
		return &PlaceError{o.To, "is not a regular file"}
	case !o.Overwrite:
		return &PlaceError{o.To, exists}
	}
	return nil
}

// fill makes the copy in file, which keeps its mode of 0600.
func fill(ctx context.Context, o Options, file *os.File) (Copy, error) {
	if err := file.Chmod(filePerm); err != nil {
		return Copy{}, fmt.Errorf("make the copy: %w", err)
	}
	if err := sqlite.Copy(ctx, o.Database, file.Name(), o.Progress); err != nil {
		return Copy{}, fmt.Errorf("copy %s: %w", o.Database, err)
	}
	if err := file.Sync(); err != nil {
		return Copy{}, fmt.Errorf("sync the copy: %w", err)
	}
	return Check(ctx, file.Name(), false)
}

// name gives the finished copy its name.
func name(made string, o Options) error {
	place := os.Rename
	if !o.Overwrite {
		place = sparing(renameSparing, os.Link, renameUnseen)
	}
	if err := place(made, o.To); errors.Is(err, fs.ErrExist) {
		return &PlaceError{o.To, exists}
	} else if err != nil {
		return fmt.Errorf("name the copy: %w", err)
	}
	folder, err := os.Open(filepath.Dir(o.To))
	if err != nil {
		return fmt.Errorf("sync the folder of the copy: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("sync the folder of the copy: %w", err)
	}
	return nil
}

// sparing renames in the first of several ways that the file system knows. None
// of them may replace a file.
func sparing(ways ...func(from, to string) error) func(from, to string) error {
	return func(from, to string) (err error) {
		for _, way := range ways {
			if err = way(from, to); err == nil || errors.Is(err, fs.ErrExist) {
				return err
			}
		}
		return err
	}
}

// renameSparing renames unless there is a file, in one step.
func renameSparing(from, to string) error {
	return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
}

// renameUnseen renames if no file is seen, where the file system has nothing
// better.
func renameUnseen(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrExist
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(from, to)
}

// Check looks through a copy without changing anything, thoroughly or in the
// time that reading it takes.
func Check(ctx context.Context, path string, thorough bool) (Copy, error) {
	content, err := sqlite.Inspect(ctx, path, thorough)
	if err != nil {
		return Copy{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return Copy{}, err
	}
	c := Copy{Bytes: info.Size(), Schema: content.Schema, ByState: map[string]int{}, Attempts: content.Attempts, Lost: content.Lost}
	for _, state := range queue.States() {
		c.ByState[state.String()] = content.ByState[state]
		c.Messages += content.ByState[state]
	}
	return c, nil
}

// Restore puts a copy, once it is found good, in the place of the database,
// which must not be in use. The database that was there is kept under the name
// that is returned, empty if there was none.
func Restore(ctx context.Context, copied string, o Options) (Copy, string, error) {
	good, err := Check(ctx, copied, true)
	if err != nil {
		return Copy{}, "", err
	}
	kept, err := sqlite.Restore(ctx, copied, o.place(), o.Progress)
	if err != nil {
		return Copy{}, kept, fmt.Errorf("restore %s: %w", o.Database, err)
	}
	return good, kept, nil
}

// place is where Restore puts a database.
func (o *Options) place() sqlite.Options {
	return sqlite.Options{Path: o.Database, AllowNetworkFS: o.AllowNetworkFS}
}
