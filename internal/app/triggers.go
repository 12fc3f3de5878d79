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

// triggers ask for a reload from outside of the admin API.
type triggers struct {
	hangup  chan os.Signal
	changed <-chan struct{} // nil without a watch, so that it never fires
	stop    func()
}

func (a *App) watchTriggers(ctx context.Context) (*triggers, error) {
	t := &triggers{hangup: make(chan os.Signal, 1)}
	signal.Notify(t.hangup, syscall.SIGHUP)
	t.stop = func() { signal.Stop(t.hangup) }
	if !a.opts.Watch {
		return t, nil
	}
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		// the folder, since editors and config management replace the file
		err = watcher.Add(filepath.Dir(a.opts.ConfigPath))
	}
	if err != nil {
		t.stop()
		return nil, fmt.Errorf("watch %s: %w", a.opts.ConfigPath, err)
	}
	changed, done := make(chan struct{}, 1), make(chan struct{})
	w := &fileWatch{name: filepath.Base(a.opts.ConfigPath), watcher: watcher, timer: a.opts.Clock.NewTimer(quiet), logger: a.logger}
	w.timer.Stop()
	go func() {
		defer close(done)
		w.run(ctx, changed)
	}()
	t.changed = changed
	t.stop = func() {
		signal.Stop(t.hangup)
		_ = watcher.Close() // ends run
		<-done
	}
	return t, nil
}

// fileWatch turns the events of a folder into changes of one file.
type fileWatch struct {
	name    string
	watcher *fsnotify.Watcher
	timer   clock.Timer
	logger  *zap.Logger
}

func (w *fileWatch) run(ctx context.Context, changed chan<- struct{}) {
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
			w.logger.Warn("watch_error", observe.Err(err))
		case <-w.timer.C():
			select {
			case changed <- struct{}{}:
			default: // one reload is due already
			}
		}
	}
}
