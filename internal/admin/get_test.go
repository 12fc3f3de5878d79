package admin

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/queue/memory"
)

func TestGet(t *testing.T) {
	clk := clock.NewManual(start)
	q := memory.Open(memory.Options{Clock: clk})
	defer q.Close() //nolint:errcheck // a test
	if _, err := q.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{{
		ID: "one", Route: "/a", Target: queue.PullTarget, ReceivedAt: start, Payload: []byte("hello"),
		Envelope: queue.Envelope{
			Method: "PUT", RawPath: "/a/%2f", RawQuery: "x=1",
			Headers: []queue.Pair{{Name: "K", Value: "v"}}, Trace: []queue.Pair{{Name: "path", Value: "/a"}},
		},
	}}}); err != nil {
		t.Fatal(err)
	}
	m := NewMessages(MessagesOptions{Queue: q, Clock: clk, Config: func() *config.Config { return &config.Config{} }, Logger: zap.NewNop()})
	got, err := m.Get(t.Context(), " one ")
	if err != nil {
		t.Fatal(err)
	}
	at := start.Truncate(time.Nanosecond).UTC()
	want := MessageDetail{
		Message: Message{ID: "one", Route: "/a", Target: "pull", State: "queued", ReceivedAt: at, NextRunAt: got.NextRunAt, ChangedAt: at,
			PayloadBytes: 5, Payload: []byte("hello"), Headers: map[string]string{"K": "v"}, Trace: map[string]string{"path": "/a"}},
		Method: "PUT", Path: "/a/%2f", Query: "x=1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for id, code := range map[string]string{"none": CodeMessageNotFound, " ": "invalid_query"} {
		var refused *Refusal
		if _, err := m.Get(t.Context(), id); !errors.As(err, &refused) || refused.Code != code {
			t.Errorf("Get(%q) = %v, want %s", id, err, code)
		}
	}
}
