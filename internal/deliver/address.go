package deliver

import (
	"net"
	"net/netip"
	"slices"
)

// concrete puts the addresses of this machine in the place of unspecified ones.
func concrete(own []netip.AddrPort) ([]netip.AddrPort, error) {
	var list []netip.AddrPort
	var local []netip.Addr
	for _, o := range own {
		addr := o.Addr().Unmap().WithZone("")
		if !addr.IsUnspecified() {
			list = append(list, netip.AddrPortFrom(addr, o.Port()))
			continue
		}
		if local == nil {
			var err error
			if local, err = localAddrs(); err != nil {
				return nil, err
			}
		}
		for _, a := range local {
			list = append(list, netip.AddrPortFrom(a, o.Port()))
		}
	}
	slices.SortFunc(list, netip.AddrPort.Compare)
	return slices.Compact(list), nil
}

// localAddrs returns the addresses by which this machine reaches itself.
func localAddrs() ([]netip.Addr, error) {
	list := []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
	nets, err := net.InterfaceAddrs()
	if err != nil { // netlink is refused
		local, err := procAddrs(procNet)
		return append(list, local...), err
	}
	for _, n := range nets {
		if prefix, err := netip.ParsePrefix(n.String()); err == nil {
			list = append(list, prefix.Addr().Unmap().WithZone(""))
		}
	}
	return list, nil
}
