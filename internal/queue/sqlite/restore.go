package sqlite

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"hookaido/internal/queue/bodylog"
)

// replaced is what the name of a database ends with that a copy took the place
// of.
const replaced = ".replaced"

// Restore puts a copy in the place of the database at o.Path, which no process
// may have open. What was there stays beside it, under the name that is
// returned; it is empty if nothing was. The copy itself is left as it is. A
// refusal is an [*OpenError].
//
// Leases in the copy have ended, because those who held them have long gone on.
// New messages get ids that the lost database can't have given out.
func Restore(ctx context.Context, from string, o Options, progress func(done, total int)) (kept string, err error) {
	o = o.withDefaults()
	o.Path = behindLink(o.Path)
	if err := preparePlace(o); err != nil {
		return "", err
	}
	lock, err := takeLock(o.Path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if kept, err = keptBefore(o.Path); err != nil {
		return "", err
	}
	// nobody can have put a link where this will be
	fresh := o.Path + ".new-" + rand.Text()
	defer func() { err = errors.Join(err, removeIfThere(fresh)) }()
	m, err := makeSuccessor(ctx, from, fresh, progress)
	if err != nil {
		return "", err
	}
	m.path, m.finish = o.Path+".state", handOver
	aside, err := setAside(o.Path)
	if aside != "" {
		kept = aside
	}
	if err != nil {
		return kept, err
	}
	if err := os.Rename(fresh, o.Path); err != nil {
		return kept, err
	}
	return kept, errors.Join(m.write(true), handOver(lock))
}

// makeSuccessor makes a database of a copy, at fresh, where nothing may be.
func makeSuccessor(ctx context.Context, from, fresh string, progress func(done, total int)) (m marker, err error) {
	file, err := os.OpenFile(fresh, os.O_RDWR|os.O_CREATE|os.O_EXCL, filePerm)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := file.Chmod(filePerm); err != nil {
		return m, err
	}
	if err := Copy(ctx, from, fresh, progress); err != nil {
		return m, err
	}
	c, err := connect(ctx, fresh, readWrite)
	if err != nil {
		return m, err
	}
	err = detach(c)
	if err == nil {
		var identity any
		identity, err = c.value("SELECT identity FROM meta")
		m.identity, _ = identity.(string)
	}
	if err = errors.Join(err, c.close()); err != nil {
		return m, fmt.Errorf("make a database of the copy: %w", err)
	}
	return m, errors.Join(handOver(file), file.Sync())
}

// seqStep is the least by which the numbers of messages jump. There is room for
// a thousand jumps.
const seqStep = 1 << 28

// detach ends the ties of a copy to the life that its original went on to have.
func detach(c *conn) error {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	jump := seqStep + int64(binary.NativeEndian.Uint32(random[:])%seqStep)
	// a journal beside the database would be one more name in the folder
	return c.exec(fmt.Sprintf("PRAGMA journal_mode = MEMORY; BEGIN; UPDATE message SET due = 0 WHERE state = 1; "+
		"UPDATE meta SET next_seq = next_seq + %d; COMMIT", jump))
}

// keptBefore looks for what an earlier restore left, before anything is done. It
// returns the name of the database that one which did not come to its end has
// set aside, and brings that one its log.
func keptBefore(path string) (string, error) {
	there, err := isThere(path + replaced)
	if err != nil || !there {
		return "", err
	}
	if inPlace, err := isThere(path); err != nil {
		return "", err
	} else if inPlace {
		return "", &OpenError{OpenPlace, path, "an earlier restore left what it replaced in " + path + replaced,
			"remove that file, or give it another name", nil}
	}
	// a log that is there already says that this one belongs to something else
	if complete, err := isThere(path + replaced + "-wal"); err != nil || complete {
		return path + replaced, err
	}
	return path + replaced, setAsideRest(path)
}

// setAside gives the database at path another name, which must be free, with the
// log that belongs to it. The name is empty if there is no database.
func setAside(path string) (kept string, err error) {
	if there, err := isThere(path); err != nil {
		return "", err
	} else if !there {
		return "", errors.Join(removeIfThere(path+"-wal"), removeIfThere(path+"-shm"))
	}
	if err := errors.Join(removeIfThere(path+replaced+"-wal"), removeIfThere(path+replaced+"-shm"), removeIfThere(path+"-shm")); err != nil {
		return "", err
	}
	if err := os.Rename(path, path+replaced); err != nil {
		return "", err
	}
	return path + replaced, setAsideRest(path)
}

// setAsideRest gives the other files of a database that was set aside their
// names: the log last, which so is the sign that all have them.
func setAsideRest(path string) error {
	if err := bodylog.Rename(path, path+replaced); err != nil {
		return err
	}
	err := os.Rename(path+"-wal", path+replaced+"-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// isThere reports whether there is anything of a name, a link included.
func isThere(name string) (bool, error) {
	_, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func removeIfThere(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// handOver gives a file to whom its folder belongs, because it is mostly root
// who restores and not the service.
func handOver(f *os.File) error {
	info, err := os.Stat(filepath.Dir(f.Name()))
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return f.Chown(int(st.Uid), int(st.Gid))
}
