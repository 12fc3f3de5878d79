package bodylog

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// Read returns the payload at a place. It fails with [ErrLost], or with
// [ErrClosed] if that can't be known any more.
func (l *Log) Read(p Place) ([]byte, error) {
	g, closed := l.find(p.Segment)
	if g == nil && !closed {
		return nil, fmt.Errorf("%w: there is no %s", ErrLost, Name(l.o.Path, p.Segment))
	}
	if g != nil {
		payload, err := readPlace(g.file, p)
		if err == nil || !errors.Is(err, os.ErrClosed) {
			return payload, err
		}
		if _, closed = l.find(p.Segment); !closed {
			return nil, err // it was dropped
		}
	}
	return nil, ErrClosed
}

// find returns a segment, and whether the log is closed.
func (l *Log) find(number int64) (g *segment, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segments[number], l.closed
}

func readPlace(f *os.File, p Place) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLost, err)
	}
	if p.Length < 0 || p.At < 0 || p.Length > info.Size()-p.At {
		return nil, fmt.Errorf("%w: %s is cut", ErrLost, f.Name())
	}
	b := make([]byte, p.Length)
	if _, err := f.ReadAt(b, p.At); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %w", ErrLost, err)
	}
	if crc32.Checksum(b, castagnoli) != p.Sum {
		return nil, fmt.Errorf("%w: %s is damaged at offset %d", ErrLost, f.Name(), p.At)
	}
	return b, nil
}

// Reader reads payloads of a database that another process may have open.
type Reader struct {
	o     Options
	files map[int64]*os.File
}

// NewReader returns a reader for the segments of a database. It must be closed.
func NewReader(path, identity string) *Reader {
	return &Reader{Options{Path: path, Identity: identity}, map[int64]*os.File{}}
}

// Read returns the payload at a place. It fails with [ErrLost].
func (r *Reader) Read(p Place) ([]byte, error) {
	f := r.files[p.Segment]
	if f == nil {
		var err error
		if f, err = openSegment(r.o, p.Segment); err != nil {
			return nil, err
		}
		r.files[p.Segment] = f
	}
	return readPlace(f, p)
}

// Close closes the files.
func (r *Reader) Close() error {
	var errs []error
	for _, f := range r.files {
		errs = append(errs, f.Close())
	}
	clear(r.files)
	return errors.Join(errs...)
}
