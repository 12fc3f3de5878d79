package admin

import (
	"context"
	"strings"
	"time"

	"hookaido/internal/queue"
)

// ListRequest asks for a page of messages.
type ListRequest struct {
	Selector
	// Scope names the endpoint by the path of the request; nil if it doesn't.
	Scope *Scope
	// Payload, Headers and Trace say which of the large parts are wanted.
	Payload, Headers, Trace bool
}

// Page is a page of a list. The newest entry comes first.
type Page[T any] struct {
	Items []T `json:"items"`
	// NextAfter is the cursor for the page behind this one; empty at the end.
	NextAfter string `json:"next_after,omitempty"`
}

// Message is one message of a list.
type Message struct {
	ID         string    `json:"id"`
	Route      string    `json:"route"`
	Target     string    `json:"target"`
	State      string    `json:"state"`
	ReceivedAt time.Time `json:"received_at"`
	Attempt    int       `json:"attempt"`
	// NextRunAt is when a queued message is due and when the lease of a leased
	// one ends; for others the time of their last change.
	NextRunAt  time.Time `json:"next_run_at"`
	DeadReason string    `json:"dead_reason,omitempty"`
	// ChangedAt is when the message came into its present life: received,
	// requeued, resumed, canceled, delivered or dead. Retention counts from here.
	ChangedAt    time.Time `json:"changed_at"`
	PayloadBytes int       `json:"payload_bytes"`
	Payload      []byte    `json:"payload_b64,omitempty"`
	// PayloadLost says that the payload was asked for and is missing or damaged
	// on the disk.
	PayloadLost bool              `json:"payload_lost,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	Trace       map[string]string `json:"trace,omitempty"`
}

// List returns a page of messages. An error is a [*Refusal] or one of the
// queue.
func (m *Messages) List(ctx context.Context, r ListRequest) (Page[Message], error) {
	page := Page[Message]{Items: []Message{}}
	if refusal := m.narrow(&r); refusal != nil {
		return page, refusal
	}
	f, refusal := r.filter()
	if refusal != nil {
		return page, refusal
	}
	list, err := m.queue.List(ctx, queue.ListRequest{Filter: f, Envelope: r.Headers || r.Trace, Payload: r.Payload})
	if err != nil {
		return page, err
	}
	for i := range list {
		page.Items = append(page.Items, r.item(&list[i]))
	}
	// with payloads a page may be cut short
	if n := len(list); n > 0 && (n == f.Limit || r.Payload) {
		page.NextAfter = list[n-1].Place.String()
	}
	return page, nil
}

// narrow puts the route that the labels of r name into its selector.
func (m *Messages) narrow(r *ListRequest) *Refusal {
	cfg := m.config()
	if r.Scope == nil {
		_, refusal := r.resolve(cfg)
		return refusal
	}
	if strings.TrimSpace(r.Route+r.Application+r.EndpointName) != "" {
		return refuse("selector_scope_forbidden", "the path of this request names the endpoint; leave route, application and endpoint_name out")
	}
	found, refusal := r.Scope.resolve(cfg)
	if refusal == nil {
		r.Route = found.Path
	}
	return refusal
}

func (r *ListRequest) item(from *queue.Message) Message {
	item := Message{
		ID: from.ID, Route: from.Route, Target: from.Target, State: from.State.String(),
		ReceivedAt: from.ReceivedAt.UTC(), Attempt: from.Attempt, NextRunAt: from.NextRunAt().UTC(), DeadReason: from.Reason,
		ChangedAt: from.Since.UTC(), PayloadBytes: from.Size,
	}
	if r.Payload {
		item.Payload, item.PayloadLost = from.Payload, from.PayloadLost
	}
	if r.Headers {
		item.Headers = from.Envelope.HeaderMap()
	}
	if r.Trace {
		item.Trace = from.Envelope.TraceMap()
	}
	return item
}

// AttemptsRequest asks for a page of records of deliveries.
type AttemptsRequest struct {
	Selector
	// EventID is the id of a message, Outcome acked, retry or dead; empty is
	// any.
	EventID, Outcome string
}

// Attempt is the record of one delivery that was tried.
type Attempt struct {
	ID         string    `json:"id"`
	EventID    string    `json:"event_id"`
	Route      string    `json:"route"`
	Target     string    `json:"target"`
	Attempt    int       `json:"attempt"`
	StatusCode int       `json:"status_code,omitempty"`
	Error      string    `json:"error,omitempty"`
	Outcome    string    `json:"outcome"`
	DeadReason string    `json:"dead_reason,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	// LatencyMS is how long the attempt took, in milliseconds.
	LatencyMS int64 `json:"latency_ms"`
}

// Attempts returns a page of records. An error is a [*Refusal] or one of the
// queue.
func (m *Messages) Attempts(ctx context.Context, r AttemptsRequest) (Page[Attempt], error) {
	page := Page[Attempt]{Items: []Attempt{}}
	if _, refusal := r.resolve(m.config()); refusal != nil {
		return page, refusal
	}
	f, refusal := r.attempts()
	if refusal != nil {
		return page, refusal
	}
	f.MessageID = strings.TrimSpace(r.EventID)
	switch f.Outcome = queue.Outcome(strings.ToLower(strings.TrimSpace(r.Outcome))); f.Outcome {
	case "", queue.OutcomeAcked, queue.OutcomeRetry, queue.OutcomeDead:
	default:
		return page, refuse(r.code(), "outcome must be one of: acked, retry, dead")
	}
	list, err := m.queue.Attempts(ctx, f)
	if err != nil {
		return page, err
	}
	for i := range list {
		a := &list[i]
		page.Items = append(page.Items, Attempt{
			ID: a.ID, EventID: a.MessageID, Route: a.Route, Target: a.Target, Attempt: a.Number, StatusCode: a.StatusCode,
			Error: a.Error, Outcome: string(a.Outcome), DeadReason: a.DeadReason, CreatedAt: a.At.UTC(), LatencyMS: a.Latency.Milliseconds(),
		})
	}
	if n := len(list); n == f.Max {
		page.NextAfter, err = attemptPlace(&list[n-1])
	}
	return page, err
}
