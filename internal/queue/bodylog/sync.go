package bodylog

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// synced waits until what was written to g is on the disk.
func (l *Log) synced(g *segment) error {
	w := waiter{g, make(chan error, 1)}
	l.mu.Lock()
	if l.refusal != nil {
		defer l.mu.Unlock()
		return l.refusal
	}
	l.waiting = append(l.waiting, w)
	l.mu.Unlock()
	select {
	case l.kick <- struct{}{}:
	default:
	}
	return <-w.done
}

// run syncs for all who wait at a time.
func (l *Log) run() {
	for {
		select {
		case <-l.stop:
			l.answer(l.take(), ErrClosed)
			return
		case <-l.kick:
			l.syncAll(l.take())
		}
	}
}

func (l *Log) take() []waiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.waiting
	l.waiting = nil
	return all
}

func (l *Log) syncAll(all []waiter) {
	for len(all) > 0 {
		g, n := all[0].segment, 1
		for n < len(all) && all[n].segment == g {
			n++
		}
		err := g.sync()
		if err != nil {
			// what a failed sync was for can't be known again, so there is no other try
			err = l.fail(fmt.Errorf("sync %s: %w", g.file.Name(), err))
		}
		l.answer(all[:n], err)
		all = all[n:]
	}
}

func (l *Log) answer(all []waiter, err error) {
	for _, w := range all {
		w.done <- err
	}
}

// sync makes what was written durable, and sees to it that the file still has a
// name.
func (g *segment) sync() error {
	fd := int(g.file.Fd())
	if err := fdatasync(fd); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Nlink == 0 {
		return ErrReplaced
	}
	return nil
}

func fdatasync(fd int) error {
	for {
		if err := unix.Fdatasync(fd); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
