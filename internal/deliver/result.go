package deliver

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Class says what is to be done after an attempt.
type Class uint8

// The classes of results.
const (
	// Done is a delivery: the target took the message.
	Done Class = iota + 1
	// Retry is a failure that may pass.
	Retry
	// RetryAfter is such a failure of which the target said how long it lasts.
	RetryAfter
	// GiveUp is a failure that the same message would meet again.
	GiveUp
)

// String returns the class in a word.
func (c Class) String() string {
	switch c {
	case Done:
		return "done"
	case Retry:
		return "retry"
	case RetryAfter:
		return "retry_after"
	case GiveUp:
		return "give_up"
	}
	return "class(" + strconv.Itoa(int(c)) + ")"
}

// Reason says in a stable word why an attempt failed. There are a few dozen of
// them, so that they may be labels of metrics: those below, and "status_" with
// a status.
type Reason string

// The reasons that are no status. None is the reason of a delivery.
const (
	None Reason = ""
	// ReasonEgress is a refusal by the egress policy; the cause is a [Denial].
	ReasonEgress Reason = "egress_denied"
	// ReasonGone is status 410, with which a target takes its leave.
	ReasonGone Reason = "gone"
	// ReasonRedirect is a status from 300 to 399 that is not followed.
	ReasonRedirect Reason = "redirect"
	// ReasonTimeout is an attempt that took longer than the target's timeout.
	ReasonTimeout Reason = "timeout"
	// ReasonStopped is an attempt that its caller broke off.
	ReasonStopped Reason = "stopped"
	ReasonDNS     Reason = "dns"
	ReasonConnect Reason = "connect"
	ReasonTLS     Reason = "tls"
	ReasonProxy   Reason = "proxy"
	// ReasonConnection is a connection that broke after it was made.
	ReasonConnection Reason = "connection"
	// ReasonProtocol is an answer that is not HTTP.
	ReasonProtocol Reason = "protocol"
	// ReasonSigning is a lack of a secret that is valid now.
	ReasonSigning Reason = "signing"
	// ReasonProgramMissing and ReasonProgramRefused are programs that are not
	// there, or are not run as they are.
	ReasonProgramMissing Reason = "program_missing"
	ReasonProgramRefused Reason = "program_refused"
	// ReasonStart is a program that the system did not start.
	ReasonStart Reason = "start"
	// ReasonExit and ReasonSignal are ends of a program.
	ReasonExit   Reason = "exit"
	ReasonSignal Reason = "signal"
)

// Result is what came of an attempt.
type Result struct {
	Class Class
	// Status is that of the target's answer; of a program it stands for its
	// end. It is 0 without an answer.
	Status int
	Reason Reason
	// Cause tells more in one line without secrets; nil after a delivery.
	Cause error
	// Latency is the time that the attempt took.
	Latency time.Duration
	// RetryAfter is the wait that the target asked for, at most an hour; it is
	// above 0 only with the class of that name.
	RetryAfter time.Duration
	// Output is what a program wrote to its standard error, one line of
	// printable text, cut after 4 KiB.
	Output string
}

func failed(class Class, reason Reason, cause error) Result {
	return Result{Class: class, Reason: reason, Cause: &boundedError{cause}}
}

// maxCause bounds the text of a cause, in bytes. Some has been chosen by the
// target.
const maxCause = 300

// boundedError is an error whose text is short and printable.
type boundedError struct{ err error }

func (e *boundedError) Error() string { return printable(e.err.Error(), maxCause) }
func (e *boundedError) Unwrap() error { return e.err }

// printable returns s in one line, without characters that drive a terminal or
// forge a line of a log, and cut to about limit bytes.
func printable(s string, limit int) string {
	cut := len(s) > limit
	if cut {
		end := limit
		for end > 0 && !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end]
	}
	var b strings.Builder
	for _, r := range strings.TrimSpace(s) {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteByte(' ')
		case !strconv.IsGraphic(r) || r == utf8.RuneError:
			b.WriteByte('?')
		default:
			b.WriteRune(r)
		}
	}
	if cut {
		b.WriteString("…")
	}
	return b.String()
}

// timeoutError is the cause of a context that ended by the target's timeout.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string {
	return fmt.Sprintf("the attempt took longer than the target's timeout of %v", e.after)
}
