package memory

import (
	"context"

	"hookaido/internal/queue"
)

// Settle ends the leases of r. It returns those that could not be, in the order
// of r; the others are settled.
func (s *Store) Settle(ctx context.Context, r queue.SettleRequest) ([]queue.Conflict, error) {
	now, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer s.exit(now)
	var conflicts []queue.Conflict
	for _, id := range r.LeaseIDs {
		it, err := s.held(id, r.Route)
		if err != nil {
			conflicts = append(conflicts, queue.Conflict{LeaseID: id, Err: err})
			continue
		}
		s.settle(it, r, now)
	}
	return conflicts, nil
}

// Extend moves the end of a lease. It fails with [queue.ErrLeaseNotFound] or
// [queue.ErrLeaseExpired].
func (s *Store) Extend(ctx context.Context, r queue.ExtendRequest) error {
	now, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer s.exit(now)
	it, err := s.held(r.LeaseID, r.Route)
	if err != nil {
		return err
	}
	it.until = queue.Later(it.until, r.By)
	s.leases.fix(it)
	return nil
}

// held returns the message that is leased under id. A lease that ran out is
// told apart once; then it is unknown, as any other.
func (s *Store) held(id, route string) (*item, error) {
	seq, salt, ok := parseLease(id)
	if !ok {
		return nil, queue.ErrLeaseNotFound
	}
	it := s.items[seq]
	if it == nil || it.salt != salt || route != "" && route != it.lane.route.name {
		return nil, queue.ErrLeaseNotFound
	}
	if it.state != queue.StateLeased {
		it.salt = 0
		return nil, queue.ErrLeaseExpired
	}
	return it, nil
}

func (s *Store) settle(it *item, r queue.SettleRequest, now int64) {
	s.unlease(it)
	it.salt = 0
	switch r.Action {
	case queue.Ack:
		if s.retention.Delivered > 0 {
			s.end(it, queue.StateDelivered, "", now)
		} else {
			s.forget(it)
		}
	case queue.Bury:
		s.end(it, queue.StateDead, r.Reason, now)
	default:
		s.enqueue(it, queue.Later(now, max(0, r.Delay)))
	}
}
