package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Header tells of a database file what its first page says.
type Header struct {
	// Ours is whether the file is a queue of this program, of whatever version.
	Ours bool
	// Schema is the version of the file, Known the last that this program knows.
	Schema, Known int
}

// The places of a SQLite file's header, in octets.
const (
	headerSize      = 100
	headerMagic     = "SQLite format 3\x00"
	headerSchema    = 60
	headerProgramID = 68
)

// ReadHeader reads a database file's first octets, without opening it as a
// database, so that it disturbs no process that has it open. An empty file is a
// queue that has yet to begin. A version that is still in the WAL alone is not
// seen; an open database writes its own back before it serves.
func ReadHeader(path string) (Header, error) {
	steps, err := migrations()
	if err != nil {
		return Header{}, err
	}
	h := Header{Known: len(steps)}
	info, err := os.Stat(path)
	if err != nil {
		return h, err
	}
	if !info.Mode().IsRegular() {
		return h, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return h, err
	}
	defer f.Close() //nolint:errcheck // read only
	page := make([]byte, headerSize)
	n, err := io.ReadFull(f, page)
	switch {
	case n == 0 && errors.Is(err, io.EOF):
		h.Ours = true
		return h, nil
	case errors.Is(err, io.ErrUnexpectedEOF), err == nil && string(page[:len(headerMagic)]) != headerMagic:
		return h, nil
	case err != nil:
		return h, fmt.Errorf("read the header of %s: %w", path, err)
	}
	h.Ours = binary.BigEndian.Uint32(page[headerProgramID:]) == applicationID
	h.Schema = int(binary.BigEndian.Uint32(page[headerSchema:]))
	return h, nil
}
