package client

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"hookaido/internal/admin"
)

func TestMessageCalls(t *testing.T) {
	var got, answer string
	socket := daemon(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		h := r.Header
		got = strings.TrimSpace(fmt.Sprint(r.Method, " ", r.RequestURI, " ", h.Get("X-Hookaido-Audit-Reason"), h.Get("X-Hookaido-Audit-Actor"),
			h.Get("X-Request-ID"), " ", string(b)))
		if !strings.HasPrefix(answer, `{"code"`) {
			_, _ = io.WriteString(w, answer)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, answer)
	})
	c := connect(t, Options{Socket: socket})
	ctx, audit := t.Context(), admin.Audit{Reason: "why", Actor: "who", RequestID: "id"}
	selector := admin.Selector{Route: "/a b", Target: "t", Application: "app", EndpointName: "e", State: "dead", Before: "2026", After: "cc", Limit: 7}
	filter := admin.FilterBody{Selector: selector, All: true, Preview: true}
	changed := func(d admin.Changed, err error) (any, error) { return *d.Canceled, err }
	const query = "after=cc&application=app&before=2026&endpoint_name=e&"
	const full = "&limit=7&route=%2Fa+b&state=dead&target=t"
	for _, test := range []struct {
		call         func() (any, error)
		answer       string
		want, result string
	}{
		{func() (any, error) {
			p, err := c.Messages(ctx, admin.ListRequest{Selector: selector, Payload: true, Headers: true, Trace: true})
			return p.Items[0].ID + p.NextAfter, err
		}, `{"items":[{"id":"x"}],"next_after":"y"}`, "GET /messages?" + query + "include_headers=true&include_payload=true&include_trace=true" + full, "xy"},
		{func() (any, error) { p, err := c.DeadLetters(ctx, admin.ListRequest{}); return len(p.Items), err }, `{"items":[]}`, "GET /dlq?", "0"},
		{func() (any, error) {
			p, err := c.Attempts(ctx, admin.AttemptsRequest{Selector: selector, EventID: "m", Outcome: "dead"})
			return p.Items[0].LatencyMS, err
		}, `{"items":[{"latency_ms":5}]}`, "GET /attempts?" + query + "event_id=m&limit=7&outcome=dead&route=%2Fa+b&state=dead&target=t", "5"},
		{func() (any, error) {
			p, err := c.Publish(ctx, audit, &admin.Scope{Application: "a:1", EndpointName: "e.x"}, []admin.Item{{ID: "i", Payload: "e30="}})
			return p.Published, err
		}, `{"published":1}`, `POST /applications/a:1/endpoints/e.x/messages/publish whywhoid {"items":[{"id":"i","payload_b64":"e30="}]}`, "1"},
		{func() (any, error) {
			p, err := c.Publish(ctx, admin.Audit{Reason: "r"}, nil, []admin.Item{{ID: "i", Route: "/r"}})
			return p.Audit.Reason, err
		}, `{"published":1,"audit":{"reason":"r"}}`, `POST /messages/publish r {"items":[{"id":"i","route":"/r"}]}`, "r"},
		{func() (any, error) { return changed(c.ChangeByIDs(ctx, admin.CancelMessages, audit, []string{"a"})) },
			`{"canceled":3}`, `POST /messages/cancel whywhoid {"ids":["a"]}`, "3"},
		{func() (any, error) {
			d, err := c.ChangeByIDs(ctx, admin.DeleteDead, audit, []string{"a"})
			return *d.Deleted, err
		},
			`{"deleted":0}`, `POST /dlq/delete whywhoid {"ids":["a"]}`, "0"},
		{func() (any, error) {
			d, err := c.ChangeByFilter(ctx, admin.ResumeByFilter, audit, filter)
			return *d.Matched, err
		},
			`{"matched":2,"preview_only":true}`, `POST /messages/resume_by_filter whywhoid {"route":"/a b","target":"t","application":"app",` +
				`"endpoint_name":"e","state":"dead","before":"2026","limit":7,"all":true,"preview_only":true}`, "2"},
	} {
		answer = test.answer
		result, err := test.call()
		if err != nil || got != test.want || fmt.Sprint(result) != test.result {
			t.Errorf("got %v, %v from\n%s, want %s from\n%s", result, err, got, test.result, test.want)
		}
	}
	answer = `{"code":"audit_actor_required","detail":"say who"}`
	if _, err := c.ChangeByIDs(ctx, admin.RequeueDead, audit, nil); err == nil || !strings.HasSuffix(err.Error(), "refuses: say who (audit_actor_required)") {
		t.Errorf("error %v", err)
	}
	if _, err := c.ChangeByFilter(ctx, "explode", audit, filter); err == nil {
		t.Error("an operation that is none was asked for")
	}
}
