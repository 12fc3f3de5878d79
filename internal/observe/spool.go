package observe

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"hookaido/internal/clock"
)

// batch is a run of records; ends has the offset after each.
type batch struct {
	data []byte
	ends []int
}

func (b *batch) record(i int) []byte {
	start := 0
	if i > 0 {
		start = b.ends[i-1]
	}
	return b.data[start:b.ends[i]]
}

func (b *batch) add(record []byte) {
	b.data = append(b.data, record...)
	b.ends = append(b.ends, len(b.data))
}

func (b *batch) reset() { b.data, b.ends = b.data[:0], b.ends[:0] }

// sink is where a spool writes. Writes come from one goroutine; reopen and close
// may come at any time. Close ends a write that hangs, if the sink can.
type sink interface {
	// write returns how many records of the batch were lost, and why.
	write(b batch) (lost int, err error)
	reopen() error
	close() error
}

// maxSpool bounds what waits for a sink, in bytes, and twice that is the memory
// of a spool; hastySpool is written without lingering.
const (
	maxSpool   = 4 << 20
	hastySpool = 256 << 10
)

// closeGrace is how long closing waits for a sink that doesn't take records.
const closeGrace = 2 * time.Second

// spoolOptions are the settings of a spool.
type spoolOptions struct {
	sink sink
	clk  clock.Clock
	// linger is how long the first record of a batch waits for others.
	linger time.Duration
	// lost makes the record that tells of lost ones.
	lost func(b []byte, count uint64) []byte
	// failed is called when writing begins to fail, and with nil when it works
	// again. It is called from the goroutine of the spool; nil is allowed.
	failed func(err error)
}

// spool takes records from any goroutine without waiting and writes them in
// batches from one of its own. What doesn't fit is dropped and counted.
type spool struct {
	o       spoolOptions
	dropped atomic.Uint64

	mu     sync.Mutex
	next   batch
	closed bool

	some, full chan struct{} // the batch isn't empty; it is large
	flushes    chan chan struct{}
	stop, done chan struct{}
	abandoned  atomic.Bool // the sink was closed under a hanging write

	// The rest belongs to the goroutine.
	writing  batch
	reported uint64 // of dropped
	failing  bool
	scratch  []byte
}

func newSpool(o spoolOptions) *spool {
	s := &spool{
		o: o, some: make(chan struct{}, 1), full: make(chan struct{}, 1),
		flushes: make(chan chan struct{}), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go s.run()
	return s
}

// put takes a copy of the record.
func (s *spool) put(record []byte) {
	s.mu.Lock()
	if s.closed || len(s.next.data)+len(record) > maxSpool {
		s.mu.Unlock()
		s.dropped.Add(1)
		return
	}
	before := len(s.next.data)
	s.next.add(record)
	after := len(s.next.data)
	s.mu.Unlock()
	if before == 0 {
		signal(s.some)
	}
	if before < hastySpool && after >= hastySpool {
		signal(s.full)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // the goroutine will look anyway
	}
}

// flush waits until all records put before are written, but not longer than
// the grace of close.
func (s *spool) flush() {
	reply := make(chan struct{})
	timer := s.o.clk.NewTimer(closeGrace)
	defer timer.Stop()
	select {
	case s.flushes <- reply:
	case <-s.done:
		return
	case <-timer.C():
		return
	}
	select {
	case <-reply:
	case <-s.done:
	case <-timer.C():
	}
}

// close writes what waits and closes the sink. Later records are dropped. After
// the grace a sink that hangs is left to itself; if closing doesn't wake it,
// the goroutine stays in its write until the reader goes on or goes away.
func (s *spool) close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		close(s.stop)
	}
	timer := s.o.clk.NewTimer(closeGrace)
	defer timer.Stop()
	select {
	case <-s.done:
		return s.o.sink.close()
	case <-timer.C():
		s.abandoned.Store(true)
		return errors.Join(errors.New("close log: its reader takes nothing, the last records are lost"), s.o.sink.close())
	}
}

func (s *spool) run() {
	defer close(s.done)
	for {
		select {
		case <-s.stop:
			s.writeAll()
			return
		case reply := <-s.flushes:
			s.writeAll()
			close(reply)
		case <-s.some:
			s.wait()
			s.writeAll()
		}
	}
}

// wait lets a batch grow.
func (s *spool) wait() {
	if s.o.linger <= 0 {
		return
	}
	timer := s.o.clk.NewTimer(s.o.linger)
	defer timer.Stop()
	select {
	case <-timer.C():
	case <-s.full:
	case <-s.stop:
	case reply := <-s.flushes:
		s.writeAll()
		close(reply)
	}
}

// writeAll writes until nothing waits.
func (s *spool) writeAll() {
	for !s.abandoned.Load() {
		s.mu.Lock()
		s.writing, s.next = s.next, s.writing
		s.mu.Unlock()
		if len(s.writing.ends) == 0 {
			return
		}
		s.writeBatch()
		s.writing.reset()
	}
}

func (s *spool) writeBatch() {
	lost, err := s.o.sink.write(s.writing)
	if lost > 0 {
		s.dropped.Add(uint64(lost))
	}
	if failing := err != nil; failing != s.failing {
		s.failing = failing
		if s.o.failed != nil {
			s.o.failed(err)
		}
	}
	if err != nil {
		return
	}
	if total := s.dropped.Load(); total > s.reported {
		s.scratch = s.o.lost(s.scratch[:0], total-s.reported)
		var note batch
		note.add(s.scratch)
		if _, err := s.o.sink.write(note); err == nil {
			s.reported = total
		}
	}
}
