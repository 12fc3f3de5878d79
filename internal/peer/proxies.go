// Package peer finds out whom a request is from when there are proxies between
// the client and us.
//
// Two ways are known, both only for proxies that the operator named: the
// X-Forwarded-For header, see [Proxies.Client], and the PROXY protocol in front
// of a connection, see [ListenProxy]. What anybody else says of itself is never
// believed. The Forwarded header of RFC 7239 is not read.
package peer

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxHops bounds the elements of X-Forwarded-For that are looked at.
const maxHops = 64

// Proxies are the peers whose word about their clients is believed. The zero
// value believes nobody. It is safe for concurrent use as long as Trusted does
// not change.
//
// A peer on a Unix socket has no address. The permissions of the socket say
// who may connect, so it counts as trusted as soon as anybody is.
type Proxies struct {
	Trusted []netip.Prefix
}

// Client returns the address of the client of a request, IPv4 in its own form
// and without a zone. remoteAddr is that of [http.Request]; h has the headers
// of the request.
//
// It is the address of the peer unless that is trusted. Each proxy appends to
// X-Forwarded-For whom it got the request from, so the list is read from its
// end, over all lines of the header: the client is the first address that is
// not trusted, because what stands before it is only that client's word. Of a
// list that has nobody else it is the first address. An element that is no
// address, such as "unknown", ends the reading: the client is then the proxy
// that wrote it. An address may have a port. Empty elements are left out, and
// all beyond the last 64.
//
// The zero Addr stands for a client without an address: a peer on a Unix
// socket that names none.
func (p Proxies) Client(remoteAddr string, h http.Header) netip.Addr {
	addr, known := peerAddr(remoteAddr)
	if len(p.Trusted) == 0 || !known || addr.IsValid() && !p.trusts(addr) {
		return addr
	}
	return p.forwarded(addr, h["X-Forwarded-For"])
}

// trusts reports whether addr, which has no zone, is that of a trusted peer.
func (p Proxies) trusts(addr netip.Addr) bool {
	for _, prefix := range p.Trusted {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// forwarded goes back from the peer along the lines of X-Forwarded-For.
func (p Proxies) forwarded(client netip.Addr, lines []string) netip.Addr {
	hops := 0
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; hops++ {
			if hops == maxHops {
				return client
			}
			comma := strings.LastIndexByte(rest, ',')
			element := strings.Trim(rest[comma+1:], " \t")
			rest, more = rest[:max(comma, 0)], comma >= 0
			if element == "" {
				continue
			}
			hop, ok := parseHop(element)
			if !ok {
				return client
			}
			client = hop
			if !p.trusts(hop) {
				return client
			}
		}
	}
	return client
}

// peerAddr returns the address in remoteAddr. It is the zero Addr for a Unix
// socket; known is false for anything else.
func peerAddr(remoteAddr string) (addr netip.Addr, known bool) {
	if remoteAddr == "" || remoteAddr[0] == '@' || remoteAddr[0] == '/' {
		return netip.Addr{}, true
	}
	ap, err := netip.ParseAddrPort(remoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	return plain(ap.Addr()), true
}

// parseHop reads an element of X-Forwarded-For.
func parseHop(s string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return plain(addr), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plain(ap.Addr()), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return plain(addr), ok && err == nil && addr.Is6()
	}
	return netip.Addr{}, false
}

// plain gives addresses the form that prefixes have.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }
