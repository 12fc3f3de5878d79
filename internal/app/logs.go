package app

import (
	"cmp"
	"fmt"

	"go.uber.org/zap"

	"hookaido/internal/config"
	"hookaido/internal/observe"
)

// logs are the runtime log and the access log, which is nil when it is off.
type logs struct {
	runtime *observe.RuntimeLog
	access  *observe.AccessLog
}

func openLogs(opts Options, cfg *config.Config) (*logs, error) {
	journal, journalErr := observe.JournalSocket()
	set := cfg.Observability
	runtime, err := observe.NewRuntimeLog(observe.RuntimeOptions{
		Level:  cmp.Or(string(set.RuntimeLog.Level), opts.LogLevel),
		Output: output(set.RuntimeLog.Output, set.RuntimeLog.Path, journal),
		Clock:  opts.Clock,
	})
	if err != nil {
		return nil, fmt.Errorf("open the runtime log: %w", err)
	}
	l := &logs{runtime: runtime}
	if journalErr != nil {
		runtime.Logger().Warn("journal_unavailable", observe.Err(journalErr))
	}
	if !set.AccessLog.Enabled {
		return l, nil
	}
	l.access, err = observe.NewAccessLog(observe.AccessOptions{
		Output: output(set.AccessLog.Output, set.AccessLog.Path, journal),
		Clock:  opts.Clock,
		Logger: runtime.Logger().Named("access"),
	})
	if err != nil {
		_ = runtime.Close() // the error that is returned matters more
		return nil, fmt.Errorf("open the access log: %w", err)
	}
	return l, nil
}

func output(to config.LogOutput, path, journal string) observe.Output {
	return observe.Output{To: cmp.Or(string(to), observe.Stderr), Path: path, Journal: journal}
}

// accessLogger returns the access log for handlers; nil when it is off, and
// not an interface that holds a nil.
func (l *logs) accessLogger() observe.AccessLogger {
	if l.access == nil {
		return nil
	}
	return l.access
}

// reopen goes on in new files, for after a rotation.
func (l *logs) reopen() {
	if err := l.runtime.Reopen(); err != nil {
		l.runtime.Logger().Error("log_reopen_failed", zap.String("log", "runtime"), observe.Err(err))
	}
	if l.access == nil {
		return
	}
	if err := l.access.Reopen(); err != nil {
		l.runtime.Logger().Error("log_reopen_failed", zap.String("log", "access"), observe.Err(err))
	}
}

func (l *logs) close() {
	if l == nil {
		return
	}
	if l.access != nil {
		_ = l.access.Close() // lines that can't be written are counted already
	}
	_ = l.runtime.Close() // there is nowhere left to tell it
}
