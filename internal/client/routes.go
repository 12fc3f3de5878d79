package client

import (
	"context"
	"fmt"

	"hookaido/internal/admin"
)

// Routes lists the targets of all routes with their messages.
func (c *Client) Routes(ctx context.Context) (admin.RouteList, error) {
	var list admin.RouteList
	err := c.get(ctx, "/routes", &list)
	return list, err
}

// Paused lists what is paused.
func (c *Client) Paused(ctx context.Context) (admin.PausedList, error) {
	var list admin.PausedList
	err := c.get(ctx, "/paused", &list)
	return list, err
}

// SetPaused pauses a route or one target of it, or lets it go on:
// [admin.PauseRoute] or [admin.ResumeRoute].
func (c *Client) SetPaused(ctx context.Context, o admin.Operation, audit admin.Audit, what admin.PauseBody) (admin.PauseResult, error) {
	var done admin.PauseResult
	if o != admin.PauseRoute && o != admin.ResumeRoute {
		return done, fmt.Errorf("the admin API has no operation %q for routes", o)
	}
	err := c.change(ctx, mutation{"/" + string(o), audit, what}, &done)
	return done, err
}

// Move gives messages another route and target.
func (c *Client) Move(ctx context.Context, audit admin.Audit, what admin.MoveBody) (admin.Moved, error) {
	var done admin.Moved
	err := c.change(ctx, mutation{"/messages/move", audit, moveBody{
		filterBody: filterBody{
			Route: what.Route, Target: what.Target, Application: what.Application, EndpointName: what.EndpointName,
			State: what.State, Before: what.Before, Limit: what.Limit, Preview: what.Preview,
		},
		IDs: what.IDs, ToRoute: what.ToRoute, ToTarget: what.ToTarget,
	}}, &done)
	return done, err
}

type moveBody struct {
	filterBody
	IDs      []string `json:"ids,omitempty"`
	ToRoute  string   `json:"to_route"`
	ToTarget string   `json:"to_target,omitempty"`
}
