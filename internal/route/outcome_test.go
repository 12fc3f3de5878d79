package route

import (
	"net/netip"
	"slices"
	"testing"

	"hookaido/internal/config"
)

func ruleOf(path string, m config.Match) Rule {
	return Rule{Route: &config.Route{Path: path, Match: m}}
}

func ignoring(path string, m config.Match) Rule {
	r := ruleOf(path, m)
	r.Route.IgnoreUnmatched = 204
	return r
}

func withHandshakes(r Rule, methods ...string) Rule {
	r.Handshakes = methods
	return r
}

var push = config.Match{Headers: []config.Pair{{Name: "X-Event", Value: "push"}}}

// outcomeTest is a request and what becomes of it. The request is to /h/a on
// host h, from 192.0.2.9.
type outcomeTest struct {
	name  string
	rules []Rule
	lines string
	want  Match // Path and Raw left out
}

func (o *outcomeTest) run(t *testing.T, match func(*Table) Match) {
	t.Helper()
	got := match(New(o.rules))
	got.Path, got.Raw = "", ""
	if got.Outcome != Found && got.Outcome != Ignored {
		got.Index = 0 // it means nothing
	}
	if got.Outcome != o.want.Outcome || got.Index != o.want.Index || got.HandshakeOnly != o.want.HandshakeOnly || !slices.Equal(got.Allow, o.want.Allow) {
		t.Errorf("got %+v, want %+v", got, o.want)
	}
}

func TestOutcomes(t *testing.T) {
	outbound, internal := ruleOf("/h", config.Match{}), ruleOf("/h", config.Match{})
	outbound.Route.Channel, internal.Route.Channel = config.Outbound, config.Internal
	inbound := ruleOf("/h", config.Match{})
	inbound.Route.Channel = config.Inbound
	onPut := config.Match{Methods: []string{"PUT"}}
	pushOnPut := push
	pushOnPut.Methods = []string{"PUT", "PATCH"}
	const post, event = "POST /h/a HTTP/1.1|Host: h", "POST /h/a HTTP/1.1|Host: h|X-Event: push"
	tests := []outcomeTest{
		{"conditions send on to the next route", []Rule{ruleOf("/h/a", push), ruleOf("/h", config.Match{})}, post, Match{Index: 1}},
		{"the first that fits", []Rule{ruleOf("/h/a", push), ruleOf("/h", config.Match{})}, event, Match{Index: 0}},
		{"order before length", []Rule{ruleOf("/", push), ruleOf("/h/a", config.Match{})}, event, Match{Index: 0}},
		{"no conditions hold", []Rule{ruleOf("/h", push)}, post, Match{Outcome: NotFound}},
		{"405 needs all but the method", []Rule{ruleOf("/h", pushOnPut)}, event, Match{Outcome: WrongMethod, Allow: []string{"PUT", "PATCH"}}},
		{"404 if more than the method is wrong", []Rule{ruleOf("/h", pushOnPut)}, post, Match{Outcome: NotFound}},
		{"Allow leaves out routes with other conditions", []Rule{ruleOf("/h/a", pushOnPut), ruleOf("/h", onPut)}, post, Match{Outcome: WrongMethod, Allow: []string{"PUT"}}},
		{"Allow in the order of routes", []Rule{ruleOf("/", onPut), ruleOf("/h/a", pushOnPut)}, event, Match{Outcome: WrongMethod, Allow: []string{"PUT", "PATCH"}}},

		{"inbound", []Rule{inbound}, post, Match{Index: 0}},
		{"outbound takes nothing", []Rule{outbound}, post, Match{Outcome: NotFound}},
		{"internal takes nothing", []Rule{internal}, post, Match{Outcome: NotFound}},
		{"outbound allows nothing", []Rule{outbound, internal}, "GET /h/a HTTP/1.1|Host: h", Match{Outcome: NotFound}},
		{"outbound hides nothing", []Rule{outbound, ruleOf("/", config.Match{})}, post, Match{Index: 1}},

		{"C31 ignored", []Rule{ignoring("/h", push)}, post, Match{Outcome: Ignored, Index: 0}},
		{"C31 not ignored", []Rule{ignoring("/h", push)}, event, Match{Index: 0}},
		{"ignored before a later route", []Rule{ruleOf("/x", push), ignoring("/h", push), ruleOf("/", config.Match{})}, post, Match{Outcome: Ignored, Index: 1}},
		{"an earlier route before it", []Rule{ruleOf("/", config.Match{}), ignoring("/h", push)}, post, Match{Index: 0}},
		{"a wrong method is not ignored", []Rule{ignoring("/h", push)}, "PUT /h/a HTTP/1.1|Host: h|X-Event: push", Match{Outcome: WrongMethod, Allow: []string{"POST"}}},
		{"another path is not ignored", []Rule{ignoring("/h/b", push)}, post, Match{Outcome: NotFound}},
		{"another host is ignored", []Rule{ignoring("/h", config.Match{Hosts: []string{"x"}})}, post, Match{Outcome: Ignored, Index: 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, func(table *Table) Match { return table.Match(read(t, test.lines), netip.MustParseAddr("192.0.2.9")) })
		})
	}
}

