package observe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookaido/internal/clock"
)

func sample() *AccessLine {
	return &AccessLine{
		Component: "ingress", Method: "POST", Path: "/webhooks/github", Status: 202, Bytes: 42,
		Duration: 1234567 * time.Nanosecond, RemoteAddr: "192.0.2.7:4711",
		Route: "/webhooks/github", MessageID: "msg_1",
	}
}

// fileLog is an access log in a file.
func fileLog(t *testing.T, o AccessOptions) (*AccessLog, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "access.log")
	o.Output = Output{To: File, Path: path}
	if o.Clock == nil {
		o.Clock = clock.NewManual(epoch)
	}
	a, err := NewAccessLog(o)
	must(t, err)
	t.Cleanup(func() { _ = a.Close() })
	return a, path
}

func readLines(t *testing.T, path string) []map[string]any {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	var lines []map[string]any
	for line := range bytes.Lines(b) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		lines = append(lines, m)
	}
	return lines
}

func TestAccessLineInAFile(t *testing.T) {
	a, path := fileLog(t, AccessOptions{})
	a.Log(sample())
	a.Log(&AccessLine{Component: "admin_api", Method: "GET", Path: "/healthz", Status: 200, RemoteAddr: "@"})
	must(t, a.Close())
	at := epoch.Local().Format(time.RFC3339Nano)
	want := []map[string]any{
		{
			"time": at, "level": "INFO", "msg": "http_request", "component": "ingress", "method": "POST",
			"path": "/webhooks/github", "status": 202.0, "bytes": 42.0, "duration": 1234567.0,
			"remote_addr": "192.0.2.7:4711", "route": "/webhooks/github", "message_id": "msg_1",
		},
		{
			"time": at, "level": "INFO", "msg": "http_request", "component": "admin_api", "method": "GET",
			"path": "/healthz", "status": 200.0, "bytes": 0.0, "duration": 0.0, "remote_addr": "@",
		},
	}
	if d := cmp.Diff(want, readLines(t, path)); d != "" {
		t.Error(d)
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm()&^0o640 != 0 {
		t.Errorf("mode %v (%v), want 0640 at most", st.Mode(), err)
	}
	a.Log(sample())
	if a.Dropped() != 1 {
		t.Errorf("%d dropped, want the one after Close", a.Dropped())
	}
}

func TestAccessLineInTheJournal(t *testing.T) {
	j := newFakeJournal(t)
	a, err := NewAccessLog(AccessOptions{Output: j.output(), Clock: clock.System{}})
	must(t, err)
	a.Log(sample())
	want := map[string]string{
		"SYSLOG_IDENTIFIER": "hookaido", "PRIORITY": "6", "HOOKAIDO_EVENT": "http_request",
		"MESSAGE":            "POST /webhooks/github 202 1.2ms",
		"HOOKAIDO_COMPONENT": "ingress", "HOOKAIDO_METHOD": "POST", "HOOKAIDO_PATH": "/webhooks/github",
		"HOOKAIDO_STATUS": "202", "HOOKAIDO_BYTES": "42", "HOOKAIDO_DURATION_US": "1234",
		"HOOKAIDO_REMOTE_ADDR": "192.0.2.7:4711", "HOOKAIDO_ROUTE": "/webhooks/github", "HOOKAIDO_MESSAGE_ID": "msg_1",
	}
	if d := cmp.Diff(want, j.entry()); d != "" {
		t.Error(d)
	}
	for _, tc := range []struct {
		status   int
		reason   string
		priority string
	}{{401, "auth", "5"}, {503, "queue_full", "4"}, {500, "", "4"}, {204, "", "6"}} {
		a.Log(&AccessLine{Method: "POST", Path: "/x", Status: tc.status, Reason: tc.reason})
		e := j.entry()
		if e["PRIORITY"] != tc.priority || e["HOOKAIDO_REASON"] != tc.reason {
			t.Errorf("%d %s: %v", tc.status, tc.reason, e)
		}
		wantMessage := strings.TrimSpace(fmt.Sprintf("POST /x %d 0.0ms %s", tc.status, tc.reason))
		if e["MESSAGE"] != wantMessage {
			t.Errorf("message %q, want %q", e["MESSAGE"], wantMessage)
		}
	}
	must(t, a.Close())
}

// TestAccessLinesCannotBeForged gives every value what an attacker would.
func TestAccessLinesCannotBeForged(t *testing.T) { // C101
	evil := "/h\r\nFAKE=1\u0085\x1b[2J\u2028\xff\"" + strings.Repeat("A\x00", 100_000)
	line := &AccessLine{Component: evil, Method: evil, Path: evil, RemoteAddr: evil, Route: evil, MessageID: evil, Reason: evil, Status: 400}

	a, path := fileLog(t, AccessOptions{Refusals: -1})
	a.Log(line)
	must(t, a.Close())
	b, err := os.ReadFile(path)
	must(t, err)
	if lines := readLines(t, path); len(lines) != 1 || len(b) >= pipeAtomic {
		t.Errorf("%d lines of %d bytes, want 1 below %d", len(lines), len(b), pipeAtomic)
	}
	for _, r := range strings.TrimSuffix(string(b), "\n") {
		if unprintable(r) {
			t.Errorf("the file has %U", r)
		}
	}

	j := newFakeJournal(t)
	a, err = NewAccessLog(AccessOptions{Output: j.output(), Clock: clock.System{}, Refusals: -1})
	must(t, err)
	a.Log(line)
	e := j.entry() // checks names and characters
	if _, forged := e["FAKE"]; forged || len(e["HOOKAIDO_PATH"]) > maxPath+len(cutMark) || !strings.HasSuffix(e["HOOKAIDO_PATH"], cutMark) {
		t.Errorf("entry %.300v", e)
	}
	must(t, a.Close())
}

func TestAccessLogManyWriters(t *testing.T) {
	a, path := fileLog(t, AccessOptions{Clock: clock.System{}})
	const writers, each = 8, 300
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				l := sample()
				l.MessageID = fmt.Sprintf("%d-%d", w, i)
				a.Log(l)
			}
		})
	}
	wg.Wait()
	must(t, a.Close())
	seen := map[string]bool{}
	for _, l := range readLines(t, path) {
		seen[l["message_id"].(string)] = true
	}
	if uint64(len(seen))+a.Dropped() != writers*each || a.Dropped() > 0 {
		t.Errorf("%d lines and %d dropped of %d", len(seen), a.Dropped(), writers*each)
	}
}

