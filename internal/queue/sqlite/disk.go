package sqlite

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"hookaido/internal/queue"
)

// diskGuard keeps space on the disk for consumers: acknowledging needs some
// too. Below a floor of free space new messages are refused; a ballast file is
// given up when the disk is full all the same.
type diskGuard struct {
	dir, ballast string
	total        int64 // size of the file system, in octets
	log          *zap.Logger
	floor        int64       // octets that must stay free
	reserve      int64       // size of the ballast, less than floor
	logLimit     int64       // size of the WAL, in octets, at which it is written back
	low          atomic.Bool // new messages are refused
	refused      atomic.Bool // one was, since the keeper last looked
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
	d.total = total
	// a share of the disk, within sensible bounds
	d.logLimit = min(max(total/64, 128*kib), 32*mib)
	d.reserve = 3 * d.logLimit // the database may have to grow by what is in the WAL
	d.floor = max(min(total/12, 64*mib), d.reserve)
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
// for the WAL and for the database, and what the database has yet to grow.
func (w *writer) takeSpace(weight int) (refusal, err error) {
	if !w.tx.space.known {
		room, err := w.findRoom()
		if err != nil {
			return nil, err
		}
		w.tx.space = space{true, room}
	}
	need := 2 * int64(weight)
	if w.s.disk.judge(w.tx.space.room) || w.tx.space.room < need {
		w.s.disk.refused.Store(true)
		return queue.ErrDiskFull, nil
	}
	w.tx.space.room -= need
	w.room.octets -= need
	return nil, nil
}

// judge decides by the room above the floor whether the disk counts as full.
// It goes by the room alone and wants more of it to change its mind, so that
// no mix of large and small messages makes it waver.
func (d *diskGuard) judge(room int64) (low bool) {
	low = d.low.Load()
	switch margin := d.logLimit / 2; {
	case !low && room < margin:
		low = true
	case low && room > 2*margin:
		low = false
	default:
		return low
	}
	d.low.Store(low)
	d.report(low)
	return low
}

// makeRoom gives the ballast up at once if the disk is full when the store is
// opened, which takes some space too.
func (d *diskGuard) makeRoom() error {
	_, free, err := d.space()
	if err != nil || free >= d.reserve {
		return err
	}
	d.spend()
	d.low.Store(true)
	d.report(true)
	return nil
}

const (
	// plentyRoom is the room from which on a reading of the free space holds for
	// a while.
	plentyRoom  = 1 << 30
	readingTime = 100 * time.Millisecond
)

// roomReading is a reading of the free space above the floor, less what was
// written since.
type roomReading struct {
	octets int64
	until  time.Duration // monotonic time
}

// findRoom returns how much may be written before the floor is reached.
func (w *writer) findRoom() (int64, error) {
	now := w.s.clock.Monotonic()
	if w.room.octets > plentyRoom && now < w.room.until {
		return w.room.octets, nil
	}
	_, free, err := w.s.disk.space()
	if err != nil {
		return 0, gone(err)
	}
	room := free - w.s.disk.floor
	w.room = roomReading{room, now + readingTime}
	if room > 2*maxBatchWeight+w.behind*pageSize {
		return room, nil // more than enough, whatever the log still holds
	}
	if err := w.open(); err != nil {
		return 0, err
	}
	pages := int64(0)
	err = w.sql.pages.each(func(v []driver.Value) error { pages = v[0].(int64); return nil })
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(w.s.path)
	if err != nil {
		return 0, gone(err)
	}
	return room - max(0, pages*pageSize-info.Size()), nil
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
	zeros := make([]byte, min(to-from, 64*kib))
	for from < to {
		n, err := f.WriteAt(zeros[:min(to-from, int64(len(zeros)))], from)
		if err != nil {
			return err
		}
		from += int64(n)
	}
	return nil
}
