package observe

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"

	"hookaido/internal/clock"
)

// Bounds of a journal entry of the runtime log, in bytes after escaping.
const (
	maxMessage = 4 << 10
	maxValue   = 64 << 10
)

// journalCore is a zap core that writes to the journal's native protocol. The
// message has the event and its fields in one line, so that journalctl and
// systemctl status tell the whole story; each field is also one of the
// journal's, to search by.
type journalCore struct {
	zapcore.LevelEnabler
	spool  *spool
	fields []zapcore.Field
}

// With implements [zapcore.Core].
func (c *journalCore) With(fields []zapcore.Field) zapcore.Core {
	return &journalCore{c.LevelEnabler, c.spool, slices.Concat(c.fields, fields)}
}

// Check implements [zapcore.Core].
func (c *journalCore) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return checked.AddCore(e, c)
	}
	return checked
}

// Write implements [zapcore.Core].
func (c *journalCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	c.spool.put(appendEntry(nil, e, slices.Concat(c.fields, fields)))
	if e.Level > zapcore.ErrorLevel {
		c.spool.flush() // the process ends now
	}
	return nil
}

// Sync implements [zapcore.Core].
func (c *journalCore) Sync() error {
	c.spool.flush()
	return nil
}

func priorityOf(level zapcore.Level) string {
	switch {
	case level <= zapcore.DebugLevel:
		return "7"
	case level == zapcore.InfoLevel:
		return priorityInfo
	case level == zapcore.WarnLevel:
		return priorityWarning
	case level == zapcore.ErrorLevel:
		return "3"
	default:
		return "2"
	}
}

func appendEntry(b []byte, e zapcore.Entry, fields []zapcore.Field) []byte {
	pairs := flatten(fields)
	b = append(b, "SYSLOG_IDENTIFIER="+identifier+"\nPRIORITY="...)
	b = append(append(b, priorityOf(e.Level)...), '\n')
	b = appendField(b, "MESSAGE", sentence(e, pairs), maxMessage)
	b = appendField(b, "HOOKAIDO_EVENT", e.Message, maxMessage)
	if e.LoggerName != "" {
		b = appendField(b, "HOOKAIDO_LOGGER", e.LoggerName, maxShort)
	}
	id := catalogID(e.Message, pairs)
	for _, f := range fields {
		if f.Key == catalogKey && f.Type == zapcore.SkipType {
			id = f.String
		}
	}
	if id != "" {
		b = appendField(b, "MESSAGE_ID", id, maxShort)
	}
	for _, p := range pairs {
		b = append(appendFieldName(b, p.name), '=')
		b = append(appendText(b, p.value, maxValue), '\n')
	}
	if e.Stack != "" {
		b = appendField(b, "HOOKAIDO_STACK", e.Stack, maxValue)
	}
	return b
}

// sentence is the event and its fields in one line.
func sentence(e zapcore.Entry, pairs []pair) string {
	var s strings.Builder
	if e.LoggerName != "" {
		s.WriteString(e.LoggerName + ": ")
	}
	s.WriteString(e.Message)
	for _, p := range pairs {
		s.WriteString(" " + p.name + "=")
		if p.value == "" || strings.ContainsAny(p.value, " \"=") {
			s.WriteString(`"` + strings.ReplaceAll(p.value, `"`, "'") + `"`)
		} else {
			s.WriteString(p.value)
		}
	}
	return s.String()
}

// lostEntries is the entry that tells of lost ones.
func lostEntries(b []byte, count uint64) []byte {
	b = journalHead(b, priorityWarning, "log_entries_lost")
	b = strconv.AppendUint(b, count, 10)
	b = append(b, " log entries lost: the journal didn't take them in time\n"...)
	return appendNumber(b, "HOOKAIDO_COUNT", int64(count))
}

// zapClock gives zap our time; the rest, which only zap's buffers use, is
// zap's own.
type zapClock struct {
	zapcore.Clock
	clk clock.Clock
}

// Now implements [zapcore.Clock].
func (c zapClock) Now() time.Time { return c.clk.Now() }