func TestAccessLinesWaitForCompany(t *testing.T) {
	clk := clock.NewManual(epoch)
	a, path := fileLog(t, AccessOptions{Clock: clk})
	a.Log(sample())
	clk.AwaitTimers(1)
	a.Log(sample())
	if st, err := os.Stat(path); err != nil || st.Size() != 0 {
		t.Errorf("%d bytes (%v) are written before the linger is over", st.Size(), err)
	}
	clk.Advance(accessLinger)
	a.Flush()
	if n := len(readLines(t, path)); n != 2 {
		t.Errorf("%d lines, want 2", n)
	}
}

func TestRefusalsAreSampled(t *testing.T) { // C103
	clk := clock.NewManual(epoch)
	a, path := fileLog(t, AccessOptions{Clock: clk, Refusals: 3})
	refuse := func(reason string, n int) {
		for range n {
			l := sample()
			l.Status, l.Reason = 401, reason
			a.Log(l)
		}
	}
	refuse("auth", 3+5000)
	refuse("no_route", 2)
	for range 10 {
		a.Log(sample()) // accepted ones always have their line
	}
	clk.Advance(time.Second) // nothing follows, the count comes all the same
	refuse("auth", 4)
	must(t, a.Close())
	got := map[string]float64{}
	for _, l := range readLines(t, path) {
		reason, _ := l["reason"].(string)
		switch l["msg"] {
		case "http_request":
			got["line "+reason]++
		case "http_requests_suppressed":
			got["held "+reason] += l["count"].(float64)
		}
	}
	want := map[string]float64{"line auth": 6, "line no_route": 2, "line ": 10, "held auth": 5001}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if a.Dropped() != 0 {
		t.Errorf("%d count as lost", a.Dropped())
	}
}

func TestRefusalKindsAreBounded(t *testing.T) {
	r := newRefusals(1, clock.NewManual(epoch), func(heldLines) {})
	for i := range 10 * maxKinds {
		r.admit("ingress", fmt.Sprint(i))
	}
	if len(r.seen) > maxKinds+1 {
		t.Errorf("%d kinds are kept", len(r.seen))
	}
	r.close()
}

func TestRefusalsOfTheJournalAreSampled(t *testing.T) {
	j := newFakeJournal(t)
	a, err := NewAccessLog(AccessOptions{Output: j.output(), Clock: clock.System{}, Refusals: 1})
	must(t, err)
	for range 3 {
		a.Log(&AccessLine{Component: "ingress", Method: "POST", Path: "/x", Status: 401, Reason: "auth"})
	}
	first, summary := j.entry(), j.entry()
	if first["HOOKAIDO_STATUS"] != "401" || summary["HOOKAIDO_COUNT"] != "2" || summary["PRIORITY"] != "4" ||
		summary["MESSAGE"] != "2 more requests refused by ingress within a second: auth" {
		t.Errorf("got %v, then %v", first, summary)
	}
	must(t, a.Close())
}

func BenchmarkEncode(b *testing.B) {
	line, buf := sample(), make([]byte, 0, 1024)
	for name, form := range map[string]lineForm{"json": jsonForm{}, "journal": journalForm{}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				buf = form.access(buf[:0], epoch, line)
			}
		})
	}
}

func BenchmarkAccessLog(b *testing.B) {
	for name, output := range map[string]Output{
		"json":    {To: File, Path: "/dev/null"},
		"journal": {To: Stderr, Journal: drainedJournal(b)},
	} {
		b.Run(name, func(b *testing.B) {
			a, err := NewAccessLog(AccessOptions{Output: output, Clock: clock.System{}})
			must(b, err)
			line := sample()
			b.ReportAllocs()
			for b.Loop() {
				a.Log(line)
			}
			b.ReportMetric(float64(a.Dropped())/float64(b.N), "dropped/op")
			must(b, a.Close())
		})
	}
}

// drainedJournal reads as fast as it can.
func drainedJournal(b *testing.B) string {
	j := newFakeJournal(b)
	go func() {
		buf := make([]byte, 1<<16)
		for {
			if _, err := j.conn.Read(buf); err != nil {
				return
			}
		}
	}()
	return j.path
}
