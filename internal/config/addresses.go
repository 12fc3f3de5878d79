package config

import (
	"net/netip"
	"slices"
)

// IsMetadata reports whether an address is one where a cloud serves the
// credentials of its machines, or controls them, or stands for such a one by a
// way from IPv6 to IPv4.
func IsMetadata(addr netip.Addr) bool {
	addr = addr.Unmap()
	return slices.ContainsFunc(append(embedded(addr), addr), isMetadata)
}

// isMetadata reports whether an address is one where a cloud serves the
// credentials of its machines, or controls them.
func isMetadata(addr netip.Addr) bool {
	switch addr.String() {
	case "169.254.169.254", // AWS, Azure, Google, and most others
		"169.254.170.2", "169.254.170.23", "fd00:ec2::23", // containers of AWS
		"fd00:ec2::254",   // AWS
		"fd20:ce::254",    // Google
		"100.100.100.200", // Alibaba
		"192.0.0.192",     // Oracle
		"168.63.129.16":   // Azure
		return true
	}
	return false
}

// embedded returns the IPv4 addresses that an IPv6 address may stand for, by
// one of the ways that were made to cross from one to the other: RFC 4291
// (compatible), 2765 (translated), 6052 and 8215 (NAT64), 3056 (6to4), 4380
// (Teredo, which inverts the client's address), 5214 (ISATAP).
func embedded(addr netip.Addr) []netip.Addr {
	if !addr.Is6() {
		return nil
	}
	b := addr.As16()
	v4 := func(i int) netip.Addr { return netip.AddrFrom4([4]byte(b[i : i+4])) }
	within := func(prefix string) bool { return netip.MustParsePrefix(prefix).Contains(addr) }
	switch {
	case within("::/96"), within("::ffff:0:0:0/96"), within("64:ff9b::/96"), within("64:ff9b:1::/48"), isISATAP(addr):
		return []netip.Addr{v4(12)}
	case within("2002::/16"):
		return []netip.Addr{v4(2)}
	case within("2001::/32"):
		client := [4]byte{^b[12], ^b[13], ^b[14], ^b[15]}
		return []netip.Addr{v4(4), netip.AddrFrom4(client)}
	}
	return nil
}

// isISATAP reports whether an address is of a tunnel to an IPv4 address, which
// any network may contain.
func isISATAP(addr netip.Addr) bool {
	b := addr.As16()
	return addr.Is6() && b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

// lastOf returns the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}
