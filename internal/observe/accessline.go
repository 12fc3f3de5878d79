package observe

import (
	"strconv"
	"time"
)

// Bounds of the values in an access line, in bytes after escaping. Together
// with the rest a line stays below one atomic write to a pipe.
const (
	maxPath  = 2048
	maxRoute = 512
	maxShort = 128
)

// lineForm writes the records of an access log.
type lineForm interface {
	access(b []byte, at time.Time, l *AccessLine) []byte
	// held tells of refusals that weren't logged one by one.
	held(b []byte, at time.Time, h heldLines) []byte
	// lost tells of lines that a slow reader or a failed write cost.
	lost(b []byte, at time.Time, count uint64) []byte
}

// jsonForm writes one JSON object and a newline.
type jsonForm struct{}

func (jsonForm) access(b []byte, at time.Time, l *AccessLine) []byte {
	b = jsonHead(b, at, "INFO", "http_request")
	b = jsonString(b, "component", l.Component, maxShort)
	b = jsonString(b, "method", l.Method, maxShort)
	b = jsonString(b, "path", l.Path, maxPath)
	b = jsonInt(b, "status", int64(l.Status))
	b = jsonInt(b, "bytes", l.Bytes)
	b = jsonInt(b, "duration", int64(l.Duration))
	b = jsonString(b, "remote_addr", l.RemoteAddr, maxShort)
	if l.Route != "" {
		b = jsonString(b, "route", l.Route, maxRoute)
	}
	if l.MessageID != "" {
		b = jsonString(b, "message_id", l.MessageID, maxShort)
	}
	if l.Reason != "" {
		b = jsonString(b, "reason", l.Reason, maxShort)
	}
	return append(b, "}\n"...)
}

func (jsonForm) held(b []byte, at time.Time, h heldLines) []byte {
	b = jsonHead(b, at, "WARN", "http_requests_suppressed")
	b = jsonString(b, "component", h.component, maxShort)
	b = jsonString(b, "reason", h.reason, maxShort)
	b = jsonInt(b, "count", int64(h.count))
	return append(b, "}\n"...)
}

func (jsonForm) lost(b []byte, at time.Time, count uint64) []byte {
	b = jsonHead(b, at, "WARN", "access_log_lines_lost")
	b = jsonInt(b, "count", int64(count))
	return append(b, "}\n"...)
}

func jsonHead(b []byte, at time.Time, level, msg string) []byte {
	b = append(b, `{"time":"`...)
	b = at.Local().AppendFormat(b, time.RFC3339Nano)
	b = append(append(append(b, `","level":"`...), level...), `","msg":"`...)
	return append(append(b, msg...), '"')
}

func jsonString(b []byte, key, value string, limit int) []byte {
	b = append(append(append(b, `,"`...), key...), `":`...)
	return appendJSON(b, value, limit)
}

func jsonInt(b []byte, key string, value int64) []byte {
	b = append(append(append(b, `,"`...), key...), `":`...)
	return strconv.AppendInt(b, value, 10)
}

// journalForm writes an entry in journald's protocol. The priorities are those
// of syslog: 6 is info, 5 a refusal, 4 an answer that is our fault.
type journalForm struct{}

const (
	priorityWarning = "4"
	priorityNotice  = "5"
	priorityInfo    = "6"
)

func (journalForm) access(b []byte, _ time.Time, l *AccessLine) []byte {
	priority := priorityInfo
	switch {
	case l.Status >= 500:
		priority = priorityWarning
	case l.Reason != "":
		priority = priorityNotice
	}
	b = journalHead(b, priority, "http_request")
	b = appendText(b, l.Method, maxShort)
	b = append(b, ' ')
	b = appendText(b, l.Path, maxPath)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(l.Status), 10)
	b = append(b, ' ')
	b = appendMillis(b, l.Duration)
	if l.Reason != "" {
		b = append(b, ' ')
		b = appendText(b, l.Reason, maxShort)
	}
	b = append(b, '\n')
	b = appendField(b, "HOOKAIDO_COMPONENT", l.Component, maxShort)
	b = appendField(b, "HOOKAIDO_METHOD", l.Method, maxShort)
	b = appendField(b, "HOOKAIDO_PATH", l.Path, maxPath)
	b = appendNumber(b, "HOOKAIDO_STATUS", int64(l.Status))
	b = appendNumber(b, "HOOKAIDO_BYTES", l.Bytes)
	b = appendNumber(b, "HOOKAIDO_DURATION_US", l.Duration.Microseconds())
	b = appendField(b, "HOOKAIDO_REMOTE_ADDR", l.RemoteAddr, maxShort)
	if l.Route != "" {
		b = appendField(b, "HOOKAIDO_ROUTE", l.Route, maxRoute)
	}
	if l.MessageID != "" {
		b = appendField(b, "HOOKAIDO_MESSAGE_ID", l.MessageID, maxShort)
	}
	if l.Reason != "" {
		b = appendField(b, "HOOKAIDO_REASON", l.Reason, maxShort)
	}
	return b
}

func (journalForm) held(b []byte, _ time.Time, h heldLines) []byte {
	b = journalHead(b, priorityWarning, "http_requests_suppressed")
	b = strconv.AppendUint(b, h.count, 10)
	b = append(b, " more requests refused by "...)
	b = appendText(b, h.component, maxShort)
	b = append(b, " within a second: "...)
	b = append(appendText(b, h.reason, maxShort), '\n')
	b = appendField(b, "HOOKAIDO_COMPONENT", h.component, maxShort)
	b = appendField(b, "HOOKAIDO_REASON", h.reason, maxShort)
	return appendNumber(b, "HOOKAIDO_COUNT", int64(h.count))
}

func (journalForm) lost(b []byte, _ time.Time, count uint64) []byte {
	b = journalHead(b, priorityWarning, "access_log_lines_lost")
	b = strconv.AppendUint(b, count, 10)
	b = append(b, " access log lines lost: the journal didn't take them in time\n"...)
	return appendNumber(b, "HOOKAIDO_COUNT", int64(count))
}

// journalHead ends with the name of the message, whose value and newline
// follow.
func journalHead(b []byte, priority, event string) []byte {
	b = append(b, "SYSLOG_IDENTIFIER="+identifier+"\nPRIORITY="...)
	b = append(b, priority...)
	b = append(b, "\nHOOKAIDO_EVENT="...)
	b = append(b, event...)
	return append(b, "\nMESSAGE="...)
}

func appendNumber(b []byte, name string, value int64) []byte {
	b = append(append(b, name...), '=')
	return append(strconv.AppendInt(b, value, 10), '\n')
}

// appendMillis appends a duration like 1.2ms, the unit always the same so that
// a column of them can be compared by eye.
func appendMillis(b []byte, d time.Duration) []byte {
	return append(strconv.AppendFloat(b, float64(d)/float64(time.Millisecond), 'f', 1, 64), "ms"...)
}
