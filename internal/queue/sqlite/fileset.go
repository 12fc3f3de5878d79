package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// errReplaced means that a commit went to a file that has no name any more.
var errReplaced = errors.New("the files of the database were removed or replaced while it was open")

// gone marks the error of a name that leads nowhere.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", errReplaced, err)
	}
	return err
}

// namesHold is for how long names are trusted while the kernel reports nothing.
// It bounds how late a change above the folder is noticed.
const namesHold = 100 * time.Millisecond

// fileSet remembers which files are open, to notice when their names lead to
// others, or nowhere.
type fileSet struct {
	mu    sync.Mutex
	names []string
	ids   []fileID
	// notices is an inotify descriptor on the files and their folder, or
	// negative. To read it costs much less than to look the names up.
	notices int
	until   time.Duration // monotonic time up to which the names hold
}

type fileID struct{ dev, ino uint64 }

func rememberFiles(path string) (*fileSet, error) {
	s := &fileSet{notices: -1}
	for _, suffix := range []string{"", "-wal"} {
		id, err := identify(path + suffix)
		if err != nil {
			return nil, err
		}
		s.names, s.ids = append(s.names, path+suffix), append(s.ids, id)
	}
	// where there is no notice to be had, the names are looked up each time
	if fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC); err == nil {
		s.notices = fd
		for _, name := range append([]string{filepath.Dir(path)}, s.names...) {
			if _, err := unix.InotifyAddWatch(fd, name, unix.IN_ATTRIB|unix.IN_MOVE_SELF|unix.IN_DELETE_SELF); err != nil {
				s.close()
				break
			}
		}
	}
	return s, nil
}

// close ends the notices.
func (s *fileSet) close() {
	if s.notices >= 0 {
		_ = unix.Close(s.notices) // nothing was written
		s.notices = -1
	}
}

func identify(name string) (fileID, error) {
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		return fileID{}, fmt.Errorf("stat %s: %w", name, err)
	}
	return fileID{st.Dev, st.Ino}, nil
}

// checkAt is check, at a monotonic time, unless nothing can have changed.
func (s *fileSet) checkAt(now time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.notices >= 0 && now < s.until && !s.noticed() {
		return nil
	}
	// after a failure the next look fails too, whoever takes it
	s.until = 0
	err := s.check()
	if err == nil {
		s.until = now + namesHold
	}
	return err
}

// noticed reports whether something happened to the files or their folder. An
// unlinked or replaced file has lost a link, which is a change of attributes.
func (s *fileSet) noticed() bool {
	var buf [4096]byte
	_, err := unix.Read(s.notices, buf[:])
	return !errors.Is(err, unix.EAGAIN)
}

func (s *fileSet) check() error {
	for i, name := range s.names {
		id, err := identify(name)
		if err != nil {
			return gone(err)
		}
		if id != s.ids[i] {
			return fmt.Errorf("%w: %s is another file now", errReplaced, name)
		}
	}
	return nil
}
