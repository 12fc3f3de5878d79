package admin

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"hookaido/internal/queue"
)

// AgeWindows count messages by their age.
type AgeWindows struct {
	Within5m int `json:"le_5m"`
	To15m    int `json:"gt_5m_le_15m"`
	To1h     int `json:"gt_15m_le_1h"`
	To6h     int `json:"gt_1h_le_6h"`
	Above6h  int `json:"gt_6h"`
}

func (w *AgeWindows) add(age time.Duration) {
	switch {
	case age <= 5*time.Minute:
		w.Within5m++
	case age <= 15*time.Minute:
		w.To15m++
	case age <= time.Hour:
		w.To1h++
	case age <= 6*time.Hour:
		w.To6h++
	default:
		w.Above6h++
	}
}

// Percentiles of ages, by the nearest rank, in seconds.
type Percentiles struct {
	P50 int64 `json:"p50"`
	P90 int64 `json:"p90"`
	P99 int64 `json:"p99"`
}

// percentiles reorders ages; nil if there are none.
func percentiles(ages []time.Duration) *Percentiles {
	if len(ages) == 0 {
		return nil
	}
	slices.Sort(ages)
	at := func(p float64) int64 { return seconds(ages[int(math.Ceil(p/100*float64(len(ages))))-1]) }
	return &Percentiles{at(50), at(90), at(99)}
}

// AgeSample is what the ages of some messages come to.
type AgeSample struct {
	AgeSampleCount        int          `json:"age_sample_count"`
	AgeWindows            AgeWindows   `json:"age_windows"`
	AgePercentilesSeconds *Percentiles `json:"age_percentiles_seconds,omitempty"`
}

// StateScan is how many messages of a state were looked at, and whether there
// are more.
type StateScan struct {
	Scanned   int  `json:"scanned"`
	Truncated bool `json:"truncated"`
}

// AgingSummary is the answer to GET /backlog/aging_summary. Of each state the
// oldest messages up to the limit are looked at, then put together by lane.
type AgingSummary struct {
	BacklogTotals
	Limit  int      `json:"limit"`
	States []string `json:"states"`
	AgeSample
	Scanned     int `json:"scanned"`
	BucketCount int `json:"bucket_count"`
	// Truncated and SourceBounded are set if there are messages that were not
	// looked at.
	Truncated     bool                 `json:"truncated"`
	SourceBounded bool                 `json:"source_bounded"`
	StateScan     map[string]StateScan `json:"state_scan"`
	Selector      LaneSelector         `json:"selector"`
	Items         []AgingLane          `json:"items"`
}

// StateCounts count messages by state.
type StateCounts struct {
	Queued int `json:"queued"`
	Leased int `json:"leased"`
	Dead   int `json:"dead"`
}

// AgingLane is one lane of an [AgingSummary]. What is called queued covers all
// states that were asked for.
type AgingLane struct {
	Route          string `json:"route"`
	Target         string `json:"target"`
	TotalObserved  int    `json:"total_observed"`
	QueuedObserved int    `json:"queued_observed"`
	LeasedObserved int    `json:"leased_observed"`
	DeadObserved   int    `json:"dead_observed"`
	AgeSample
	StateCounts             StateCounts `json:"state_counts"`
	OldestQueuedReceivedAt  time.Time   `json:"oldest_queued_received_at"`
	OldestQueuedAgeSeconds  int64       `json:"oldest_queued_age_seconds"`
	NewestQueuedReceivedAt  time.Time   `json:"newest_queued_received_at"`
	NewestQueuedAgeSeconds  int64       `json:"newest_queued_age_seconds"`
	EarliestQueuedNextRunAt time.Time   `json:"earliest_queued_next_run_at"`
	// ReadyOverdueCount counts queued messages that are due, of which the first
	// has been for MaxReadyLagSeconds.
	ReadyOverdueCount  int   `json:"ready_overdue_count"`
	MaxReadyLagSeconds int64 `json:"max_ready_lag_seconds"`

	ages []time.Duration
}

// AgingRequest asks for an [AgingSummary].
type AgingRequest struct {
	Selector
	// States is a list of queued, leased and dead with commas; empty is all.
	States string
}

