package clock

import (
	"testing"
	"time"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

func fired(t Timer) bool {
	select {
	case <-t.C():
		return true
	default:
		return false
	}
}

func TestManualAdvanceMovesBothAndFires(t *testing.T) {
	m := NewManual(start)
	timer := m.NewTimer(time.Second)
	m.Advance(time.Second - 1)
	if fired(timer) {
		t.Fatal("fired a nanosecond early")
	}
	m.Advance(1)
	if !fired(timer) {
		t.Fatal("did not fire when due")
	}
	if got := m.Now().Sub(start); got != time.Second || m.Monotonic() != time.Second {
		t.Fatalf("wall moved %v, monotonic %v, want 1s each", got, m.Monotonic())
	}
}

func TestManualStepMovesOnlyTheWall(t *testing.T) {
	m := NewManual(start)
	timer := m.NewTimer(time.Second)
	m.Step(-time.Hour)
	if m.Monotonic() != 0 || !m.Now().Equal(start.Add(-time.Hour)) {
		t.Fatalf("after a step: wall %v, monotonic %v", m.Now(), m.Monotonic())
	}
	m.Advance(time.Second)
	if !fired(timer) {
		t.Fatal("a step of the wall clock held up a timer")
	}
}

func TestManualStopAndResetDropOldValues(t *testing.T) {
	m := NewManual(start)
	timer := m.NewTimer(0)
	timer.Reset(time.Minute)
	if fired(timer) {
		t.Fatal("a value of the first setting came through after Reset")
	}
	m.Advance(time.Minute)
	timer.Stop()
	if fired(timer) {
		t.Fatal("a value came through after Stop")
	}
}

func TestAwaitTimers(t *testing.T) {
	m := NewManual(start)
	done := make(chan struct{})
	go func() { m.AwaitTimers(2); close(done) }()
	m.NewTimer(time.Second)
	m.NewTimer(time.Second)
	<-done
}

func TestSystemNowIsUTCWithoutMonotonic(t *testing.T) {
	now := System{}.Now()
	if now.Location() != time.UTC || now != now.Round(0) {
		t.Fatalf("Now() = %#v, want UTC without a monotonic reading", now)
	}
}
