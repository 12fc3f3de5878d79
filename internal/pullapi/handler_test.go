package pullapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"hookaido/internal/auth"
	"hookaido/internal/clock"
	"hookaido/internal/httpx"
	"hookaido/internal/pull"
	"hookaido/internal/queue"
	"hookaido/internal/queue/memory"
	"hookaido/internal/secret"
)

var start = time.Date(2026, 1, 5, 8, 0, 0, 100_000_000, time.UTC)

// api is the pull API under /pull on a loopback port, over a queue in memory.
type api struct {
	t       *testing.T
	clock   *clock.Manual // of the queue
	store   *memory.Store
	service *pull.Service
	logs    *observer.ObservedLogs
	url     string
}

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{t: t, clock: clock.NewManual(start)}
	a.store = memory.Open(memory.Options{Clock: a.clock})
	t.Cleanup(func() { _ = a.store.Close() })
	a.serve(a.store)
	return a
}

// serve puts a server in front of q.
func (a *api) serve(q pull.Queue) {
	a.t.Helper()
	service, err := pull.New(pull.Options{Queue: q, Clock: a.clock})
	if err != nil {
		a.t.Fatal(err)
	}
	token := auth.NewTokens([]secret.Value{secret.New([]byte("t0ken"))})
	service.Swap(service.Snapshot(pull.Settings{
		Routes: []pull.Route{{Endpoint: "/orders", Path: "/hooks/orders"}, {Endpoint: "/", Path: "/hooks/root"}},
		Tokens: token,
		Limits: pull.Limits{MaxBatch: 100, MaxLeaseBatch: 100, DefaultLeaseTTL: 30 * time.Second},
	}))
	var core zapcore.Core
	core, a.logs = observer.New(zap.DebugLevel)
	// the deadlines of sockets are real time, whatever clock the queue has
	handler := New(Options{Service: service, Prefix: "/pull", Clock: clock.System{}, Logger: zap.New(core)})
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = httpx.NewServer(httpx.ServerOptions{Handler: handler, Logger: zap.NewNop()})
	srv.Start()
	a.t.Cleanup(srv.Close)
	a.service, a.url = service, srv.URL
}

type reply struct {
	status int
	body   string
	header http.Header
}

func (a *api) do(method, path, token, body string) reply {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "bearer "+token)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return reply{resp.StatusCode, string(b), resp.Header}
}

func (a *api) post(operation, body string) reply {
	a.t.Helper()
	return a.do(http.MethodPost, "/pull/orders/"+operation, "t0ken", body)
}

func (a *api) enqueue(payload string, e queue.Envelope) {
	a.t.Helper()
	_, err := a.store.Enqueue(a.t.Context(), queue.Batch{Messages: []queue.NewMessage{{
		Route: "/hooks/orders", Target: queue.PullTarget, ReceivedAt: a.clock.Now(), Envelope: e, Payload: []byte(payload),
	}}})
	if err != nil {
		a.t.Fatal(err)
	}
}

// item is a message as a worker written for 2.11 reads it.
type item struct {
	ID         string            `json:"id"`
	LeaseID    string            `json:"lease_id"`
	ReceivedAt time.Time         `json:"received_at"`
	Attempt    int               `json:"attempt"`
	NextRunAt  time.Time         `json:"next_run_at"`
	Route      string            `json:"route"`
	Payload    []byte            `json:"payload_b64"`
	Headers    map[string]string `json:"headers"`
	Trace      map[string]string `json:"trace"`
}

func (a *api) dequeue(body string) []item {
	a.t.Helper()
	r := a.post("dequeue", body)
	var answer struct{ Items []item }
	if err := json.Unmarshal([]byte(r.body), &answer); err != nil || r.status != http.StatusOK || answer.Items == nil {
		a.t.Fatalf("dequeue: %d %.200s %v", r.status, r.body, err)
	}
	return answer.Items
}

