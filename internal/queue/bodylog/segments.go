package bodylog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// infix stands between the name of the database and the number of a segment.
const infix = ".bodies-"

// Name returns the path of a segment of the database at path.
func Name(path string, number int64) string { return path + infix + strconv.FormatInt(number, 10) }

// Number returns the number of the segment with this name, of a database whose
// name is base; 0 if it is no such name.
func Number(base, name string) int64 {
	digits, found := strings.CutPrefix(name, base+infix)
	n, err := strconv.ParseInt(digits, 10, 64)
	if !found || err != nil || n < 1 || strconv.FormatInt(n, 10) != digits {
		return 0
	}
	return n
}

// Numbers returns the numbers of the segments of the database at path, in
// ascending order, going by the names alone.
func Numbers(path string) ([]int64, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var numbers []int64
	for _, e := range entries {
		if n := Number(filepath.Base(path), e.Name()); n > 0 {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// Rename gives the segments of the database at path the names that they need
// when it is called to. What has such a name already is replaced.
func Rename(path, to string) error {
	numbers, err := Numbers(path)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if err := os.Rename(Name(path, n), Name(to, n)); err != nil {
			return err
		}
	}
	return nil
}

// header begins every segment; the rest of its block is empty.
func (o Options) header() string { return "hookaido bodies 1 " + o.Identity + "\n" }

func createSegment(o Options, number int64) (*os.File, error) {
	name := Name(o.Path, number)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, filePerm)
	if err != nil {
		return nil, fmt.Errorf("begin a file of large bodies: %w", err)
	}
	err = f.Chmod(filePerm) // whatever the umask
	if err == nil {
		_, err = f.WriteAt([]byte(o.header()), 0)
	}
	if err == nil {
		err = f.Truncate(blockSize)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncFolder(name)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("begin %s: %w", name, err), f.Close(), os.Remove(name))
	}
	return f, nil
}

// openSegment opens a segment to read. It fails with [ErrLost] if there is no
// regular file of that name that belongs to the database.
func openSegment(o Options, number int64) (*os.File, error) {
	name := Name(o.Path, number)
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENXIO):
		return nil, fmt.Errorf("%w: %w", ErrLost, err)
	case err != nil:
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	head := make([]byte, len(o.header()))
	if info.Mode().IsRegular() {
		_, err = f.ReadAt(head, 0)
	}
	if err != nil || string(head) != o.header() {
		return nil, errors.Join(fmt.Errorf("%w: %s is not of this database", ErrLost, name), f.Close())
	}
	return f, nil
}

// removeUnbegun removes a file that a crash left before it got its header, and
// so before any payload.
func removeUnbegun(name string) bool {
	info, err := os.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > blockSize {
		return false
	}
	content, err := os.ReadFile(name) //nolint:gosec // a name of ours, and no link
	if err != nil || bytes.Count(content, []byte{0}) != len(content) {
		return false
	}
	return os.Remove(name) == nil
}

// Size returns the octets of all segments.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size
}

// Appends returns how often something was appended, so that its user sees
// whether the log rests.
func (l *Log) Appends() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.appends
}

// Settled returns the numbers of the segments that get nothing any more and of
// which every append is released, oldest first. With seal the active segment,
// if nobody uses it, ends here too.
func (l *Log) Settled(seal bool) []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seal && l.active != nil && l.active.users == 0 {
		l.active = nil
	}
	var numbers []int64
	for n, g := range l.segments {
		if g != l.active && g.users == 0 {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// Drop removes a segment that [Log.Settled] returned. If its file can't be
// removed, it stays.
func (l *Log) Drop(number int64) error {
	l.mu.Lock()
	g := l.segments[number]
	delete(l.segments, number)
	l.mu.Unlock()
	if g == nil {
		return nil
	}
	// not under the mutex: to remove a large file takes its time
	err := os.Remove(g.file.Name())
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !l.closed {
		l.segments[number] = g
		return err
	}
	l.size -= g.end
	return g.file.Close()
}
