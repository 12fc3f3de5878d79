package config

import (
	"net/netip"
	"slices"
)

// IsPublic reports whether an address is one of the public internet. All that
// is private, local, reserved or carries an IPv4 address inside is not, nor is
// the address at which Azure serves its virtual machines.
func IsPublic(addr netip.Addr) bool {
	addr = addr.Unmap()
	if addr.Zone() != "" {
		return false
	}
	within := func(p netip.Prefix) bool { return p.Contains(addr) }
	if addr.Is4() {
		return !slices.ContainsFunc(closedIPv4(), within)
	}
	global := netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20}), 3)
	return global.Contains(addr) && !slices.ContainsFunc(closedIPv6(), within) && !isISATAP(addr)
}

// closedIPv4 are the ranges of the IANA registry of special purposes that
// aren't global, with multicast, what was reserved, and 168.63.129.16.
func closedIPv4() []netip.Prefix {
	return prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/4", "240.0.0.0/4")
}

// closedIPv6 are the ranges inside 2000::/3 that aren't public; nothing outside
// it is.
func closedIPv6() []netip.Prefix {
	return prefixes("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}