// lease puts n messages in and takes them out.
func (a *api) lease(n int) []string {
	a.t.Helper()
	for range n {
		a.enqueue("x", queue.Envelope{})
	}
	var ids []string
	for _, it := range a.dequeue(fmt.Sprintf(`{"batch":%d}`, n)) {
		ids = append(ids, it.LeaseID)
	}
	if len(ids) != n {
		a.t.Fatalf("got %d of %d messages", len(ids), n)
	}
	return ids
}

func (a *api) want(r reply, status int, body string) {
	a.t.Helper()
	if r.status != status || r.body != body {
		a.t.Errorf("got %d %q, want %d %q", r.status, r.body, status, body)
	}
}

func TestDequeueAnswer(t *testing.T) {
	a := newAPI(t)
	a.want(a.post("dequeue", ""), 200, "{\"items\":[]}\n")
	a.enqueue("{}", queue.Envelope{
		Headers: []queue.Pair{{Name: "Content-Type", Value: "application/json"}},
		Trace:   []queue.Pair{{Name: "path", Value: "/hooks/orders"}, {Name: "remote_addr", Value: "192.0.2.7:40112"}},
	})
	a.enqueue("", queue.Envelope{})
	r := a.post("dequeue", `{"batch":2,"lease_ttl":"45s","max_wait":"5s"}`)
	var raw struct{ Items []map[string]any }
	if err := json.Unmarshal([]byte(r.body), &raw); err != nil || len(raw.Items) != 2 {
		t.Fatalf("%s: %v", r.body, err)
	}
	var want [2]string
	for i, it := range raw.Items {
		payload, rest := `""`, ``
		if i == 0 {
			payload = `"e30="`
			rest = `,"headers":{"Content-Type":"application/json"},"trace":{"path":"/hooks/orders","remote_addr":"192.0.2.7:40112"}`
		}
		want[i] = fmt.Sprintf(`{"id":"%s","lease_id":"%s","received_at":"2026-01-05T08:00:00.1Z","attempt":1,`+
			`"next_run_at":"2026-01-05T08:00:45.1Z","route":"/hooks/orders","payload_b64":%s%s}`,
			it["id"], it["lease_id"], payload, rest)
	}
	a.want(r, 200, `{"items":[`+want[0]+","+want[1]+"]}\n")
	if r.header.Get("Content-Type") != "application/json" || r.header.Get("Content-Length") != fmt.Sprint(len(r.body)) {
		t.Errorf("headers %v", r.header)
	}
}

func TestDequeueKeepsWhatTheSenderSent(t *testing.T) { // C34, C35
	a := newAPI(t)
	a.enqueue("<&>\x00\xff", queue.Envelope{
		Method: "PUT", RawPath: "/hooks/orders", RawQuery: "tenant=a%20b&x=1&x=2&plus=a+b&empty=",
		Headers: []queue.Pair{{Name: "X-Multi", Value: "a<"}, {Name: "X-One", Value: "\"é\xff"}, {Name: "X-Multi", Value: "b"}},
	})
	r := a.post("dequeue", "{}")
	var got struct {
		Items []struct {
			Payload []byte            `json:"payload_b64"`
			Method  string            `json:"method"`
			Query   string            `json:"query"`
			Headers map[string]string `json:"headers"`
			Values  [][2]string       `json:"header_values"`
		}
	}
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || len(got.Items) != 1 {
		t.Fatalf("%s: %v", r.body, err)
	}
	it := got.Items[0]
	if string(it.Payload) != "<&>\x00\xff" || it.Method != "PUT" || it.Query != "tenant=a%20b&x=1&x=2&plus=a+b&empty=" {
		t.Errorf("got %+v", it)
	}
	if diff := cmp.Diff(map[string]string{"X-Multi": "a<,b", "X-One": "\"é\ufffd"}, it.Headers); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][2]string{{"X-Multi", "a<"}, {"X-One", "\"é\ufffd"}, {"X-Multi", "b"}}, it.Values); diff != "" {
		t.Error(diff)
	}
	if strings.ContainsAny(r.body, "<>&") {
		t.Errorf("%s is not safe to paste into a page", r.body)
	}
}

