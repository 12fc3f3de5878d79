package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"go.uber.org/zap"
)

// findings are what a start finds on the disk.
type findings struct {
	marker marker
	log    logState
}

// magic begins every SQLite database.
var magic = []byte("SQLite format 3\x00")

const headerLen = 100

// examine looks at the files before SQLite does, and makes the database file if
// there never was one.
func examine(o Options) (findings, error) {
	var f findings
	var err error
	if f.marker, err = readMarker(o.Path); err != nil {
		return f, err
	}
	size, err := examineFile(o.Path)
	if err != nil {
		return f, err
	}
	if size == 0 {
		return f, makeDatabase(o.Path, f.marker)
	}
	if err := examineHeader(o.Path); err != nil {
		return f, err
	}
	if err := tightenFiles(o.Path); err != nil {
		return f, &OpenError{OpenIO, o.Path, "the rights of its files can't be tightened", "", err}
	}
	if f.log, err = inspectLog(o.Path); err != nil {
		return f, err
	}
	reportLog(o, f)
	return f, nil
}

// examineFile returns the size of the database file, 0 if there is none.
func examineFile(path string) (int64, error) {
	link, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil && link.Mode()&fs.ModeSymlink != 0:
		return 0, &OpenError{OpenPlace, path, "it is a link that leads nowhere", "remove or mend the link", nil}
	case err != nil:
		return 0, err
	case info.IsDir():
		return 0, &OpenError{OpenPlace, path, "it is a folder", "name a file in it", nil}
	case !info.Mode().IsRegular():
		return 0, &OpenError{OpenPlace, path, "it is not a regular file", "name a regular file", nil}
	}
	return info.Size(), nil
}

// makeDatabase makes an empty file, unless a queue is known to have been there.
func makeDatabase(path string, m marker) error {
	if m.known {
		return &OpenError{OpenLost, path, "a queue was here, and the file is missing or empty",
			"restore it from a backup; to start with an empty queue remove " + m.path, nil}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, filePerm)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(filePerm), f.Close())
}

// examineHeader tells a SQLite database from other files.
func examineHeader(path string) error {
	header, err := readStart(path, headerLen)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(header, magic) {
		return &OpenError{OpenForeign, path, "it is not a SQLite database", "name another path, or restore it from a backup", nil}
	}
	if len(header) < headerLen {
		return &OpenError{OpenDamaged, path, fmt.Sprintf("it is cut after %d octets", len(header)), "restore it from a backup", nil}
	}
	return nil
}

// reportLog says what an unclean stop left in the WAL, and what it lost.
func reportLog(o Options, f findings) {
	fields := []zap.Field{
		zap.String("path", o.Path+"-wal"), zap.Int("frames", f.log.frames),
		zap.Int("committed", f.log.committed), zap.Int("expected", f.log.expected),
	}
	unclean := f.marker.known && !f.marker.clean
	switch {
	case unclean && f.log.missing:
		o.Logger.Error("the write-ahead log is missing after an unclean stop: messages may be lost", fields...)
	case f.log.cut():
		o.Logger.Error("the write-ahead log is cut or damaged: committed messages are lost", fields...)
	case f.log.torn || f.log.frames > f.log.committed:
		o.Logger.Warn("the write-ahead log ends in a transaction that was not finished; it is dropped", fields...)
	case unclean:
		o.Logger.Info("the queue was not stopped cleanly; its log is complete", fields...)
	}
}
