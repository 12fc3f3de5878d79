package deliver

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"hookaido/internal/config"
)

// closedRanges are the rows of ssrf.md section 2 in its order, each with the
// ends of its ranges and with every form in which an address can hide there.
var closedRanges = []struct {
	row   string
	addrs []string
}{
	{"0.0.0.0/8", []string{"0.0.0.0", "0.0.0.1", "0.255.255.255"}},
	{"private", []string{"10.0.0.0", "10.0.0.5", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.1.1", "192.168.255.255"}},
	{"100.64.0.0/10", []string{"100.64.0.0", "100.100.100.200", "100.127.255.255"}},
	{"127.0.0.0/8", []string{"127.0.0.0", "127.0.0.1", "127.1.2.3", "127.255.255.255"}},
	{"169.254.0.0/16", []string{"169.254.0.0", "169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.255.255"}},
	{"168.63.129.16/32", []string{"168.63.129.16"}},
	{"192.0.0.0/24", []string{"192.0.0.0", "192.0.0.192", "192.0.0.255"}},
	{"documentation of IPv4", []string{"192.0.2.0", "192.0.2.255", "198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255"}},
	{"192.88.99.0/24", []string{"192.88.99.0", "192.88.99.1", "192.88.99.255"}},
	{"198.18.0.0/15", []string{"198.18.0.0", "198.19.255.255"}},
	{"multicast, reserved, broadcast", []string{"224.0.0.0", "224.0.0.251", "239.255.255.255", "240.0.0.0", "255.255.255.255"}},
	{"::, ::1, ::/96", []string{"::", "::1", "::127.0.0.1", "::a9fe:a9fe", "::1.1.1.1"}},
	{"::ffff:0:0/96", []string{"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:100.100.100.200"}},
	{"::ffff:0:0:0/96", []string{"::ffff:0:169.254.169.254", "::ffff:0:1.1.1.1"}},
	{"64:ff9b::/96", []string{"64:ff9b::a9fe:a9fe", "64:ff9b::1.1.1.1"}},
	{"64:ff9b:1::/48", []string{"64:ff9b:1::a9fe:a9fe", "64:ff9b:1:ffff::1"}},
	{"100::/64, 100:0:0:1::/64", []string{"100::1", "100:0:0:1::1"}},
	{"2001::/23", []string{"2001::1", "2001:0:7f00:1::", "2001:10::1", "2001:20::1", "2001:1ff:ffff::1"}},
	{"documentation of IPv6", []string{"2001:db8::1", "2001:db8:ffff::1", "3fff::1", "3fff:fff::1"}},
	{"2002::/16", []string{"2002:a9fe:a9fe::1", "2002:7f00:1::", "2002:101:101::1"}},
	{"5f00::/16", []string{"5f00::1"}},
	{"fc00::/7", []string{"fc00::1", "fd00:ec2::254", "fd20:ce::254", "fdff:ffff::1"}},
	{"fe80::/10, ff00::/8", []string{"fe80::1", "febf::1", "ff02::1", "ff0e::1"}},
	{"fec0::/10", []string{"fec0::1", "feff::1"}},
	{"ISATAP", []string{"2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:169.254.169.254", "fe80::5efe:127.0.0.1"}},
	{"outside 2000::/3", []string{"1fff::1", "4000::1", "8000::1", "e000::1"}},
}

// closedAddresses are all of them.
func closedAddresses() []string {
	var all []string
	for _, r := range closedRanges {
		all = append(all, r.addrs...)
	}
	return all
}

// ssrf.md section 2: every range, as a literal in the URL and as the answer of
// a look-up, alone and beside a public address, before and after it.
func TestClosedRanges(t *testing.T) {
	for _, r := range closedRanges {
		t.Run(r.row, func(t *testing.T) {
			for _, addr := range r.addrs {
				literal := addr
				if strings.Contains(addr, ":") {
					literal = "[" + addr + "]"
				}
				public := "2606:4700::1111"
				for name, rule := range map[string]Rule{
					"literal":      refusedBy(t, asShipped(), "https://"+literal+":9/"),
					"alone":        refusedBy(t, asShipped(), "https://x.example:9/", []string{addr}),
					"after public": refusedBy(t, asShipped(), "https://x.example:9/", []string{"1.1.1.1", public, addr}),
					"first":        refusedBy(t, asShipped(), "https://x.example:9/", []string{addr, "1.1.1.1"}),
				} {
					if rule != RuleNotPublic && rule != RuleMetadata {
						t.Errorf("%s, %s: refused by %q", addr, name, rule)
					}
				}
			}
		})
	}
}

func TestPublicAddressesAreOpen(t *testing.T) {
	for _, addr := range []string{
		"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "168.63.129.15", "169.253.255.255",
		"169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
		"203.0.112.255", "203.0.114.0", "223.255.255.255", "2000::1", "2001:200::1", "2001:db7::1", "2003::1", "2606:4700::1111", "2a00:1450::1",
		"3ffe::1", "::ffff:1.1.1.1",
	} {
		p, err := newPolicy(ptr(asShipped()), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.checkAddrs(site{host: "x.example"}, []netip.Addr{netip.MustParseAddr(addr)}); err != nil {
			t.Errorf("the public address %s is refused: %v", addr, err)
		}
	}
}

// openOnly is a policy that opens one address of this machine and none beside it.
func openOnly(addr string) config.Egress {
	return config.Egress{DNSRebindProtection: true, Allow: []config.EgressRule{
		{Prefix: netip.PrefixFrom(netip.MustParseAddr(addr), 32)}, {Host: "*"},
	}}
}

// sinkAt is a target at another address of this machine than that of the rest.
func sinkAt(t *testing.T, addr string) *sink {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{}
	s.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: s.handler(nil)}} //nolint:gosec // a test
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// C68, and the row about rebinding of ssrf.md section 3, for every range: the
// first look-up names a target that gets the message, the second names what it
// must not reach, or both together.
func TestTurningAnswers(t *testing.T) {
	const open = "127.0.0.2"
	s := sinkAt(t, open)
	for _, r := range closedRanges {
		t.Run(r.row, func(t *testing.T) {
			for _, addr := range r.addrs {
				o := options()
				o.Egress = openOnly(open)
				o.Resolver = resolve("x.example", []string{open}, []string{addr}, []string{open, addr}, []string{open})
				d := newDeliverer(t, o)
				target := newTarget(t, d, config.Target{URL: "http://x.example:" + port(t, s.URL)})
				before := s.count()
				wantResult(t, target.Attempt(t.Context(), message()), Done, 200, None)
				d.Close() // or there were no second look-up
				wantResult(t, target.Attempt(t.Context(), message()), GiveUp, 0, ReasonEgress)
				wantResult(t, target.Attempt(t.Context(), message()), GiveUp, 0, ReasonEgress)
				wantResult(t, target.Attempt(t.Context(), message()), Done, 200, None)
				if got := s.count() - before; got != 2 {
					t.Errorf("%s: the target got %d requests, want the 2 for which only its address was named", addr, got)
				}
			}
		})
	}
}

// A checked answer is what is dialled: the resolver is asked once for each
// connection and its later answers play no part. C68.
func TestRebinding(t *testing.T) {
	s := newSink(t, nil)
	at := port(t, s.URL)
	for name, c := range map[string]struct {
		answers [][]string
		results []Reason
	}{
		"good, then bad, connection kept": {[][]string{{"127.0.0.1"}, {"127.0.0.2"}}, []Reason{None, None, None}},
		"bad at once":                     {[][]string{{"127.0.0.2"}, {"127.0.0.1"}}, []Reason{ReasonEgress, None}},
		"both together":                   {[][]string{{"127.0.0.1", "127.0.0.2"}}, []Reason{ReasonEgress, ReasonEgress}},
		"nothing":                         {[][]string{{}}, []Reason{ReasonDNS}},
	} {
		o := options()
		o.Resolver = resolve("x.example", c.answers...)
		target := newTarget(t, newDeliverer(t, o), config.Target{URL: "http://x.example:" + at})
		for i, want := range c.results {
			if r := target.Attempt(t.Context(), message()); r.Reason != want {
				t.Errorf("%s, attempt %d: %q (%v), want %q", name, i, r.Reason, r.Cause, want)
			}
		}
	}
	o := options()
	o.Resolver = resolve("x.example", []string{"127.0.0.1"}, []string{"127.0.0.2"})
	d := newDeliverer(t, o)
	target := newTarget(t, d, config.Target{URL: "http://x.example:" + at})
	wantResult(t, target.Attempt(t.Context(), message()), Done, 200, None)
	d.Close()
	wantResult(t, target.Attempt(t.Context(), message()), GiveUp, 0, ReasonEgress)
}
