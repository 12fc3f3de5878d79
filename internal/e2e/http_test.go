package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"testing"
)

// answer is what came back from a request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// post sends body to url with headers given as name, value, name, value.
func post(t testing.TB, url string, body []byte, headers ...string) answer {
	t.Helper()
	a, err := tryPost(t, url, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func tryPost(t testing.TB, url string, body []byte, headers ...string) (answer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close() //nolint:errcheck // read to the end
	b, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, b}, err
}

// item is a message as the pull API gives it out.
type item struct {
	ID      string            `json:"id"`
	LeaseID string            `json:"lease_id"`
	Attempt int               `json:"attempt"`
	Route   string            `json:"route"`
	Payload []byte            `json:"payload_b64"`
	Headers map[string]string `json:"headers"`
	Trace   map[string]string `json:"trace"`
}

func (d *daemon) call(operation, body string) answer {
	d.t.Helper()
	return post(d.t, "http://"+d.pull+operation, []byte(body), "Authorization", "Bearer "+pullToken)
}

func (d *daemon) dequeue(endpoint, body string) []item {
	d.t.Helper()
	a := d.call(endpoint+"/dequeue", body)
	if a.status != http.StatusOK {
		d.t.Fatalf("dequeue: %d %s", a.status, a.body)
	}
	var got struct{ Items []item }
	if err := json.Unmarshal(a.body, &got); err != nil {
		d.t.Fatalf("dequeue: %v in %s", err, a.body)
	}
	return got.Items
}

// drain takes and acknowledges all that is ready, and counts each payload.
func (d *daemon) drain(endpoint string) map[string]int {
	d.t.Helper()
	return d.drainWaiting(endpoint, "0s")
}

// drainWaiting drains until nothing comes for as long as wait.
func (d *daemon) drainWaiting(endpoint, wait string) map[string]int {
	d.t.Helper()
	seen := map[string]int{}
	for {
		items := d.dequeue(endpoint, `{"batch":100,"lease_ttl":"60s","max_wait":"`+wait+`"}`)
		if len(items) == 0 {
			return seen
		}
		var leases []string
		for _, it := range items {
			seen[string(it.Payload)]++
			leases = append(leases, it.LeaseID)
		}
		body, err := json.Marshal(map[string]any{"lease_ids": leases})
		if err != nil {
			d.t.Fatal(err)
		}
		if a := d.call(endpoint+"/ack", string(body)); a.status != http.StatusOK {
			d.t.Fatalf("ack: %d %s", a.status, a.body)
		}
	}
}

// githubSignature is the X-Hub-Signature-256 of a body.
func githubSignature(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func itoa(n int) string { return strconv.Itoa(n) }

// canonicalSignature is the X-Signature of a POST.
func canonicalSignature(secret, timestamp, path string, body []byte) string {
	sum := sha256.Sum256(body)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "\nPOST\n" + path + "\n" + hex.EncodeToString(sum[:])))
	return hex.EncodeToString(mac.Sum(nil))
}
