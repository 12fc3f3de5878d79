package deliver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"hookaido/internal/config"
)

// asShipped is the policy of a Hookaidofile without an egress block.
func asShipped() config.Egress { return config.Egress{HTTPSOnly: true, DNSRebindProtection: true} }

// refusedBy makes an attempt under a policy and says which rule refused it, ""
// if none did. Nothing listens on port 9.
func refusedBy(t *testing.T, e config.Egress, url string, answers ...[]string) Rule {
	t.Helper()
	o := options()
	o.Egress = e
	o.Resolver = resolve("*", answers...)
	target, err := newDeliverer(t, o).Target(&config.Target{URL: url, Timeout: time.Minute}, noKeys)
	var denial *Denial
	if errors.As(err, &denial) {
		return denial.Rule
	}
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	// the policy alone is asked first, so that nothing is dialled outside
	d := &dialer{policy: target.deliverer.policy, resolver: o.Resolver, clock: o.Clock}
	if err := judgeOnly(t, d, url); !errors.As(err, &denial) {
		return ""
	}
	r := target.Attempt(t.Context(), message())
	wantResult(t, r, GiveUp, 0, ReasonEgress)
	if !errors.As(r.Cause, &denial) {
		t.Fatalf("%s: the cause is %v", url, r.Cause)
	}
	return denial.Rule
}

