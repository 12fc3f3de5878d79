package pull

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"hookaido/internal/queue"
)

// MaxReason is how many bytes of a reason are kept with a dead letter; the
// rest is cut off, because a worker that sends a whole stack trace still wants
// its message buried.
const MaxReason = 4096

// SettleRequest ends one lease (LeaseID) or several (LeaseIDs), not both.
// Blanks around ids are dropped, and so are empty and repeated ids.
type SettleRequest struct {
	LeaseID  string
	LeaseIDs []string
	Action   queue.Action
	// Delay is for Nack, at least 0; Reason for Bury.
	Delay  Duration
	Reason string
}

// SettleResult says what became of the leases.
type SettleResult struct {
	// Batch tells the form of the request: LeaseIDs was used.
	Batch bool
	// Done counts the leases that are settled, now or by an earlier call.
	Done      int
	Conflicts []queue.Conflict
}

// Settle carries out an ack, a nack or a burial. A lease that this process
// settled a short while ago in the same way counts as done, whatever the
// arguments were, so that a worker may repeat a call whose answer it lost. A
// broken rule gives an [*InvalidError], any other error means that the queue
// failed and nothing can be relied on.
func (s *Service) Settle(ctx context.Context, e *Endpoint, req SettleRequest) (SettleResult, error) {
	if req.Action == queue.Nack {
		if err := req.Delay.check("delay", 0); err != nil {
			return SettleResult{}, err
		}
	}
	ids, batch, err := leaseIDs(req, e.snapshot.limits.MaxLeaseBatch)
	if err != nil {
		return SettleResult{}, err
	}
	result := SettleResult{Batch: batch}
	kind := kindOf(req.Action)
	open, conflicts, repeated := s.ledger.sort(ids, kind, s.clock.Monotonic())
	if len(open) > 0 {
		// the worker has done its part: that it hung up does not undo it
		found, err := s.queue.Settle(context.WithoutCancel(ctx), queue.SettleRequest{
			LeaseIDs: open, Route: e.scope(), Action: req.Action, Delay: req.Delay.Value, Reason: clip(req.Reason),
		})
		if err != nil {
			return SettleResult{}, fmt.Errorf("settle leases of %s: %w", e.route, err)
		}
		refused := s.ledger.settle(open, found, kind, s.clock.Monotonic())
		e.metrics.expired(refused)
		e.metrics.settled(kind, len(open)-len(found))
		conflicts = append(conflicts, refused...)
		repeated += len(found) - len(refused)
		result.Done = len(open) - len(found)
	}
	result.Done += repeated
	result.Conflicts = conflicts
	if len(conflicts) > 0 {
		e.metrics.conflicted(kind)
	}
	return result, nil
}

// leaseIDs tidies the ids of a request.
func leaseIDs(req SettleRequest, limit int) (ids []string, batch bool, err error) {
	single := strings.TrimSpace(req.LeaseID)
	switch {
	case single != "" && len(req.LeaseIDs) > 0:
		return nil, false, invalid("use either lease_id or lease_ids, not both")
	case single != "":
		return []string{single}, false, nil
	case len(req.LeaseIDs) == 0:
		return nil, false, invalid("lease_id or lease_ids is required")
	}
	ids = make([]string, 0, min(len(req.LeaseIDs), limit))
	seen := make(map[string]struct{}, cap(ids))
	for _, id := range req.LeaseIDs {
		id = strings.TrimSpace(id)
		if _, repeated := seen[id]; id == "" || repeated {
			continue
		}
		if len(ids) == limit {
			return nil, true, invalid(fmt.Sprintf("lease_ids exceeds max batch, which is %d", limit))
		}
		seen[id] = struct{}{}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil, true, invalid("lease_ids must include at least one non-empty lease id")
	}
	return ids, true, nil
}

func clip(reason string) string {
	reason = strings.TrimSpace(reason)
	if len(reason) <= MaxReason {
		return reason
	}
	cut := MaxReason
	for cut > 0 && !utf8.RuneStart(reason[cut]) {
		cut--
	}
	return reason[:cut]
}

// ExtendRequest moves the end of a lease by By, both of which must be given.
type ExtendRequest struct {
	LeaseID string
	By      Duration
}

// Extend adds to the present deadline of a lease, without regard to the limit
// of a dequeue. Zero or less changes nothing and succeeds. The error is an
// [*InvalidError], [queue.ErrLeaseNotFound], [queue.ErrLeaseExpired], or that
// of a queue that failed.
func (s *Service) Extend(ctx context.Context, e *Endpoint, req ExtendRequest) error {
	id := strings.TrimSpace(req.LeaseID)
	switch {
	case id == "" || !req.By.Set:
		return invalid("lease_id and extend_by are required")
	case req.By.Value <= 0:
		return nil
	}
	if err := req.By.check("extend_by", 0); err != nil {
		return err
	}
	err := s.queue.Extend(context.WithoutCancel(ctx), queue.ExtendRequest{LeaseID: id, Route: e.scope(), By: req.By.Value})
	switch {
	case err == nil:
		s.ledger.extend(id, req.By.Value)
		return nil
	case errors.Is(err, queue.ErrLeaseExpired):
		e.metrics.leaseExpired.Inc()
		s.ledger.drop(id)
	case errors.Is(err, queue.ErrLeaseNotFound):
		s.ledger.drop(id)
	}
	return fmt.Errorf("extend a lease of %s: %w", e.route, err)
}
