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