// FuzzItems compares our encoding with what encoding/json reads back.
func FuzzItems(f *testing.F) {
	f.Add("id", "POST", "a=1", "X-A", "v", "X-B", []byte("payload"))
	f.Add("", "", "", "X-A", "v<", "X-A", []byte{0xff, 0})
	f.Fuzz(func(t *testing.T, id, method, query, name, value, second string, payload []byte) {
		e := queue.Envelope{Method: method, RawQuery: query, Headers: []queue.Pair{{Name: name, Value: value}, {Name: second, Value: value}}}
		items := []queue.Leased{{ID: id, ReceivedAt: start, LeaseUntil: start, Envelope: e, Payload: payload}, {}}
		b := appendItems(nil, items, appendPayload)
		var got struct{ Items []item }
		if err := json.Unmarshal(b, &got); err != nil || len(got.Items) != 2 {
			t.Fatalf("%s: %v", b, err)
		}
		valid := func(s string) string { return string([]rune(s)) }
		if got.Items[0].ID != valid(id) || string(got.Items[0].Payload) != string(payload) || !got.Items[0].ReceivedAt.Equal(start) {
			t.Fatalf("%s", b)
		}
		for n, v := range e.HeaderMap() {
			if got.Items[0].Headers[valid(n)] != valid(v) && valid(name) != valid(second) {
				t.Fatalf("header %q is %q in %s", n, v, b)
			}
		}
	})
}

func TestLargeAnswerIsStreamed(t *testing.T) {
	a := newAPI(t)
	// 538053 is not a multiple of anything
	bodies := []string{strings.Repeat("é", 538053/2) + "x", "", strings.Repeat("y", chunkBytes), "small"}
	for _, body := range bodies {
		a.enqueue(body, queue.Envelope{Trace: []queue.Pair{{Name: "path", Value: "/"}}})
	}
	items := a.dequeue(`{"batch":10}`)
	if len(items) != len(bodies) {
		t.Fatalf("%d messages, want %d", len(items), len(bodies))
	}
	for i := range items {
		if string(items[i].Payload) != bodies[i] || items[i].Trace["path"] != "/" {
			t.Errorf("message %d has %d bytes, want %d", i, len(items[i].Payload), len(bodies[i]))
		}
	}
	r := func() reply { a.enqueue(bodies[0], queue.Envelope{}); return a.post("dequeue", "") }()
	if r.header.Get("Content-Length") != fmt.Sprint(len(r.body)) || !json.Valid([]byte(r.body)) {
		t.Errorf("Content-Length %s of %d bytes", r.header.Get("Content-Length"), len(r.body))
	}
}

