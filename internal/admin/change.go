package admin

import (
	"context"
	"slices"
	"strings"

	"go.uber.org/zap"

	"hookaido/internal/config"
	"hookaido/internal/queue"
)

// Operation is something that operators do with messages. Its text is what the
// log calls it.
type Operation string

// The operations. Those of the dead letters touch no other messages.
const (
	CancelMessages  Operation = "cancel_messages"
	RequeueMessages Operation = "requeue_messages"
	ResumeMessages  Operation = "resume_messages"
	RequeueDead     Operation = "dlq_requeue"
	DeleteDead      Operation = "dlq_delete"
	CancelByFilter  Operation = "cancel_by_filter"
	RequeueByFilter Operation = "requeue_by_filter"
	ResumeByFilter  Operation = "resume_by_filter"
)

// request begins the change of the queue that o is.
func (o Operation) request() queue.ChangeRequest {
	switch o {
	case RequeueMessages, RequeueByFilter:
		return queue.ChangeRequest{Change: queue.Requeue}
	case ResumeMessages, ResumeByFilter:
		return queue.ChangeRequest{Change: queue.Resume}
	case RequeueDead:
		return queue.ChangeRequest{Change: queue.Requeue, Filter: queue.Filter{States: []queue.State{queue.StateDead}}}
	case DeleteDead:
		return queue.ChangeRequest{Change: queue.Delete, Filter: queue.Filter{States: []queue.State{queue.StateDead}}}
	default:
		return queue.ChangeRequest{Change: queue.Cancel}
	}
}

// Changed is the answer to a change. Of the counts that of the operation is
// there.
type Changed struct {
	// Matched and PreviewOnly are there for changes by a filter.
	Matched     *int   `json:"matched,omitempty"`
	Canceled    *int   `json:"canceled,omitempty"`
	Requeued    *int   `json:"requeued,omitempty"`
	Resumed     *int   `json:"resumed,omitempty"`
	Deleted     *int   `json:"deleted,omitempty"`
	PreviewOnly *bool  `json:"preview_only,omitempty"`
	Scope       *Scope `json:"scope,omitempty"`
	Audit       Audit  `json:"audit"`
}

func (c *Changed) count(change queue.Change, n int) {
	switch change {
	case queue.Requeue:
		c.Requeued = &n
	case queue.Resume:
		c.Resumed = &n
	case queue.Delete:
		c.Deleted = &n
	default:
		c.Canceled = &n
	}
}

// ChangeByIDs changes the messages with the ids that the function decodes, and
// passes over those that are in another state or don't exist. An error is a
// [*Refusal], what the function returned, or one of the queue.
func (m *Messages) ChangeByIDs(ctx context.Context, o Operation, audit Audit, decode func() ([]string, error)) (Changed, error) {
	d := &deed{operation: string(o), audit: &audit}
	request := o.request()
	n, err := m.changeByIDs(ctx, &request, d, decode)
	m.record(d, err)
	answer := Changed{Audit: audit}
	answer.count(request.Change, n)
	return answer, err
}

func (m *Messages) changeByIDs(ctx context.Context, r *queue.ChangeRequest, d *deed, decode func() ([]string, error)) (int, error) {
	if refusal := d.audit.check(judge{}); refusal != nil {
		return 0, refusal
	}
	ids, err := decode()
	if err != nil {
		return 0, unreadable{err}
	}
	ids, refusal := distinct(ids)
	if refusal != nil {
		return 0, refusal
	}
	d.add(zap.Int("limit", len(ids)), zap.Int("matched", len(ids)))
	if err := m.judgeIDs(ctx, r, d.audit, ids); err != nil {
		return 0, err
	}
	r.IDs = ids
	result, err := m.queue.Change(ctx, *r)
	if err == nil {
		d.add(zap.Int("changed", result.Changed))
	}
	return result.Changed, err
}

// distinct trims ids and drops repeated ones.
func distinct(ids []string) ([]string, *Refusal) {
	if len(ids) == 0 || len(ids) > MaxItems {
		return nil, refuse("invalid_body", "ids must have 1 to %d entries", MaxItems)
	}
	seen, list := make(map[string]bool, len(ids)), make([]string, 0, len(ids))
	for i, id := range ids {
		id = strings.TrimSpace(id)
		if id == "" {
			return nil, refuse("invalid_body", "ids: entry %d is empty", i)
		}
		if !seen[id] {
			seen[id] = true
			list = append(list, id)
		}
	}
	return list, nil
}

// judgeIDs holds a change to the policy of endpoints if one of the messages
// that it would change belongs to one.
func (m *Messages) judgeIDs(ctx context.Context, r *queue.ChangeRequest, audit *Audit, ids []string) error {
	cfg := m.config()
	j := judge{policy: &cfg.Defaults.PublishPolicy, names: true, actors: true}
	refusal := audit.check(j)
	if refusal == nil || !slices.ContainsFunc(cfg.Routes, func(r config.Route) bool { return managed(&r) }) {
		return nil
	}
	for len(ids) > 0 { // an answer ends early when payloads are large
		list, err := m.queue.Get(ctx, ids)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		for i := range list {
			if of := routeOf(cfg, list[i].Route); r.Takes(list[i].State) && of != nil && managed(of) {
				return refusal
			}
		}
		ids = ids[slices.Index(ids, list[len(list)-1].ID)+1:]
	}
	return nil
}

