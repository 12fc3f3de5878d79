// Package bodylog keeps large payloads in files beside a database, so that each
// is written to the disk once: SQLite writes what it stores to its log and again
// to its pages. A payload is appended to the newest of the files, the segments,
// and synced together with those of others; the database then stores the
// [Place], which carries a checksum. A segment is never changed behind its end
// and goes as a whole, once the database refers to nothing in it.
//
// It is a log and no place to stay: its user moves what is left in old segments
// elsewhere when there is time. See the package queue/sqlite.
package bodylog

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"
)

var (
	// ErrClosed means that the log takes nothing any more.
	ErrClosed = errors.New("the log of large bodies is closed")
	// ErrNotNow means that a payload can't be taken, for want of space or for
	// another reason that is no failed sync. Others may be.
	ErrNotNow = errors.New("a large body can't be written to its file")
	// ErrLost means that a payload is not where it was put: its segment is
	// missing, of another database, cut or damaged.
	ErrLost = errors.New("a large body is lost")
	// ErrReplaced means that a segment was removed while it was in use.
	ErrReplaced = errors.New("a file of large bodies was removed while it was open")
)

// Place says where a payload is.
type Place struct {
	// Segment is the number of the file, At the offset in it, in octets.
	Segment, At int64
	// Length is that of the payload, in octets, Sum its CRC-32C.
	Length int64
	Sum    uint32
}

const (
	filePerm = 0o600
	// blockSize is what payloads are aligned to, so that no synced block is
	// written again.
	blockSize = 4096
	// DefaultSegmentSize is the size at which a new segment begins, in octets.
	DefaultSegmentSize = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Options configure [Open]. Path and Identity must be set.
type Options struct {
	// Path is the database; the segments are PATH.bodies-1 and so on.
	Path string
	// Identity is what tells the database from others, at most 64 octets.
	Identity string
	// After is a number that all new segments are above.
	After int64
	// SegmentSize is the size at which a new segment begins; 0 means
	// [DefaultSegmentSize].
	SegmentSize int64
}

// Log is an open log. It is safe for concurrent use.
type Log struct {
	o    Options
	kick chan struct{} // something waits to be synced
	stop chan struct{}
	loop sync.WaitGroup

	creating sync.Mutex // held, before mu, while a segment is made
	writing  sync.WaitGroup

	mu       sync.Mutex
	segments map[int64]*segment
	active   *segment // gets the next payload; nil if there is none
	last     int64    // number of the newest segment
	size     int64    // of all segments, in octets
	appends  int64
	waiting  []waiter
	refusal  error // why nothing is taken any more
	closed   bool
}

// segment is one file.
type segment struct {
	number int64
	file   *os.File
	end    int64 // where the next payload goes
	users  int   // appends that are not released
}

// waiter is an append that waits for its sync.
type waiter struct {
	segment *segment
	done    chan error
}

// Open opens the log with the segments that are there. The other files of such
// names, which are no regular files or belong to another database, are returned
// as strange and left alone.
func Open(o Options) (l *Log, strange []string, err error) {
	if o.SegmentSize == 0 {
		o.SegmentSize = DefaultSegmentSize
	}
	l = &Log{o: o, kick: make(chan struct{}, 1), stop: make(chan struct{}), segments: map[int64]*segment{}, last: o.After}
	numbers, err := Numbers(o.Path)
	if err != nil {
		return nil, nil, err
	}
	for _, n := range numbers {
		l.last = max(l.last, n)
		f, err := openSegment(o, n)
		if errors.Is(err, ErrLost) && removeUnbegun(Name(o.Path, n)) {
			continue
		}
		if errors.Is(err, ErrLost) {
			strange = append(strange, Name(o.Path, n))
			continue
		}
		if err != nil {
			return nil, nil, errors.Join(err, l.closeFiles())
		}
		info, err := f.Stat()
		if err != nil {
			return nil, nil, errors.Join(err, f.Close(), l.closeFiles())
		}
		l.segments[n] = &segment{number: n, file: f, end: info.Size()}
		l.size += info.Size()
	}
	l.loop.Go(l.run)
	return l, strange, nil
}

// Append writes payloads and syncs them to the disk. Until release is called,
// which must be done once the database refers to the places or never will,
// their segment stays. An error other than [ErrNotNow] and [ErrClosed] says that
// the disk fails; then nothing is taken any more.
func (l *Log) Append(payloads [][]byte) (places []Place, release func(), err error) {
	total := int64(0)
	for _, p := range payloads {
		total += aligned(int64(len(p)))
	}
	g, at, err := l.reserve(total)
	if err != nil {
		return nil, nil, err
	}
	defer l.writing.Done()
	if places, err = g.write(payloads, at); err == nil {
		err = l.synced(g)
	}
	if err != nil {
		l.release(g)
		return nil, nil, err
	}
	return places, func() { l.release(g) }, nil
}

// write writes payloads, which are not promised yet, from offset at on.
func (g *segment) write(payloads [][]byte, at int64) ([]Place, error) {
	places := make([]Place, len(payloads))
	for i, p := range payloads {
		if _, err := g.file.WriteAt(p, at); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotNow, err)
		}
		places[i] = Place{Segment: g.number, At: at, Length: int64(len(p)), Sum: crc32.Checksum(p, castagnoli)}
		at += aligned(int64(len(p)))
	}
	return places, nil
}

