package dispatch

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/deliver"
	"hookaido/internal/queue"
	"hookaido/internal/queue/sqlite"
	"hookaido/internal/secret"
)

// BenchmarkDrain delivers a backlog of messages of 1 KiB from a database on disk
// to a server in the same process.
func BenchmarkDrain(b *testing.B) {
	store, err := sqlite.Open(b.Context(), sqlite.Options{Path: filepath.Join(b.TempDir(), "queue.db"), Clock: clock.System{}})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // nothing is kept
	var got atomic.Int64
	all := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil && got.Add(1) == int64(b.N) {
			close(all)
		}
	}))
	defer server.Close()
	payload := make([]byte, 1024)
	for left := b.N; left > 0; left -= 500 {
		batch := queue.Batch{Messages: make([]queue.NewMessage, min(left, 500))}
		for i := range batch.Messages {
			batch.Messages[i] = queue.NewMessage{Route: path, Target: server.URL, ReceivedAt: time.Now(), Payload: payload, Envelope: queue.Envelope{
				Method: "POST", RawPath: path, Headers: []queue.Pair{{Name: "Content-Type", Value: "application/json"}, {Name: "User-Agent", Value: "bench"}},
			}}
		}
		if _, err := store.Enqueue(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	d, err := New(b.Context(), Options{Queue: store, Clock: clock.System{}, Logger: zap.NewNop(), Metrics: prometheus.NewRegistry()})
	if err != nil {
		b.Fatal(err)
	}
	deliverer, err := deliver.New(deliver.Options{Clock: clock.System{}})
	if err != nil {
		b.Fatal(err)
	}
	target, err := deliverer.Target(&config.Target{URL: server.URL, Timeout: 10 * time.Second}, secret.Pool{})
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	d.Swap([]Route{{Path: path, Concurrency: 20, Targets: []Target{{Name: server.URL, Timeout: 10 * time.Second, Retry: retry, Deliver: target}}}})
	<-all
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	d.Stop(ctx)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
