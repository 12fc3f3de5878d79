package pullapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"hookaido/internal/pull"
	"hookaido/internal/queue"
)

// code returns status and code of an error answer, and holds it to its form.
func (a *api) code(r reply) string {
	a.t.Helper()
	var e struct{ Code, Detail string }
	d := json.NewDecoder(strings.NewReader(r.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil || e.Code == "" || e.Detail == "" ||
		r.header.Get("Content-Type") != "application/json" || !strings.HasSuffix(r.body, "}\n") {
		a.t.Errorf("%d %q is no error answer: %v", r.status, r.body, err)
	}
	if strings.Contains(e.Detail, "Go ") || strings.Contains(e.Detail, "int64") {
		a.t.Errorf("the detail is not for people: %s", e.Detail)
	}
	return fmt.Sprint(r.status, " ", e.Code)
}

func TestAddressing(t *testing.T) {
	a := newAPI(t)
	tests := []struct {
		name, method, path, token, want string
	}{
		{"method before token", "GET", "/pull/orders/dequeue", "", "405 method_not_allowed"},
		{"method before endpoint", "DELETE", "/pull/nowhere/dequeue", "", "405 method_not_allowed"},
		{"badinput 77: no token", "POST", "/pull/orders/dequeue", "", "401 unauthorized"},
		{"badinput 77: wrong token", "POST", "/pull/orders/dequeue", "wrong", "401 unauthorized"},
		{"unknown endpoint without token", "POST", "/pull/nowhere/dequeue", "", "401 unauthorized"},
		{"unknown endpoint", "POST", "/pull/nowhere/dequeue", "t0ken", "404 route_not_found"},
		{"unknown operation", "POST", "/pull/orders/peek", "t0ken", "404 operation_not_found"},
		{"no operation", "POST", "/pull/orders", "t0ken", "404 operation_not_found"}, // of the endpoint /
		{"bare prefix", "POST", "/pull", "t0ken", "404 operation_not_found"},
		{"upper case operation", "POST", "/pull/orders/Dequeue", "t0ken", "404 operation_not_found"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a.t = t
			r := a.do(test.method, test.path, test.token, "{}")
			if got := a.code(r); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if allow := r.header.Get("Allow"); (allow == "POST") != (r.status == 405) {
				t.Errorf("Allow: %q", allow)
			}
		})
	}
	a.t = t
	for _, path := range []string{"/", "/orders/dequeue", "/pullx/orders/dequeue", "/Pull/orders/dequeue"} {
		a.want(a.do("POST", path, "t0ken", "{}"), 404, "") // outside of the API
	}
	for _, path := range []string{
		"/pull/orders/dequeue", "/pull//orders/dequeue/", "/pull/./x/../orders/dequeue", "/pull/%6frders/dequeue", "/pull/dequeue",
	} {
		a.want(a.do("POST", path, "t0ken", "{}"), 200, "{\"items\":[]}\n")
	}
}

func TestBadRequests(t *testing.T) {
	a := newAPI(t)
	tests := []struct{ name, operation, body, detail string }{
		{"78: batch 0", "dequeue", `{"batch":0}`, "batch must be at least 1"},
		{"78: batch -1", "dequeue", `{"batch":-1}`, "batch must be at least 1"},
		{"79: batch 1.5", "dequeue", `{"batch":1.5}`, "invalid JSON body: batch must be a whole number (at byte 10)"},
		{"79: batch 2^63", "dequeue", `{"batch":9223372036854775808}`, "invalid JSON body: batch must be a whole number (at byte 10)"},
		{"81: lease 0s", "dequeue", `{"lease_ttl":"0s"}`, "lease_ttl must be at least 1s"},
		{"81: lease -1s", "dequeue", `{"lease_ttl":"-1s"}`, "lease_ttl must be at least 1s"},
		{"82: lease 1ns", "dequeue", `{"lease_ttl":"1ns"}`, "lease_ttl must be at least 1s"},
		{"83: lease without unit", "dequeue", `{"lease_ttl":"30"}`, "lease_ttl must be a valid duration, such as"},
		{"83: lease too large", "dequeue", `{"lease_ttl":"9999999h"}`, "lease_ttl must be a valid duration, such as"},
		{"wait without unit", "dequeue", `{"max_wait":"5"}`, "max_wait must be a valid duration, such as"},
		{"negative wait", "dequeue", `{"max_wait":"-1s"}`, "max_wait must not be negative"},
		{"86: twice", "dequeue", `{"batch":1,"batch":1}`, "invalid JSON body: batch stands twice"},
		{"86: upper case", "dequeue", `{"BATCH":1}`, `invalid JSON body: unknown field "BATCH", did you mean "batch"`},
		{"87: unknown", "dequeue", `{"lease_id":"x"}`, `invalid JSON body: unknown field "lease_id"`},
		{"87: trailing document", "dequeue", `{}{}`, "invalid JSON body: something follows"},
		{"87: deep", "dequeue", strings.Repeat("[", 200_000), "invalid JSON body: expected an object"},
		{"88: invalid UTF-8", "ack", "{\"lease_id\":\"\xff\"}", "invalid JSON body: invalid UTF-8"},
		{"90: none", "ack", `{}`, "lease_id or lease_ids is required"},
		{"90: null", "ack", `null`, "lease_id or lease_ids is required"},
		{"90: empty list", "nack", `{"lease_ids":[]}`, "lease_id or lease_ids is required"},
		{"90: both", "ack", `{"lease_id":"a","lease_ids":["b"]}`, "use either lease_id or lease_ids, not both"},
		{"90: 101", "ack", `{"lease_ids":["` + manyIDs(101) + `"]}`, "lease_ids exceeds max batch, which is 100"},
		{"empty body for ack", "ack", ``, "invalid JSON body: the body is empty"},
		{"91: delay -5s", "nack", `{"lease_id":"x","delay":"-5s"}`, "delay must not be negative"},
		{"91: delay huge", "nack", `{"lease_id":"x","delay":"2000000h"}`, "delay must be at most 8760h0m0s"},
		{"91: delay malformed", "nack", `{"lease_id":"x","delay":"soon"}`, "delay must be a valid duration, such as"},
		{"extend without by", "extend", `{"lease_id":"x"}`, "lease_id and extend_by are required"},
		{"extend of a batch", "extend", `{"lease_ids":["x"],"extend_by":"1s"}`, "lease_id and extend_by are required"},
		{"extend malformed", "extend", `{"lease_id":"x","extend_by":"1"}`, "extend_by must be a valid duration, such as"},
		{"extend with lease_ttl", "extend", `{"lease_id":"x","lease_ttl":"1s"}`, `invalid JSON body: unknown field "lease_ttl"`},
	}
	a.enqueue("x", queue.Envelope{})
	for _, test := range tests {
		t.Run("badinput "+test.name, func(t *testing.T) {
			a.t = t
			r := a.post(test.operation, test.body)
			if got := a.code(r); got != "400 invalid_body" {
				t.Errorf("got %s", got)
			}
			var e struct{ Detail string }
			if err := json.Unmarshal([]byte(r.body), &e); err != nil || !strings.HasPrefix(e.Detail, test.detail) {
				t.Errorf("detail %q, want %q", e.Detail, test.detail)
			}
		})
	}
	a.t = t
	if items := a.dequeue(""); len(items) != 1 || items[0].Attempt != 1 {
		t.Errorf("a refused request leased something: %+v", items)
	}
}

func manyIDs(n int) string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint("lease_", i)
	}
	return strings.Join(ids, `","`)
}

