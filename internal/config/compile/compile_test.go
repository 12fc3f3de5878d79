package compile

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hookaido/internal/config"
	"hookaido/internal/config/syntax"
	"hookaido/internal/secret"
)

// compiled compiles a text that must be right.
func compiled(t *testing.T, src string) *config.Config {
	t.Helper()
	cfg, diags := Source("f", []byte(src), testOptions())
	if cfg == nil {
		t.Fatalf("refused:\n%s", syntax.Render(diags))
	}
	return cfg
}

var (
	noPlaces = cmp.Options{cmpopts.IgnoreTypes(config.Pos{}), cmpopts.IgnoreFields(config.Config{}, "Written", "Fingerprint"),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmp.Comparer(func(a, b secret.Value) bool { return Equal(a, b) })}
	pullAPI = "pull_api { listen 127.0.0.1:9443 auth token env:T }\n"
	minimal = pullAPI + "/a { pull { path /a } }\n"
)

func refs(texts ...string) []config.SecretRef {
	var list []config.SecretRef
	for _, text := range texts {
		ref, err := secret.ParseRef(text)
		if err != nil {
			panic(err)
		}
		list = append(list, config.SecretRef{Ref: ref})
	}
	return list
}

// listens sets the addresses of an API.
func listens(all *[]config.Listen, first *config.Listen, addresses ...string) {
	*all = nil
	for _, a := range addresses {
		*all = append(*all, config.Listen{Address: a})
	}
	*first = (*all)[0]
}

func minimalConfig() *config.Config {
	cfg := &config.Config{
		Path: "f",
		PullAPI: config.PullAPI{Tokens: refs("env:T"),
			MaxBatch: 100, MaxLeaseBatch: 100, DefaultLeaseTTL: 30 * time.Second, SSEKeepalive: 15 * time.Second},
		QueueLimits: config.QueueLimits{MaxDepth: 10000, DropPolicy: config.Reject},
		Retention: config.Retention{QueueAge: 7 * day, PruneInterval: 5 * time.Minute, DeadAge: 30 * day, DeadDepth: 10000,
			AttemptsAge: 7 * day, AttemptsRows: 200000},
		Observability: config.Observability{
			AccessLog:  config.AccessLog{Enabled: true, Output: config.Stderr},
			RuntimeLog: config.RuntimeLog{Output: config.Stderr},
		},
		Defaults: config.Defaults{MaxBody: 2 << 20, MaxHeaders: 64 << 10,
			Egress: config.Egress{HTTPSOnly: true, DNSRebindProtection: true},
			Deliver: config.Deliver{Timeout: 10 * time.Second, Concurrency: 20,
				Retry: config.Retry{Max: 8, Base: 2 * time.Second, Cap: 2 * time.Minute, Jitter: 0.2}},
			PublishPolicy: config.PublishPolicy{Direct: true, Managed: true, AllowPullRoutes: true, AllowDeliverRoutes: true},
			TrendSignals: config.TrendSignals{Window: 15 * time.Minute, ExpectedCaptureInterval: time.Minute, StaleGraceFactor: 3,
				SustainedGrowthConsecutive: 3, SustainedGrowthMinSamples: 5, SustainedGrowthMinDelta: 10,
				RecentSurgeMinTotal: 20, RecentSurgeMinDelta: 10, RecentSurgePercent: 50,
				DeadShareHighMinTotal: 10, DeadShareHighPercent: 20,
				QueuedPressureMinTotal: 20, QueuedPressurePercent: 75, QueuedPressureLeasedMultiplier: 2},
			AdaptiveBackpressure: config.AdaptiveBackpressure{MinTotal: 200, QueuedPercent: 80, ReadyLag: 30 * time.Second,
				OldestQueuedAge: time.Minute, SustainedGrowth: true}},
		Routes: []config.Route{inbound(config.Route{Path: "/a", Queue: config.SQLite, Pull: &config.Pull{Path: "/a"}})},
	}
	listens(&cfg.Ingress.Listens, &cfg.Ingress.Listen, ":8080")
	listens(&cfg.PullAPI.Listens, &cfg.PullAPI.Listen, "127.0.0.1:9443")
	listens(&cfg.AdminAPI.Listens, &cfg.AdminAPI.Listen, "127.0.0.1:2019")
	return cfg
}

