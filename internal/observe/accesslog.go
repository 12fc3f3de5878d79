package observe

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/clock"
)

// DefaultRefusals is how many refusals of one component and reason get a line
// of their own within a second.
const DefaultRefusals = 100

// accessLinger is how long a line waits for others to be written with.
const accessLinger = 50 * time.Millisecond

// AccessOptions are the settings of an access log. Output and Clock are needed.
type AccessOptions struct {
	Output Output
	Clock  clock.Clock
	// Refusals is how many refusals (lines with a Reason) of one component and
	// reason are logged one by one within a second; the others become one line
	// with their count. 0 is [DefaultRefusals], less than 0 is no limit.
	Refusals int
	// Logger hears when lines can't be written and when they can again; nil is
	// allowed.
	Logger *zap.Logger
}

// AccessLog writes access lines: as fields to the journal, as JSON lines
// elsewhere. Lines are written in batches by a goroutine of its own, within
// some 50 ms. What a slow reader or a full disk doesn't take is dropped,
// counted, and told in one line when writing goes on.
//
// Values come out printable and bounded: no request can forge a line, send
// control characters to a terminal or fill the log with one long path.
type AccessLog struct {
	o     AccessOptions
	form  lineForm
	sink  sink
	spool *spool
	thin  *refusals // nil for no limit
	bufs  sync.Pool // of *[]byte
}

// NewAccessLog opens the output.
func NewAccessLog(o AccessOptions) (*AccessLog, error) {
	a := &AccessLog{o: o, bufs: sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}}
	if o.Output.isJournal() {
		a.form, a.sink = journalForm{}, &journalSink{address: o.Output.Journal}
	} else {
		lines, err := o.Output.open()
		if err != nil {
			return nil, err
		}
		a.form, a.sink = jsonForm{}, lines
	}
	if o.Refusals == 0 {
		o.Refusals = DefaultRefusals
	}
	if o.Refusals > 0 {
		a.thin = newRefusals(o.Refusals, o.Clock, a.logHeld)
	}
	a.spool = newSpool(spoolOptions{
		sink: a.sink, clk: o.Clock, linger: accessLinger, failed: a.report,
		lost: func(b []byte, count uint64) []byte { return a.form.lost(b, o.Clock.Now(), count) },
	})
	return a, nil
}

// Log implements [AccessLogger]. It copies what it needs and never waits for
// the output.
func (a *AccessLog) Log(line *AccessLine) {
	if line.Reason != "" && a.thin != nil && !a.thin.admit(line.Component, line.Reason) {
		return
	}
	buf := a.bufs.Get().(*[]byte)
	*buf = a.form.access((*buf)[:0], a.o.Clock.Now(), line)
	a.spool.put(*buf)
	a.bufs.Put(buf)
}

func (a *AccessLog) logHeld(h heldLines) {
	a.spool.put(a.form.held(nil, a.o.Clock.Now(), h))
}

// Dropped returns how many lines were lost so far; lines held back by
// Refusals aren't among them.
func (a *AccessLog) Dropped() uint64 { return a.spool.dropped.Load() }

// Reopen goes on in a new file at the path of the log, for after a rename. On
// an error the old file stays in use. Other outputs have nothing to reopen.
func (a *AccessLog) Reopen() error {
	a.spool.flush()
	return a.sink.reopen()
}

// Flush waits, for a short time at most, until all lines logged before are
// written.
func (a *AccessLog) Flush() { a.spool.flush() }

// Close writes what waits and closes the output. Later lines are dropped.
func (a *AccessLog) Close() error {
	if a.thin != nil {
		a.thin.close()
	}
	return a.spool.close()
}

// report tells the runtime log, which may have another output.
func (a *AccessLog) report(err error) {
	log := a.o.Logger
	switch {
	case log == nil:
	case err == nil:
		log.Info("access_log_recovered")
	default:
		log.Warn("access_log_failed", Err(err))
	}
}
