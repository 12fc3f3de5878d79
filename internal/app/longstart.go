package app

import (
	"sync"
	"time"

	"hookaido/internal/clock"
)

const (
	// startGrace is how long systemd is asked to wait at a time for a start that
	// takes long, with a migration or the recovery of a large database.
	startGrace = 60 * time.Second
	// longestStart is when it isn't asked again, so that a step that hangs is
	// ended at last.
	longestStart = 2 * time.Hour
)

// longStart keeps systemd from ending a long start: from the first sign of
// progress on it asks for more time, well before what was asked for is over,
// also within a step that takes longer than that.
type longStart struct {
	clk clock.Clock
	// extend asks for d from now, with what is done if there is news of it.
	extend func(d time.Duration, progress string)

	first  sync.Once
	ended  chan struct{}
	asking sync.WaitGroup
}

func newLongStart(clk clock.Clock, extend func(d time.Duration, progress string)) *longStart {
	return &longStart{clk: clk, extend: extend, ended: make(chan struct{})}
}

// report tells what is done now.
func (p *longStart) report(progress string) {
	p.extend(startGrace, progress)
	p.first.Do(func() { p.asking.Go(p.ask) })
}

func (p *longStart) ask() {
	const pause = startGrace / 3
	timer := p.clk.NewTimer(pause)
	defer timer.Stop()
	for asked := time.Duration(0); asked < longestStart; asked += pause {
		select {
		case <-timer.C():
		case <-p.ended:
			return
		}
		p.extend(startGrace, "")
		timer.Reset(pause)
	}
}

// end is called once, after the last report.
func (p *longStart) end() {
	close(p.ended)
	p.asking.Wait()
}
