package admin

import (
	"context"
	"strings"
)

// CodeMessageNotFound is the code of a message that isn't there.
const CodeMessageNotFound = "message_not_found"

// MessageDetail is one message whole.
type MessageDetail struct {
	Message
	// Method, Path and Query are those of the request that brought the message,
	// as sent. They are missing if it came in another way.
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	Query  string `json:"query,omitempty"`
}

// Get returns the message with this id, in whatever state. An error is a
// [*Refusal] or one of the queue.
func (m *Messages) Get(ctx context.Context, id string) (MessageDetail, error) {
	id = strings.TrimSpace(id)
	if id == "" {
		return MessageDetail{}, refuse("invalid_query", "id must name a message")
	}
	list, err := m.queue.Get(ctx, []string{id})
	if err != nil {
		return MessageDetail{}, err
	}
	if len(list) == 0 {
		return MessageDetail{}, refuse(CodeMessageNotFound, "there is no message with this id: it was acknowledged, or dropped for its age, or never was")
	}
	whole := ListRequest{Payload: true, Headers: true, Trace: true}
	e := &list[0].Envelope
	return MessageDetail{Message: whole.item(&list[0]), Method: e.Method, Path: e.RawPath, Query: e.RawQuery}, nil
}