func aligned(n int64) int64 { return (n + blockSize - 1) / blockSize * blockSize }

// reserve finds room for n octets in the active segment, or begins another. If
// it succeeds, the caller is counted as writing.
func (l *Log) reserve(n int64) (g *segment, at int64, err error) {
	for {
		if g, at, err = l.place(n); g != nil || err != nil {
			return g, at, err
		}
		if err := l.begin(n); err != nil {
			return nil, 0, err
		}
	}
}

// place is reserve without a new segment; it returns none if there must be one.
func (l *Log) place(n int64) (g *segment, at int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refusal != nil || !l.fits(n) {
		return nil, 0, l.refusal
	}
	g = l.active
	at = g.end
	g.end += n
	g.users++
	l.size += n
	l.appends++
	l.writing.Add(1)
	return g, at, nil
}

// fits reports whether the active segment takes n octets. The caller holds mu.
func (l *Log) fits(n int64) bool {
	return l.active != nil && (l.active.end == blockSize || l.active.end+n <= l.o.SegmentSize)
}

// begin makes a segment for n octets, with a durable name, unless somebody else
// did.
func (l *Log) begin(n int64) error {
	l.creating.Lock()
	defer l.creating.Unlock()
	l.mu.Lock()
	done := l.fits(n) || l.refusal != nil
	if !done {
		l.last++ // also if it fails, because that name may be taken
	}
	number := l.last
	l.mu.Unlock()
	if done {
		return nil
	}
	f, err := createSegment(l.o, number)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotNow, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refusal != nil {
		return errors.Join(l.refusal, f.Close(), os.Remove(f.Name()))
	}
	l.active = &segment{number: number, file: f, end: blockSize}
	l.segments[number] = l.active
	l.size += blockSize
	return nil
}

func (l *Log) release(g *segment) {
	l.mu.Lock()
	g.users--
	l.mu.Unlock()
}

// fail makes err the answer to everything from now on, if there is none yet, and
// returns the answer.
func (l *Log) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refusal == nil {
		l.refusal = err
	}
	return l.refusal
}

// Close ends all appends with [ErrClosed] and closes the files.
func (l *Log) Close() error {
	_ = l.fail(ErrClosed)
	close(l.stop)
	l.loop.Wait()
	l.writing.Wait()
	return l.closeFiles()
}

func (l *Log) closeFiles() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	var errs []error
	for _, g := range l.segments {
		errs = append(errs, g.file.Close())
	}
	clear(l.segments)
	return errors.Join(errs...)
}

// syncFolder makes the names in the folder of path durable.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
