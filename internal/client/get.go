package client

import (
	"context"
	"net/url"

	"hookaido/internal/admin"
)

// Message asks for one message whole.
func (c *Client) Message(ctx context.Context, id string) (admin.MessageDetail, error) {
	var m admin.MessageDetail
	err := c.get(ctx, "/message?"+url.Values{"id": {id}}.Encode(), &m)
	return m, err
}
