package admin

import (
	"cmp"
	"context"
	"slices"
	"time"

	"hookaido/internal/queue"
)

// Health looks into everything. It never fails: trouble is part of what it
// says.
func (s *Service) Health(ctx context.Context) Health {
	now := s.clock.Now()
	err := s.ping(ctx)
	q := s.queueHealth(ctx, now)
	if err != nil {
		q.OK, q.Error = false, err.Error()
	}
	return Health{
		OK: err == nil, Time: now, Version: s.version, UptimeSeconds: s.uptime(),
		Diagnostics: Diagnostics{Config: s.loaded.Load().info, Queue: q, Listeners: s.listeners, Counters: s.counters()},
	}
}

func (s *Service) uptime() int64 { return seconds(s.clock.Monotonic() - s.started) }

// queueHealth describes the queue as far as it can be read.
func (s *Service) queueHealth(ctx context.Context, now time.Time) QueueHealth {
	stats, err := s.stats(ctx)
	if err != nil {
		return QueueHealth{Error: err.Error()}
	}
	q := QueueHealth{
		OK: true, Total: stats.Total(), ByState: byState(stats),
		Ages: ages(now, stats.OldestQueued, stats.EarliestDue),
	}
	const top = 10
	for _, l := range stats.Lanes {
		if l.Queued == 0 || len(q.TopQueued) == top {
			break
		}
		q.TopQueued = append(q.TopQueued, Lane{
			Route: l.Route, Target: l.Target, Queued: l.Queued, Ages: ages(now, l.OldestQueued, l.EarliestDue),
		})
	}
	q.TrendSignals = s.trendHealth(ctx, now)
	return q
}

func (s *Service) stats(ctx context.Context) (queue.Stats, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, storeDeadline, errSlow)
	defer cancel()
	stats, err := s.store.Stats(ctx)
	if err != nil {
		return queue.Stats{}, err
	}
	slices.SortStableFunc(stats.Lanes, func(a, b queue.LaneStats) int {
		return cmp.Or(cmp.Compare(b.Queued, a.Queued), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Target, b.Target))
	})
	return stats, nil
}

func byState(stats queue.Stats) map[string]int {
	m := make(map[string]int, len(queue.States()))
	for _, state := range queue.States() {
		m[state.String()] = stats.ByState[state]
	}
	return m
}

func ages(now, oldest, due time.Time) Ages {
	if oldest.IsZero() {
		return Ages{}
	}
	age, lag := seconds(now.Sub(oldest)), seconds(now.Sub(due))
	oldest, due = oldest.UTC(), due.UTC()
	return Ages{&oldest, &age, &due, &lag}
}

// seconds drops fractions, and what a step of the clock made negative.
func seconds(d time.Duration) int64 { return max(0, int64(d/time.Second)) }

// Status describes the daemon for hookaido status. It never fails: trouble is
// part of what it says.
func (s *Service) Status(ctx context.Context) Status {
	now := s.clock.Now()
	l := s.loaded.Load()
	status := Status{
		Version: s.version, PID: s.pid, StartedAt: s.startedAt, UptimeSeconds: s.uptime(),
		Phase:      s.currentPhase(),
		Config:     ConfigStatus{Path: l.config.Path, ConfigInfo: l.info, LastReloadError: s.lastReload.Load()},
		Listeners:  s.listeners,
		Routes:     l.routes(),
		Deliveries: s.targets(),
	}
	if len(l.config.Routes) > 0 {
		status.Store.Backend = string(l.config.Backend())
	}
	pinged := s.ping(ctx)
	stats, err := s.stats(ctx)
	if err == nil {
		status.Store.Total, status.Store.ByState = stats.Total(), byState(stats)
		status.Store.DiskLow = stats.DiskLow
		status.Routes = addLanes(status.Routes, stats.Lanes, now)
	}
	if err == nil {
		err = s.addPauses(ctx, status.Routes)
	}
	s.addRates(status.Routes)
	if err := cmp.Or(pinged, err); err != nil {
		status.Store.Error = err.Error()
	}
	status.Store.OK = status.Store.Error == ""
	return status
}

// addRates adds how fast messages flow.
func (s *Service) addRates(routes []RouteStatus) {
	rates := s.rates()
	for i := range routes {
		if rate, known := rates[routes[i].Route]; known {
			routes[i].Rate = &rate
		}
	}
}

// routes lists the configured routes, without messages yet.
func (l *loaded) routes() []RouteStatus {
	routes := make([]RouteStatus, 0, len(l.config.Routes))
	for i := range l.config.Routes {
		r := &l.config.Routes[i]
		status := RouteStatus{Route: r.Path, Configured: true}
		if r.Pull != nil {
			status.Pull = l.config.PullAPI.Prefix + r.Pull.Path
		}
		routes = append(routes, status)
	}
	return routes
}

// addLanes adds the messages of lanes to their routes, and the routes that only
// messages still name.
func addLanes(routes []RouteStatus, lanes []queue.LaneStats, now time.Time) []RouteStatus {
	index := make(map[string]int, len(routes))
	for i := range routes {
		index[routes[i].Route] = i
	}
	for _, lane := range lanes {
		i, known := index[lane.Route]
		if !known {
			i = len(routes)
			index[lane.Route] = i
			routes = append(routes, RouteStatus{Route: lane.Route})
		}
		r := &routes[i]
		r.Queued += lane.Queued
		r.Leased += lane.Leased
		r.Dead += lane.Dead
		r.merge(ages(now, lane.OldestQueued, lane.EarliestDue))
	}
	return routes
}

// addPauses marks routes of which something is paused.
func (s *Service) addPauses(ctx context.Context, routes []RouteStatus) error {
	ctx, cancel := context.WithTimeoutCause(ctx, storeDeadline, errSlow)
	defer cancel()
	pauses, err := s.store.Paused(ctx)
	for i := range routes {
		r := &routes[i]
		r.Paused = slices.ContainsFunc(pauses, func(p queue.Pause) bool { return p.Route == r.Route })
	}
	return err
}

// merge keeps the oldest of two targets of a route.
func (a *Ages) merge(b Ages) {
	if b.OldestQueuedReceivedAt == nil {
		return
	}
	if a.OldestQueuedReceivedAt == nil || b.OldestQueuedReceivedAt.Before(*a.OldestQueuedReceivedAt) {
		a.OldestQueuedReceivedAt, a.OldestQueuedAgeSeconds = b.OldestQueuedReceivedAt, b.OldestQueuedAgeSeconds
	}
	if a.EarliestQueuedNextRunAt == nil || b.EarliestQueuedNextRunAt.Before(*a.EarliestQueuedNextRunAt) {
		a.EarliestQueuedNextRunAt, a.ReadyLagSeconds = b.EarliestQueuedNextRunAt, b.ReadyLagSeconds
	}
}
