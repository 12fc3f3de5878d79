package auth

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

var errMetadata = errors.New("this is an address where clouds keep the credentials of machines, which no request may reach")

// dialer connects to any address but those of metadata services, whatever the
// name in the URL or in a redirect resolves to.
func dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
		target, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if isMetadata(target.Addr()) {
			return errMetadata
		}
		return nil
	}}
}

// isMetadata reports whether an address is that of a metadata service: all of
// IPv4's link-local range, and the single addresses of Alibaba, Azure, Oracle,
// Amazon and Google.
func isMetadata(a netip.Addr) bool {
	a = embedded(a.Unmap().WithZone(""))
	if a.Is4() && a.IsLinkLocalUnicast() {
		return true
	}
	switch a.String() {
	case "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254":
		return true
	}
	return false
}

// embedded returns the IPv4 address within one of NAT64 (RFC 6052), 6to4 or
// SIIT, and any other address as it is.
func embedded(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	b := a.As16()
	in := func(prefix string) bool { return netip.MustParsePrefix(prefix).Contains(a) }
	switch {
	case in("64:ff9b::/96"), in("64:ff9b:1::/48"), in("::ffff:0:0:0/96"), in("::/96"):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case in("2002::/16"):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return a
}
