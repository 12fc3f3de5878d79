package peer

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func proxies(prefixes ...string) Proxies {
	var p Proxies
	for _, s := range prefixes {
		p.Trusted = append(p.Trusted, netip.MustParsePrefix(s))
	}
	return p
}

var lan = proxies("10.0.0.0/8", "192.0.2.1/32", "fd00::/8")

func TestClient(t *testing.T) {
	tests := []struct {
		name    string
		proxies Proxies
		peer    string
		lines   string // of X-Forwarded-For, parted by |
		want    string // empty for none
	}{
		{"no proxy", lan, "203.0.113.9:4711", "", "203.0.113.9"},
		{"badinput 57 spoof without trusted proxies", Proxies{}, "203.0.113.9:1", "198.51.100.1", "203.0.113.9"},
		{"badinput 57 spoof past the proxy", lan, "203.0.113.9:1", "10.0.0.1", "203.0.113.9"},
		{"badinput 57 spoof through the proxy", lan, "10.0.0.1:1", "198.51.100.1, 203.0.113.9", "203.0.113.9"},
		{"spoof of a trusted address", lan, "10.0.0.1:1", "10.9.9.9, 203.0.113.9", "203.0.113.9"},
		{"trusted, but silent", lan, "10.0.0.1:1", "", "10.0.0.1"},
		{"C35 one proxy", lan, "192.0.2.1:1", "192.0.2.7", "192.0.2.7"},
		{"chain", lan, "10.0.0.1:1", "203.0.113.9, 10.0.0.3,10.0.0.2", "203.0.113.9"},
		{"chain of all trusted", lan, "10.0.0.1:1", "10.0.0.4, 10.0.0.3", "10.0.0.4"},
		{"lines in order", lan, "10.0.0.1:1", "198.51.100.1|203.0.113.9|10.0.0.3, 10.0.0.2", "203.0.113.9"},
		{"IPv6", lan, "[fd00::1]:1", "2001:db8::7, fd00::2", "2001:db8::7"},
		{"C82 mapped peer", lan, "[::ffff:203.0.113.9]:1", "", "203.0.113.9"},
		{"C82 mapped proxy", lan, "[::ffff:10.0.0.1]:1", "203.0.113.9", "203.0.113.9"},
		{"mapped in the header", lan, "10.0.0.1:1", "203.0.113.9, ::ffff:10.0.0.2", "203.0.113.9"},
		{"zone", proxies("fe80::/10"), "[fe80::1%eth0]:1", "203.0.113.9", "203.0.113.9"},
		{"with a port", lan, "10.0.0.1:1", "203.0.113.9:555", "203.0.113.9"},
		{"IPv6 with a port", lan, "10.0.0.1:1", "[2001:db8::7]:555", "2001:db8::7"},
		{"IPv6 in brackets", lan, "10.0.0.1:1", "[2001:db8::7]", "2001:db8::7"},
		{"IPv4 in brackets", lan, "10.0.0.1:1", "[203.0.113.9]", "10.0.0.1"},
		{"bracket left open", lan, "10.0.0.1:1", "[2001:db8::7", "10.0.0.1"},
		{"blanks and tabs", lan, "10.0.0.1:1", " 203.0.113.9\t,\t10.0.0.2 ", "203.0.113.9"},
		{"empty elements", lan, "10.0.0.1:1", "203.0.113.9,, ,10.0.0.2,|", "203.0.113.9"},
		{"unknown client", lan, "10.0.0.1:1", "203.0.113.9, unknown, 10.0.0.2", "10.0.0.2"},
		{"garbage alone", lan, "10.0.0.1:1", "a' OR 1", "10.0.0.1"},
		{"leading zeros", lan, "10.0.0.1:1", "203.0.113.009", "10.0.0.1"},
		{"everybody is trusted", proxies("0.0.0.0/0", "::/0"), "203.0.113.9:1", "198.51.100.1, 198.51.100.2", "198.51.100.1"},
		{"Unix socket", Proxies{}, "@", "203.0.113.9", ""},
		{"Unix socket with trust", lan, "@", "203.0.113.9", "203.0.113.9"},
		{"Unix socket of an empty name", lan, "", "203.0.113.9", "203.0.113.9"},
		{"Unix socket of a path", lan, "/run/nginx.sock", "198.51.100.1, 203.0.113.9", "203.0.113.9"},
		{"Unix socket with trust, silent", lan, "@", "", ""},
		{"Unix socket, garbage", lan, "@", "unknown", ""},
		{"no address at all", lan, "pipe", "203.0.113.9", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := http.Header{}
			if test.lines != "" {
				h["X-Forwarded-For"] = strings.Split(test.lines, "|")
			}
			var want netip.Addr
			if test.want != "" {
				want = netip.MustParseAddr(test.want)
			}
			if got := test.proxies.Client(test.peer, h); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestOnlyXForwardedForIsRead(t *testing.T) {
	h := http.Header{"Forwarded": {"for=203.0.113.9"}, "X-Real-Ip": {"203.0.113.9"}, "X-Forwarded-For ": {"203.0.113.9"}}
	if got := lan.Client("10.0.0.1:1", h); got != netip.MustParseAddr("10.0.0.1") {
		t.Errorf("got %v from another header", got)
	}
}

func TestHopsAreBounded(t *testing.T) {
	near := strings.Repeat(",10.0.0.2", maxHops-1)
	within := http.Header{"X-Forwarded-For": {"203.0.113.9" + near}}
	if got := lan.Client("10.0.0.1:1", within); got != netip.MustParseAddr("203.0.113.9") {
		t.Errorf("%v at the end of %d hops", got, maxHops)
	}
	beyond := http.Header{"X-Forwarded-For": {"203.0.113.9,10.0.0.3" + near}}
	if got := lan.Client("10.0.0.1:1", beyond); got != netip.MustParseAddr("10.0.0.3") {
		t.Errorf("%v beyond %d hops", got, maxHops)
	}
	empty := http.Header{"X-Forwarded-For": {"203.0.113.9" + strings.Repeat(",", maxHops)}}
	if got := lan.Client("10.0.0.1:1", empty); got != netip.MustParseAddr("10.0.0.1") {
		t.Errorf("%v beyond %d empty hops", got, maxHops)
	}
}

// FuzzClient holds that nobody but a trusted peer has a say, and that the
// address is always one that was written, by the peer or in the list: reading
// the list again from there changes nothing.
func FuzzClient(f *testing.F) {
	for _, seed := range [][3]string{
		{"10.0.0.1:1", "203.0.113.9, 10.0.0.2", "10.0.0.3"}, {"203.0.113.9:1", "10.0.0.1", ""},
		{"@", "[2001:db8::1]:80", "unknown"}, {"[::ffff:10.0.0.1]:1", ",,", "1.2.3.4%eth0"}, {"", "[", "]"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, remoteAddr, line1, line2 string) {
		h := http.Header{"X-Forwarded-For": {line1, line2}}
		got := lan.Client(remoteAddr, h)
		peer := lan.Client(remoteAddr, nil)
		if got != got.Unmap() || got.Zone() != "" {
			t.Fatalf("%v is not plain", got)
		}
		if peer.IsValid() && !lan.trusts(peer) && got != peer {
			t.Fatalf("the untrusted peer %v passed for %v", peer, got)
		}
		if got != peer && !strings.Contains(line1+line2, ".") && !strings.Contains(line1+line2, ":") {
			t.Fatalf("%v is from nowhere", got)
		}
		if got.IsValid() && lan.Client(netip.AddrPortFrom(got, 1).String(), nil) != got {
			t.Fatalf("%v does not stay what it is", got)
		}
		if one := lan.Client(remoteAddr, http.Header{"X-Forwarded-For": {line1 + "," + line2}}); one != got {
			t.Fatalf("%v over two lines, %v in one", got, one)
		}
	})
}

func BenchmarkClient(b *testing.B) {
	h := http.Header{"X-Forwarded-For": {"198.51.100.1, 203.0.113.9, 10.0.0.2"}}
	b.ReportAllocs()
	for b.Loop() {
		lan.Client("10.0.0.1:4711", h)
	}
}
