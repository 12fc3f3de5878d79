package compile

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/config/syntax"
)

// TestStrictRefuses holds that without AllowNotRunning, as run and reload
// compile, everything that this version doesn't run is an error at its place.
func TestStrictRefuses(t *testing.T) {
	opts := testOptions()
	opts.AllowNotRunning = false
	for _, line := range []string{
		"observability { tracing off }",
		"/b { queue { backend postgres } pull { path /b } }",
	} {
		src := "pull_api { listen 127.0.0.1:9443 prefix /p auth token env:T }\n/a { pull { path /a } }\n" + line
		if strings.Contains(line, "postgres") {
			src = strings.Replace(src, "/a {", "/a { queue postgres", 1)
		}
		cfg, diags := Source("f", []byte(src), opts)
		refused := false
		for _, d := range diags {
			if d.Code == CodeNotRunning && d.Severity == syntax.Error && strings.HasSuffix(d.Message, "compiles, but this version doesn't run it yet") {
				refused = true
			} else if d.Severity == syntax.Error {
				t.Errorf("%s: %v", line, d)
			}
		}
		if cfg != nil || !refused {
			t.Errorf("%s: config %v\n%s", line, cfg != nil, syntax.Render(diags))
		}
	}
	fine := minimal + "defaults { egress { deny 10.0.0.0/8 } deliver { timeout 1s } }\n/b { deliver https://a.example/in { } }\n"
	if cfg, diags := Source("f", []byte(fine), opts); cfg == nil || len(diags) > 0 {
		t.Errorf("what does nothing by itself is accepted: %s", syntax.Render(diags))
	}
	for _, fine := range []string{
		"ingress { listen :1 listen [::1]:2 listen unix:/run/x.sock tls { cert_file /c key_file credential:k client_ca /a } }",
		"ingress { listen 127.0.0.1:9443 }", "admin_api { listen 127.0.0.1:9443 prefix /x }",
	} {
		src := "pull_api { listen 127.0.0.1:9443 prefix /p auth token env:T }\n/a { pull { path /a } }\n" + fine
		if cfg, diags := Source("f", []byte(src), opts); cfg == nil || syntax.HasErrors(diags) {
			t.Errorf("%s: %s", fine, syntax.Render(diags))
		}
	}
}

// TestExpired is badinput 17: a list none of whose secrets is valid any more.
func TestExpired(t *testing.T) {
	src := pullAPI + `secrets {
  secret a { value env:A valid_from 2025-01-01T00:00:00Z valid_until 2025-07-01T00:00:00Z }
  secret b { value env:B valid_from 2025-06-01T00:00:00Z valid_until 2026-01-01T00:00:00Z }
}
/a { auth hmac { secret_ref a b } pull { path /a } }
/b { deliver https://a.example/in { sign hmac secret_ref b } }
`
	tests := []struct {
		now  string
		want int // warnings of expired lists
		both int // warnings of overlaps
	}{
		{"2025-05-01T00:00:00Z", 0, 1},
		{"2025-07-01T00:00:00Z", 0, 0}, // the overlap is over
		{"2025-12-31T23:59:59Z", 0, 0},
		{"2026-01-01T00:00:00Z", 2, 0},
	}
	for _, test := range tests {
		opts := testOptions()
		now, err := time.Parse(time.RFC3339, test.now)
		if err != nil {
			t.Fatal(err)
		}
		opts.Now = now
		cfg, diags := Source("f", []byte(src), opts)
		count := map[string]int{}
		for _, d := range diags {
			count[d.Code]++
		}
		if cfg == nil || count[CodeExpired] != test.want || count[CodeWindows] != test.both {
			t.Errorf("%s: %s", test.now, syntax.Render(diags))
		}
	}
}

// fakeFile is a file that has only a mode.
type fakeFile fs.FileMode

func (m fakeFile) Name() string       { return "x" }
func (m fakeFile) Size() int64        { return 0 }
func (m fakeFile) Mode() fs.FileMode  { return fs.FileMode(m) }
func (m fakeFile) ModTime() time.Time { return time.Time{} }
func (m fakeFile) IsDir() bool        { return fs.FileMode(m).IsDir() }
func (m fakeFile) Sys() any           { return nil }

