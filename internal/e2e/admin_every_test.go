package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// TestEveryEndpoint is issue E, done when 1: what all endpoints of the admin API
// have in common, for each of them.
func TestEveryEndpoint(t *testing.T) {
	d := newManaged(t, managedRoutes).start()
	d.publish("/messages/publish", "/in", "first")
	const scope = "/applications/shop/endpoints/orders"
	looks := []string{
		"/healthz?details=1", "/status", "/messages", "/message?id=first", "/dlq", "/attempts", "/routes", "/paused", scope + "/messages",
		"/backlog/top_queued", "/backlog/oldest_queued", "/backlog/aging_summary", "/backlog/trends",
		"/management/model", "/applications", "/applications/shop/endpoints", scope,
	}
	for _, path := range looks {
		bare, query, _ := strings.Cut(path, "?")
		for name, test := range map[string]struct {
			got  answer
			want string
		}{
			"over TCP":            {d.operate("GET", path, ""), "200"},
			"over the socket":     {d.operateLocally("GET", path, ""), "200"},
			"an untidy path":      {d.operate("GET", "//x/.."+bare+"/?"+query, ""), "200"},
			"HEAD":                {d.operate("HEAD", path, ""), "405"},
			"another method":      {d.operate("PATCH", path, "{}", because("r")...), "405 method_not_allowed"},
			"without a token":     {d.ask(http.DefaultClient, "GET", "http://"+d.admin+path, ""), "401 unauthorized"},
			"with a wrong one":    {d.ask(http.DefaultClient, "GET", "http://"+d.admin+path, "", "Authorization", "Bearer no"), "401 unauthorized"},
			"of another web site": {d.operate("GET", path, "", "Sec-Fetch-Site", "cross-site"), "403 forbidden"},
		} {
			if got := test.got.outcome(); got != test.want {
				t.Errorf("GET %s, %s: %s %s, want %s", path, name, got, test.got.body, test.want)
			}
		}
		if a := d.operate("GET", path, ""); a.header.Get("Content-Type") != "application/json" || !strings.HasSuffix(string(a.body), "}\n") {
			t.Errorf("GET %s: %v %s", path, a.header, a.body)
		}
	}
	const ids, filter = `{"ids":["none"]}`, `{"state":"canceled","preview_only":true}`
	for path, body := range map[string]string{
		"/messages/cancel": ids, "/messages/requeue": ids, "/messages/resume": ids, "/dlq/requeue": ids, "/dlq/delete": ids,
		"/messages/move":              `{"ids":["none"],"to_route":"/other"}`,
		"/messages/requeue_by_filter": `{"route":"/in","preview_only":true}`, "/messages/resume_by_filter": `{"route":"/in","preview_only":true}`,
		"/messages/cancel_by_filter":          `{"route":"/in","preview_only":true}`,
		scope + "/messages/requeue_by_filter": filter, scope + "/messages/resume_by_filter": filter,
		scope + "/messages/cancel_by_filter": `{"preview_only":true}`,
		"/messages/publish":                  items(`{"id":"ID","route":"/in"}`), scope + "/messages/publish": items(`{"id":"ID"}`),
		"/pause": `{"route":"/in"}`, "/resume": `{"route":"/in"}`,
	} {
		good, most := because("r"), 1<<20 // just above, so that the answer is not lost
		if strings.HasSuffix(path, "publish") {
			most = 16 << 20
		}
		more := strings.TrimSuffix(body, "}") + `,"extra":1}`
		for name, test := range map[string]struct {
			got  answer
			want string
		}{
			"over TCP":           {d.operate("POST", path, strings.Replace(body, "ID", path+" by TCP", 1), good...), "200"},
			"over the socket":    {d.operateLocally("POST", path, strings.Replace(body, "ID", path+" by socket", 1), good...), "200"},
			"GET":                {d.operate("GET", path, ""), "405 method_not_allowed"},
			"no token":           {d.ask(http.DefaultClient, "POST", "http://"+d.admin+path, body, good...), "401 unauthorized"},
			"another web site":   {d.operate("POST", path, body, append(good, "Origin", "http://evil.example")...), "403 forbidden"},
			"no reason":          {d.operate("POST", path, body, "Content-Type", "application/json"), "400 audit_reason_required"},
			"a blank reason":     {d.operate("POST", path, body, because("  ")...), "400 audit_reason_required"},
			"a long reason":      {d.operate("POST", path, body, because(strings.Repeat("x", 513))...), "400 audit_reason_required"},
			"a long actor":       {d.operate("POST", path, body, because("r", "X-Hookaido-Audit-Actor", strings.Repeat("x", 257))...), "400 audit_reason_required"},
			"no type":            {d.operate("POST", path, body, "X-Hookaido-Audit-Reason", "r"), "415 unsupported_media_type"},
			"no body":            {d.operate("POST", path, "", good...), "400 invalid_body"},
			"a list":             {d.operate("POST", path, "[]", good...), "400 invalid_body"},
			"half a document":    {d.operate("POST", path, body[:len(body)-1], good...), "400 invalid_body"},
			"two documents":      {d.operate("POST", path, body+body, good...), "400 invalid_body"},
			"an unknown field":   {d.operate("POST", path, more, good...), "400 invalid_body"},
			"a body of too much": {d.operate("POST", path, body+strings.Repeat(" ", most), good...), "413 payload_too_large"},
		} {
			if got := test.got.outcome(); got != test.want {
				t.Errorf("POST %s, %s: %s %s, want %s", path, name, got, test.got.body, test.want)
			}
		}
	}
	if got := d.operate("GET", "/nothing", "").outcome(); got != "404 not_found" {
		t.Errorf("an unknown path: %s", got)
	}
	if list, _ := d.page("/messages?limit=1000"); len(list) != 5 { // the first one, and two from each publication
		t.Errorf("%d messages, want 5: a refused request changed something", len(list))
	}
}
