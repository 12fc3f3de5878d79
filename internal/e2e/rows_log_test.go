package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode"
	"unicode/utf8"
)

// records are the lines of the log so far. Each must be one JSON object of
// bounded size without a character that drives a terminal.
func (d *daemon) records(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(d.log.String()) {
		line, whole := strings.CutSuffix(line, "\n")
		if !whole {
			break // the rest is on its way
		}
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Errorf("C101: no JSON object: %.300q: %v", line, err)
			continue
		}
		odd := func(r rune) bool {
			return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
		}
		if i := strings.IndexFunc(line, odd); i >= 0 || len(line) > 8<<10 || !utf8.ValidString(line) {
			t.Errorf("C101: a line of %d bytes with %q: %.300q", len(line), line[max(i, 0):min(max(i, 0)+3, len(line))], line)
		}
		all = append(all, record)
	}
	return all
}

// TestLogCannotBeForged is case C101: whatever a sender puts into a request,
// it is one record, printable and bounded.
func TestLogCannotBeForged(t *testing.T) {
	d := newDaemon(t, "observability { runtime_log debug }\n"+signedRoutes).start()
	forged := `{"level":"ERROR","msg":"FAKE"}`
	var raws []string
	for _, path := range []string{
		"/h%0d%0aFAKE", "/h%0a" + strings.ReplaceAll(forged, `"`, "%22"), "/%1b%5b2J", "/%c2%85", "/%e2%80%a8", "/%ff%fe", "/\u0085\u2028",
		"/" + strings.Repeat("long", 3000), `/"},{"x":"`, "/ids%22%7d", "/\xff\xfe",
	} {
		raws = append(raws, rawPost(path, closing, "b"))
	}
	for _, header := range []string{
		"User-Agent: \x1b[2J\u0085\u2028\xff", "User-Agent: " + strings.Repeat("a", 60_000), "User-Agent: " + strings.Repeat("a", 100_000), "Referer: " + forged,
		"X-Forwarded-For: \x1b[31m", "X-GitHub-Event: " + forged, "X-GitHub-Delivery: a\"},{\"b\":\"c\x1b",
	} {
		raws = append(raws, rawPost("/ids", closing+header+"\r\n", "b"),
			rawPost("/ids", closing+"X-Hub-Signature-256: sha256="+macHex(signKey, "b")+"\r\n"+header+"\r\n", "b"))
	}
	for _, method := range []string{"GETT", "P\x1b", `P"`, strings.Repeat("P", 500)} {
		raws = append(raws, method+" /ids HTTP/1.1\r\nHost: h\r\n"+closing+"\r\n")
	}
	raws = append(raws, "POST /ids HTTP/1.1\r\nHost: h\x1b\"\r\nContent-Length: 0\r\n\r\n", "POST /ids HTTP/1.1\r\nHost: h\r\nX-GitHub-Delivery: a\nb\r\nContent-Length: 0\r\n\r\n")
	for _, raw := range raws {
		d.wire(t, raw)
	}
	d.stop() // all is written
	told := 0
	for _, record := range d.records(t) {
		if record["msg"] == "FAKE" {
			t.Errorf("C101: a forged record: %v", record)
		}
		if record["msg"] == "http_request" && record["component"] == "ingress" {
			told++
		}
	}
	if told != len(raws) {
		t.Errorf("C101: %d requests, %d records", len(raws), told)
	}
}

// scrape returns the samples of the metrics listener: names with labels, and
// their values.
func scrape(t *testing.T, url string) map[string]string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer res.Body.Close() //nolint:errcheck // read to the end
	b, err := io.ReadAll(res.Body)
	must(t, err)
	samples := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			i := strings.LastIndexByte(line, ' ')
			samples[line[:i]] = line[i+1:]
		}
	}
	return samples
}