// TestPrograms is badinput 26.
func TestPrograms(t *testing.T) {
	opts := testOptions()
	opts.Stat = func(path string) (fs.FileInfo, error) {
		modes := map[string]fs.FileMode{"/good": 0o755, "/data": 0o644, "/open": 0o777, "/dir": fs.ModeDir | 0o755, "/pipe": fs.ModeNamedPipe | 0o755,
			"/srv": fs.ModeDir | 0o777, "/srv/p": 0o755, "/sticky": fs.ModeDir | fs.ModeSticky | 0o777, "/sticky/p": 0o755,
			"/home/ann/p": 0o755, "/tmp/p": 0o755, "/tmpl/p": 0o755, "/usr/lib/systemd/system/hookaido.service": 0o644}
		if m, ok := modes[path]; ok {
			return fakeFile(m), nil
		}
		return nil, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
	}
	for path, want := range map[string]string{
		"/good": "", "/data": "error: \"/data\" can't be executed", "/open": "error: everybody may change", "/dir": "error: \"/dir\" is a folder",
		"/pipe": "error: \"/pipe\" is not a regular file", "/gone": "warning: the program \"/gone\" can't be seen here: file does not exist",
		"/srv/p": "error: everybody may replace", "/sticky/p": "", "/tmpl/p": "",
		"/home/ann/p": "warning: hookaido.service can't see", "/tmp/p": "warning: hookaido.service can't see",
	} {
		_, diags := Source("f", []byte("/a { deliver exec "+path+" { } }"), opts)
		var text []string
		for _, d := range diags {
			if d.Code != CodeNotRunning {
				text = append(text, d.String())
			}
		}
		if got := strings.Join(text, "\n"); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q", path, got)
		}
	}
	opts.Stat = os.Stat
	if _, diags := Source("f", []byte("/a { deliver exec /bin/sh { } }"), opts); syntax.HasErrors(diags) {
		t.Errorf("a real program: %s", syntax.Render(diags))
	}
}

// TestTargetsInherit is section 5: option by option, target, then defaults,
// then what is built in.
func TestTargetsInherit(t *testing.T) {
	cfg := compiled(t, `
/a {
  deliver https://a.example/1 { }
  deliver https://a.example/2 { retry exponential max 2 jitter 0 timeout 1s }
  deliver exec /bin/true { retry exponential cap 1h env A 1 env B 2 env A 3 }
}
/b { deliver_concurrency 3 deliver https://b.example { sign hmac env:K } }
defaults { deliver { retry exponential max 5 base 1s timeout 7s concurrency 9 } }
`)
	a, b := cfg.Routes[0], cfg.Routes[1]
	want := []config.Retry{
		{Max: 5, Base: time.Second, Cap: 2 * time.Minute, Jitter: 0.2},
		{Max: 2, Base: time.Second, Cap: 2 * time.Minute, Jitter: 0},
		{Max: 5, Base: time.Second, Cap: time.Hour, Jitter: 0.2},
	}
	for i, target := range a.Targets {
		if target.Retry != want[i] {
			t.Errorf("target %d: %+v", i, target.Retry)
		}
	}
	if a.Targets[0].Timeout != 7*time.Second || a.Targets[1].Timeout != time.Second || a.DeliverConcurrency != 9 || b.DeliverConcurrency != 3 {
		t.Errorf("timeouts or concurrency: %+v %+v", a, b)
	}
	if env := a.Targets[2].Env; len(env) != 2 || env[0].Name != "B" || string(env[1].Value.Reveal()) != "3" {
		t.Errorf("the last of a variable wins: %v", env)
	}
	if a.Targets[0].Sign != nil || b.Targets[0].Sign == nil || b.Targets[0].Sign.Scheme != config.SignHMAC {
		t.Errorf("signing: %+v %+v", a.Targets[0].Sign, b.Targets[0].Sign)
	}
}

// TestWorkIsLinear holds the memory of a compile to the size of the file, and
// the time of mistakes that are compared with many names.
func TestWorkIsLinear(t *testing.T) {
	allocations := func(n int) float64 {
		src := manyRoutes(n)
		return testing.AllocsPerRun(1, func() {
			if cfg, _ := Source("f", src, testOptions()); cfg == nil {
				t.Error("refused")
			}
		})
	}
	if small, large := allocations(500), allocations(5000); large > 11*small {
		t.Errorf("500 routes take %.0f allocations, 5000 take %.0f", small, large)
	}
	var b strings.Builder
	b.WriteString("secrets {\n")
	const n = 1000
	for i := range n {
		fmt.Fprintf(&b, "secret secret-number-%d { value env:A valid_from 2026-01-01T00:00:00Z }\n", i)
	}
	b.WriteString("}\n" + pullAPI)
	for i := range n {
		fmt.Fprintf(&b, "/%d { match @matcher-number-%d auth hmac secret_ref secret-nomber-%d pull { path \"/{vars.variable-%d}\" } }\n", i, i, i, i)
	}
	_, diags := Source("f", []byte(b.String()), testOptions())
	count := map[string]int{}
	for _, d := range diags {
		count[d.Code]++
	}
	if count[CodeUnknownSecret] != n || count[CodeUnknownMatcher] != n || count[CodeUnknownVar] != n {
		t.Errorf("%v", count)
	}
}
