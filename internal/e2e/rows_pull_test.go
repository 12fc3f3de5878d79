package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// fromMany waits longer than patience: its tests wait for leases to run out on
// a machine that does much else.
const fromMany = 60 * time.Second

// soon polls until ok holds.
func soon(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(fromMany); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not %s after %v", what, fromMany)
		}
	}
}

// amend changes a part of the Hookaidofile.
func (d *daemon) amend(from, to string) {
	d.t.Helper()
	b, err := os.ReadFile(d.path("Hookaidofile"))
	must(d.t, err)
	if !strings.Contains(string(b), from) {
		d.t.Fatalf("the Hookaidofile has no %q", from)
	}
	must(d.t, os.WriteFile(d.path("Hookaidofile"), []byte(strings.Replace(string(b), from, to, 1)), 0o600))
}

// TestBadPullRequests has the rows of bad input section D: what a worker may
// ask. A refused request leases nothing.
func TestBadPullRequests(t *testing.T) {
	const tokens = "/own {\n  pull {\n    path /own\n    auth token raw:a-token-of-its-own-of-enough-length\n  }\n}\n"
	d := newDaemon(t, openRoute+tokens).start()
	d.accept("/in", "waits")
	d.accept("/own", "waits too")
	var ids []string
	for n := range 101 {
		ids = append(ids, `"`+itoa(n)+`"`)
	}
	const bad, conflict = "400 invalid_body", "409 lease_conflict"
	for _, row := range []struct{ name, operation, body, want string }{
		{"77 another endpoint's token", "/own/dequeue", `{}`, "401 unauthorized"},
		{"78 batch 0", "/in/dequeue", `{"batch":0}`, bad},
		{"78 batch -1", "/in/dequeue", `{"batch":-1}`, bad},
		{"79 fraction", "/in/dequeue", `{"batch":1.5}`, bad},
		{"79 string", "/in/dequeue", `{"batch":"1"}`, bad},
		{"79 2^63", "/in/dequeue", `{"batch":9223372036854775808}`, bad},
		{"79 true", "/in/dequeue", `{"batch":true}`, bad},
		{"81 lease -1s", "/in/dequeue", `{"lease_ttl":"-1s"}`, bad},
		{"81 lease 0s", "/in/dequeue", `{"lease_ttl":"0s"}`, bad},
		{"82 lease 1ns", "/in/dequeue", `{"lease_ttl":"1ns"}`, bad},
		{"83 lease too long", "/in/dequeue", `{"lease_ttl":"9999999h"}`, bad},
		{"83 lease without a unit", "/in/dequeue", `{"lease_ttl":"30"}`, bad},
		{"86 key twice", "/in/dequeue", `{"batch":1,"batch":1}`, bad},
		{"86 key in upper case", "/in/dequeue", `{"BATCH":1}`, bad},
		{"87 unknown field", "/in/dequeue", `{"what":1}`, bad},
		{"87 second document", "/in/dequeue", `{}{}`, bad},
		{"87 depth", "/in/dequeue", strings.Repeat("[", 200_000), bad},
		{"88 invalid UTF-8", "/in/ack", "{\"lease_id\":\"\xff\"}", bad},
		{"88 NUL", "/in/ack", `{"lease_id":"\u0000"}`, conflict},
		{"89 20 MB", "/in/ack", `{"lease_id":"` + strings.Repeat("x", 20_000_000) + `"}`, "413 payload_too_large"},
		{"90 101 ids", "/in/ack", `{"lease_ids":[` + strings.Join(ids, ",") + `]}`, bad},
		{"90 no ids", "/in/ack", `{"lease_ids":[]}`, bad},
		{"90 both forms", "/in/ack", `{"lease_id":"x","lease_ids":["y"]}`, bad},
		{"90 repeats", "/in/ack", `{"lease_ids":[` + strings.Repeat(`"x",`, 200) + `"x"]}`, conflict},
		{"90 unknown ones", "/in/ack", `{"lease_ids":["x","y"]}`, conflict},
		{"91 delay -5s", "/in/nack", `{"lease_id":"x","delay":"-5s"}`, bad},
		{"91 delay too long", "/in/nack", `{"lease_id":"x","delay":"2000000h"}`, bad},
	} {
		t.Run("badinput "+row.name, func(t *testing.T) {
			got := d.call(row.operation, row.body)
			if got.outcome() != row.want || strings.Contains(string(got.body), "int64") {
				t.Errorf("%s: %.200s, want %s", got.outcome(), got.body, row.want)
			}
		})
	}
	for name, headers := range map[string][]string{"no": nil, "wrong": {"Authorization", "Bearer wrong"}, "empty": {"Authorization", "Bearer "}} {
		if a := post(t, "http://"+d.pull+"/in/dequeue", nil, headers...); a.status != http.StatusUnauthorized {
			t.Errorf("badinput 77 %s token: %d", name, a.status)
		}
	}
	if got := d.dequeue("/in", `{"batch":101}`); len(got) != 1 || got[0].Attempt != 1 { // badinput 80: capped, not refused
		t.Errorf("a refused request leased something: %+v", got)
	}
	if got := post(t, "http://"+d.pull+"/own/dequeue", nil, "Authorization", "Bearer a-token-of-its-own-of-enough-length"); !strings.Contains(string(got.body), `"attempt":1`) {
		t.Errorf("the endpoint with its own token: %d %s", got.status, got.body)
	}
	for _, body := range []string{"", "null", "{}", `{"batch":null}`} { // badinput 85
		if a := d.call("/in/dequeue", body); a.status != http.StatusOK || string(a.body) != "{\"items\":[]}\n" {
			t.Errorf("badinput 85 %q: %d %s", body, a.status, a.body)
		}
	}
}

