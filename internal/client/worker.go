package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Worker takes the messages of one route over the pull API. It is safe for
// concurrent use.
type Worker struct {
	// HTTP reaches the daemon. Its timeout must be longer than the wait of a
	// dequeue.
	HTTP *http.Client
	// URL is that of the pull endpoint, without an operation. Token is what it
	// wants.
	URL   string
	Token Credential
}

// Leased is a message that a worker has.
type Leased struct {
	ID         string            `json:"id"`
	LeaseID    string            `json:"lease_id"`
	ReceivedAt time.Time         `json:"received_at"`
	Attempt    int               `json:"attempt"`
	Route      string            `json:"route"`
	Payload    []byte            `json:"payload_b64"`
	Headers    map[string]string `json:"headers,omitempty"`
	Trace      map[string]string `json:"trace,omitempty"`
}

// Want says what a dequeue asks for.
type Want struct {
	Batch int
	// Lease is how long the messages are had, Wait how long to wait for a first
	// one.
	Lease, Wait time.Duration
}

// Dequeue takes messages, none if none is due in time.
func (w *Worker) Dequeue(ctx context.Context, want Want) ([]Leased, error) {
	var answer struct{ Items []Leased }
	err := w.call(ctx, "dequeue", map[string]any{
		"batch": want.Batch, "lease_ttl": want.Lease.String(), "max_wait": want.Wait.String(),
	}, &answer)
	return answer.Items, err
}

// ErrLeaseLost is a lease that ran out, so that its message is delivered again.
var ErrLeaseLost = errors.New("the lease had run out: the message is delivered again")

// Ack tells that a message was dealt with.
func (w *Worker) Ack(ctx context.Context, lease string) error {
	return w.call(ctx, "ack", map[string]any{"lease_id": lease}, nil)
}

// Nack gives a message back, due again after a delay.
func (w *Worker) Nack(ctx context.Context, lease string, delay time.Duration) error {
	return w.call(ctx, "nack", map[string]any{"lease_id": lease, "delay": delay.String()}, nil)
}

// Extend makes a lease last longer.
func (w *Worker) Extend(ctx context.Context, lease string, by time.Duration) error {
	return w.call(ctx, "extend", map[string]any{"lease_id": lease, "extend_by": by.String()}, nil)
}

func (w *Worker) call(ctx context.Context, operation string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+"/"+operation, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if w.Token != nil {
		req.Header.Set("Authorization", "Bearer "+string(w.Token.Reveal()))
	}
	resp, err := w.HTTP.Do(req)
	if err != nil {
		e := failure(Unreachable, "reach the pull API at %s", w.shown())
		e.cause = errors.Unwrap(err)
		return e
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		e := failure(Unreachable, "read the answer of the pull API at %s", w.shown())
		e.cause = err
		return e
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return w.refusal(resp.StatusCode, answer)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("read the answer of %s, is that the pull API of hookaido?: %w", w.shown(), err)
	}
	return nil
}

// refusal turns an answer that is no success into an error.
func (w *Worker) refusal(status int, body []byte) error {
	var answer struct{ Code, Detail string }
	if json.Unmarshal(body, &answer) != nil || answer.Code == "" {
		return failure(Refused, "%s answers %d without a reason: is that the pull API of hookaido?", w.shown(), status)
	}
	e := failure(Refused, "the pull API at %s refuses: %s (%s)", w.shown(), answer.Detail, answer.Code)
	e.Code = answer.Code
	switch status {
	case http.StatusConflict:
		return ErrLeaseLost
	case http.StatusUnauthorized, http.StatusForbidden:
		e.Class = Denied
	}
	return e
}

// shown is the URL as it may be shown to people.
func (w *Worker) shown() string {
	u, err := url.Parse(w.URL)
	if err != nil {
		return "its URL"
	}
	return u.Redacted()
}
