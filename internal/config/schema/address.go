package schema

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"hookaido/internal/config"
)

// prefixesKind is a CIDR prefix or an address, given as a prefix.
func prefixesKind() Kind {
	return Kind{Name: "address", Form: "an IP address or a CIDR prefix", Parse: func(text string) (any, *Problem) {
		if addr, err := netip.ParseAddr(text); err == nil {
			addr = addr.Unmap().WithZone("")
			return netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if !strings.Contains(text, "/") {
			return bad("write an address such as 198.51.100.7 or a prefix such as 198.51.100.0/24", "%s is not an IP address", quote(text))
		}
		return parseCIDRValue(text)
	}}
}

func parseCIDRValue(text string) (any, *Problem) {
	prefix, problem := parseCIDR(text)
	return prefix, problem
}

// hostKind is a host pattern of a matcher, given in lower case, without a port
// and without brackets.
func hostKind() Kind {
	const hint = "write a host, *.example.org for its sub-domains, or *"
	return Kind{Name: "host", Form: "a host, *.SUFFIX for sub-domains, or *", Parse: func(text string) (any, *Problem) {
		host := strings.ToLower(text)
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		host = strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), ".")
		switch {
		case text == "":
			return bad(hint, "the host is empty")
		case strings.Contains(text, "://"):
			return bad("write the host alone", "%s is a URL", quote(text))
		case host == "*", isAddress(host), isHostName(strings.TrimPrefix(host, "*.")):
			return host, nil
		case strings.Contains(host, "*"):
			return bad(hint, `%s: "*" stands only alone or in front of a dot`, quote(text))
		}
		return bad(hint, "%s is not a host", quote(text))
	}}
}

// egressKind is a CIDR prefix, an IP address or a host pattern.
func egressKind() Kind {
	return Kind{Name: "rule", Form: "a CIDR prefix, an IP address, a host, *.SUFFIX or *", Parse: parseEgress}
}

const egressHint = "write a prefix (10.0.0.0/8), an address, a host, *.example.org for its sub-domains, or *"

func parseEgress(text string) (any, *Problem) {
	if addr, err := netip.ParseAddr(text); err == nil {
		addr = addr.Unmap().WithZone("")
		return config.EgressRule{Prefix: netip.PrefixFrom(addr, addr.BitLen())}, nil
	}
	if strings.Contains(text, "/") && !strings.Contains(text, "://") {
		prefix, problem := parseCIDR(text)
		return config.EgressRule{Prefix: prefix}, problem
	}
	host := strings.TrimSuffix(strings.ToLower(text), ".")
	switch {
	case text == "":
		return bad(egressHint, "the rule is empty")
	case host == "*", isHostName(strings.TrimPrefix(host, "*.")):
		return config.EgressRule{Host: host}, nil
	case strings.Contains(text, "://"):
		return bad("a rule is about hosts; write the host alone", "%q is a URL", text)
	}
	return bad(egressHint, "%q is neither an address nor a host", text)
}

// parseCIDR reads a prefix and drops bits after it, with a warning.
func parseCIDR(text string) (netip.Prefix, *Problem) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, &Problem{Code: CodeValue, Message: quote(text) + " is not a CIDR prefix",
			Hint: "write an address and the number of its leading bits, such as 10.0.0.0/8"}
	}
	if prefix.Addr().Is4In6() {
		return unmapped(prefix)
	}
	masked := prefix.Masked()
	if masked != prefix {
		return masked, &Problem{Code: CodeValue, Warning: true,
			Message: fmt.Sprintf("%q has bits set after the prefix; it is taken as %s", text, masked),
			Hint:    fmt.Sprintf("write %s", masked)}
	}
	return masked, nil
}

// unmapped turns a prefix of IPv4 addresses in their IPv6 form into the usual
// one, by which clients and targets are known. One that has more than IPv4
// addresses is refused, because it looks like it had them.
func unmapped(prefix netip.Prefix) (netip.Prefix, *Problem) {
	const mappedBits = 96
	if prefix.Bits() < mappedBits {
		return prefix, &Problem{Code: CodeValue, Message: quote(prefix.String()) + " can never match: IPv4 addresses are compared in their usual form",
			Hint: "write an IPv4 prefix, such as 10.0.0.0/8"}
	}
	plain := netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mappedBits).Masked()
	return plain, &Problem{Code: CodeValue, Warning: true, Message: fmt.Sprintf("%q is taken as %s", prefix.String(), plain), Hint: "write " + plain.String()}
}