// TestFloodMakesNoSeries has cases C103 and C104: paths, methods and hosts that
// senders make up add no series, every refusal is counted, and in the log each
// is a line or among those that one line counts.
func TestFloodMakesNoSeries(t *testing.T) {
	metrics := freeAddress(t)
	d := newDaemon(t, "observability { metrics { listen "+metrics+" prefix /metrics } }\n"+githubRoute).start()
	const n = 1000
	flood := func(round int) {
		var paths, methods, hosts, forged strings.Builder
		for i := range n {
			last := ""
			if i == n-1 {
				last = closing
			}
			paths.WriteString(rawPost(fmt.Sprintf("/%d-%d", round, i), last, ""))
			_, _ = fmt.Fprintf(&methods, "GETT%d-%d /webhooks/github HTTP/1.1\r\nHost: h\r\n%sContent-Length: 0\r\n\r\n", round, i, last)
			_, _ = fmt.Fprintf(&hosts, "POST /webhooks/github HTTP/1.1\r\nHost: h%d-%d\r\n%sContent-Length: 0\r\n\r\n", round, i, last)
			forged.WriteString(rawPost("/webhooks/github", last+"X-Hub-Signature-256: sha256="+strings.Repeat("0", 64)+"\r\n", "b"))
		}
		for _, raw := range []string{paths.String(), methods.String(), hosts.String(), forged.String()} {
			if got := d.wire(t, raw); len(got) != n {
				t.Fatalf("%d answers to %d requests", len(got), n)
			}
		}
	}
	flood(1)
	before := scrape(t, "http://"+metrics+"/metrics")
	flood(2)
	after := scrape(t, "http://"+metrics+"/metrics")
	for name := range after {
		if _, ok := before[name]; !ok {
			t.Errorf("C104: a new series: %s", name)
		}
	}
	refused := 0
	for name, value := range after {
		if strings.HasPrefix(name, "hookaido_ingress_rejected_by_reason_total{") {
			var count int
			_, err := fmt.Sscan(value, &count)
			must(t, err)
			refused += count
		}
	}
	if refused != 8*n {
		t.Errorf("C103: %d of %d refusals are counted", refused, 8*n)
	}
	d.stop()
	told := 0.0
	for _, record := range d.records(t) {
		count, _ := record["count"].(float64)
		switch {
		case record["msg"] == "access_log_lines_lost": // where a reader is slow
			told += count
		case record["component"] != "ingress":
		case record["msg"] == "http_request":
			told++
		case record["msg"] == "http_requests_suppressed":
			told += count
		}
	}
	if told != 8*n {
		t.Errorf("C103: the log tells of %v of %d refusals", told, 8*n)
	}
}

