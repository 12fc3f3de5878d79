package admin

import (
	"context"
	"strings"

	"go.uber.org/zap"

	"hookaido/internal/config"
	"hookaido/internal/queue"
)

// MoveMessages gives messages another route and target.
const MoveMessages Operation = "move_messages"

// MoveRequest asks for messages to be moved.
type MoveRequest struct {
	Audit Audit
	// Decode decodes the rest. It is called once.
	Decode func() (MoveBody, error)
}

// MoveBody is the body of a move: which messages, by their ids or by the one
// lane that they are in, and where they go.
type MoveBody struct {
	// IDs names the messages; without them Selector does, whose route and target
	// are both needed then.
	IDs []string
	Selector
	// ToRoute and ToTarget are the new lane. ToTarget may be left out if the
	// route has one target.
	ToRoute, ToTarget string
	// Preview changes nothing and only counts.
	Preview bool
}

// Moved is the answer to a move.
type Moved struct {
	// Matched counts the messages that can be moved: queued, dead and canceled
	// ones, of a filter up to its limit.
	Matched int `json:"matched"`
	Moved   int `json:"moved"`
	// ToRoute and ToTarget are where they went.
	ToRoute     string `json:"to_route"`
	ToTarget    string `json:"to_target"`
	PreviewOnly bool   `json:"preview_only"`
	Audit       Audit  `json:"audit"`
}

// Move gives messages another route and target, in the state in which they are.
// Leased ones are passed over. An error is a [*Refusal], what Decode returned,
// or one of the queue.
func (m *Messages) Move(ctx context.Context, r MoveRequest) (Moved, error) {
	d := &deed{operation: string(MoveMessages), audit: &r.Audit}
	answer, err := m.move(ctx, &r, d)
	m.record(d, err)
	answer.Audit = r.Audit
	return answer, err
}

func (m *Messages) move(ctx context.Context, r *MoveRequest, d *deed) (Moved, error) {
	body, err := r.Decode()
	if err != nil {
		return Moved{}, unreadable{err}
	}
	cfg := m.config()
	policy := judge{policy: &cfg.Defaults.PublishPolicy}
	if refusal := r.Audit.check(policy); refusal != nil {
		return Moved{}, refusal
	}
	change := queue.ChangeRequest{Change: queue.Move, Preview: body.Preview}
	to, refusal := body.destination(cfg, &change)
	if refusal == nil {
		refusal = body.source(cfg, &change)
	}
	if refusal != nil {
		return Moved{}, refusal
	}
	d.add(zap.String("route", clip(body.Route, maxID)), zap.String("target", clip(shown([]string{body.Target})[0], maxID)),
		zap.String("state", clip(body.State, maxID)),
		zap.String("to_route", change.Route), zap.String("to_target", shown([]string{change.Target})[0]),
		zap.Int("limit", max(change.Filter.Limit, len(change.IDs))), zap.Bool("preview_only", body.Preview))
	from := routeOf(cfg, body.Route)
	if managed(to) || from != nil && managed(from) {
		policy.names, policy.actors = true, true
		if refusal := r.Audit.check(policy); refusal != nil {
			return Moved{}, refusal
		}
	} else if change.IDs != nil {
		if err := m.judgeIDs(ctx, &change, &r.Audit, change.IDs); err != nil {
			return Moved{}, err
		}
	}
	result, err := m.queue.Change(ctx, change)
	if err == nil {
		d.add(zap.Int("matched", result.Matched), zap.Int("changed", result.Changed))
	}
	return Moved{Matched: result.Matched, Moved: result.Changed, ToRoute: change.Route, ToTarget: change.Target, PreviewOnly: body.Preview}, err
}

// destination puts the new lane into the change.
func (b *MoveBody) destination(cfg *config.Config, change *queue.ChangeRequest) (*config.Route, *Refusal) {
	path := strings.TrimSpace(b.ToRoute)
	if !strings.HasPrefix(path, "/") {
		return nil, refuse("invalid_body", "to_route is missing or doesn't begin with /")
	}
	to := routeOf(cfg, path)
	if to == nil {
		return nil, refuse("route_not_found", "to_route: the Hookaidofile has no route %q", clip(path, maxID))
	}
	target, refusal := targetFor(&Item{Target: b.ToTarget}, to)
	if refusal != nil {
		refusal.Detail = "to_" + refusal.Detail
		return nil, refusal
	}
	change.Route, change.Target = path, target
	return to, nil
}

// source puts the messages that b names or selects into the change.
func (b *MoveBody) source(cfg *config.Config, change *queue.ChangeRequest) *Refusal {
	if b.IDs != nil {
		if strings.TrimSpace(b.Route+b.Target+b.Application+b.EndpointName+b.State+b.Before+b.After) != "" || b.Limit != 0 {
			return refuse("invalid_body", "name the messages by ids, or by route and target")
		}
		var refusal *Refusal
		change.IDs, refusal = distinct(b.IDs)
		return refusal
	}
	if _, refusal := b.resolve(cfg); refusal != nil {
		return refusal
	}
	switch {
	case b.Route == "" || b.Target == "":
		return refuse("invalid_body", "name the messages by ids, or by the route and the target that they have; GET /routes lists both")
	case b.Route == change.Route && b.Target == change.Target:
		return refuse("invalid_body", "the messages are there already: to_route and to_target must name another lane than route and target")
	}
	var refusal *Refusal
	if change.Filter, refusal = b.filter(); refusal != nil {
		return refusal
	}
	if len(change.Filter.States) > 0 && !queue.Move.Allows(change.Filter.States[0]) {
		return refuse("invalid_body", "state must be one of: queued, dead, canceled")
	}
	return nil
}
