package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"hookaido/internal/admin"
)

// Messages asks for a page of messages. The scope of r is not used.
func (c *Client) Messages(ctx context.Context, r admin.ListRequest) (admin.Page[admin.Message], error) {
	var page admin.Page[admin.Message]
	err := c.get(ctx, "/messages?"+listQuery(&r).Encode(), &page)
	return page, err
}

// DeadLetters asks for a page of dead letters. State and scope of r are not
// used.
func (c *Client) DeadLetters(ctx context.Context, r admin.ListRequest) (admin.Page[admin.Message], error) {
	var page admin.Page[admin.Message]
	err := c.get(ctx, "/dlq?"+listQuery(&r).Encode(), &page)
	return page, err
}

// Attempts asks for a page of records of deliveries.
func (c *Client) Attempts(ctx context.Context, r admin.AttemptsRequest) (admin.Page[admin.Attempt], error) {
	query := selectorQuery(&r.Selector)
	set(query, "event_id", r.EventID)
	set(query, "outcome", r.Outcome)
	var page admin.Page[admin.Attempt]
	err := c.get(ctx, "/attempts?"+query.Encode(), &page)
	return page, err
}

func listQuery(r *admin.ListRequest) url.Values {
	query := selectorQuery(&r.Selector)
	for name, wanted := range map[string]bool{"include_payload": r.Payload, "include_headers": r.Headers, "include_trace": r.Trace} {
		if wanted {
			query.Set(name, "true")
		}
	}
	return query
}

func selectorQuery(s *admin.Selector) url.Values {
	query := url.Values{}
	set(query, "route", s.Route)
	set(query, "target", s.Target)
	set(query, "application", s.Application)
	set(query, "endpoint_name", s.EndpointName)
	set(query, "state", s.State)
	set(query, "before", s.Before)
	set(query, "after", s.After)
	if s.Limit != 0 {
		query.Set("limit", strconv.Itoa(s.Limit))
	}
	return query
}

func set(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

// Publish puts messages into the queue, all of them or none. With a scope the
// items go to that endpoint and name no route.
func (c *Client) Publish(ctx context.Context, audit admin.Audit, scope *admin.Scope, items []admin.Item) (admin.Published, error) {
	path := "/messages/publish"
	if scope != nil {
		path = "/applications/" + url.PathEscape(scope.Application) + "/endpoints/" + url.PathEscape(scope.EndpointName) + path
	}
	var done admin.Published
	err := c.change(ctx, mutation{path, audit, publishBody{items}}, &done)
	return done, err
}

type publishBody struct {
	Items []admin.Item `json:"items"`
}

type idsBody struct {
	IDs []string `json:"ids"`
}

// ChangeByIDs does an operation with the messages of these ids, 1 to
// [admin.MaxItems].
func (c *Client) ChangeByIDs(ctx context.Context, o admin.Operation, audit admin.Audit, ids []string) (admin.Changed, error) {
	return c.operate(ctx, o, audit, idsBody{ids})
}

// ChangeByFilter does an operation with the messages that a filter selects, up
// to its limit.
func (c *Client) ChangeByFilter(ctx context.Context, o admin.Operation, audit admin.Audit, f admin.FilterBody) (admin.Changed, error) {
	return c.operate(ctx, o, audit, filterBody{
		Route: f.Route, Target: f.Target, Application: f.Application, EndpointName: f.EndpointName,
		State: f.State, Before: f.Before, Limit: f.Limit, All: f.All, Preview: f.Preview,
	})
}

type filterBody struct {
	Route        string `json:"route,omitempty"`
	Target       string `json:"target,omitempty"`
	Application  string `json:"application,omitempty"`
	EndpointName string `json:"endpoint_name,omitempty"`
	State        string `json:"state,omitempty"`
	Before       string `json:"before,omitempty"`
	Limit        int    `json:"limit,omitempty"`
	All          bool   `json:"all,omitempty"`
	Preview      bool   `json:"preview_only,omitempty"`
}

func (c *Client) operate(ctx context.Context, o admin.Operation, audit admin.Audit, body any) (admin.Changed, error) {
	var done admin.Changed
	path, err := pathOf(o)
	if err != nil {
		return done, err
	}
	err = c.change(ctx, mutation{path, audit, body}, &done)
	return done, err
}

func pathOf(o admin.Operation) (string, error) {
	switch o {
	case admin.CancelMessages:
		return "/messages/cancel", nil
	case admin.RequeueMessages:
		return "/messages/requeue", nil
	case admin.ResumeMessages:
		return "/messages/resume", nil
	case admin.RequeueDead:
		return "/dlq/requeue", nil
	case admin.DeleteDead:
		return "/dlq/delete", nil
	case admin.CancelByFilter, admin.RequeueByFilter, admin.ResumeByFilter:
		return "/messages/" + string(o), nil
	}
	return "", fmt.Errorf("the admin API has no operation %q", o)
}

// mutation is a request for a change.
type mutation struct {
	path  string
	audit admin.Audit
	body  any
}

func (c *Client) change(ctx context.Context, m mutation, into any) error {
	text, err := json.Marshal(m.body)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+m.path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"X-Hookaido-Audit-Reason": m.audit.Reason, "X-Hookaido-Audit-Actor": m.audit.Actor, "X-Request-ID": m.audit.RequestID,
	} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	status, answer, err := c.send(req)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return c.refusal(status, answer)
	}
	return c.decode(answer, into)
}