// deadlines is a client whose write deadlines are noted.
type deadlines struct {
	http.ResponseWriter
	set []time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error { d.set = append(d.set, t); return nil }

func TestLateAndLargeAnswersGetTime(t *testing.T) {
	for _, test := range []struct {
		name   string
		size   int
		waited time.Duration
		want   []time.Time
	}{
		{"small and soon", 1000, lateAnswer, nil},
		{"late", 1000, lateAnswer + 1, []time.Time{start.Add(time.Minute)}},
		{"large", 3 * slowestClient * 100, 0, []time.Time{start.Add(time.Minute + 400*time.Second)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &deadlines{ResponseWriter: httptest.NewRecorder()}
			h := New(Options{Clock: clock.NewManual(start), Logger: zap.NewNop()})
			h.writeItems(call{w: w, buffers: &buffers{}}, []queue.Leased{{Payload: make([]byte, test.size)}}, test.waited)
			if diff := cmp.Diff(test.want, w.set); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStreamedAndInlineAnswersAreTheSame(t *testing.T) {
	items := []queue.Leased{{ID: "a", Payload: []byte(strings.Repeat("z", 3*chunkBytes+1))}, {ID: "b"}, {ID: "c", Payload: []byte("q")}}
	payloads := 0
	for i := range items {
		payloads += encodedLen(&items[i])
	}
	w := httptest.NewRecorder()
	(*Handler)(nil).streamItems(call{w: w, buffers: &buffers{}}, items, payloads)
	if want := string(appendItems(nil, items, appendPayload)); w.Body.String() != want {
		t.Errorf("%d bytes streamed, %d inline", w.Body.Len(), len(want))
	}
}

func TestSettleAnswers(t *testing.T) {
	a := newAPI(t)
	ids := a.lease(9)
	one := func(id string) string { return fmt.Sprintf(`{"lease_id":%q}`, id) }
	const conflict = "{\"code\":\"lease_conflict\",\"detail\":\"lease is invalid or expired\"}\n"
	steps := []struct {
		name, operation, body string
		status                int
		answer                string
	}{
		{"ack", "ack", one(ids[0]), 204, ""},
		{"ack again", "ack", one(ids[0]), 204, ""},
		{"nack after ack", "nack", one(ids[0]), 409, conflict},
		{"ack of an unknown lease", "ack", one("lease_0000000000000000"), 409, conflict},
		{"badinput 88: NUL", "ack", `{"lease_id":"\u0000"}`, 409, conflict},
		{"batch ack", "ack", fmt.Sprintf(`{"lease_ids":[%q," %s",""]}`, ids[1], ids[2]), 200, "{\"acked\":2}\n"},
		{"batch of one", "ack", fmt.Sprintf(`{"lease_ids":[%q]}`, ids[3]), 200, "{\"acked\":1}\n"},
		{"batch with conflicts", "ack", fmt.Sprintf(`{"lease_ids":["x<",%q,"y"]}`, ids[4]), 409,
			`{"code":"lease_conflict","detail":"one or more leases are invalid or expired","acked":1,` +
				`"conflicts":[{"lease_id":"x\u003c","reason":"lease_not_found"},{"lease_id":"y","reason":"lease_not_found"}]}` + "\n"},
		{"nack", "nack", fmt.Sprintf(`{"lease_id":%q,"delay":"1h"}`, ids[5]), 204, ""},
		{"nack with a field of extend", "nack", fmt.Sprintf(`{"lease_ids":[%q],"extend_by":"nonsense"}`, ids[6]), 200, "{\"succeeded\":1}\n"},
		{"bury, whatever the delay", "nack", fmt.Sprintf(`{"lease_ids":[%q,"z"],"dead":true,"reason":"bad","delay":"nonsense"}`, ids[7]), 409,
			`{"code":"lease_conflict","detail":"one or more leases are invalid or expired","succeeded":1,` +
				`"conflicts":[{"lease_id":"z","reason":"lease_not_found"}]}` + "\n"},
		{"extend", "extend", fmt.Sprintf(`{"lease_id":%q,"extend_by":"24h"}`, ids[8]), 204, ""},
		{"extend by nothing", "extend", `{"lease_id":"nobody","extend_by":"-1s"}`, 204, ""},
		{"extend an unknown lease", "extend", `{"lease_id":"nobody","extend_by":"1s"}`, 409, conflict},
	}
	for _, step := range steps {
		a.t = t
		t.Run(step.name, func(t *testing.T) {
			a.t = t
			a.want(a.post(step.operation, step.body), step.status, step.answer)
		})
	}
	a.t = t
	stats, err := a.store.Stats(t.Context())
	want := map[queue.State]int{queue.StateQueued: 2, queue.StateLeased: 1, queue.StateDead: 1, queue.StateDelivered: 0, queue.StateCanceled: 0}
	if diff := cmp.Diff(want, stats.ByState); diff != "" || err != nil {
		t.Error(diff, err)
	}
	a.clock.Advance(24*time.Hour + 31*time.Second)
	a.want(a.post("ack", fmt.Sprintf(`{"lease_ids":[%q]}`, ids[8])), 409,
		`{"code":"lease_conflict","detail":"one or more leases are invalid or expired","acked":0,`+
			`"conflicts":[{"lease_id":"`+ids[8]+`","reason":"lease_expired"}]}`+"\n")
}

func TestLateWorkerDoesNotDisturbTheNext(t *testing.T) { // C58, badinput 92
	a := newAPI(t)
	first := a.lease(1)[0]
	a.clock.Advance(30 * time.Second)
	second := a.dequeue("{}")[0]
	if second.Attempt != 2 {
		t.Errorf("attempt %d, want 2", second.Attempt)
	}
	body := func(id string) string { return fmt.Sprintf(`{"lease_id":%q}`, id) }
	for _, operation := range []string{"ack", "nack"} {
		if r := a.post(operation, body(first)); r.status != 409 {
			t.Errorf("late %s: %d", operation, r.status)
		}
	}
	for range 2 {
		a.want(a.post("ack", body(second.LeaseID)), 204, "")
	}
}

// failing is a queue whose store is broken.
type failing struct{ cause error }

func (f failing) Dequeue(context.Context, queue.DequeueRequest) ([]queue.Leased, error) {
	return nil, &queue.UnavailableError{Cause: f.cause}
}

func (f failing) Settle(context.Context, queue.SettleRequest) ([]queue.Conflict, error) {
	return nil, &queue.UnavailableError{Cause: f.cause}
}

func (f failing) Extend(context.Context, queue.ExtendRequest) error {
	return &queue.UnavailableError{Cause: f.cause}
}

func TestBrokenStore(t *testing.T) {
	a := newAPI(t)
	a.serve(failing{errors.New("disk I/O error")})
	for _, test := range []struct {
		operation, body string
		status          int
		answer          string
	}{
		{"dequeue", "", 503, `{"code":"store_unavailable","detail":"dequeue is temporarily unavailable"}`},
		{"ack", `{"lease_id":"x"}`, 500, `{"code":"internal_error","detail":"ack failed"}`},
		{"nack", `{"lease_ids":["x"]}`, 500, `{"code":"internal_error","detail":"nack failed"}`},
		{"nack", `{"lease_id":"x","dead":true}`, 500, `{"code":"internal_error","detail":"mark dead failed"}`},
		{"extend", `{"lease_id":"x","extend_by":"1s"}`, 500, `{"code":"internal_error","detail":"extend failed"}`},
	} {
		r := a.post(test.operation, test.body)
		a.want(r, test.status, test.answer+"\n")
		if retry := r.header.Get("Retry-After"); (retry != "") != (test.status == 503) {
			t.Errorf("%s: Retry-After %q", test.operation, retry)
		}
	}
	if n := a.logs.FilterMessage("the queue failed a worker").Len(); n != 1 {
		t.Errorf("the same failure was logged %d times, want 1", n)
	}
}

func TestFailureIsLoggedAgainAfterRecovery(t *testing.T) {
	a := newAPI(t)
	q := &flaky{Queue: a.store}
	a.serve(q)
	for _, broken := range []bool{true, true, false, false, true} {
		q.broken = broken
		a.post("dequeue", "")
	}
	var got []string
	for _, line := range a.logs.All() {
		got = append(got, line.Message)
	}
	want := []string{"the queue failed a worker", "the queue serves workers again", "the queue failed a worker"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// flaky is a queue that is broken now and then.
type flaky struct {
	pull.Queue
	broken bool
}

func (f *flaky) Dequeue(ctx context.Context, req queue.DequeueRequest) ([]queue.Leased, error) {
	if f.broken {
		return nil, &queue.UnavailableError{Cause: errors.New("disk I/O error")}
	}
	return f.Queue.Dequeue(ctx, req)
}
