package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
)

// RouteQueue is what [Routes] needs of a queue engine.
type RouteQueue interface {
	Stats(ctx context.Context) (queue.Stats, error)
	SetPaused(ctx context.Context, route, target string, paused bool) error
	Paused(ctx context.Context) ([]queue.Pause, error)
}

// RoutesOptions are what a [Routes] is made of.
type RoutesOptions struct {
	Queue RouteQueue
	Clock clock.Clock
	// Config returns the configuration in force.
	Config func() *config.Config
	// Deliveries describes the targets of push routes; nil for none.
	Deliveries func() []Delivery
	// Recall is told what was paused, an empty target for all of the route: what
	// is on its way and has not begun goes back. Nil if nothing is.
	Recall func(route, target string)
	// Logger gets a line for every change, and for every one that was refused.
	Logger *zap.Logger
}

// Routes lets operators look at routes with their targets, and pause them. It is
// safe for concurrent use.
type Routes struct {
	queue      RouteQueue
	clock      clock.Clock
	config     func() *config.Config
	deliveries func() []Delivery
	recall     func(route, target string)
	log        *zap.Logger
}

// NewRoutes makes the service.
func NewRoutes(o RoutesOptions) *Routes {
	r := &Routes{queue: o.Queue, clock: o.Clock, config: o.Config, deliveries: o.Deliveries, recall: o.Recall, log: o.Logger}
	if r.deliveries == nil {
		r.deliveries = func() []Delivery { return nil }
	}
	if r.recall == nil {
		r.recall = func(string, string) {}
	}
	return r
}

// The values of [RouteLane.Mode].
const (
	ModePull    = "pull"
	ModeDeliver = "deliver"
)

// RouteList is the answer to GET /routes: the lanes in the order of the
// Hookaidofile, then those that only messages still name.
type RouteList struct {
	Items []RouteLane `json:"items"`
}

// RouteLane is one target of a route with its messages.
type RouteLane struct {
	Route string `json:"route"`
	// Target is the target as messages have it, which is how it is named to
	// pause it or to move its messages.
	Target       string `json:"target"`
	Application  string `json:"application,omitempty"`
	EndpointName string `json:"endpoint_name,omitempty"`
	// Mode is pull or deliver; empty if the lane is orphaned.
	Mode string `json:"mode,omitempty"`
	// Orphaned is set for a lane that has messages and stands in the
	// Hookaidofile no more. They are kept until it does, or are moved.
	Orphaned bool `json:"orphaned"`
	// Paused is set while nothing goes out, since PausedSince.
	Paused      bool       `json:"paused"`
	PausedSince *time.Time `json:"paused_since,omitempty"`
	Queued      int        `json:"queued"`
	Leased      int        `json:"leased"`
	Dead        int        `json:"dead"`
	Delivered   int        `json:"delivered"`
	Canceled    int        `json:"canceled"`
	Ages
	// Delivery is that of a push target; nil for pull.
	Delivery *DeliveryState `json:"delivery,omitempty"`
}

// DeliveryState is how deliveries to a target go; see [Delivery].
type DeliveryState struct {
	Breaker        string `json:"breaker"`
	Running        int    `json:"running"`
	Failures       int    `json:"failures,omitempty"`
	Reason         string `json:"reason,omitempty"`
	ProbeInSeconds int64  `json:"probe_in_seconds,omitempty"`
}

// laneID names a target of a route.
type laneID struct{ route, target string }

// List describes all lanes. An error is one of the queue.
func (s *Routes) List(ctx context.Context) (RouteList, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, storeDeadline, errSlow)
	defer cancel()
	stats, err := s.queue.Stats(ctx)
	if err != nil {
		return RouteList{}, err
	}
	pauses, err := s.queue.Paused(ctx)
	if err != nil {
		return RouteList{}, err
	}
	list := configured(s.config())
	at := make(map[laneID]int, len(list))
	for i := range list {
		at[laneID{list[i].Route, list[i].Target}] = i
	}
	orphans := stats.Lanes
	slices.SortFunc(orphans, func(a, b queue.LaneStats) int {
		return cmp.Or(strings.Compare(a.Route, b.Route), strings.Compare(a.Target, b.Target))
	})
	now := s.clock.Now()
	for i := range orphans {
		l := &orphans[i]
		n, known := at[laneID{l.Route, l.Target}]
		if !known {
			n = len(list)
			list = append(list, RouteLane{Route: l.Route, Target: l.Target, Orphaned: true})
		}
		list[n].fill(l, now)
	}
	for _, d := range s.deliveries() {
		if n, known := at[laneID{d.Route, d.Name}]; known {
			list[n].Delivery = &DeliveryState{d.Breaker, d.Running, d.Failures, d.Reason, d.ProbeInSeconds}
		}
	}
	markPaused(list, pauses)
	return RouteList{Items: list}, nil
}

// configured lists the lanes of a configuration, without messages yet.
func configured(cfg *config.Config) []RouteLane {
	list := []RouteLane{}
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		mode := ModeDeliver
		if r.Pull != nil {
			mode = ModePull
		}
		for _, target := range targetsOf(r) {
			list = append(list, RouteLane{Route: r.Path, Target: target, Application: r.Application, EndpointName: r.EndpointName, Mode: mode})
		}
	}
	return list
}

func (l *RouteLane) fill(from *queue.LaneStats, now time.Time) {
	l.Queued, l.Leased, l.Dead = from.Queued, from.Leased, from.Dead
	l.Delivered, l.Canceled = from.Delivered, from.Canceled
	l.Ages = ages(now, from.OldestQueued, from.EarliestDue)
}

// markPaused marks the lanes that pauses hold, each since the first of them.
func markPaused(list []RouteLane, pauses []queue.Pause) {
	for i := range list {
		l := &list[i]
		for j := range pauses {
			p := &pauses[j]
			if p.Route != l.Route || p.Target != "" && p.Target != l.Target {
				continue
			}
			since := p.Since.UTC()
			if l.PausedSince == nil || since.Before(*l.PausedSince) {
				l.Paused, l.PausedSince = true, &since
			}
		}
	}
}