// TestWaitsAreCapped is row 84 of bad input: however long a worker wants to
// wait, max_wait of the file ends it.
func TestWaitsAreCapped(t *testing.T) {
	d := newDaemon(t, openRoute)
	d.amend("  auth token raw:"+pullToken, "  max_wait 1s\n  auth token raw:"+pullToken)
	d.start()
	answers := make(chan answer, 1)
	go func() {
		a, err := tryPost(t, "http://"+d.pull+"/in/dequeue", []byte(`{"max_wait":"1000h"}`), "Authorization", "Bearer "+pullToken)
		if err != nil {
			t.Error(err)
		}
		answers <- a
	}()
	select {
	case a := <-answers:
		if a.status != http.StatusOK || string(a.body) != "{\"items\":[]}\n" {
			t.Errorf("badinput 84: %d %s", a.status, a.body)
		}
	case <-time.After(fromMany):
		t.Error("badinput 84: a wait of 1000 h goes on")
	}
}

// TestLateAckIsRefused is case C58 and row 92 of bad input with real leases:
// the first worker is too late, the second isn't disturbed, and says it twice.
func TestLateAckIsRefused(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	d.accept("/in", "job")
	first := d.dequeue("/in", `{"lease_ttl":"1s"}`)
	var second []item
	soon(t, "leased again", func() bool {
		second = d.dequeue("/in", `{"lease_ttl":"1h"}`)
		return len(second) > 0
	})
	if len(first) != 1 || second[0].ID != first[0].ID || second[0].Attempt != 2 || second[0].LeaseID == first[0].LeaseID {
		t.Fatalf("leases %+v and %+v", first, second)
	}
	for _, step := range []struct {
		operation, lease string
		want             int
	}{
		{"ack", first[0].LeaseID, http.StatusConflict},
		{"nack", first[0].LeaseID, http.StatusConflict},
		{"ack", second[0].LeaseID, http.StatusNoContent},
		{"ack", second[0].LeaseID, http.StatusNoContent},
		{"ack", first[0].LeaseID, http.StatusConflict},
	} {
		if a := d.call("/in/"+step.operation, `{"lease_id":"`+step.lease+`"}`); a.status != step.want {
			t.Errorf("%s of %s: %d %s, want %d", step.operation, step.lease, a.status, a.body, step.want)
		}
	}
}

// TestLeasesRunOutAfterRestart is the other half of case C59: over a restart no
// lease ends before its time, and none stays for ever.
func TestLeasesRunOutAfterRestart(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	for n := range 3 {
		d.accept("/in", itoa(n))
	}
	long := d.dequeue("/in", `{"lease_ttl":"1h"}`)
	short := d.dequeue("/in", `{"batch":2,"lease_ttl":"2s"}`)
	if len(long) != 1 || len(short) != 2 {
		t.Fatalf("leased %d and %d", len(long), len(short))
	}
	d.stop()
	d.start()
	var back []item
	soon(t, "given back", func() bool {
		back = append(back, d.dequeue("/in", `{"batch":10,"lease_ttl":"1h"}`)...)
		return len(back) >= 2
	})
	for _, it := range back {
		if it.Attempt != 2 || it.ID == long[0].ID {
			t.Errorf("came back: %+v", it)
		}
	}
	if got := d.dequeue("/in", `{}`); len(got) != 0 {
		t.Errorf("a lease of one hour has ended: %+v", got)
	}
	if a := d.call("/in/ack", `{"lease_id":"`+long[0].LeaseID+`"}`); a.status != http.StatusNoContent {
		t.Errorf("ack of the long one: %d %s", a.status, a.body)
	}
}

// TestWorkerCutInTheMiddle is row 93 of bad input: a worker is gone before it
// has read its answer. The lease runs out, and the message comes again.
func TestWorkerCutInTheMiddle(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	const n = 20
	for i := range n { // 20 MB are more than the buffers of two sockets take
		d.accept("/in", itoa(i)+strings.Repeat(" ", 1_000_000))
	}
	conn, err := net.Dial("tcp", d.pull)
	must(t, err)
	const body = `{"batch":20,"lease_ttl":"1s"}`
	_, err = fmt.Fprintf(conn, "POST /in/dequeue HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", pullToken, len(body), body)
	must(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "200") {
		t.Fatalf("%q, %v", line, err)
	}
	must(t, conn.(*net.TCPConn).SetLinger(0))
	must(t, conn.Close())
	seen := map[string]int{}
	soon(t, "all there again", func() bool {
		for _, it := range d.dequeue("/in", `{"batch":5,"lease_ttl":"1h"}`) {
			seen[strings.TrimSpace(string(it.Payload))] = it.Attempt
		}
		return len(seen) == n
	})
	for payload, attempt := range seen {
		if attempt != 2 {
			t.Errorf("message %s came with attempt %d, want 2", payload, attempt)
		}
	}
}

// TestLargeBodyIsReadToTheEnd is row 89 of bad input for a client that sends
// all before it reads.
func TestLargeBodyIsReadToTheEnd(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	conn, err := net.Dial("tcp", d.pull)
	must(t, err)
	defer conn.Close() //nolint:errcheck // the exchange is over
	must(t, conn.SetDeadline(time.Now().Add(fromMany)))
	const size = 20_000_000
	_, err = fmt.Fprintf(conn, "POST /in/ack HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", pullToken, size)
	must(t, err)
	_, err = io.Copy(conn, io.LimitReader(zeros{}, size))
	must(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	defer res.Body.Close() //nolint:errcheck // read to the end
	var refusal struct{ Code string }
	if err := json.NewDecoder(res.Body).Decode(&refusal); err != nil || res.StatusCode != http.StatusRequestEntityTooLarge || refusal.Code != "payload_too_large" {
		t.Errorf("%d %+v, %v", res.StatusCode, refusal, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
