package sqlite

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Sizes in the WAL file format.
const (
	walHeaderLen   = 32
	frameHeaderLen = 24
	walMagic       = 0x377f0682 // the lowest bit tells the byte order of the sums
	walVersion     = 3007000
)

// logState is what the WAL of a stopped database holds.
type logState struct {
	missing bool
	// frames are whole and follow each other; the first committed of them end
	// with a commit. Those after are lost with the transaction they began.
	frames, committed int
	// torn says that a frame of the same log follows that is not whole.
	torn bool
	// expected is how many frames the shared memory of the last process counted;
	// 0 if it is not there or of another log.
	expected int
}

// cut reports whether something that was committed may be missing.
func (l logState) cut() bool { return l.expected > l.committed }

// inspectLog reads the WAL before SQLite does: SQLite drops without a word what
// is not whole.
func inspectLog(path string) (logState, error) {
	f, err := os.Open(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return logState{missing: true}, nil
	}
	if err != nil {
		return logState{}, err
	}
	defer f.Close() //nolint:errcheck // read only
	l, salts, err := scanLog(bufio.NewReaderSize(f, 1<<16))
	if err != nil {
		return l, fmt.Errorf("read %s-wal: %w", path, err)
	}
	shm, err := readStart(path+"-shm", indexHeaderLen)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return l, err
	}
	l.expected = countedFrames(shm, salts)
	return l, nil
}

func readStart(name string, n int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	return io.ReadAll(io.LimitReader(f, n))
}

// indexHeaderLen is the length of the header of the shared memory, in octets.
const indexHeaderLen = 48

// countedFrames returns the number of frames that the header of the shared
// memory counts for the log with these salts. It is in the byte order of the
// machine, which is little-endian wherever this program runs.
func countedFrames(header []byte, salts [8]byte) int {
	if len(header) < indexHeaderLen || [8]byte(header[32:40]) != salts {
		return 0
	}
	var sum checksum
	sum.add(header[:40], binary.LittleEndian)
	if binary.LittleEndian.Uint32(header[40:]) != sum.a || binary.LittleEndian.Uint32(header[44:]) != sum.b {
		return 0
	}
	return int(binary.LittleEndian.Uint32(header[16:]))
}

// checksum is the running sum of the WAL format.
type checksum struct{ a, b uint32 }

func (c *checksum) add(b []byte, order binary.ByteOrder) {
	for ; len(b) >= 8; b = b[8:] {
		c.a += order.Uint32(b) + c.b
		c.b += order.Uint32(b[4:]) + c.a
	}
}

func (c *checksum) matches(b []byte) bool {
	return binary.BigEndian.Uint32(b) == c.a && binary.BigEndian.Uint32(b[4:]) == c.b
}

// scanLog walks the frames of a WAL. It returns the salts of the log, which
// tell its frames from older ones behind them.
func scanLog(r io.Reader) (l logState, salts [8]byte, err error) {
	header := make([]byte, walHeaderLen)
	if _, err := io.ReadFull(r, header); err != nil {
		return l, salts, ignoreEnd(err)
	}
	magic := binary.BigEndian.Uint32(header)
	var order binary.ByteOrder = binary.LittleEndian
	if magic&1 != 0 {
		order = binary.BigEndian
	}
	size := binary.BigEndian.Uint32(header[8:])
	var sum checksum
	sum.add(header[:24], order)
	if magic&^1 != walMagic || binary.BigEndian.Uint32(header[4:]) != walVersion ||
		size < 512 || size > 65536 || size&(size-1) != 0 || !sum.matches(header[24:]) {
		return l, salts, nil
	}
	salts = [8]byte(header[16:24])
	frame := make([]byte, frameHeaderLen+size)
	for {
		n, err := io.ReadFull(r, frame)
		if n < frameHeaderLen || [8]byte(frame[8:16]) != salts {
			return l, salts, ignoreEnd(err)
		}
		sum.add(frame[:8], order)
		if err == nil {
			sum.add(frame[frameHeaderLen:], order)
		}
		if err != nil || !sum.matches(frame[16:]) {
			l.torn = true
			return l, salts, ignoreEnd(err)
		}
		l.frames++
		if binary.BigEndian.Uint32(frame[4:]) != 0 {
			l.committed = l.frames
		}
	}
}

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
