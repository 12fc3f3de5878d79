package systemd

import (
	"context"
	"errors"
	"math"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hookaido/internal/clock"
)

func TestWatchdogPeriod(t *testing.T) { // C88
	own := strconv.Itoa(os.Getpid())
	for _, tc := range []struct {
		usec, pid string
		want      time.Duration
		warn      bool
	}{
		{"30000000", own, 30 * time.Second, false},
		{"500000", own, 500 * time.Millisecond, false},
		{"1500", "", 1500 * time.Microsecond, false},
		{"", "", 0, false},
		{"500000", "1", 0, false},
		{"abc", own, 0, true},
		{"0", own, 0, true},
		{"-5", own, 0, true},
		{"500000", "abc", 0, true},
		{strconv.FormatInt(math.MaxInt64/1000+1, 10), own, 0, true},
		{"18446744073709551615", own, 0, true},
	} {
		t.Run(tc.usec+" of "+tc.pid, func(t *testing.T) {
			t.Setenv("WATCHDOG_USEC", tc.usec)
			t.Setenv("WATCHDOG_PID", tc.pid)
			got, warning := WatchdogPeriod()
			if got != tc.want || tc.warn != strings.Contains(warning, "WATCHDOG_USEC="+tc.usec+" ") {
				t.Errorf("got %v, %q", got, warning)
			}
			if _, left := os.LookupEnv("WATCHDOG_USEC"); left {
				t.Error("children would see WATCHDOG_USEC")
			}
		})
	}
}

// subject is a watchdog on a manual clock whose checks say when they are done.
type subject struct {
	*manager
	clk     *clock.Manual
	dog     *Watchdog
	state   atomic.Pointer[error] // what the next checks answer
	checked chan struct{}         // after each check
	reports []string
}

const period = 30 * time.Second

func newSubject(t *testing.T) *subject {
	s := &subject{manager: pathManager(t), clk: clock.NewManual(epoch), checked: make(chan struct{}, 100)}
	s.answer(nil)
	s.dog = NewWatchdog(WatchdogOptions{
		Period: period, Clock: s.clk, Notifier: NewNotifier(s.clk),
		Alive: func(context.Context) error {
			defer func() { s.checked <- struct{}{} }()
			return *s.state.Load()
		},
		Report: func(err error) {
			if err == nil {
				s.reports = append(s.reports, "well")
			} else {
				s.reports = append(s.reports, err.Error())
			}
		},
	})
	t.Cleanup(s.dog.Stop)
	return s
}

func (s *subject) answer(err error) { s.state.Store(&err) }

// tick lets a third of the period pass and waits for the check.
func (s *subject) tick() {
	s.clk.AwaitTimers(1)
	s.clk.Advance(period / 3)
	<-s.checked
}

func TestWatchdogPingsEachThirdWhileAlive(t *testing.T) {
	s := newSubject(t)
	s.dog.Start(t.Context())
	s.dog.Start(t.Context())
	<-s.checked
	for i := range 4 {
		if got := s.next(); got != "WATCHDOG=1" {
			t.Fatalf("ping %d: systemd got %q", i, got)
		}
		s.want() // one ping a tick, not two
		s.tick()
	}
	s.dog.Stop()
	s.dog.Stop()
	s.waiting()
	s.clk.Advance(period)
	s.want()
}

func TestWatchdogToleratesOnePeriodThenNamesTheStuckPart(t *testing.T) { // C88
	s := newSubject(t)
	s.dog.Start(t.Context())
	<-s.checked
	s.expect("WATCHDOG=1")
	s.answer(errors.New("queue writer: no commit"))
	for range 2 { // until just before one period has passed
		s.tick()
		s.expect("WATCHDOG=1")
	}
	s.tick()
	s.expect("STATUS=stuck for 30s: queue writer: no commit")
	s.tick()
	s.expect("STATUS=stuck for 40s: queue writer: no commit")
	s.answer(nil)
	s.tick()
	s.expect("STATUS=")
	s.expect("WATCHDOG=1")
	s.dog.Stop()
	if got := strings.Join(s.reports, "|"); got != "queue writer: no commit|well" {
		t.Errorf("reports: %s", got)
	}
}

func (s *subject) expect(want string) {
	s.t.Helper()
	if got := s.next(); got != want {
		s.t.Fatalf("systemd got %q, want %q", got, want)
	}
}

// TestWatchdogSurvivesAHangingCheck has a check that ignores its context.
func TestWatchdogSurvivesAHangingCheck(t *testing.T) { // C88
	m := pathManager(t)
	clk := clock.NewManual(epoch)
	var calls atomic.Int32
	started, hang := make(chan struct{}, 10), make(chan struct{})
	dog := NewWatchdog(WatchdogOptions{
		Period: period, Clock: clk, Notifier: NewNotifier(clk),
		Alive: func(context.Context) error { calls.Add(1); started <- struct{}{}; <-hang; return nil },
	})
	dog.Start(t.Context())
	tick := func() { clk.AwaitTimers(1); clk.Advance(period / 3) }
	for range 2 {
		tick()
		if got := m.next(); got != "WATCHDOG=1" {
			t.Fatalf("within one period systemd got %q", got)
		}
	}
	tick()
	if got := m.next(); got != "STATUS=stuck for 30s: the liveness check didn't answer in time" {
		t.Fatalf("systemd got %q", got)
	}
	<-started
	if calls.Load() != 1 {
		t.Errorf("%d checks run at once", calls.Load())
	}
	dog.Stop() // doesn't wait for the check
	close(hang)
}

// TestWatchdogTellsTheCheckThatTimeIsUp has a check that heeds its context.
func TestWatchdogTellsTheCheckThatTimeIsUp(t *testing.T) {
	pathManager(t)
	clk := clock.NewManual(epoch)
	causes := make(chan error, 1)
	dog := NewWatchdog(WatchdogOptions{
		Period: period, Clock: clk, Notifier: NewNotifier(clk),
		Alive: func(ctx context.Context) error {
			<-ctx.Done()
			select {
			case causes <- context.Cause(ctx):
			default:
			}
			return ctx.Err()
		},
	})
	dog.Start(t.Context())
	for range 2 {
		clk.AwaitTimers(1)
		clk.Advance(period / 3)
	}
	if err := <-causes; !errors.Is(err, errNoAnswer) {
		t.Errorf("cause %v", err)
	}
	dog.Stop()
}

func TestWatchdogOff(t *testing.T) {
	off := NewWatchdog(WatchdogOptions{Alive: func(context.Context) error { t.Error("checked"); return nil }})
	off.Start(t.Context())
	off.Stop()
	never := newSubject(t)
	never.dog.Stop()
	never.dog.Start(t.Context())
	never.want()
}

// TestWatchdogShortPeriod pings in real time, well within half a second.
func TestWatchdogShortPeriod(t *testing.T) { // C88
	m := pathManager(t)
	dog := NewWatchdog(WatchdogOptions{
		Period: 500 * time.Millisecond, Clock: clock.System{}, Notifier: NewNotifier(clock.System{}),
		Alive: func(context.Context) error { return nil },
	})
	if dog.tick > 250*time.Millisecond {
		t.Errorf("pings every %v", dog.tick)
	}
	dog.Start(t.Context())
	for range 3 {
		if got := m.next(); got != "WATCHDOG=1" {
			t.Errorf("systemd got %q", got)
		}
	}
	dog.Stop()
	if tiny := NewWatchdog(WatchdogOptions{Period: time.Microsecond}); tiny.tick < time.Millisecond {
		t.Error("a tiny period makes a busy loop")
	}
}
