package auth

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"hookaido/internal/config"
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

// isMetadata reports whether an address is that of a metadata service. All of
// IPv4's link-local range counts, for nobody decides about webhooks from there.
func isMetadata(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return config.IsMetadata(a) || a.Is4() && a.IsLinkLocalUnicast()
}