// FilterChange asks for a change of all messages that a selector selects, up to
// its limit.
type FilterChange struct {
	Operation Operation
	Audit     Audit
	// Scope names the endpoint by the path of the request; nil if it doesn't.
	Scope *Scope
	// Decode decodes the rest. It is called once.
	Decode func() (FilterBody, error)
}

// FilterBody is the body of a change by a filter.
type FilterBody struct {
	Selector
	// All must be set to change messages without narrowing them down.
	All bool
	// Preview changes nothing and only counts.
	Preview bool
}

// ChangeByFilter changes the messages that a filter selects, the newest first.
// An error is a [*Refusal], what Decode returned, or one of the queue.
func (m *Messages) ChangeByFilter(ctx context.Context, c FilterChange) (Changed, error) {
	d := &deed{operation: string(c.Operation), audit: &c.Audit}
	request := c.Operation.request()
	body, result, err := m.changeByFilter(ctx, &c, &request, d)
	m.record(d, err)
	if err != nil {
		return Changed{}, err
	}
	answer := Changed{Audit: c.Audit, Scope: c.Scope, Matched: &result.Matched, PreviewOnly: &body.Preview}
	if result.Changed > 0 {
		answer.count(request.Change, result.Changed)
	}
	return answer, nil
}

func (m *Messages) changeByFilter(ctx context.Context, c *FilterChange, r *queue.ChangeRequest, d *deed) (FilterBody, queue.ChangeResult, error) {
	cfg := m.config()
	body, refusal, err := c.read(cfg)
	if err != nil {
		return body, queue.ChangeResult{}, err
	}
	d.add(zap.String("route", clip(body.Route, maxID)), zap.String("target", clip(shown([]string{body.Target})[0], maxID)),
		zap.String("state", clip(body.State, maxID)),
		zap.Bool("preview_only", body.Preview))
	if c.Scope != nil {
		d.add(zap.String("application", c.Scope.Application), zap.String("endpoint_name", c.Scope.EndpointName))
	}
	if refusal == nil {
		r.Filter, refusal = body.changes(r.Change)
	}
	if refusal == nil {
		scoped := c.Scope != nil
		refusal = c.Audit.check(judge{policy: &cfg.Defaults.PublishPolicy, names: scoped, actors: scoped})
	}
	if refusal != nil {
		return body, queue.ChangeResult{}, refusal
	}
	d.add(zap.Int("limit", r.Filter.Limit))
	r.Preview = body.Preview
	result, err := m.queue.Change(ctx, *r)
	if err == nil {
		d.add(zap.Int("matched", result.Matched), zap.Int("changed", result.Changed))
	}
	return body, result, err
}

// read decodes the body and finds the endpoint that it, or the path, names.
func (c *FilterChange) read(cfg *config.Config) (FilterBody, *Refusal, error) {
	if c.Scope != nil { // an unknown endpoint comes before the body
		if _, refusal := c.Scope.resolve(cfg); refusal != nil {
			return FilterBody{}, refusal, nil
		}
	}
	body, err := c.Decode()
	if err != nil {
		return body, nil, unreadable{err}
	}
	if c.Scope != nil {
		if strings.TrimSpace(body.Route+body.Application+body.EndpointName) != "" {
			return body, refuse("selector_scope_forbidden",
				"the path of this request names the endpoint; leave route, application and endpoint_name out"), nil
		}
		body.Route = c.Scope.Route
		return body, nil, nil
	}
	scope, refusal := body.resolve(cfg)
	if refusal != nil {
		return body, refusal, nil
	}
	c.Scope = scope
	if scope != nil {
		return body, nil, nil
	}
	return body, body.unscoped(cfg), nil
}

// unscoped decides whether b may select messages without labels.
func (b *FilterBody) unscoped(cfg *config.Config) *Refusal {
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		if managed(r) && (b.Route == "" || b.Route == r.Path) {
			return refuse("managed_selector_required", "the route %s has labels; select by application %s and endpoint_name %s, "+
				"or the route of other messages", r.Path, r.Application, r.EndpointName)
		}
	}
	if !b.All && b.Route == "" && b.Target == "" && strings.TrimSpace(b.State+b.Before) == "" {
		return refuse("invalid_body", "narrow the messages down by route, application with endpoint_name, target, state or before; "+
			"all: true takes all of them. Look with preview_only: true first")
	}
	return nil
}

// changes turns b, whose route is resolved, into the filter of a change.
func (b *FilterBody) changes(change queue.Change) (queue.Filter, *Refusal) {
	f, refusal := b.filter()
	if refusal != nil {
		return f, refusal
	}
	if len(f.States) == 0 || change.Allows(f.States[0]) {
		return f, nil
	}
	var allowed []string
	for _, state := range queue.States() {
		if change.Allows(state) {
			allowed = append(allowed, state.String())
		}
	}
	return f, refuse("invalid_body", "state must be one of: %s", strings.Join(allowed, ", "))
}
