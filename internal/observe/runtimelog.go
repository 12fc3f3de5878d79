package observe

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/unix"

	"hookaido/internal/clock"
)

// RuntimeOptions are the settings of the runtime log.
type RuntimeOptions struct {
	// Level is debug, info, warn (or warning), error or off; empty is info.
	Level  string
	Output Output
	Clock  clock.Clock
}

// RuntimeLog is the log of events. To the journal it goes in the native
// protocol and never waits for it; to a terminal in a form for people; else as
// JSON lines.
type RuntimeLog struct {
	logger *zap.Logger
	level  zap.AtomicLevel
	spool  *spool // nil unless the journal is the output
	lines  *lineSink
	closed sync.Once
}

// levelOff is above all levels.
const levelOff = zapcore.FatalLevel + 1

// ParseLevel returns the level of a name, or an error that lists the names.
func ParseLevel(name string) (zapcore.Level, error) {
	switch strings.ToLower(name) {
	case "debug":
		return zapcore.DebugLevel, nil
	case "", "info":
		return zapcore.InfoLevel, nil
	case "warn", "warning":
		return zapcore.WarnLevel, nil
	case "error":
		return zapcore.ErrorLevel, nil
	case "off":
		return levelOff, nil
	default:
		return levelOff, fmt.Errorf("log level %q is unknown: use debug, info, warn, error or off", name)
	}
}

// NewRuntimeLog opens the output.
func NewRuntimeLog(o RuntimeOptions) (*RuntimeLog, error) {
	level, err := ParseLevel(o.Level)
	if err != nil {
		return nil, err
	}
	r := &RuntimeLog{level: zap.NewAtomicLevelAt(level)}
	var core zapcore.Core
	if o.Output.isJournal() {
		r.spool = newSpool(spoolOptions{
			sink: &journalSink{address: o.Output.Journal}, clk: o.Clock,
			lost: lostEntries, failed: complain,
		})
		core = &journalCore{LevelEnabler: r.level, spool: r.spool}
	} else {
		if r.lines, err = o.Output.open(); err != nil {
			return nil, err
		}
		encoder := newJSONLines()
		if r.lines.path == "" && isTerminal(r.lines.f) {
			encoder = newConsoleLines()
		}
		core = zapcore.NewCore(encoder, r.lines, r.level)
	}
	r.logger = zap.New(core, zap.WithClock(zapClock{zapcore.DefaultClock, o.Clock}), zap.ErrorOutput(zapcore.Lock(os.Stderr)))
	return r, nil
}

// Logger returns the logger that all others are named after.
func (r *RuntimeLog) Logger() *zap.Logger { return r.logger }

// SetLevel changes the level of this logger and all made from it.
func (r *RuntimeLog) SetLevel(name string) error {
	level, err := ParseLevel(name)
	if err == nil {
		r.level.SetLevel(level)
	}
	return err
}

// Reopen goes on in a new file at the path of the log, for after a rename. On
// an error the old file stays in use.
func (r *RuntimeLog) Reopen() error {
	if r.lines == nil {
		return nil
	}
	return r.lines.reopen()
}

// Dropped returns how many entries the journal didn't take in time.
func (r *RuntimeLog) Dropped() uint64 {
	if r.spool == nil {
		return 0
	}
	return r.spool.dropped.Load()
}

// Close writes what waits and closes the output. Later entries are lost.
func (r *RuntimeLog) Close() error {
	var err error
	r.closed.Do(func() {
		if r.spool != nil {
			err = r.spool.close()
		} else {
			err = r.lines.close()
		}
	})
	return err
}

// Write makes a lineSink the output of a zap core: each entry at once.
func (l *lineSink) Write(p []byte) (int, error) {
	if _, err := l.write(batch{data: p, ends: []int{len(p)}}); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Sync implements [zapcore.WriteSyncer]. Streams often can't be synced, and a
// file survives the process without it.
func (l *lineSink) Sync() error { return nil }

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// complain goes to stderr, which the journal reads as plain lines.
func complain(err error) {
	if err != nil && !errors.Is(err, os.ErrClosed) {
		fmt.Fprintf(os.Stderr, "hookaido: the journal takes no entries: %v\n", err)
	}
}
