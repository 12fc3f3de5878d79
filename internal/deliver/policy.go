package deliver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"hookaido/internal/config"
)

// Rule names the part of the egress policy that refused a target. It may be a
// label of metrics.
type Rule string

// The rules that refuse.
const (
	RuleMalformed  Rule = "malformed"
	RuleHTTPSOnly  Rule = "https_only"
	RuleDeny       Rule = "deny"
	RuleNotAllowed Rule = "not_allowed"
	RuleNotPublic  Rule = "not_public"
	RuleMetadata   Rule = "metadata"
	RuleOwn        Rule = "own_listener"
	RuleRedirect   Rule = "redirect"
)

// Denial is a refusal by the egress policy.
type Denial struct {
	Rule Rule
	// Host is the target's host, Addr the address that was refused. They are
	// empty if the refusal is about something else.
	Host string
	Addr netip.Addr
	what string
}

// Error tells what was refused and why, without the target's URL.
func (d *Denial) Error() string {
	text := "egress refuses the target"
	switch {
	case d.Addr.IsValid() && d.Addr.String() != d.Host:
		text += fmt.Sprintf(" %s at %s", d.Host, d.Addr)
	case d.Host != "":
		text += " " + d.Host
	}
	return text + ": " + d.what
}

// policy is an egress policy, fixed when it is made.
type policy struct {
	httpsOnly, protect, redirects bool
	allow, deny                   rules
	proxy                         *site
	own                           []netip.AddrPort
}

// rules are the rules of one list.
type rules struct {
	prefixes []netip.Prefix
	hosts    []string
}

func newPolicy(e *config.Egress, own []netip.AddrPort) (*policy, error) {
	p := &policy{
		httpsOnly: e.HTTPSOnly, protect: e.DNSRebindProtection, redirects: e.Redirects,
		allow: newRules(e.Allow), deny: newRules(e.Deny),
	}
	var err error
	if p.own, err = concrete(own); err != nil {
		return nil, fmt.Errorf("egress: list the addresses of this machine: %w", err)
	}
	if e.Proxy != "" {
		_, s, err := parseURL(e.Proxy)
		if err != nil {
			return nil, fmt.Errorf("egress proxy: %w", err)
		}
		p.proxy = &s
	}
	return p, nil
}

func newRules(list []config.EgressRule) rules {
	var r rules
	for _, rule := range list {
		if rule.Prefix.IsValid() {
			r.prefixes = append(r.prefixes, rule.Prefix)
		} else {
			r.hosts = append(r.hosts, rule.Host)
		}
	}
	return r
}

func (r rules) empty() bool { return len(r.prefixes)+len(r.hosts) == 0 }

// fitsHost reports whether a rule speaks of a host.
func (r rules) fitsHost(host string) bool {
	return slices.ContainsFunc(r.hosts, func(rule string) bool {
		suffix, wild := strings.CutPrefix(rule, "*")
		return host == rule || wild && strings.HasSuffix(host, suffix) && len(host) > len(suffix)
	})
}

// prefixOf returns a rule that has the address.
func (r rules) prefixOf(addr netip.Addr) (netip.Prefix, bool) {
	i := slices.IndexFunc(r.prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
	if i < 0 {
		return netip.Prefix{}, false
	}
	return r.prefixes[i], true
}

// checkSite judges a target as far as that goes without looking it up.
func (p *policy) checkSite(s site) error {
	deny := func(rule Rule, what string) error { return &Denial{Rule: rule, Host: s.host, what: what} }
	localhost := s.host == "localhost" || strings.HasSuffix(s.host, ".localhost")
	switch {
	case p.httpsOnly && s.scheme != "https":
		return deny(RuleHTTPSOnly, "it has no TLS, and https_only is on")
	case p.deny.fitsHost(s.host):
		return deny(RuleDeny, "a rule denies the host")
	case p.protect && localhost:
		return deny(RuleNotPublic, "the name stands for this machine, and dns_rebind_protection is on")
	case s.addr.IsValid():
		return p.checkAddrs(s, []netip.Addr{s.addr})
	case !p.allow.empty() && !p.allow.fitsHost(s.host) && (len(p.allow.prefixes) == 0 || p.proxy != nil):
		return deny(RuleNotAllowed, "no rule allows the host; add: allow "+s.host)
	}
	return nil
}

// checkAddrs judges all addresses of a target. One bad one refuses it.
func (p *policy) checkAddrs(s site, addrs []netip.Addr) error {
	for _, addr := range addrs {
		if err := p.checkAddr(s, addr); err != nil {
			return err
		}
	}
	return nil
}

func (p *policy) checkAddr(s site, addr netip.Addr) error {
	addr = addr.Unmap()
	deny := func(rule Rule, what string) error { return &Denial{Rule: rule, Host: s.host, Addr: addr, what: what} }
	if addr.Zone() != "" {
		return deny(RuleNotPublic, "the address has a zone")
	}
	inner := embedded(addr)
	for _, a := range append(inner, addr) {
		if rule, denied := p.deny.prefixOf(a); denied {
			return deny(RuleDeny, "the rule "+rule.String()+" denies it")
		}
		if isMetadata(a) && !p.namesExactly(addr) {
			return deny(RuleMetadata, "clouds keep the credentials of their machines there; only a rule with exactly this address allows it")
		}
	}
	if p.protect && (!config.IsPublic(addr) || isISATAP(addr)) && !p.opens(addr) {
		return deny(RuleNotPublic, "it is not a public address, and dns_rebind_protection is on; "+
			"to deliver inside your network, allow the network by its prefix")
	}
	if _, allowed := p.allow.prefixOf(addr); !p.allow.empty() && !allowed && !p.allow.fitsHost(s.host) {
		return deny(RuleNotAllowed, "no rule allows it; add: allow "+s.host)
	}
	return nil
}

// checkSocket judges the address that a socket is about to connect to.
func (p *policy) checkSocket(s site, peer netip.AddrPort) error {
	addr := peer.Addr().Unmap()
	if err := p.checkAddr(s, addr); err != nil {
		return err
	}
	if slices.Contains(p.own, netip.AddrPortFrom(addr, peer.Port())) && !p.namesExactly(addr) {
		return &Denial{Rule: RuleOwn, Host: s.host, Addr: addr, what: "this process listens there itself"}
	}
	return nil
}

// checkInfrastructure judges the address of a proxy, which the operator names
// and which may be inside the network.
func (p *policy) checkInfrastructure(s site, addr netip.Addr) error {
	addr = addr.Unmap()
	if slices.ContainsFunc(append(embedded(addr), addr), isMetadata) {
		return &Denial{Rule: RuleMetadata, Host: s.host, Addr: addr, what: "clouds keep the credentials of their machines there"}
	}
	return nil
}

// namesExactly reports whether an allow rule is this one address.
func (p *policy) namesExactly(addr netip.Addr) bool {
	return slices.Contains(p.allow.prefixes, netip.PrefixFrom(addr, addr.BitLen()))
}

// opens reports whether an allow rule shows that an address which is not public
// is meant. A rule about the whole internet, or a large part of it, doesn't:
// all of its prefix must be private.
func (p *policy) opens(addr netip.Addr) bool {
	return slices.ContainsFunc(p.allow.prefixes, func(rule netip.Prefix) bool {
		narrow := rule.Bits() >= 8 || rule.Addr().Is6() && rule.Bits() == 7
		return rule.Contains(addr) && narrow && !config.IsPublic(rule.Masked().Addr()) && !config.IsPublic(lastOf(rule))
	})
}