// judgeOnly runs all checks before a socket.
func judgeOnly(t *testing.T, d *dialer, url string) error {
	_, s, err := parseURL(url)
	if err != nil {
		return err
	}
	if err := d.policy.checkSite(s); err != nil {
		return err
	}
	peers, err := d.lookUp(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, peer := range peers {
		if err := d.policy.checkSocket(s, peer); err != nil {
			return err
		}
	}
	return nil
}

// ssrf.md section 3: spellings that never get as far as a look-up.
func TestTricks(t *testing.T) {
	long := strings.Repeat("a.", 127) + "example"
	for url, want := range map[string]Rule{
		"https://127.1/": RuleMalformed, "https://2130706433/": RuleMalformed, "https://0x7f000001/": RuleMalformed, "https://017700000001/": RuleMalformed,
		"https://0177.0.0.1/": RuleMalformed, "https://0x7f.0.0.1/": RuleMalformed, "https://127.0.0.01/": RuleMalformed, "https://127.0.1/": RuleMalformed,
		"https://x.example.0x7f/": RuleMalformed, "https://1.2.3.4.5/": RuleMalformed, "https://256.256.256.256/": RuleMalformed, "https://0/": RuleMalformed,
		"https://127.0.0.1./": RuleNotPublic, "https://localhost./": RuleNotPublic, "https://LOCALHOST/": RuleNotPublic, "https://a.b.localhost/": RuleNotPublic,
		"https://evil.example../": RuleMalformed, "https://.evil.example/": RuleMalformed, "https://a..example/": RuleMalformed, "https://./": RuleMalformed,
		"https://①②⑦.0.0.1/": RuleMalformed, "https://127。0。0。1/": RuleMalformed, "https://bücher.example/": RuleMalformed, "https://xn--bcher-kva.example:9/": "",
		"https://ⓛocalhost/": RuleMalformed, "https://%31%32%37.0.0.1/": RuleMalformed, "https://127.0.0.1%2f@x.example/": RuleMalformed,
		"https://[fe80::1%25eth0]/": RuleMalformed, "https://[::1%25lo]/": RuleMalformed, "https://[::1/": RuleMalformed, "https://::1/": RuleMalformed,
		"https://good.example@169.254.169.254/": RuleMalformed, "https://u:p@x.example/": RuleMalformed, "https://@x.example/": RuleMalformed,
		"https://1.1.1.1#@evil.example/": "", `https://1.1.1.1\@evil.example/`: RuleMalformed, `https://x.example\evil/`: RuleMalformed,
		"https://x.example:0/": RuleMalformed, "https://x.example:65536/": RuleMalformed, "https://x.example:-1/": RuleMalformed, "https://x.example:4a/": RuleMalformed,
		"https://x.example:00/": RuleMalformed, "https://x.example :9/": RuleMalformed, "https://x.example\t/": RuleMalformed, "https://x.example/\r\nA: b": RuleMalformed,
		"https://x.example/\x00": RuleMalformed, "https:///path": RuleMalformed, "https:x.example": RuleMalformed, "//x.example/": RuleMalformed, "x.example": RuleMalformed,
		"file:///etc/passwd": RuleMalformed, "gopher://x.example/": RuleMalformed, "javascript:alert(1)": RuleMalformed, "unix:///run/x.sock": RuleMalformed,
		"http://x.example/": RuleHTTPSOnly, "http://127.0.0.1/": RuleHTTPSOnly, "HTTP://x.example/": RuleHTTPSOnly, "https://" + long + "/": RuleMalformed,
		"https://" + strings.Repeat("a", 64) + ".example/": RuleMalformed, "https://x.example:9/": "", "HTTPS://X.Example.:9/a?b": "",
		"https://169.254.169.254/": RuleMetadata, "https://[::ffff:169.254.169.254]/": RuleMetadata, "https://[::ffff:a9fe:a9fe]/": RuleMetadata,
		"https://[0:0:0:0:0:0:0:1]/": RuleNotPublic, "https://[::ffff:7f00:1]/": RuleNotPublic,
	} {
		e := asShipped()
		e.Deny = nil
		var got Rule
		if want == "" {
			_, s, err := parseURL(url)
			p, _ := newPolicy(&e, nil)
			if err == nil {
				err = p.checkSite(s)
			}
			if err != nil {
				t.Errorf("%q is refused: %v", url, err)
			}
			continue
		}
		if got = refusedBy(t, e, url, []string{"1.1.1.1"}); got != want {
			t.Errorf("%q: refused by %q, want %q", url, got, want)
		}
	}
}

func TestRules(t *testing.T) {
	prefix := func(text string) config.EgressRule { return config.EgressRule{Prefix: netip.MustParsePrefix(text)} }
	host := func(text string) config.EgressRule { return config.EgressRule{Host: text} }
	type list = []config.EgressRule
	for name, c := range map[string]struct {
		allow, deny list
		open        bool // protection off
		url         string
		answer      []string
		want        Rule
	}{
		"no rules":                            {url: "https://x.example/", answer: []string{"1.1.1.1"}},
		"denied host":                         {deny: list{host("x.example")}, url: "https://X.example./", want: RuleDeny},
		"denied sub-domain":                   {deny: list{host("*.example")}, url: "https://a.b.example/", want: RuleDeny},
		"sub-domains are not the domain":      {deny: list{host("*.x.example")}, url: "https://x.example/", answer: []string{"1.1.1.1"}},
		"suffix is no substring":              {deny: list{host("*.x.example")}, url: "https://evilx.example/", answer: []string{"1.1.1.1"}},
		"everything denied":                   {deny: list{host("*")}, url: "https://1.1.1.1/", want: RuleDeny},
		"denied prefix":                       {deny: list{prefix("1.0.0.0/8")}, url: "https://x.example/", answer: []string{"8.8.8.8", "1.1.1.1"}, want: RuleDeny},
		"denied prefix, mapped":               {deny: list{prefix("1.0.0.0/8")}, url: "https://x.example/", answer: []string{"::ffff:1.1.1.1"}, want: RuleDeny},
		"denied prefix, inside 6to4":          {open: true, deny: list{prefix("10.0.0.0/8")}, url: "https://[2002:a00:1::1]/", want: RuleDeny},
		"denied prefix, inside NAT64":         {open: true, deny: list{prefix("10.0.0.0/8")}, url: "https://[64:ff9b::10.0.0.1]/", want: RuleDeny},
		"denied prefix, inside Teredo":        {open: true, deny: list{prefix("10.0.0.0/8")}, url: "https://[2001:0:102:304:0:0:f5ff:fffe]/", want: RuleDeny},
		"deny beats allow":                    {allow: list{host("x.example")}, deny: list{host("x.example")}, url: "https://x.example/", want: RuleDeny},
		"deny beats an exact allow":           {allow: list{prefix("1.1.1.1/32")}, deny: list{prefix("1.0.0.0/8")}, url: "https://1.1.1.1/", want: RuleDeny},
		"allowed host":                        {allow: list{host("x.example")}, url: "https://x.example/", answer: []string{"1.1.1.1"}},
		"another host":                        {allow: list{host("x.example")}, url: "https://y.example/", want: RuleNotAllowed},
		"allowed sub-domain":                  {allow: list{host("*.example")}, url: "https://x.example/", answer: []string{"1.1.1.1"}},
		"allowed prefix":                      {allow: list{prefix("1.1.1.0/24")}, url: "https://x.example/", answer: []string{"1.1.1.1", "1.1.1.2"}},
		"allowed prefix, one outside":         {allow: list{prefix("1.1.1.0/24")}, url: "https://x.example/", answer: []string{"1.1.1.1", "8.8.8.8"}, want: RuleNotAllowed},
		"allowed prefix, literal outside":     {allow: list{prefix("1.1.1.0/24")}, url: "https://8.8.8.8/", want: RuleNotAllowed},
		"host or prefix":                      {allow: list{prefix("1.1.1.0/24"), host("x.example")}, url: "https://x.example/", answer: []string{"8.8.8.8"}},
		"allowed host inside":                 {allow: list{host("x.example")}, url: "https://x.example/", answer: []string{"10.0.0.1"}, want: RuleNotPublic},
		"allowed private prefix":              {allow: list{prefix("10.0.0.0/8")}, url: "https://x.example/", answer: []string{"10.0.0.1"}},
		"another private prefix":              {allow: list{prefix("10.0.0.0/8")}, url: "https://x.example/", answer: []string{"192.168.0.1"}, want: RuleNotPublic},
		"allowed ULA":                         {allow: list{prefix("fc00::/7")}, url: "https://[fd12::1]/"},
		"allow of everything opens nothing":   {allow: list{prefix("0.0.0.0/0"), prefix("::/0")}, url: "https://x.example/", answer: []string{"10.0.0.1"}, want: RuleNotPublic},
		"allow of half opens nothing":         {allow: list{prefix("128.0.0.0/1")}, url: "https://192.168.0.1/", want: RuleNotPublic},
		"allow across a border opens nothing": {allow: list{prefix("192.160.0.0/11")}, url: "https://192.168.0.1/", want: RuleNotPublic},
		"nor across the other border":         {allow: list{prefix("192.168.0.0/15")}, url: "https://192.168.0.1/", want: RuleNotPublic},
		"allow of every host opens nothing":   {allow: list{host("*")}, url: "https://x.example/", answer: []string{"127.0.0.1"}, want: RuleNotPublic},
		"link-local does not open metadata":   {allow: list{prefix("169.254.0.0/16")}, url: "https://169.254.169.254/", want: RuleMetadata},
		"link-local opens the rest":           {allow: list{prefix("169.254.0.0/16")}, url: "https://169.254.1.1/"},
		"metadata by its address":             {allow: list{prefix("169.254.169.254/32")}, url: "https://169.254.169.254/"},
		"protection off":                      {open: true, url: "https://x.example/", answer: []string{"10.0.0.1", "::1"}},
		"protection off, metadata":            {open: true, url: "https://x.example/", answer: []string{"169.254.169.254"}, want: RuleMetadata},
		"protection off, metadata of IPv6":    {open: true, url: "https://[fd00:ec2::254]/", want: RuleMetadata},
		"protection off, metadata in NAT64":   {open: true, url: "https://[64:ff9b::a9fe:a9fe]/", want: RuleMetadata},
		"protection off, metadata in 6to4":    {open: true, url: "https://[2002:a9fe:a9fe::1]/", want: RuleMetadata},
		"protection off, metadata in ISATAP":  {open: true, url: "https://[2606::5efe:a9fe:a9fe]/", want: RuleMetadata},
		"protection off, prefix":              {open: true, deny: list{prefix("10.0.0.0/8")}, url: "https://x.example/", answer: []string{"10.0.0.1"}, want: RuleDeny},
	} {
		e := asShipped()
		e.Allow, e.Deny, e.DNSRebindProtection = c.allow, c.deny, !c.open
		p, err := newPolicy(&e, nil)
		if err != nil {
			t.Fatal(err)
		}
		d := &dialer{policy: p, resolver: resolve("*", c.answer)}
		var denial *Denial
		switch err := judgeOnly(t, d, c.url); {
		case err == nil && c.want != "":
			t.Errorf("%s: not refused", name)
		case err != nil && (!errors.As(err, &denial) || denial.Rule != c.want):
			t.Errorf("%s: %v, want the rule %q", name, err, c.want)
		}
	}
}

func ptr[T any](v T) *T { return &v }

// own listeners, also by an address of this machine that they listen on without
// naming it.
func TestOwnListenersAreRefused(t *testing.T) {
	s := newSink(t, nil)
	at := netip.MustParseAddrPort(s.Listener.Addr().String())
	for name, c := range map[string]struct {
		own    netip.AddrPort
		allow  string
		reason Reason
	}{
		"itself":                 {at, "127.0.0.0/8", ReasonEgress},
		"as one of all":          {netip.AddrPortFrom(netip.IPv6Unspecified(), at.Port()), "127.0.0.0/8", ReasonEgress},
		"another port":           {netip.AddrPortFrom(at.Addr(), 1), "127.0.0.0/8", None},
		"allowed by its address": {at, "127.0.0.1/32", None},
	} {
		o := options()
		o.Egress.Allow = []config.EgressRule{{Prefix: netip.MustParsePrefix(c.allow)}}
		o.Own = []netip.AddrPort{c.own}
		if r := newTarget(t, newDeliverer(t, o), config.Target{URL: s.URL}).Attempt(t.Context(), message()); r.Reason != c.reason {
			t.Errorf("%s: %v %v", name, r.Reason, r.Cause)
		}
	}
}

// badinput 110.
func TestProxyEnvironmentIsIgnored(t *testing.T) {
	proxy, s := newSink(t, nil), newSink(t, nil)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	o := options()
	o.Resolver = resolve("x.example", []string{"127.0.0.1"})
	target := newTarget(t, newDeliverer(t, o), config.Target{URL: "http://x.example:" + port(t, s.URL)})
	wantResult(t, target.Attempt(t.Context(), message()), Done, 200, None)
	if proxy.count() != 0 || s.count() != 1 {
		t.Errorf("the proxy saw %d requests, the target %d", proxy.count(), s.count())
	}
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"https://x.example/a?b", "https://127.0.0.1./", "https://[::ffff:1.2.3.4]:8443", "http://0x7f.1/", `https://a\@b/`, "https://a:0/", "https://A-B_c.D./%2e", "https://[fe80::1%25a]/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, s, err := parseURL(text)
		if err != nil {
			return
		}
		// what the transport will dial must be what has been judged
		again, s2, err := parseURL(u.String())
		if err != nil || s2 != s || again.Host != u.Host {
			t.Fatalf("%q was read as %v, then as %v (%v)", text, s, s2, err)
		}
		host, _, err := net.SplitHostPort(u.Host)
		if err != nil {
			host = strings.Trim(u.Host, "[]")
		}
		if dialled, fault := parseSite(s.scheme, host, ""); fault != "" || dialled.host != s.host || dialled.addr != s.addr {
			t.Fatalf("%q is judged as %q and dialled as %q (%s)", text, s.host, dialled.host, fault)
		}
		if s.addr.IsValid() && s.addr.Is4In6() {
			t.Fatalf("%q kept a mapped address", text)
		}
	})
}

// The socket is judged again, even if everything before it went wrong.
func TestSocketIsJudged(t *testing.T) {
	s := newSink(t, nil)
	peer := netip.MustParseAddrPort(s.Listener.Addr().String())
	p, err := newPolicy(ptr(asShipped()), nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := connect(context.Background(), "tcp", peer, func(a netip.AddrPort) error { return p.checkSocket(site{host: "x"}, a) })
	var denial *Denial
	if err == nil || !errors.As(err, &denial) || conn != nil {
		t.Errorf("connected to %s: %v", peer, err)
	}
}
