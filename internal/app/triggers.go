package app

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/observe"
)

// quiet is how long the Hookaidofile must rest before a change is taken over,
// so that an editor's several steps make one reload.
const quiet = 200 * time.Millisecond

// triggers ask for a reload from outside of the admin API. They are set before
// the Hookaidofile is read for the first time, so that no change is missed.
type triggers struct {
	hangup  chan os.Signal
	changed chan struct{} // never fires without a watch
	watch   *fileWatch    // nil without a watch
	done    chan struct{} // closed when the watch has ended; nil before it runs
}

// newTriggers begins to listen for SIGHUP and, if asked to, for changes of the
// file.
func newTriggers(opts Options) (*triggers, error) {
	t := &triggers{hangup: make(chan os.Signal, 1), changed: make(chan struct{}, 1)}
	signal.Notify(t.hangup, syscall.SIGHUP)
	if !opts.Watch {
		return t, nil
	}
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		// the folder, since editors and config management replace the file
		err = watcher.Add(filepath.Dir(opts.ConfigPath))
	}
	if err != nil {
		t.stop()
		return nil, fmt.Errorf("watch %s: %w", opts.ConfigPath, err)
	}
	t.watch = &fileWatch{name: filepath.Base(opts.ConfigPath), watcher: watcher, timer: opts.Clock.NewTimer(quiet)}
	t.watch.timer.Stop()
	return t, nil
}

// run lets changes of the file through until ctx ends or stop is called.
func (t *triggers) run(ctx context.Context, logger *zap.Logger) {
	if t.watch == nil {
		return
	}
	t.done = make(chan struct{})
	go func() {
		defer close(t.done)
		t.watch.run(ctx, t.changed, logger)
	}()
}

// stop ends the triggers and waits for their goroutine.
func (t *triggers) stop() {
	signal.Stop(t.hangup)
	if t.watch == nil {
		return
	}
	_ = t.watch.watcher.Close() // ends run
	if t.done != nil {
		<-t.done
	}
}

// fileWatch turns the events of a folder into changes of one file.
type fileWatch struct {
	name    string
	watcher *fsnotify.Watcher
	timer   clock.Timer
}

func (w *fileWatch) run(ctx context.Context, changed chan<- struct{}, logger *zap.Logger) {
	defer w.timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case event, open := <-w.watcher.Events:
			if !open {
				return
			}
			if filepath.Base(event.Name) == w.name && !event.Has(fsnotify.Chmod) {
				w.timer.Reset(quiet)
			}
		case err, open := <-w.watcher.Errors:
			if !open {
				return
			}
			logger.Warn("watch_error", observe.Err(err))
		case <-w.timer.C():
			select {
			case changed <- struct{}{}:
			default: // one reload is due already
			}
		}
	}
}