// TestSecretsStayInside is case C107: at level debug, with requests and
// deliveries that fail, nothing that is secret is in the log, in the metrics, or
// in what the commands print.
func TestSecretsStayInside(t *testing.T) {
	const basic, query, ahead, environment = "marker-basic-password", "marker-query", "marker-of-a-header", "marker-environment"
	t.Setenv("E2E_TARGET_TOKEN", environment)
	metrics := freeAddress(t)
	rec := receive(t, func(w http.ResponseWriter, _ *http.Request, _ string) int {
		w.Header().Set("Location", "http://user:"+basic+"@127.0.0.1/x?token="+query)
		return http.StatusFound
	})
	retry := " { retry exponential max 1 base 1ms cap 1ms\n  header Authorization \"Bearer " + ahead + "\"\n}\n"
	routes := here + "observability { runtime_log debug\n  metrics { listen " + metrics + " prefix /metrics } }\n" + signedRoutes +
		"/down { deliver http://127.0.0.1:1/y?token=" + query + retry + "}\n/moved { deliver \"" + rec.url("/y?token={$E2E_TARGET_TOKEN}") + "\"" + retry + "}\n"
	d := newManaged(t, routes)
	d.env = append(d.env, "E2E_TARGET_TOKEN="+environment)
	d.start()
	d.accept("/down", "x")
	d.accept("/moved", "x")
	for _, raw := range []string{
		rawPost("/basic", closing+"Authorization: "+login("ops", basic)+"\r\n", "b"), rawPost("/bearer", closing+"Authorization: Bearer "+basic+"\r\n", "b"),
		rawPost("/in?token="+query, closing, "b"), rawPost("/canon?token="+query, closing+"Cookie: "+query+"\r\n", "b"),
	} {
		d.wire(t, raw)
	}
	d.call("/canon/dequeue", `{"lease_ttl":"marker"}`)
	_ = post(t, "http://"+d.pull+"/canon/dequeue", nil, "Authorization", "Bearer "+basic)
	d.eventually("dead", func() bool { return d.queueCounts()["dead"] == 2 })
	texts := map[string]string{}
	for _, args := range [][]string{{"config", "show"}, {"config", "show", "--json"}, {"config", "fmt", "--check"}} {
		out, errs, _ := d.hookaido(append(args, "--config", d.path("Hookaidofile"))...)
		texts[strings.Join(args, " ")] = out + errs
	}
	for _, args := range [][]string{{"status"}, {"routes"}, {"messages", "list"}, {"dlq", "list"}, {"attempts", "list"}, {"status", "--json"}} {
		out, errs, code := d.hookaido(append(args, "--socket", d.socket)...)
		if code != 0 || !strings.Contains(out, "127.0.0.1:1/y") {
			t.Errorf("%v: exit %d\n%s%s", args, code, out, errs)
		}
		texts[strings.Join(args, " ")] = out
	}
	for name, value := range scrape(t, "http://"+metrics+"/metrics") {
		texts["metrics"] += name + " " + value + "\n"
	}
	down := "http://127.0.0.1:1/y?token=" + query // an operator names it, and the audit tells
	for path, body := range map[string]string{
		"/pause": `{"route":"/down","target":"` + down + `"}`, "/messages/requeue_by_filter": `{"route":"/down","target":"` + down + `","state":"dead"}`,
		"/messages/publish": `{"items":[{"id":"mine","route":"/down","target":"` + down + `","payload_b64":"eA=="}]}`,
	} {
		if a := d.operate("POST", path, body, because("test")...); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	d.operate("GET", "/messages?target="+url.QueryEscape(down), "")
	d.amend("/down {", "/down {\n  pul {}") // the reload's errors show lines of the file
	_, errs, code := d.hookaido("reload", "--socket", d.socket)
	if code == 0 {
		t.Error("a wrong file was taken")
	}
	texts["reload"] = errs
	d.signal(syscall.SIGQUIT) // and the goroutines' stacks
	<-d.exited
	texts["log"] = d.log.String()
	if !strings.Contains(texts["log"], "goroutine ") || !strings.Contains(texts["config show"], "?token=[redacted]") {
		t.Fatalf("the test shows nothing:\n%s", texts["config show"])
	}
	for what, text := range texts {
		for _, hidden := range []string{basic, query, ahead, environment, signKey, pullToken, adminToken, "e2e-basic-password", "e2e-bearer-token"} {
			if what == "status --json" && (hidden == query || hidden == environment) {
				continue // a program names a target by its whole URL
			}
			if i := strings.Index(text, hidden); i >= 0 {
				t.Errorf("C107: %s has %s: %s", what, hidden, text[max(0, i-200):min(i+100, len(text))])
			}
		}
	}
}

// TestOddSecrets has rows 116 and 119 of bad input: what is no secret is
// refused at once, with the place and without reading on for ever.
func TestOddSecrets(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return dir + "/" + name }
	must(t, syscall.Mkfifo(at("fifo"), 0o600))
	must(t, os.WriteFile(at("spaces"), []byte("  \n \n"), 0o600))
	must(t, os.WriteFile(at("gigabyte"), nil, 0o600))
	must(t, os.Truncate(at("gigabyte"), 1<<30))
	for _, row := range []struct{ name, ref, want string }{
		{"116 folder", "file:" + dir, "not a regular file"},
		{"116 FIFO", "file:" + at("fifo"), "not a regular file"},
		{"116 device", "file:/dev/zero", "not a regular file"},
		{"116 only spaces", "file:" + at("spaces"), "is empty"},
		{"116 one gigabyte", "file:" + at("gigabyte"), "larger than"},
		{"119 no credentials", "credential:hook", "$CREDENTIALS_DIRECTORY"},
		{"119 separators", "credential:../../etc/shadow", "credential"},
	} {
		t.Run("badinput "+row.name, func(t *testing.T) {
			d := newDaemon(t, "/x {\n  auth hmac { provider github secret "+row.ref+" }\n  pull { path /x }\n}\n")
			d.env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CREDENTIALS_DIRECTORY=") })
			d.launch()
			if code := d.wait(); code != 78 || !strings.Contains(d.log.String(), row.want) || !strings.Contains(d.log.String(), "Hookaidofile:8:") {
				t.Errorf("exit %d, want 78, the line and %q:\n%s", code, row.want, d.log)
			}
		})
	}
}
