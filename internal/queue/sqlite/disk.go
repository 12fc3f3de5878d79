package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"hookaido/internal/queue"
)

// diskGuard keeps space on the disk for consumers: acknowledging needs some
// too. Below a floor of free space new messages are refused; a ballast file is
// given up when the disk is full all the same.
type diskGuard struct {
	dir, ballast string
	log          *zap.Logger
	floor        int64       // octets that must stay free
	reserve      int64       // size of the ballast, less than floor
	logLimit     int64       // size of the WAL, in octets, at which it is written back
	low          atomic.Bool // new messages are refused
}

const (
	kib = 1 << 10
	mib = 1 << 20
)

func newDiskGuard(path string, log *zap.Logger) (*diskGuard, error) {
	d := &diskGuard{dir: filepath.Dir(path), ballast: path + ".ballast", log: log}
	total, _, err := d.space()
	if err != nil {
		return nil, err
	}
	// a share of the disk, within sensible bounds
	d.floor = min(max(total/16, 512*kib), 64*mib)
	d.reserve = min(total/24, 16*mib)
	d.logLimit = min(max(total/48, 128*kib), 8*mib)
	return d, nil
}

// logRoom is the size of the WAL's file that is kept for good: the writer goes
// on while the log is written back.
func (d *diskGuard) logRoom() int64 { return d.logLimit + d.logLimit/2 }

// space returns the size of the file system and what is free for us.
func (d *diskGuard) space() (total, free int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(d.dir, &st); err != nil {
		return 0, 0, fmt.Errorf("ask for the free space of %s: %w", d.dir, err)
	}
	unit := int64(st.Bsize)
	return int64(st.Blocks) * unit, int64(st.Bavail) * unit, nil //nolint:gosec // disks are smaller
}

// space is what an open batch may still fill.
type space struct {
	known bool
	room  int64
}

// takeSpace refuses a message if it would eat into the floor. It counts twice,
// for the WAL and for the database, and so does what is in the WAL only.
func (w *writer) takeSpace(weight int) error {
	d := w.s.disk
	if !w.tx.space.known {
		_, free, err := d.space()
		if err != nil {
			return &queue.UnavailableError{Cause: err}
		}
		w.tx.space = space{true, free - d.floor - w.behind*pageSize}
	}
	need := 2 * int64(weight)
	low := w.tx.space.room < need
	if d.low.CompareAndSwap(!low, low) {
		d.report(low)
	}
	if low {
		return queue.ErrDiskFull
	}
	w.tx.space.room -= need
	return nil
}

func (d *diskGuard) report(low bool) {
	if low {
		d.log.Warn("too little free disk space: new messages are refused, consumers go on",
			zap.String("dir", d.dir), zap.Int64("floor_bytes", d.floor))
	} else {
		d.log.Info("there is free disk space again: new messages are accepted", zap.String("dir", d.dir))
	}
}

// spend gives the ballast up.
func (d *diskGuard) spend() {
	if err := os.Remove(d.ballast); err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.log.Error("can't give up the ballast file", zap.String("path", d.ballast), zap.Error(err))
	}
}

// restore lays the ballast down again when there is room for it.
func (d *diskGuard) restore() {
	if info, err := os.Lstat(d.ballast); err == nil && info.Size() >= d.reserve {
		return
	}
	if _, free, err := d.space(); err != nil || free < d.floor+2*d.reserve {
		return
	}
	if err := d.lay(); err != nil {
		d.log.Warn("can't keep a reserve of disk space", zap.String("path", d.ballast), zap.Error(err))
		d.spend()
	}
}

func (d *diskGuard) lay() error {
	f, err := os.OpenFile(d.ballast, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, filePerm)
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(f.Fd()), 0, 0, d.reserve)
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = fillZeros(f, 0, d.reserve)
	}
	return errors.Join(err, f.Close())
}

// fillZeros writes zeros from offset from up to to.
func fillZeros(f *os.File, from, to int64) error {
	zeros := make([]byte, min(to-from, mib))
	for from < to {
		n, err := f.WriteAt(zeros[:min(to-from, int64(len(zeros)))], from)
		if err != nil {
			return err
		}
		from += int64(n)
	}
	return nil
}

// DiskLow reports whether the last message was refused for want of disk space.
func (s *Store) DiskLow() bool { return s.disk.low.Load() }