const day = 24 * time.Hour

// inbound fills in what holds for a route that says nothing of it.
func inbound(r config.Route) config.Route {
	r.Channel = config.Inbound
	r.Publish = config.Publish{Enabled: true, Direct: true, Managed: true}
	if r.MaxBody == 0 {
		r.MaxBody = 2 << 20
	}
	if r.MaxHeaders == 0 {
		r.MaxHeaders = 64 << 10
	}
	return r
}

func TestDefaults(t *testing.T) {
	got := compiled(t, minimal)
	if diff := cmp.Diff(minimalConfig(), got, noPlaces); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	const sum = 64
	if len(got.Fingerprint) != sum || compiled(t, minimal+"# more").Fingerprint == got.Fingerprint {
		t.Errorf("fingerprint %q must be a SHA-256 of the bytes", got.Fingerprint)
	}
	if pos := got.Routes[0].Pos; pos != (config.Pos{File: "f", Line: 2, Column: 1}) {
		t.Errorf("place of the route: %v", pos)
	}
	if pos := got.PullAPI.Tokens[0].Pos; pos != (config.Pos{File: "f", Line: 1, Column: 45}) {
		t.Errorf("place of the token: %v", pos)
	}
	if got.Ingress.Listen.Pos != (config.Pos{}) {
		t.Errorf("a default has the place %v", got.Ingress.Listen.Pos)
	}
}

// everything sets each directive of this version to another value than its
// default.
const everything = `
vars { ZONE eu-1 KEY "env:{vars.NAME}" NAME K1 }
ingress { listen "127.0.0.1:{$PORT}" }
pull_api {
  listen localhost:1 prefix /w/ auth token credential:t auth token file:/t
  max_batch 25 max_lease_batch 50 default_lease_ttl 45s max_lease_ttl 1d default_max_wait 2s max_wait 20s
}
admin_api { listen [::]:2 prefix / auth token env:ADMIN }
queue_limits { max_depth 5 drop_policy drop_oldest }
observability {
  access_log { enabled on output file path "/var/log/{vars.ZONE}" format json }
  runtime_log { level Warning output stdout }
}
defaults {
  max_body 4MB max_headers "32 kb"
  egress {
    allow *.Example.net 2001:db8::/32 allow ::ffff:10.0.0.1 deny 10.0.0.0/8
    https_only off redirects TRUE dns_rebind_protection 0
  }
  deliver { retry Exponential jitter 0.25 cap 90s max 6 base 750ms timeout 15s concurrency 8 }
}
/a//b/ {
  auth hmac {vars.KEY} { signature_header x-sig timestamp_header x-time nonce_header x-once tolerance 90s secret env:K2 env:K3 }
  auth hmac file:/k
  max_body 1 queue MEMORY pull { path /a/ auth token env:A }
}
inbound { /c { auth hmac { provider stripe secret env:S } max_headers 1k queue { backend memory } pull { path /c } } }
inbound "/d e" { queue memory pull { path "/d e" } }
`

