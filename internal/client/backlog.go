package client

import (
	"context"

	"hookaido/internal/admin"
)

// TopQueued asks for the lanes with most messages queued. Of the selector the
// route, the target, the labels and the limit count, here and for the others.
func (c *Client) TopQueued(ctx context.Context, s admin.Selector) (admin.TopQueued, error) {
	var answer admin.TopQueued
	err := c.get(ctx, "/backlog/top_queued?"+selectorQuery(&s).Encode(), &answer)
	return answer, err
}

// OldestQueued asks for the messages queued that came in first.
func (c *Client) OldestQueued(ctx context.Context, s admin.Selector) (admin.OldestQueued, error) {
	var answer admin.OldestQueued
	err := c.get(ctx, "/backlog/oldest_queued?"+selectorQuery(&s).Encode(), &answer)
	return answer, err
}

// Aging asks how old messages are.
func (c *Client) Aging(ctx context.Context, r admin.AgingRequest) (admin.AgingSummary, error) {
	query := selectorQuery(&r.Selector)
	set(query, "states", r.States)
	var answer admin.AgingSummary
	err := c.get(ctx, "/backlog/aging_summary?"+query.Encode(), &answer)
	return answer, err
}

// Trends asks how the backlog was and where it is heading.
func (c *Client) Trends(ctx context.Context, r admin.TrendRequest) (admin.Trends, error) {
	query := selectorQuery(&r.Selector)
	set(query, "window", r.Window)
	set(query, "step", r.Step)
	set(query, "until", r.Until)
	var answer admin.Trends
	err := c.get(ctx, "/backlog/trends?"+query.Encode(), &answer)
	return answer, err
}
