package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
)

// BacklogQueue is what [Backlog] needs of a queue engine.
type BacklogQueue interface {
	Stats(ctx context.Context) (queue.Stats, error)
	List(ctx context.Context, r queue.ListRequest) ([]queue.Message, error)
	Trend(ctx context.Context, f queue.TrendFilter) ([]queue.TrendSample, error)
}

// BacklogOptions are what a [Backlog] is made of.
type BacklogOptions struct {
	Queue BacklogQueue
	Clock clock.Clock
	// Config returns the configuration in force.
	Config func() *config.Config
}

// Backlog tells operators what waits, for how long, and where it is heading. It
// is safe for concurrent use. The cost of an answer grows with its limit and the
// number of lanes, not with the queue.
type Backlog struct {
	queue  BacklogQueue
	clock  clock.Clock
	config func() *config.Config
}

// NewBacklog makes the service.
func NewBacklog(o BacklogOptions) *Backlog {
	return &Backlog{queue: o.Queue, clock: o.Clock, config: o.Config}
}

// BacklogTotals is what every view of the backlog tells of the whole queue,
// whatever it is narrowed down to.
type BacklogTotals struct {
	// QueueTotal counts the messages in all states.
	QueueTotal  int `json:"queue_total"`
	QueuedTotal int `json:"queued_total"`
	Ages
}

// LaneSelector is what a view was narrowed down to.
type LaneSelector struct {
	Route  string `json:"route,omitempty"`
	Target string `json:"target,omitempty"`
}

// TopQueued is the answer to GET /backlog/top_queued: the lanes with most
// messages queued.
type TopQueued struct {
	BacklogTotals
	Limit int `json:"limit"`
	// Truncated is set if there are more lanes than the limit.
	Truncated bool `json:"truncated"`
	// SourceBounded is never set: all lanes are looked at.
	SourceBounded bool   `json:"source_bounded"`
	Items         []Lane `json:"items"`
}

// OldestQueued is the answer to GET /backlog/oldest_queued: the messages queued
// that came in first.
type OldestQueued struct {
	BacklogTotals
	Limit    int `json:"limit"`
	Returned int `json:"returned"`
	// Truncated is set if more are queued.
	Truncated bool         `json:"truncated"`
	Selector  LaneSelector `json:"selector"`
	Items     []OldMessage `json:"items"`
}

// OldMessage is a message that is queued.
type OldMessage struct {
	ID                     string    `json:"id"`
	Route                  string    `json:"route"`
	Target                 string    `json:"target"`
	ReceivedAt             time.Time `json:"received_at"`
	Attempt                int       `json:"attempt"`
	NextRunAt              time.Time `json:"next_run_at"`
	OldestQueuedAgeSeconds int64     `json:"oldest_queued_age_seconds"`
	// ReadyLagSeconds is for how long it has been due.
	ReadyLagSeconds int64 `json:"ready_lag_seconds"`
}

// snapshot is what a view begins with.
type snapshot struct {
	now    time.Time
	stats  queue.Stats
	totals BacklogTotals
	limit  int
}

// look resolves the selector and reads the counters.
func (b *Backlog) look(ctx context.Context, s *Selector) (*snapshot, error) {
	if _, refusal := s.resolve(b.config()); refusal != nil {
		return nil, refusal
	}
	limit, refusal := s.limit()
	if refusal != nil {
		return nil, refusal
	}
	stats, err := b.queue.Stats(ctx)
	if err != nil {
		return nil, err
	}
	now := b.clock.Now()
	return &snapshot{now: now, stats: stats, limit: limit, totals: BacklogTotals{
		QueueTotal: stats.Total(), QueuedTotal: stats.ByState[queue.StateQueued], Ages: ages(now, stats.OldestQueued, stats.EarliestDue),
	}}, nil
}

// queued are the lanes of the selector with messages queued, those with most
// first, and the number of their messages.
func (v *snapshot) queued(s *Selector) (lanes []queue.LaneStats, messages int) {
	for _, l := range v.stats.Lanes {
		if l.Queued > 0 && (s.Route == "" || s.Route == l.Route) && (s.Target == "" || s.Target == l.Target) {
			lanes = append(lanes, l)
			messages += l.Queued
		}
	}
	slices.SortFunc(lanes, func(a, b queue.LaneStats) int {
		return cmp.Or(cmp.Compare(b.Queued, a.Queued), strings.Compare(a.Route, b.Route), strings.Compare(a.Target, b.Target))
	})
	return lanes, messages
}

// TopQueued lists the lanes with most messages queued. An error is a
// [*Refusal] or one of the queue.
func (b *Backlog) TopQueued(ctx context.Context, s Selector) (TopQueued, error) {
	v, err := b.look(ctx, &s)
	if err != nil {
		return TopQueued{}, err
	}
	lanes, _ := v.queued(&s)
	top := TopQueued{BacklogTotals: v.totals, Limit: v.limit, Truncated: len(lanes) > v.limit, Items: []Lane{}}
	for _, l := range lanes[:min(len(lanes), v.limit)] {
		top.Items = append(top.Items, Lane{Route: l.Route, Target: l.Target, Queued: l.Queued, Ages: ages(v.now, l.OldestQueued, l.EarliestDue)})
	}
	return top, nil
}

// OldestQueued lists the messages queued that came in first. An error is a
// [*Refusal] or one of the queue.
func (b *Backlog) OldestQueued(ctx context.Context, s Selector) (OldestQueued, error) {
	v, err := b.look(ctx, &s)
	if err != nil {
		return OldestQueued{}, err
	}
	list, err := b.oldest(ctx, &s, v.limit, queue.StateQueued)
	if err != nil {
		return OldestQueued{}, err
	}
	_, messages := v.queued(&s)
	old := OldestQueued{
		BacklogTotals: v.totals, Limit: v.limit, Returned: len(list), Truncated: messages > len(list),
		Selector: LaneSelector{s.Route, s.Target}, Items: []OldMessage{},
	}
	for i := range list {
		m := &list[i]
		old.Items = append(old.Items, OldMessage{
			ID: m.ID, Route: m.Route, Target: m.Target, ReceivedAt: m.ReceivedAt.UTC(), Attempt: m.Attempt, NextRunAt: m.Due.UTC(),
			OldestQueuedAgeSeconds: seconds(v.now.Sub(m.ReceivedAt)), ReadyLagSeconds: seconds(v.now.Sub(m.Due)),
		})
	}
	return old, nil
}

// oldest reads the messages of a state that came in first.
func (b *Backlog) oldest(ctx context.Context, s *Selector, limit int, state queue.State) ([]queue.Message, error) {
	return b.queue.List(ctx, queue.ListRequest{Filter: queue.Filter{
		Route: s.Route, Target: s.Target, States: []queue.State{state}, OldestFirst: true, Limit: limit,
	}})
}
