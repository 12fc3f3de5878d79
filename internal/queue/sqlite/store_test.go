package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

// dbPath returns a path in a folder that doesn't exist yet.
func dbPath(t testing.TB) string { return filepath.Join(t.TempDir(), "state", "queue.db") }

func open(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Path == "" {
		o.Path = dbPath(t)
	}
	if o.Logger == nil {
		o.Logger = zaptest.NewLogger(t)
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func message(route, payload string) queue.NewMessage {
	return queue.NewMessage{
		Route: route, Target: queue.PullTarget, ReceivedAt: time.Unix(1000, 0), Payload: []byte(payload),
		Envelope: queue.Envelope{Method: "POST", RawPath: route},
	}
}

func enqueue(t testing.TB, s *Store, messages ...queue.NewMessage) []string {
	t.Helper()
	ids, err := s.Enqueue(context.Background(), queue.Batch{Messages: messages})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestSmoke(t *testing.T) {
	s := open(t, Options{})
	ids := enqueue(t, s, message("/a", "one"), message("/a", "two"))
	t.Log(ids)
	got, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: 10, TTL: time.Minute})
	t.Log(got, err)
	c, err := s.Settle(t.Context(), queue.SettleRequest{LeaseIDs: []string{got[0].LeaseID, got[1].LeaseID}, Action: queue.Ack})
	t.Log(c, err)
	st, err := s.Stats(t.Context())
	t.Log(st, err)
	t.Log(s.Ping(t.Context()))
}