func TestHandshakes(t *testing.T) {
	meta := withHandshakes(ruleOf("/h", push), "GET")
	onHost := withHandshakes(ruleOf("/h", config.Match{Hosts: []string{"x"}}), "GET")
	fromElsewhere := withHandshakes(ruleOf("/h", config.Match{RemoteIP: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}), "GET")
	gets := ruleOf("/", config.Match{Methods: []string{"GET"}})
	const get, post = "GET /h/a?hub.mode=subscribe HTTP/1.1|Host: h", "POST /h/a HTTP/1.1|Host: h"
	notAllowed := Match{Outcome: WrongMethod, Allow: []string{"POST"}}
	tests := []struct {
		outcomeTest
		asMessage Match
	}{
		{outcomeTest{"plain route", []Rule{withHandshakes(ruleOf("/h", config.Match{}), "GET", "HEAD")}, get, Match{HandshakeOnly: true}}, notAllowed},
		{outcomeTest{"another method", []Rule{withHandshakes(ruleOf("/h", config.Match{}), "HEAD", "OPTIONS")}, get, notAllowed}, notAllowed},
		{outcomeTest{"headers are not asked for", []Rule{meta}, get, Match{HandshakeOnly: true}}, Match{Outcome: NotFound}},
		{outcomeTest{"the host is", []Rule{onHost}, get, Match{Outcome: NotFound}}, Match{Outcome: NotFound}},
		{outcomeTest{"the address is", []Rule{fromElsewhere}, get, Match{Outcome: NotFound}}, Match{Outcome: NotFound}},
		{outcomeTest{"a message of the route is no handshake", []Rule{withHandshakes(ruleOf("/h", config.Match{}), "POST")}, post, Match{}}, Match{}},
		{outcomeTest{"in the order of routes", []Rule{gets, meta}, get, Match{}}, Match{}},
		{outcomeTest{"before a later route", []Rule{meta, gets}, get, Match{HandshakeOnly: true}}, Match{Index: 1}},
		{outcomeTest{"a POST that does not fit", []Rule{withHandshakes(ignoring("/h", push), "POST")}, post, Match{HandshakeOnly: true}}, Match{Outcome: Ignored}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := netip.MustParseAddr("192.0.2.9")
			test.run(t, func(table *Table) Match { return table.Match(read(t, test.lines), client) })
			test.want = test.asMessage
			test.run(t, func(table *Table) Match { return table.MatchMessage(read(t, test.lines), client) })
		})
	}
}

// The two readings of an encoded slash must come to the same for the
// conditions too, not only for the path.
func TestEncodedSlashAndConditions(t *testing.T) {
	table := New([]Rule{ignoring("/h/a", push), ruleOf("/h", config.Match{})})
	for lines, want := range map[string]Outcome{
		"POST /h%2fa HTTP/1.1|Host: h":                   BadPath,
		"POST /h/a/x%2fb HTTP/1.1|Host: h":               Ignored,
		"POST /h/a%2fb HTTP/1.1|Host: h":                 BadPath,
		"POST /h/a/x%2fb HTTP/1.1|Host: h|X-Event: push": Found,
		"POST /h/x%2fb HTTP/1.1|Host: h":                 Found,
		"POST /h/..%2fa HTTP/1.1|Host: h|X-Event: push":  BadPath,
	} {
		if m := table.Match(read(t, lines), netip.Addr{}); m.Outcome != want {
			t.Errorf("%s: %+v, want %d", lines, m, want)
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	table := one(config.Match{
		Hosts: []string{"x", "*.example.org"}, RemoteIP: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		Headers: []config.Pair{{Name: "x-event", Value: "push"}}, HeaderExists: []string{"x-event"},
		Query: []config.Pair{{Name: "mode", Value: "live"}}, QueryExists: []string{"mode"},
	})
	r := read(t, "POST /h?a=b&mode=live HTTP/1.1|Host: api.example.org:80|X-Event: ping, push")
	client := netip.MustParseAddr("192.0.2.9")
	if n := testing.AllocsPerRun(100, func() {
		if table.Match(r, client).Outcome != Found {
			t.Fatal("no match")
		}
	}); n > 0 {
		t.Errorf("a match with all conditions allocates %v times", n)
	}
}

func BenchmarkMatchAllConditions(b *testing.B) {
	table := one(config.Match{
		Hosts: []string{"x", "*.example.org"}, RemoteIP: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		Headers: []config.Pair{{Name: "x-event", Value: "push"}}, HeaderExists: []string{"x-event"},
		Query: []config.Pair{{Name: "mode", Value: "live"}}, QueryExists: []string{"mode"},
	})
	r := read(b, "POST /h?a=b&mode=live HTTP/1.1|Host: api.example.org:80|X-Event: ping, push")
	client := netip.MustParseAddr("192.0.2.9")
	b.ReportAllocs()
	for b.Loop() {
		table.Match(r, client)
	}
}