func TestAcceptedBodies(t *testing.T) { // badinput 80, 84, 85, 90
	a := newAPI(t)
	for _, body := range []string{"", " \n", "null", "{}", `{"batch":null}`, `{"batch":101}`, `{"lease_ttl":"1s","max_wait":""}`} {
		a.want(a.post("dequeue", body), 200, "{\"items\":[]}\n")
	}
	r := a.post("ack", `{"lease_ids":["`+manyIDs(100)+`"]}`)
	if r.status != 409 {
		t.Errorf("a batch of 100: %d %.100s", r.status, r.body)
	}
}

func TestLargeBodyIsAnswered(t *testing.T) { // badinput 89
	a := newAPI(t)
	for name, body := range map[string]io.Reader{
		"length":  strings.NewReader(`{"lease_id":"` + strings.Repeat("a", 20<<20) + `"}`),
		"chunked": io.MultiReader(strings.NewReader(`{"lease_id":"` + strings.Repeat("a", 20<<20) + `"}`)),
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url+"/pull/orders/ack", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer t0ken")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatalf("%s: no answer: %v", name, err)
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if got := a.code(reply{resp.StatusCode, string(b), resp.Header}); got != "413 payload_too_large" {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestTwoAuthorizationHeaders(t *testing.T) { // badinput 75
	a := newAPI(t)
	c, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // a test
	const header = "Authorization: Bearer t0ken\r\n"
	if _, err := io.WriteString(c, "POST /pull/orders/dequeue HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"+header+header+"\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %v, %v; want 401", resp, err)
	}
}

// poll starts a long poll and returns when the queue waits. The channel is
// closed without an answer if ctx ends first.
func (a *api) poll(ctx context.Context) <-chan reply {
	answers := make(chan reply, 1)
	go func() {
		defer close(answers)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+"/pull/orders/dequeue", strings.NewReader(`{"max_wait":"50s"}`))
		if err != nil {
			a.t.Error(err)
			return
		}
		req.Header.Set("Authorization", "Bearer t0ken")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			return // it hung up
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		answers <- reply{resp.StatusCode, string(b), resp.Header}
	}()
	a.clock.AwaitTimers(1)
	return answers
}

func TestLongPollIsWoken(t *testing.T) {
	a := newAPI(t)
	answers := a.poll(t.Context())
	a.enqueue("x", queue.Envelope{})
	if got := <-answers; got.status != 200 || !strings.Contains(got.body, `"payload_b64":"eA=="`) {
		t.Errorf("got %+v", got)
	}
}

// watched is a queue that tells how dequeues end.
type watched struct {
	pull.Queue
	ended chan error
}

func (w *watched) Dequeue(ctx context.Context, req queue.DequeueRequest) ([]queue.Leased, error) {
	items, err := w.Queue.Dequeue(ctx, req)
	w.ended <- err
	return items, err
}

func TestWorkerThatHangsUpLeasesNothing(t *testing.T) { // badinput 93
	a := newAPI(t)
	q := &watched{a.store, make(chan error, 2)}
	a.serve(q)
	ctx, cancel := context.WithCancel(t.Context())
	answers := a.poll(ctx)
	cancel()
	<-answers
	if err := <-q.ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("the queue waited on, until %v", err)
	}
	a.enqueue("for the next", queue.Envelope{})
	if items := a.dequeue("{}"); len(items) != 1 || items[0].Attempt != 1 {
		t.Errorf("got %+v", items)
	}
}

func TestLongPollEndsEmptyAtShutdown(t *testing.T) {
	a := newAPI(t)
	answers := a.poll(t.Context())
	a.service.Drain()
	a.want(<-answers, 200, "{\"items\":[]}\n")
}
