package config

import (
	"net/netip"
	"slices"
	"strings"
)

// EgressPart names the part of an egress policy that refuses a target.
type EgressPart string

// The parts that refuse.
const (
	EgressHTTPSOnly  EgressPart = "https_only"
	EgressDenied     EgressPart = "deny"
	EgressNotAllowed EgressPart = "not_allowed"
	EgressNotPublic  EgressPart = "not_public"
	EgressMetadata   EgressPart = "metadata"
)

// EgressRefusal says why a policy refuses a target.
type EgressRefusal struct {
	Part EgressPart
	// By is the rule that denies, nil for none.
	By *EgressRule
	// Why is a clause about the target, Hint what would let it through.
	Why, Hint string
}

const hintPrivate = "to deliver inside your network, allow the network by its own prefix, such as 10.0.0.0/8"

// RefuseSite judges a target as far as that goes without looking it up; nil lets
// it through so far. The host is in lower case, without a port, brackets and a
// dot at its end.
func (e *Egress) RefuseSite(scheme, host string) *EgressRefusal {
	addr, err := netip.ParseAddr(host)
	literal := err == nil
	byAddress := slices.ContainsFunc(e.Allow, func(r EgressRule) bool { return r.Prefix.IsValid() })
	denied := slices.IndexFunc(e.Deny, func(r EgressRule) bool { return r.fitsHost(host) })
	switch {
	case e.HTTPSOnly && scheme != "https":
		return &EgressRefusal{Part: EgressHTTPSOnly, Why: "it has no TLS, and https_only is on",
			Hint: "use https, or write defaults { egress { https_only off } }"}
	case denied >= 0:
		return &EgressRefusal{Part: EgressDenied, By: &e.Deny[denied], Why: "a rule denies the host", Hint: "remove the target or the rule"}
	case e.DNSRebindProtection && (host == "localhost" || strings.HasSuffix(host, ".localhost")):
		return &EgressRefusal{Part: EgressNotPublic, Why: "the name stands for this machine, and dns_rebind_protection is on",
			Hint: "write 127.0.0.1, and allow 127.0.0.1"}
	case literal:
		return e.RefuseAddr(host, addr)
	case len(e.Allow) > 0 && !e.allowsHost(host) && (!byAddress || e.Proxy != ""):
		return &EgressRefusal{Part: EgressNotAllowed, Why: "no rule allows the host", Hint: "add: allow " + host}
	}
	return nil
}

// RefuseAddr judges one address of a target's host. A target is refused if any
// of its addresses is.
func (e *Egress) RefuseAddr(host string, addr netip.Addr) *EgressRefusal {
	addr = addr.Unmap()
	if addr.Zone() != "" {
		return &EgressRefusal{Part: EgressNotPublic, Why: "the address has a zone", Hint: "write the address alone"}
	}
	for _, a := range append(embedded(addr), addr) {
		if n := slices.IndexFunc(e.Deny, func(r EgressRule) bool { return r.contains(a) }); n >= 0 {
			return &EgressRefusal{Part: EgressDenied, By: &e.Deny[n], Why: "the rule " + e.Deny[n].Prefix.String() + " denies it", Hint: "remove the target or the rule"}
		}
		if isMetadata(a) && !e.Names(addr) {
			return &EgressRefusal{Part: EgressMetadata, Why: "clouds keep the credentials of their machines there", Hint: "only a rule with exactly this address allows it"}
		}
	}
	if e.DNSRebindProtection && !IsPublic(addr) && !e.opens(addr) {
		return &EgressRefusal{Part: EgressNotPublic, Why: "it is not a public address, and dns_rebind_protection is on", Hint: hintPrivate}
	}
	within := slices.ContainsFunc(e.Allow, func(r EgressRule) bool { return r.contains(addr) })
	if len(e.Allow) > 0 && !within && !e.allowsHost(host) {
		return &EgressRefusal{Part: EgressNotAllowed, Why: "no rule allows it", Hint: "add: allow " + host}
	}
	return nil
}

// Names reports whether an allow rule is this one address.
func (e *Egress) Names(addr netip.Addr) bool {
	only := netip.PrefixFrom(addr, addr.BitLen())
	return slices.ContainsFunc(e.Allow, func(r EgressRule) bool { return r.Prefix == only })
}

// opens reports whether an allow rule shows that an address which is not public
// is meant. A rule about the whole internet, or a large part of it, doesn't:
// all of its prefix must be private.
func (e *Egress) opens(addr netip.Addr) bool {
	return slices.ContainsFunc(e.Allow, func(r EgressRule) bool {
		p := r.Prefix
		if !r.contains(addr) || p.Bits() < 7 || p.Bits() < 8 && p.Addr().Is4() {
			return false
		}
		return !IsPublic(p.Masked().Addr()) && !IsPublic(lastOf(p))
	})
}

func (e *Egress) allowsHost(host string) bool {
	return slices.ContainsFunc(e.Allow, func(r EgressRule) bool { return r.fitsHost(host) })
}

func (r EgressRule) contains(addr netip.Addr) bool {
	return r.Prefix.IsValid() && r.Prefix.Contains(addr)
}

// fitsHost reports whether the rule speaks of a host.
func (r EgressRule) fitsHost(host string) bool {
	if r.Prefix.IsValid() {
		return false
	}
	suffix, wild := strings.CutPrefix(r.Host, "*")
	return host == r.Host || wild && strings.HasSuffix(host, suffix) && len(host) > len(suffix)
}

// OfConnection reports whether a header, in canonical form, is about a
// connection or the framing of a request, and so not about a message: it is not
// delivered, whether a sender or the configuration has it.
func OfConnection(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings",
		"Content-Length", "Expect", "Host":
		return true
	}
	return strings.HasPrefix(name, "Proxy-")
}
