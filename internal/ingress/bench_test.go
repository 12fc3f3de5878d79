package ingress

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
)

// nowhere answers without storing, so that a benchmark measures the handler.
type nowhere struct{ ids []string }

func (n nowhere) Enqueue(context.Context, queue.Batch) ([]string, error) { return n.ids, nil }

// discard is a ResponseWriter that costs nothing.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

type body struct{ bytes.Reader }

func (*body) Close() error { return nil }

func BenchmarkHandler(b *testing.B) {
	payload := bytes.Repeat([]byte("x"), 1024)
	o := worldOptions{clock: clock.System{}}
	for name, r := range map[string]Route{"open": open("/webhooks/github"), "github": o.signed(b, "/webhooks/github", config.GitHub)} {
		b.Run(name, func(b *testing.B) {
			h := New(Options{Enqueuer: nowhere{[]string{"evt_1"}}, Clock: o.clock, Logger: zap.NewNop()})
			h.Swap(NewSnapshot(SnapshotOptions{Routes: []Route{open("/other"), r}}))
			req := httptest.NewRequest(http.MethodPost, "/webhooks/github", nil)
			for name, value := range map[string]string{
				"User-Agent": "GitHub-Hookshot/044aadd", "Content-Length": "1024", "Accept": "*/*", "Content-Type": "application/json",
				"X-Github-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "X-Github-Event": "push",
				"X-Hub-Signature-256": "sha256=" + mac(string(payload)),
			} {
				req.Header[name] = []string{value}
			}
			req.ContentLength = int64(len(payload))
			content := &body{}
			req.Body = content
			w := &discard{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				content.Reset(payload)
				h.ServeHTTP(w, req)
				if w.status != http.StatusAccepted {
					b.Fatal(w.status)
				}
			}
		})
	}
}