func TestEverything(t *testing.T) {
	want := minimalConfig()
	want.AdminAPI = config.AdminAPI{Tokens: refs("env:ADMIN")}
	want.PullAPI = config.PullAPI{Prefix: "/w", Tokens: refs("credential:t", "file:/t"),
		MaxBatch: 25, MaxLeaseBatch: 50, DefaultLeaseTTL: 45 * time.Second, MaxLeaseTTL: 24 * time.Hour,
		DefaultMaxWait: 2 * time.Second, MaxWait: 20 * time.Second, SSEKeepalive: 15 * time.Second}
	listens(&want.Ingress.Listens, &want.Ingress.Listen, "127.0.0.1:18080")
	listens(&want.AdminAPI.Listens, &want.AdminAPI.Listen, "[::]:2")
	listens(&want.PullAPI.Listens, &want.PullAPI.Listen, "localhost:1")
	want.QueueLimits = config.QueueLimits{MaxDepth: 5, DropPolicy: config.DropOldest}
	want.Observability = config.Observability{
		AccessLog:  config.AccessLog{Enabled: true, Output: config.File, Path: "/var/log/eu-1"},
		RuntimeLog: config.RuntimeLog{Level: config.LevelWarn, Output: config.Stdout},
	}
	want.Defaults.MaxBody, want.Defaults.MaxHeaders = 4<<20, 32<<10
	want.Defaults.Egress = config.Egress{Redirects: true,
		Allow: []config.EgressRule{{Host: "*.example.net"}, {Prefix: netip.MustParsePrefix("2001:db8::/32")}, {Prefix: netip.MustParsePrefix("10.0.0.1/32")}},
		Deny:  []config.EgressRule{{Prefix: netip.MustParsePrefix("10.0.0.0/8")}}}
	want.Defaults.Deliver = config.Deliver{Timeout: 15 * time.Second, Concurrency: 8,
		Retry: config.Retry{Max: 6, Base: 750 * time.Millisecond, Cap: 90 * time.Second, Jitter: 0.25}}
	want.Routes = []config.Route{
		inbound(config.Route{Path: "/a/b", MaxBody: 1, MaxHeaders: 32 << 10, Queue: config.Memory,
			HMAC: &config.HMAC{Secrets: refs("env:K1", "env:K2", "env:K3", "file:/k"), SignatureHeader: "X-Sig",
				TimestampHeader: "X-Time", NonceHeader: "X-Once", Tolerance: 90 * time.Second},
			Pull: &config.Pull{Path: "/a", Tokens: refs("env:A")}}),
		inbound(config.Route{Path: "/c", MaxBody: 4 << 20, MaxHeaders: 1 << 10, Queue: config.Memory,
			HMAC: &config.HMAC{Provider: config.Stripe, Secrets: refs("env:S"), SignatureHeader: "X-Signature",
				TimestampHeader: "X-Timestamp", NonceHeader: "X-Nonce", Tolerance: 5 * time.Minute},
			Pull: &config.Pull{Path: "/c"}}),
		inbound(config.Route{Path: "/d e", MaxBody: 4 << 20, MaxHeaders: 32 << 10, Queue: config.Memory, Pull: &config.Pull{Path: "/d e"}}),
	}
	if diff := cmp.Diff(want, compiled(t, everything), noPlaces); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPlaceholders(t *testing.T) {
	tests := []struct{ name, vars, value, want string }{
		{"variable", "", "/{$SET}", "/from-env"},
		{"set but empty", "", "/x{$EMPTY:no}", "/x"},
		{"fallback with colons", "", "/{$GONE:a:b}", "/a:b"},
		{"empty fallback", "", "/x{$GONE:}", "/x"},
		{"env has no fallbacks", "", "/{env.SET}", "/from-env"},
		{"file, trimmed at the end", "", "/{file./etc/name}", "/ from-file"},
		{"what the environment brings is not scanned", "", "/{$NESTED}", "/{$SET}"},
		{"what a file brings is not scanned", "", "/{file./etc/nested}", "/{$SET}"},
		{"variables first", `A "{$SET}"`, "/{vars.A}", "/from-env"},
		{"variable in a fallback", "A x", "/{$GONE:{vars.A}}", "/x"},
		{"variables in variables, in any order", `A "{vars.B}-{vars.B}" B b`, "/{vars.A}", "/b-b"},
		{"not scanned through a variable either", `A "{$NESTED}"`, "/{vars.A}", "/{$SET}"},
		{"other braces stay", "", "/{x}{}", "/{x}{}"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := compiled(t, "vars { "+test.vars+" }\n"+pullAPI+"/a { pull { path \""+test.value+"\" } }")
			if got := cfg.Routes[0].Pull.Path; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestExpansionIsBounded doubles a text 30 times.
func TestExpansionIsBounded(t *testing.T) {
	var vars strings.Builder
	vars.WriteString("vars { V0 xxxxxxxx ")
	for i := 1; i <= 30; i++ {
		prev := "{vars.V" + strconv.Itoa(i-1) + "}"
		vars.WriteString("V" + strconv.Itoa(i) + " \"" + prev + prev + "\" ")
	}
	_, diags := Source("f", []byte(vars.String()+"}\n"+minimal), testOptions())
	if len(diags) != 1 || diags[0].Code != syntax.CodeTooLong {
		t.Errorf("got %s", syntax.Render(diags))
	}
}

// TestFilesAreBounded puts the same large file into one value twice.
func TestFilesAreBounded(t *testing.T) {
	opts := testOptions()
	opts.ReadFile = func(string) ([]byte, error) { return make([]byte, maxIncluded), nil }
	_, diags := Source("f", []byte("vars { A \"{file./x}{file./x}\" }\n"+minimal), opts)
	if len(diags) != 1 || diags[0].Code != syntax.CodeTooLong {
		t.Errorf("got %s", syntax.Render(diags))
	}
}

func TestUntrustedCompileReachesNothing(t *testing.T) {
	src := pullAPI + `/a { max_body {$SIZE:1mb} auth hmac env:K pull { path "/x{$SET}{env.SET}{file./etc/name}" } }`
	cfg, diags := Source("f", []byte(src), Options{})
	for _, d := range diags {
		if d.Code != CodeNotExpanded && d.Code != "bad-value" {
			t.Errorf("unexpected: %v", d)
		}
	}
	if cfg != nil || !strings.Contains(syntax.Render(diags), "not expanded here") {
		t.Errorf("a size that is not expanded has no value: %v", diags)
	}
	cfg, _ = Source("f", []byte(strings.Replace(src, "max_body {$SIZE:1mb}", "", 1)), Options{})
	if cfg == nil || cfg.Routes[0].Pull.Path != "/x" {
		t.Errorf("got %+v", cfg)
	}
}

// TestSecretsAreNeverShown puts a secret into every place where one may stand,
// beside mistakes of all kinds.
func TestSecretsAreNeverShown(t *testing.T) {
	const marker = "MARKER-hunter2"
	opts := testOptions()
	opts.LookupEnv = func(string) (string, bool) { return marker, true }
	for _, src := range []string{
		"/a { auth hmac raw:" + marker + " pul { } }",
		"/a { auth hmac " + marker + " }",
		"/a { auth hmac \"raw:x y " + marker + "\" " + marker + " }",
		"/a { auth hmac { secret env:A " + marker + " frob 1 } }",
		"/a { pull { path /a auth token raw:" + marker + " auth token raw:" + marker + " } }",
		"/a { auth basic ops " + marker + " x }",
		"/a { deliver https://x { header Authorization " + marker + "; sign hmac raw:" + marker + " } }",
		"secrets { secret a { value raw:" + marker + " } }",
		"/a { auth token \"raw:" + marker + " } }",
		"/a { auth hmac \"" + marker + " } }",
		"/a { auth hmac raw:" + marker + " } }",
		"/a { max_body {$X} pull { path {$X} } queue {$X} auth hmac {$X} }",
		"ingress { listen {$X} } vars { A {$X} } /a { max_body {vars.A} auth hmac { provider {$X} secret {$X} tolerance {$X} } }",
		"defaults { egress { deny \"{$X} \" \"{$X}/8\" } deliver { retry {$X} max {$X} } }",
		"/a { handshake meta token " + marker + " handshake ebay token raw:" + marker + " pul }",
		"/a { auth basic_hash ops " + marker + " auth htpasswd " + marker + " auth bearer " + marker + " }",
		"/a { auth basic ops \"" + marker + "\" auth basic ops {$X} auth basic \"\" {$X} frob }",
		"/a { deliver https://u:" + marker + "@x { } deliver u:" + marker + "@x { } deliver \"{$X}\" { env A " + marker + " env 1 " + marker + " } }",
		"/a { deliver https://x { header A \"" + marker + "\\n\" sign standard-webhooks " + marker + " sign hmac secret_ref raw:" + marker + " } }",
		"observability { tracing { header A " + marker + " header A " + marker + " collector {$X} } }",
		"secrets { secret a { value " + marker + " } } @m { header A {$X} method {$X} host {$X} remote_ip {$X} }",
		"admin_api { tls { cert_file {$X} key_file \"\" } prefix {$X} allowed_hosts \"{$X} \" }",
		"/a { auth hmac { provider generic secret " + marker + " signed_text \"{{$X}}\" } respond {$X} dedupe header \"{$X} \" }",
		"/a { auth hmac \"raw:\\\n" + marker + "\" frob 1\n }",
	} {
		_, diags := Source("f", []byte(src), opts)
		if text := syntax.Render(diags); strings.Contains(text, "hunter2") || len(diags) == 0 {
			t.Errorf("%s\ngives\n%s", src, text)
		}
	}
}

func TestSecretRefs(t *testing.T) {
	var got []string
	for _, use := range SecretRefs(compiled(t, everything)) {
		got = append(got, use.Directive+" "+use.Ref.String())
		if use.Pos.Line == 0 {
			t.Errorf("%v has no place", use)
		}
	}
	want := []string{
		"pull_api: auth token credential:t", "pull_api: auth token file:/t", "admin_api: auth token env:ADMIN",
		`route "/a/b": auth hmac: secret env:K1`, `route "/a/b": auth hmac: secret env:K2`,
		`route "/a/b": auth hmac: secret env:K3`, `route "/a/b": auth hmac: secret file:/k`,
		`route "/a/b": pull: auth token env:A`, `route "/c": auth hmac: secret env:S`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestSecretRefsOfEverything finds the references that stand inside lists, and
// none where there is none.
func TestSecretRefsOfEverything(t *testing.T) {
	var got []string
	for _, use := range SecretRefs(compiled(t, `
pull_api { listen 127.0.0.1:9443 auth token "vault:kv/a#f" }
secrets { secret s { value env:S valid_from 2026-01-01T00:00:00Z } secret r { runtime on } }
/a { auth hmac secret_ref s auth bearer env:B handshake meta token env:M handshake zoom pull { path /a } }
/b { auth htpasswd file:/users pull { path /b } }
/c { deliver https://c.example { sign standard-webhooks env:W } deliver https://d.example { sign hmac secret_ref s r } }
`)) {
		got = append(got, use.Directive+" "+use.Ref.String())
	}
	want := []string{
		"pull_api: auth token vault:kv/a#f", `secret "s": secret: value env:S`,
		`route "/a": a route: auth bearer env:B`, `route "/a": a route: handshake token env:M`,
		`route "/b": a route: auth htpasswd file:/users`, `route "/c": target "https://c.example": deliver: sign env:W`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRestartChanges(t *testing.T) {
	base := compiled(t, minimal)
	tests := []struct {
		name, src string
		want      []string
	}{
		{"the same", minimal, nil},
		{"moved and spelled out", "\n\n# x\nqueue_limits { max_depth 10000 }\nobservability { access_log on }\n" + minimal, nil},
		{"hot changes", strings.Replace(minimal, "env:T", "env:OTHER", 1) + "/b { max_body 1 auth hmac env:K pull { path /b } }", nil},
		{"the first target is hot", minimal + "/b { deliver https://b.example/ { } }", nil},
		{"delivery defaults are hot", "defaults { egress { https_only off } deliver { timeout 1s } }\n" + minimal, nil},
		{"a listener", strings.Replace(minimal, ":9443", ":9444", 1), []string{"f:1:12: pull_api.listen: the change needs a restart"}},
		{"several", "ingress { listen :1 }\nqueue_limits { max_depth 1 }\ndefaults { max_body 1 }\n" + minimal, []string{
			"f:1:11: ingress.listen: the change needs a restart",
			"f:2:16: queue_limits.max_depth: the change needs a restart",
			"f:3:12: defaults.max_body: the change needs a restart"}},
		{"logs", "observability { access_log off runtime_log { level warn } }\n" + minimal, []string{
			"f:1:17: observability.access_log.enabled: the change needs a restart",
			"f:1:46: observability.runtime_log.level: the change needs a restart"}},
		{"backend", strings.Replace(minimal, "{ pull", "{ queue memory pull", 1), []string{"f:2:1: route.queue: the change needs a restart"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, change := range RestartChanges(base, compiled(t, test.src)) {
				got = append(got, change.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	withoutPull := *base
	withoutPull.Routes = []config.Route{{Path: "/a", Queue: config.SQLite}}
	if got := RestartChanges(base, &withoutPull); len(got) != 1 || got[0].Directive != "route.pull" {
		t.Errorf("the last pull route goes: %v", got)
	}
	back := RestartChanges(compiled(t, "queue_limits { max_depth 1 }\n"+minimal), base)
	if len(back) != 1 || back[0].String() != "queue_limits.max_depth is no longer written: the change needs a restart" {
		t.Errorf("a directive that is gone: %v", back)
	}
}
