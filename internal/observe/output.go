package observe

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Output is where a log goes.
type Output struct {
	// To is stderr, stdout or file. With stderr, Journal has the address of
	// the journal's socket if stderr is connected to the journal.
	To string
	// Path is that of the file, which is made with mode 0640 and appended to.
	Path    string
	Journal string
}

// The values of Output.To.
const (
	Stderr = "stderr"
	Stdout = "stdout"
	File   = "file"
)

func (o Output) isJournal() bool { return o.To == Stderr && o.Journal != "" }

// open returns the sink of a log that isn't the journal's.
func (o Output) open() (*lineSink, error) {
	switch o.To {
	case Stderr:
		return &lineSink{f: os.Stderr, chunk: pipeAtomic}, nil
	case Stdout:
		return &lineSink{f: os.Stdout, chunk: pipeAtomic}, nil
	case File:
		f, err := openLog(o.Path)
		if err != nil {
			return nil, err
		}
		return &lineSink{f: f, path: o.Path, chunk: maxSpool}, nil
	default:
		return nil, fmt.Errorf("log output %q is unknown: use stderr, stdout or file", o.To)
	}
}

func openLog(path string) (*os.File, error) {
	if path == "" {
		return nil, errors.New("a log with output file needs a path")
	}
	// Without O_NONBLOCK the open of a pipe would wait for a reader.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NONBLOCK, 0o640) //nolint:gosec // the group may read logs
	if err != nil {
		return nil, fmt.Errorf("open log: %w: give a path in a folder that this user may write to", err)
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() && st.Mode()&fs.ModeCharDevice == 0 {
		err = fmt.Errorf("open log %s: this is no file but %s: give the path of a file", path, st.Mode().Type())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// pipeAtomic is the largest write to a pipe that other writers can't
// interleave with (PIPE_BUF).
const pipeAtomic = 4096

// lineSink writes whole lines to a file or stream.
type lineSink struct {
	path  string // empty for a stream, which is neither reopened nor closed
	chunk int    // the largest write, if lines allow

	mu      sync.Mutex
	f       *os.File
	midline bool // a failed write left a part of a line
}

func (l *lineSink) write(b batch) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.midline {
		if _, err := l.f.WriteString("\n"); err != nil {
			return len(b.ends), fmt.Errorf("write log: %w", err)
		}
		l.midline = false
	}
	for first, start := 0, 0; first < len(b.ends); {
		last := first
		for last+1 < len(b.ends) && b.ends[last+1]-start <= l.chunk {
			last++
		}
		part := b.data[start:b.ends[last]]
		if n, err := l.f.Write(part); err != nil {
			l.midline = n > 0 && part[n-1] != '\n'
			whole := bytes.Count(part[:n], []byte{'\n'})
			return len(b.ends) - first - whole, fmt.Errorf("write log: %w", err)
		}
		first, start = last+1, b.ends[last]
	}
	return 0, nil
}

// reopen goes on in a new file at the path, after the old one was renamed. If
// that fails the old one stays in use.
func (l *lineSink) reopen() error {
	if l.path == "" {
		return nil
	}
	f, err := openLog(l.path)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.f
	l.f = f
	return old.Close()
}

func (l *lineSink) close() error {
	if l.path == "" {
		return nil
	}
	if !l.mu.TryLock() {
		return fmt.Errorf("close log %s: a write hangs", l.path)
	}
	defer l.mu.Unlock()
	return l.f.Close()
}
