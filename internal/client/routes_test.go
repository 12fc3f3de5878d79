package client

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"hookaido/internal/admin"
)

func TestRouteAndBacklogCalls(t *testing.T) {
	var got, answer string
	socket := daemon(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = strings.TrimSpace(r.Method + " " + r.RequestURI + " " + r.Header.Get("X-Hookaido-Audit-Reason") + " " + string(b))
		_, _ = io.WriteString(w, answer)
	})
	c := connect(t, Options{Socket: socket})
	ctx, audit := t.Context(), admin.Audit{Reason: "why"}
	selector := admin.Selector{Route: "/a", Target: "t", Limit: 7}
	move := admin.MoveBody{Selector: admin.Selector{Route: "/a", Target: "t", State: "dead"}, ToRoute: "/b", Preview: true}
	for _, test := range []struct {
		call                 func() (any, error)
		answer, want, result string
	}{
		{func() (any, error) { l, err := c.Routes(ctx); return l.Items[0].Dead, err }, `{"items":[{"dead":4}]}`, "GET /routes", "4"},
		{func() (any, error) { l, err := c.Paused(ctx); return l.Items[0].Target, err }, `{"items":[{"target":"t"}]}`, "GET /paused", "t"},
		{func() (any, error) {
			r, err := c.SetPaused(ctx, admin.PauseRoute, audit, admin.PauseBody{Route: "/a", Target: "t"})
			return r.Changed, err
		}, `{"changed":true}`, `POST /pause why {"route":"/a","target":"t"}`, "true"},
		{func() (any, error) {
			r, err := c.SetPaused(ctx, admin.ResumeRoute, audit, admin.PauseBody{Application: "x", EndpointName: "e"})
			return r.Paused, err
		}, `{}`, `POST /resume why {"application":"x","endpoint_name":"e"}`, "false"},
		{func() (any, error) { r, err := c.Move(ctx, audit, move); return r.Matched, err }, `{"matched":3}`,
			`POST /messages/move why {"route":"/a","target":"t","state":"dead","preview_only":true,"to_route":"/b"}`, "3"},
		{func() (any, error) {
			r, err := c.Move(ctx, audit, admin.MoveBody{IDs: []string{"a"}, ToRoute: "/b", ToTarget: "t"})
			return r.ToTarget, err
		}, `{"to_target":"t"}`, `POST /messages/move why {"ids":["a"],"to_route":"/b","to_target":"t"}`, "t"},
		{func() (any, error) { v, err := c.TopQueued(ctx, selector); return v.Items[0].Queued, err }, `{"items":[{"queued":5}]}`,
			"GET /backlog/top_queued?limit=7&route=%2Fa&target=t", "5"},
		{func() (any, error) { v, err := c.OldestQueued(ctx, selector); return v.Returned, err }, `{"returned":2}`,
			"GET /backlog/oldest_queued?limit=7&route=%2Fa&target=t", "2"},
		{func() (any, error) {
			v, err := c.Aging(ctx, admin.AgingRequest{Selector: selector, States: "dead"})
			return v.AgePercentilesSeconds.P90, err
		}, `{"age_percentiles_seconds":{"p90":9}}`, "GET /backlog/aging_summary?limit=7&route=%2Fa&states=dead&target=t", "9"},
		{func() (any, error) {
			v, err := c.Trends(ctx, admin.TrendRequest{Window: "2h", Step: "1h", Until: "2026-01-31T12:00:00Z"})
			return v.Signals.Status, err
		}, `{"signals":{"status":"warn"}}`, "GET /backlog/trends?step=1h&until=2026-01-31T12%3A00%3A00Z&window=2h", "warn"},
	} {
		answer = test.answer
		result, err := test.call()
		if err != nil || got != test.want || fmt.Sprint(result) != test.result {
			t.Errorf("got %v, %v from\n%s, want %s from\n%s", result, err, got, test.result, test.want)
		}
	}
	if _, err := c.SetPaused(ctx, admin.CancelMessages, audit, admin.PauseBody{}); err == nil {
		t.Error("a route was canceled")
	}
}

// TestHealthInTrouble reads the details of a daemon whose store fails, which
// come with another status.
func TestHealthInTrouble(t *testing.T) {
	body := `{"ok":false,"time":"2026-01-31T12:00:00Z","diagnostics":{"queue":{"error":"gone","trend_signals":{"status":"error","error":"gone"}}}}`
	socket := daemon(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, body)
	})
	c := connect(t, Options{Socket: socket})
	h, err := c.Health(t.Context())
	if err != nil || h.OK || h.Diagnostics.Queue.Error != "gone" || h.Diagnostics.Queue.TrendSignals.Status != "error" || h.Diagnostics.Queue.TrendSignals.Signals != nil {
		t.Errorf("%+v, %v", h, err)
	}
	body = `{"code":"store_unavailable","detail":"gone"}`
	if _, err := c.Health(t.Context()); err == nil || !strings.Contains(err.Error(), "store_unavailable") {
		t.Errorf("a refusal: %v", err)
	}
}
