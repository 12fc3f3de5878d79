package sqlite

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// marker is the small file PATH.state. It outlives the database, so that a lost
// queue is told apart from one that never was.
type marker struct {
	path string // of the marker
	// identity is that of the database, see the table meta.
	identity string
	// clean says that the last stop wrote everything back.
	clean bool
	// known says that there was a marker.
	known bool
	// finish is called with the file before it gets its name, unless it is nil.
	finish func(*os.File) error
}

// readMarker reads the marker of the database at path. A missing or unreadable
// one counts as none.
func readMarker(path string) (marker, error) {
	m := marker{path: path + ".state"}
	content, err := os.ReadFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(content)); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), "=")
		switch key {
		case "identity":
			m.identity, m.known = value, value != ""
		case "stopped":
			m.clean = value == "clean"
		}
	}
	return m, nil
}

// write replaces the marker durably.
func (m *marker) write(clean bool) error {
	m.clean, m.known = clean, true
	stopped := "no"
	if clean {
		stopped = "clean"
	}
	text := fmt.Sprintf("# A queue database is here. If it is lost for good, remove this file to start empty.\n"+
		"identity=%s\nstopped=%s\n", m.identity, stopped)
	if err := writeDurably(m.path, []byte(text), m.finish); err != nil {
		return fmt.Errorf("write %s: %w", m.path, err)
	}
	return nil
}

// writeDurably replaces a file by way of a new one, which finish sees unless it
// is nil.
func writeDurably(name string, content []byte, finish func(*os.File) error) error {
	// what is left of an earlier time may be a link to something else
	if err := removeIfThere(name + ".new"); err != nil {
		return err
	}
	f, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_EXCL, filePerm)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(filePerm)
	}
	if err == nil && finish != nil {
		err = finish(f)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(name))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