// Aging summarises how old messages are. An error is a [*Refusal] or one of the
// queue.
func (b *Backlog) Aging(ctx context.Context, r AgingRequest) (AgingSummary, error) {
	states, refusal := r.states()
	if refusal != nil {
		return AgingSummary{}, refusal
	}
	v, err := b.look(ctx, &r.Selector)
	if err != nil {
		return AgingSummary{}, err
	}
	sum := AgingSummary{
		BacklogTotals: v.totals, Limit: v.limit, States: []string{}, StateScan: map[string]StateScan{},
		Selector: LaneSelector{r.Route, r.Target}, Items: []AgingLane{},
	}
	lanes := map[laneID]*AgingLane{}
	var all []time.Duration
	for _, state := range states {
		list, err := b.oldest(ctx, &r.Selector, v.limit, state)
		if err != nil {
			return AgingSummary{}, err
		}
		scan := StateScan{len(list), v.count(&r.Selector, state) > len(list)}
		sum.States = append(sum.States, state.String())
		sum.StateScan[state.String()] = scan
		sum.Scanned += len(list)
		sum.Truncated = sum.Truncated || scan.Truncated
		for i := range list {
			all = append(all, addAge(lanes, &list[i], v.now))
			sum.AgeWindows.add(all[len(all)-1])
		}
	}
	sum.SourceBounded = sum.Truncated
	sum.AgeSampleCount, sum.AgePercentilesSeconds = len(all), percentiles(all)
	for _, l := range lanes {
		l.AgeSampleCount, l.AgePercentilesSeconds = len(l.ages), percentiles(l.ages)
		l.QueuedObserved, l.LeasedObserved, l.DeadObserved = l.StateCounts.Queued, l.StateCounts.Leased, l.StateCounts.Dead
		sum.Items = append(sum.Items, *l)
	}
	sum.BucketCount = len(sum.Items)
	slices.SortFunc(sum.Items, func(a, b AgingLane) int {
		return cmp.Or(a.OldestQueuedReceivedAt.Compare(b.OldestQueuedReceivedAt), strings.Compare(a.Route, b.Route), strings.Compare(a.Target, b.Target))
	})
	return sum, nil
}

// states reads the list of states.
func (r *AgingRequest) states() ([]queue.State, *Refusal) {
	known := []queue.State{queue.StateQueued, queue.StateLeased, queue.StateDead}
	if strings.TrimSpace(r.States) == "" {
		return known, nil
	}
	var list []queue.State
	for name := range strings.SplitSeq(r.States, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		i := slices.IndexFunc(known, func(s queue.State) bool { return s.String() == name })
		if i < 0 {
			return nil, refuse(r.code(), "states must be a list of queued, leased and dead with commas")
		}
		if !slices.Contains(list, known[i]) {
			list = append(list, known[i])
		}
	}
	return list, nil
}

// count is the number of messages of the selector in a state.
func (v *snapshot) count(s *Selector, state queue.State) int {
	n := 0
	for i := range v.stats.Lanes {
		l := &v.stats.Lanes[i]
		if s.Route != "" && s.Route != l.Route || s.Target != "" && s.Target != l.Target {
			continue
		}
		switch state {
		case queue.StateQueued:
			n += l.Queued
		case queue.StateLeased:
			n += l.Leased
		default:
			n += l.Dead
		}
	}
	return n
}

// addAge counts a message into its lane and returns its age.
func addAge(lanes map[laneID]*AgingLane, m *queue.Message, now time.Time) time.Duration {
	key := laneID{m.Route, m.Target}
	received, due := m.ReceivedAt.UTC(), m.NextRunAt().UTC()
	age := max(0, now.Sub(received))
	l := lanes[key]
	if l == nil {
		l = &AgingLane{Route: m.Route, Target: m.Target, OldestQueuedReceivedAt: received, NewestQueuedReceivedAt: received, EarliestQueuedNextRunAt: due}
		lanes[key] = l
	}
	if !received.After(l.OldestQueuedReceivedAt) {
		l.OldestQueuedReceivedAt, l.OldestQueuedAgeSeconds = received, seconds(age)
	}
	if !received.Before(l.NewestQueuedReceivedAt) {
		l.NewestQueuedReceivedAt, l.NewestQueuedAgeSeconds = received, seconds(age)
	}
	if due.Before(l.EarliestQueuedNextRunAt) {
		l.EarliestQueuedNextRunAt = due
	}
	l.TotalObserved++
	l.ages = append(l.ages, age)
	l.AgeWindows.add(age)
	switch m.State {
	case queue.StateQueued:
		l.StateCounts.Queued++
		if lag := now.Sub(due); lag > 0 {
			l.ReadyOverdueCount++
			l.MaxReadyLagSeconds = max(l.MaxReadyLagSeconds, seconds(lag))
		}
	case queue.StateLeased:
		l.StateCounts.Leased++
	default:
		l.StateCounts.Dead++
	}
	return age
}
