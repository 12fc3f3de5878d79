package systemd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"hookaido/internal/clock"
)

// WatchdogPeriod returns the period within which systemd wants a sign of life,
// or 0 if it wants none from this process. A malformed period turns the
// watchdog off, with a reason for a warning. The variables are removed from
// the environment, so call it once.
func WatchdogPeriod() (period time.Duration, warning string) {
	text, pid := os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")
	period, err := daemon.SdWatchdogEnabled(true)
	if err != nil {
		return 0, fmt.Sprintf("the watchdog is off: WATCHDOG_USEC=%s and WATCHDOG_PID=%s must be positive numbers; unset them, or have them set by WatchdogSec= in the unit",
			clean(text), clean(pid))
	}
	if usec, err := strconv.ParseInt(text, 10, 64); err == nil && usec > math.MaxInt64/1000 {
		return 0, "the watchdog is off: WATCHDOG_USEC=" + text + " is too large"
	}
	return period, ""
}

// WatchdogOptions are all needed except Report.
type WatchdogOptions struct {
	// Period is that of [WatchdogPeriod]; 0 makes Start do nothing.
	Period   time.Duration
	Clock    clock.Clock
	Notifier *Notifier
	// Alive returns an error that names the stuck part, or nil if all moves.
	// It must return soon after its context is done.
	Alive func(ctx context.Context) error
	// Report is called with the reason when pings begin to be withheld, and
	// with nil when they go on again.
	Report func(stuck error)
}

// Watchdog keeps the service alive in systemd's eyes for as long as it works.
//
// Every third of the period it calls Alive, which has that third to answer.
// A check that passes earns a ping. A check that fails or hangs doesn't stop
// the pings at once, because one long fsync is no reason for a restart: they
// go on until no check has passed for one whole period. Then the stuck part is
// shown in STATUS= and pings stop, and systemd ends the service one period
// later, between two and two and a third periods after the last check that
// passed. A check that passes in between lifts the alarm. A process that
// doesn't run at all sends no ping and is ended after one period.
type Watchdog struct {
	o     WatchdogOptions
	tick  time.Duration
	mu    sync.Mutex
	stop  context.CancelFunc
	done  chan struct{}
	ended bool

	// The rest belongs to the loop.
	lastGood time.Duration
	last     error // the newest failure
	stuck    bool  // pings are withheld
	results  chan error
	cancel   context.CancelCauseFunc // of the check that runs; nil for none
}

// NewWatchdog returns a watchdog that isn't started.
func NewWatchdog(o WatchdogOptions) *Watchdog {
	// A period too short to be met must not become a busy loop.
	tick := max(o.Period/3, time.Millisecond)
	return &Watchdog{o: o, tick: tick, results: make(chan error, 1)}
}

// Start begins to ping, once; it ends with ctx or by Stop.
func (w *Watchdog) Start(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.o.Period <= 0 || w.ended || w.stop != nil {
		return
	}
	ctx, w.stop = context.WithCancel(ctx)
	w.done = make(chan struct{})
	go w.run(ctx)
}

// Stop ends the pings and waits for the loop. It doesn't wait for a check that
// ignores its context, since that may be the very part that hangs.
func (w *Watchdog) Stop() {
	w.mu.Lock()
	w.ended = true
	stop, done := w.stop, w.done
	w.mu.Unlock()
	if stop != nil {
		stop()
		<-done
	}
}

func (w *Watchdog) run(ctx context.Context) {
	defer close(w.done)
	w.lastGood = w.o.Clock.Monotonic()
	timer := w.o.Clock.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C():
			timer.Reset(w.tick)
			w.onTick(ctx)
		case err := <-w.results:
			w.onResult(err)
		}
	}
}

// errNoAnswer is the cause that ends the context of a check.
var errNoAnswer = errors.New("the liveness check didn't answer in time")

// onTick starts a check, or counts one that still runs as failed.
func (w *Watchdog) onTick(ctx context.Context) {
	if w.cancel != nil {
		w.cancel(errNoAnswer)
		w.last = errNoAnswer
		w.judge()
		return
	}
	check, cancel := context.WithCancelCause(ctx)
	w.cancel = cancel
	go func() {
		err := w.o.Alive(check)
		if cause := context.Cause(check); err != nil && cause != nil && errors.Is(err, context.Canceled) {
			err = fmt.Errorf("%w (%w)", cause, err)
		}
		w.results <- err
	}()
}

func (w *Watchdog) onResult(err error) {
	w.cancel(nil)
	w.cancel = nil
	w.last = err
	if err == nil {
		w.lastGood = w.o.Clock.Monotonic()
	}
	w.judge()
}

// judge pings, or says why not.
func (w *Watchdog) judge() {
	quiet := w.o.Clock.Monotonic() - w.lastGood
	if quiet < w.o.Period {
		if w.stuck {
			w.stuck = false
			w.report(nil)
			_ = w.o.Notifier.Alarm("") // the ping below is what counts
		}
		_ = w.o.Notifier.watchdogPing() // systemd itself notices a lost ping
		return
	}
	_ = w.o.Notifier.Alarm(fmt.Sprintf("stuck for %s: %v", quiet.Round(time.Millisecond), w.last))
	if !w.stuck {
		w.stuck = true
		w.report(w.last)
	}
}

func (w *Watchdog) report(stuck error) {
	if w.o.Report != nil {
		w.o.Report(stuck)
	}
}
