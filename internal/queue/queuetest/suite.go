// Package queuetest is the contract of queue engines in the form of tests.
//
// [Run] holds for every engine, [RunDurable] in addition for those that keep
// their messages over a restart. An engine's own test only says how it is
// opened. Beyond what the doc comments of package queue say, the suite holds
// engines to these rules:
//
//   - Time that has passed is seen by every operation at once, whether or not a
//     timer has fired: a message is due, and a lease has ended, from the very
//     nanosecond on.
//   - A message whose lease ran out is due at the moment when that is noticed,
//     one that was given back at that moment plus its delay.
//   - The holder of a lease that ran out is told so once ([queue.ErrLeaseExpired]),
//     as long as no other consumer has the message; then the lease is unknown.
//   - A dequeue gives messages in the order of their due times, and of their
//     arrival when these are equal, over all targets it asks for.
//   - The oldest message, for a drop, is the one that arrived first.
//   - The wall clock may step: leases, delays and waits last as long as was
//     asked for in real time; a delay may end early when the clock goes forward.
//   - An operation whose context has ended before it began does nothing; a
//     dequeue whose context ends while it waits leases nothing.
//
// Each case runs in a bubble of testing/synctest with a manual clock, so that
// the suite knows when an engine rests: an engine must end all its goroutines
// in Close and take time from its clock only.
package queuetest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

// Enqueuer stores messages.
type Enqueuer interface {
	Enqueue(ctx context.Context, b queue.Batch) (ids []string, err error)
}

// Leaser hands messages out and takes them back.
type Leaser interface {
	Dequeue(ctx context.Context, r queue.DequeueRequest) ([]queue.Leased, error)
	Settle(ctx context.Context, r queue.SettleRequest) ([]queue.Conflict, error)
	Extend(ctx context.Context, r queue.ExtendRequest) error
}

// Concluder settles deliveries and shows their attempts.
type Concluder interface {
	Conclude(ctx context.Context, list []queue.Conclusion) ([]queue.Conflict, error)
	Attempts(ctx context.Context, f queue.AttemptFilter) ([]queue.Attempt, error)
}

// Keeper tells how the queue is and ends it.
type Keeper interface {
	Stats(ctx context.Context) (queue.Stats, error)
	Ping(ctx context.Context) error
	SetRetention(r queue.Retention)
	Close() error
}

// Queue is all that the suite tests of an engine.
type Queue interface {
	Enqueuer
	Leaser
	Concluder
	Operator
	Keeper
}

// Operator is all that is for operators.
type Operator interface {
	Manager
	Mapper
	SecretKeeper
	Sampler
}

// Options say how a case wants its queue.
type Options struct {
	Clock  *clock.Manual
	Limits queue.Limits
}

// Open opens an empty queue. The suite closes it.
type Open func(t *testing.T, o Options) Queue

// Reopen closes q, if the suite has not done so yet, and opens what it stored.
type Reopen func(t *testing.T, q Queue, o Options) Queue

// Run tests an engine.
func Run(t *testing.T, open Open) {
	t.Helper()
	runAll(t, engine{open: open}, []group{
		{"IDs", idCases()},
		{"Content", contentCases()},
		{"FanOut", fanOutCases()},
		{"Order", orderCases()},
		{"Lease", leaseCases()},
		{"Settle", settleCases()},
		{"Conclude", concludeCases()},
		{"Manage", manageCases()},
		{"Pause", pauseCases()},
		{"Mapping", mappingCases()},
		{"Sealed", sealedCases()},
		{"Trend", trendCases()},
		{"MaxDeliveries", maxDeliveryCases()},
		{"Retention", retentionCases()},
		{"Limits", limitCases()},
		{"Claims", claimCases()},
		{"Wait", waitCases()},
		{"Wake", wakeCases()},
		{"Clock", clockCases()},
		{"Stats", statsCases()},
		{"Close", closeCases()},
		{"Concurrent", concurrentCases()},
		{"Model", modelCases(2000)},
	})
}

// RunDurable tests what an engine owes that keeps its messages.
func RunDurable(t *testing.T, open Open, reopen Reopen) {
	t.Helper()
	runAll(t, engine{open, reopen}, []group{
		{"Reopen", reopenCases()},
		{"ReopenLimits", reopenLimitCases()},
		{"ReopenModel", modelCases(1000)},
	})
}

type engine struct {
	open   Open
	reopen Reopen // nil for an engine that forgets
}

type group struct {
	name  string
	cases []contractCase
}

// contractCase is one test. Its queue has the given limits.
type contractCase struct {
	name   string
	limits queue.Limits
	run    func(r *rig)
}

func runAll(t *testing.T, e engine, groups []group) {
	t.Helper()
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.cases {
				t.Run(c.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { c.run(newRig(t, e, c.limits)) })
				})
			}
		})
	}
}

// start is when every case begins. It has nanoseconds, so that an engine that
// stores fewer digits is found out.
func start() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.UTC) }
