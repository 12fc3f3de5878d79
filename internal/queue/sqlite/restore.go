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

	"go.uber.org/zap"
)

// replaced is what the name of a database ends with that a copy took the place
// of.
const replaced = ".replaced"

// Restore puts a copy in the place of the database at path, which no process
// may have open. What was there stays beside it, under the name that is
// returned; it is empty if nothing was. The copy itself is left as it is. A
// refusal is an [*OpenError].
//
// Leases in the copy have ended, because those who held them have long gone on.
// New messages get ids that the lost database can't have given out.
func Restore(ctx context.Context, from, path string, progress func(done, total int)) (kept string, err error) {
	path = behindLink(path)
	if err := preparePlace(Options{Path: path, Logger: zap.NewNop()}); err != nil {
		return "", err
	}
	lock, err := takeLock(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	fresh := path + ".new"
	defer func() {
		if removeErr := os.Remove(fresh); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}()
	m, err := makeSuccessor(ctx, from, fresh, progress)
	if err != nil {
		return "", err
	}
	m.path = path + ".state"
	if kept, err = setAside(path); err != nil {
		return kept, err
	}
	if err := os.Rename(fresh, path); err != nil {
		return kept, err
	}
	if err := m.write(true); err != nil {
		return kept, err
	}
	return kept, handOver(path)
}

// makeSuccessor makes a database of a copy, at fresh.
func makeSuccessor(ctx context.Context, from, fresh string, progress func(done, total int)) (m marker, err error) {
	file, err := os.OpenFile(fresh, os.O_RDWR|os.O_CREATE|os.O_TRUNC, filePerm)
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
	return m, file.Sync()
}

// seqStep is the least by which the numbers of messages jump. There is room for
// a thousand jumps.
const seqStep = 1 << 28

// detach ends the ties of a copy to the life that its original went on to have.
func detach(c *conn) error {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	jump := seqStep + int64(binary.NativeEndian.Uint32(random[:])%seqStep)
	return c.exec(fmt.Sprintf("BEGIN; UPDATE message SET due = 0 WHERE state = 1; "+
		"UPDATE meta SET next_seq = next_seq + %d; COMMIT", jump))
}

// setAside gives the database at path another name, with the log that belongs to
// it. An earlier one of that name is lost.
func setAside(path string) (kept string, err error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return "", errors.Join(removeIfThere(path+"-wal"), removeIfThere(path+"-shm"))
	}
	if err := errors.Join(removeIfThere(path+replaced+"-wal"), removeIfThere(path+replaced+"-shm"), removeIfThere(path+"-shm")); err != nil {
		return "", err
	}
	if err := os.Rename(path, path+replaced); err != nil {
		return "", err
	}
	if err := os.Rename(path+"-wal", path+replaced+"-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return path + replaced, err
	}
	return path + replaced, nil
}

func removeIfThere(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// handOver gives the files to whom the folder belongs, because it is mostly root
// who restores and not the service.
func handOver(path string) error {
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	for _, suffix := range suffixes {
		if err := os.Lchown(path+suffix, int(st.Uid), int(st.Gid)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
