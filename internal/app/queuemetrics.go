package app

import (
	"context"
	"fmt"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/dispatch"
	"hookaido/internal/observe"
	"hookaido/internal/queue"
)

// observeQueue has the queue's figures asked for at each scrape.
func (a *App) observeQueue(ctx context.Context) error {
	return a.registry.Register(observe.NewQueueCollector(ctx, a.queueStats))
}

// queueStats puts the queue's figures into the form of the gauges.
func (a *App) queueStats(ctx context.Context) (observe.QueueStats, error) {
	s, err := a.store.Stats(ctx)
	if err != nil {
		return observe.QueueStats{}, err
	}
	pauses, err := a.store.Paused(ctx)
	if err != nil {
		return observe.QueueStats{}, err
	}
	a.mu.Lock()
	cfg := a.config
	a.mu.Unlock()
	now := a.opts.Clock.Now()
	out := observe.QueueStats{
		Queued: s.ByState[queue.StateQueued], Leased: s.ByState[queue.StateLeased],
		Dead: s.ByState[queue.StateDead], Total: s.Total(), Orphaned: s.Total(),
		OldestQueued: since(now, s.OldestQueued), ReadyLag: since(now, s.EarliestDue),
	}
	found := map[targetKey]*queue.LaneStats{}
	for i := range s.Lanes {
		l := &s.Lanes[i]
		found[targetKey{l.Route, l.Target}] = l
	}
	for _, lane := range lanesOf(cfg) {
		one := observe.LaneStats{Route: lane.route, Target: lane.label, Paused: paused(pauses, lane.targetKey)}
		l := found[lane.targetKey]
		if l == nil {
			l = &queue.LaneStats{}
		}
		one.States = map[string]int{}
		for state, n := range map[queue.State]int{
			queue.StateQueued: l.Queued, queue.StateLeased: l.Leased, queue.StateDelivered: l.Delivered,
			queue.StateDead: l.Dead, queue.StateCanceled: l.Canceled,
		} {
			one.States[state.String()] = n
			out.Orphaned -= n
		}
		one.OldestQueued, one.ReadyLag = since(now, l.OldestQueued), since(now, l.EarliestDue)
		out.Lanes = append(out.Lanes, one)
	}
	return out, nil
}

// since is the time that passed, 0 if at is zero or still to come.
func since(now, at time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	return max(0, now.Sub(at))
}

// laneLabel is a configured target with its label.
type laneLabel struct {
	targetKey
	label string
}

// lanesOf lists the targets of all routes. Two that differ only in what labels
// leave out are numbered, as the dispatcher does.
func lanesOf(cfg *config.Config) []laneLabel {
	var all []laneLabel
	listed, used := map[targetKey]bool{}, map[targetKey]int{}
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		for _, name := range targetNames(r) {
			key := targetKey{r.Path, name}
			if listed[key] {
				continue
			}
			listed[key] = true
			label := dispatch.Label(name)
			shown := targetKey{r.Path, label}
			if used[shown]++; used[shown] > 1 {
				label = fmt.Sprintf("%s#%d", label, used[shown])
			}
			all = append(all, laneLabel{key, label})
		}
	}
	return all
}

func paused(pauses []queue.Pause, lane targetKey) bool {
	for _, p := range pauses {
		if p.Route == lane.route && (p.Target == "" || p.Target == lane.name) {
			return true
		}
	}
	return false
}
