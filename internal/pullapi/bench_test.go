package pullapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap"

	"hookaido/internal/auth"
	"hookaido/internal/clock"
	"hookaido/internal/pull"
	"hookaido/internal/queue"
	"hookaido/internal/secret"
)

// full is a queue that always has messages and takes every ack.
type full struct{ items []queue.Leased }

func (f full) Dequeue(context.Context, queue.DequeueRequest) ([]queue.Leased, error) {
	return f.items, nil
}

func (full) Settle(context.Context, queue.SettleRequest) ([]queue.Conflict, error) { return nil, nil }

func (full) Extend(context.Context, queue.ExtendRequest) error { return nil }

// blackHole is a client that takes every answer.
type blackHole struct {
	header http.Header
	n      int
}

func (b *blackHole) Header() http.Header         { return b.header }
func (b *blackHole) WriteHeader(int)             {}
func (b *blackHole) Write(p []byte) (int, error) { b.n += len(p); return len(p), nil }

func BenchmarkHandler(b *testing.B) {
	for _, batch := range []int{1, 15, 100} {
		items := make([]queue.Leased, batch)
		for i := range items {
			items[i] = queue.Leased{
				ID: "evt_0011223344556677", LeaseID: fmt.Sprintf("lease_%016x", i), Route: "/hooks/orders", Attempt: 1,
				Envelope: queue.Envelope{Method: "POST", Headers: []queue.Pair{
					{Name: "Content-Type", Value: "application/json"}, {Name: "User-Agent", Value: "x"}, {Name: "X-Github-Event", Value: "push"}}},
				Payload: make([]byte, 1024),
			}
		}
		service, err := pull.New(pull.Options{Queue: full{items}, Clock: clock.System{}})
		if err != nil {
			b.Fatal(err)
		}
		service.Swap(service.Snapshot(pull.Settings{
			Routes: []pull.Route{{Endpoint: "/orders", Path: "/hooks/orders"}},
			Tokens: auth.NewTokens([]secret.Value{secret.New([]byte("t0ken"))}),
			Limits: pull.Limits{MaxBatch: 100, MaxLeaseBatch: 100, DefaultLeaseTTL: 30e9},
		}))
		h := New(Options{Service: service, Clock: clock.System{}, Logger: zap.NewNop()})
		run := func(operation, body string) func(*testing.B) {
			return func(b *testing.B) {
				r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://x/orders/"+operation, http.NoBody)
				if err != nil {
					b.Fatal(err)
				}
				r.Header.Set("Authorization", "Bearer t0ken")
				w := &blackHole{header: http.Header{}}
				b.ReportAllocs()
				for b.Loop() {
					reader := strings.NewReader(body)
					r.Body, r.ContentLength = readCloser{reader}, int64(len(body))
					h.ServeHTTP(w, r)
				}
			}
		}
		b.Run(fmt.Sprint("dequeue/", batch), run("dequeue", fmt.Sprintf(`{"batch":%d,"max_wait":"5s"}`, batch)))
		b.Run(fmt.Sprint("ack/", batch), run("ack", `{"lease_ids":["`+manyIDs(batch)+`"]}`))
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
