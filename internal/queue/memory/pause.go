package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"hookaido/internal/queue"
)

// SetPaused stops the delivery of a route, or only to target if that is not
// empty, or lets it go on.
func (s *Store) SetPaused(ctx context.Context, route, target string, paused bool) error {
	now, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer s.exit(now)
	r := s.route(route)
	if _, was := r.paused[target]; was == paused {
		return nil
	}
	if paused {
		r.paused[target] = s.time.wall(now)
	} else {
		delete(r.paused, target)
	}
	return nil
}

// Paused returns what is paused, sorted by route and target.
func (s *Store) Paused(ctx context.Context) ([]queue.Pause, error) {
	now, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer s.exit(now)
	var list []queue.Pause
	for _, r := range s.routes {
		for target, since := range r.paused {
			list = append(list, queue.Pause{Route: r.name, Target: target, Since: since})
		}
	}
	slices.SortFunc(list, func(a, b queue.Pause) int {
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.Target, b.Target))
	})
	return list, nil
}

// pauses are those of one route, by target; the empty one stands for all.
type pauses map[string]time.Time

func (p pauses) holds(target string) bool {
	_, all := p[""]
	_, one := p[target]
	return all || one
}
