package tlsconf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// maxFile bounds the files, in bytes; a bundle of authorities is the largest.
const maxFile = 4 << 20

// file is one of the files of a listener.
type file struct {
	directive string
	path      string // empty for none
}

type files struct{ cert, key, clientCA file }

// stamp tells whether a file is the one that was read.
type stamp struct {
	dev, ino     uint64
	size         int64
	mtime, ctime syscall.Timespec
}

// stamps are those of the certificate, the key and the authorities.
type stamps [3]stamp

// stamps looks at the files behind all links. A file that can't be seen has
// the zero stamp.
func (f *files) stamps() stamps {
	var all stamps
	for i, one := range []file{f.cert, f.key, f.clientCA} {
		if one.path == "" {
			continue
		}
		info, err := os.Stat(one.path)
		if err != nil {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			all[i] = stamp{dev: st.Dev, ino: st.Ino, size: st.Size, mtime: st.Mtim, ctime: st.Ctim}
		}
	}
	return all
}

// read returns the content of a file and its permissions. It looks at the kind
// before it opens, because opening a FIFO would block.
func (f file) read() ([]byte, fs.FileMode, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, 0, f.fault(err)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s %s is not a regular file", f.directive, f.path)
	}
	r, err := os.Open(f.path)
	if err != nil {
		return nil, 0, f.fault(err)
	}
	defer r.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		return nil, 0, f.fault(err)
	case len(b) > maxFile:
		return nil, 0, fmt.Errorf("%s %s is larger than %d bytes", f.directive, f.path, maxFile)
	}
	return b, info.Mode().Perm(), nil
}

// fault says what to do about a file that can't be read.
func (f file) fault(err error) error {
	advice := ""
	if errors.Is(err, fs.ErrPermission) {
		advice = "; let the service's user read the file, or pass it with LoadCredential= and write credential:NAME"
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("%s %s: %w%s", f.directive, f.path, err, advice)
}
