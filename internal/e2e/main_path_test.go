package e2e

import (
	"net/http"
	"strings"
	"testing"
)

const githubSecret = "e2e-github-secret-of-enough-length"

const githubRoute = `/webhooks/github {
  auth hmac { provider github secret raw:` + githubSecret + ` }
  pull { path /github }
}
`

// TestSignedWebhookReachesAWorker is the main job.
func TestSignedWebhookReachesAWorker(t *testing.T) {
	d := newDaemon(t, githubRoute).start()
	body := []byte(`{"zen":"Speak like a human."}`)

	a := post(t, "http://"+d.ingress+"/webhooks/github", body, "X-Hub-Signature-256", githubSignature(githubSecret, body),
		"X-GitHub-Event", "ping", "X-Twice", "a", "X-Twice", "b", "Cookie", "no")
	if a.status != http.StatusAccepted || string(a.body) != "{\"status\":\"queued\"}\n" {
		t.Fatalf("ingress: %d %s", a.status, a.body)
	}
	wrong := post(t, "http://"+d.ingress+"/webhooks/github", body, "X-Hub-Signature-256", githubSignature("other", body))
	if wrong.status != http.StatusUnauthorized || !strings.Contains(string(wrong.body), `"code":"unauthorized"`) {
		t.Fatalf("wrong signature: %d %s", wrong.status, wrong.body)
	}

	items := d.dequeue("/github", `{"batch":10,"max_wait":"2s"}`)
	if len(items) != 1 {
		t.Fatalf("dequeued %d items, want the one that verified", len(items))
	}
	it := items[0]
	if string(it.Payload) != string(body) || it.Attempt != 1 || it.Route != "/webhooks/github" {
		t.Errorf("item %+v", it)
	}
	if it.Headers["X-Github-Event"] != "ping" || it.Headers["X-Twice"] != "a,b" || it.Trace["path"] != "/webhooks/github" {
		t.Errorf("headers %v, trace %v", it.Headers, it.Trace)
	}
	if _, kept := it.Headers["Cookie"]; kept {
		t.Error("the cookie was kept")
	}
	if a := d.call("/github/ack", `{"lease_id":"`+it.LeaseID+`"}`); a.status != http.StatusNoContent {
		t.Fatalf("ack: %d %s", a.status, a.body)
	}
	if left := d.dequeue("/github", `{}`); len(left) != 0 {
		t.Errorf("%d items left after the ack", len(left))
	}
	d.stop()
}
