package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/observe"
)

// lines writes access lines at a steady rate to the journal through the
// program's own logs, and an error line among each hundred.
func lines(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("lines", flag.ContinueOnError)
	rate := flags.Int("rate", 10000, "access lines per second")
	length := flags.Duration("for", 10*time.Second, "how long")
	if err := flags.Parse(args); err != nil {
		return err
	}
	journal, err := observe.JournalSocket()
	if err != nil || journal == "" {
		return errors.Join(errors.New("stderr is not the journal: start this as a unit"), err)
	}
	out := observe.Output{To: observe.Stderr, Journal: journal}
	runtime, err := observe.NewRuntimeLog(observe.RuntimeOptions{Level: "info", Output: out, Clock: clock.System{}})
	if err != nil {
		return err
	}
	access, err := observe.NewAccessLog(observe.AccessOptions{Output: out, Clock: clock.System{}, Logger: runtime.Logger()})
	if err != nil {
		return errors.Join(err, runtime.Close())
	}
	w := &lineWriter{runtime: runtime.Logger(), access: access}
	w.run(ctx, *rate, *length)
	// Each waits for a slow journal as long as closing does, which is too short
	// for all that may be left; with nothing left they don't wait.
	for range 10 {
		access.Flush()
	}
	fmt.Printf("lines=%d dropped=%d errors=%d slowest=%dms took=%dms\n",
		w.lines, access.Dropped(), w.errors, w.slowest.Milliseconds(), w.took.Milliseconds())
	return errors.Join(access.Close(), runtime.Close())
}

// lineWriter keeps count of what it wrote, and of how long one line took at
// most.
type lineWriter struct {
	runtime       *zap.Logger
	access        *observe.AccessLog
	clk           clock.System
	lines, errors int
	slowest, took time.Duration
}

// run writes in steps of ten milliseconds, as a timer can't wake ten thousand
// times in a second.
func (w *lineWriter) run(ctx context.Context, rate int, length time.Duration) {
	begin := w.clk.Monotonic()
	timer := w.clk.NewTimer(0)
	defer timer.Stop()
	const step = 10 * time.Millisecond
	for passed := time.Duration(0); passed < length; passed += step {
		timer.Reset(max(0, begin+passed-w.clk.Monotonic()))
		select {
		case <-timer.C():
		case <-ctx.Done():
			return
		}
		for want := int((passed + step).Seconds() * float64(rate)); w.lines < want; {
			w.write()
		}
	}
	w.took = w.clk.Monotonic() - begin
}

func (w *lineWriter) write() {
	start := w.clk.Monotonic()
	w.access.Log(&observe.AccessLine{
		Component: "ingress", Method: "POST", Path: "/webhooks/flood", Status: 202, Bytes: 76,
		Duration: 1500 * time.Microsecond, RemoteAddr: "192.0.2.7:41234", Route: "/webhooks/flood",
		MessageID: fmt.Sprintf("msg_%026d", w.lines),
	})
	w.lines++
	if w.lines%100 == 0 {
		w.errors++
		w.runtime.Error("flood_error", zap.Int("number", w.errors))
	}
	w.slowest = max(w.slowest, w.clk.Monotonic()-start)
}
