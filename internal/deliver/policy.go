package deliver

import (
	"fmt"
	"net/netip"
	"slices"

	"hookaido/internal/config"
)

// Rule names the part of the egress policy that refused a target. It may be a
// label of metrics.
type Rule string

// The rules that refuse.
const (
	RuleMalformed  Rule = "malformed"
	RuleHTTPSOnly       = Rule(config.EgressHTTPSOnly)
	RuleDeny            = Rule(config.EgressDenied)
	RuleNotAllowed      = Rule(config.EgressNotAllowed)
	RuleNotPublic       = Rule(config.EgressNotPublic)
	RuleMetadata        = Rule(config.EgressMetadata)
	RuleOwn        Rule = "own_listener"
	RuleRedirect   Rule = "redirect"
)

// Rules lists them all.
func Rules() []Rule {
	return []Rule{RuleMalformed, RuleHTTPSOnly, RuleDeny, RuleNotAllowed, RuleNotPublic, RuleMetadata, RuleOwn, RuleRedirect}
}

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

// policy is an egress policy, fixed when it is made. Its rules are those of
// [config.Egress], by which validation judges too; what only a process can know
// is added here.
type policy struct {
	config.Egress
	proxy *site
	own   []netip.AddrPort
}

func newPolicy(e *config.Egress, own []netip.AddrPort) (*policy, error) {
	p := &policy{Egress: *e}
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

// denial turns a refusal into an error; nil stays nil.
func denial(r *config.EgressRefusal, host string, addr netip.Addr) error {
	if r == nil {
		return nil
	}
	return &Denial{Rule: Rule(r.Part), Host: host, Addr: addr, what: r.Why + "; " + r.Hint}
}

// checkSite judges a target as far as that goes without looking it up.
func (p *policy) checkSite(s site) error {
	return denial(p.RefuseSite(s.scheme, s.host), s.host, s.addr)
}

// checkAddrs judges all addresses of a target. One bad one refuses it.
func (p *policy) checkAddrs(s site, addrs []netip.Addr) error {
	for _, addr := range addrs {
		if err := denial(p.RefuseAddr(s.host, addr), s.host, addr.Unmap()); err != nil {
			return err
		}
	}
	return nil
}

// checkSocket judges the address that a socket is about to connect to.
func (p *policy) checkSocket(s site, peer netip.AddrPort) error {
	addr := peer.Addr().Unmap()
	if err := denial(p.RefuseAddr(s.host, addr), s.host, addr); err != nil {
		return err
	}
	if slices.Contains(p.own, netip.AddrPortFrom(addr, peer.Port())) && !p.Names(addr) {
		return &Denial{Rule: RuleOwn, Host: s.host, Addr: addr, what: "this process listens there itself"}
	}
	return nil
}

// checkInfrastructure judges the address of a proxy, which the operator names
// and which may be inside the network.
func (p *policy) checkInfrastructure(s site, addr netip.Addr) error {
	if config.IsMetadata(addr) {
		return &Denial{Rule: RuleMetadata, Host: s.host, Addr: addr.Unmap(), what: "clouds keep the credentials of their machines there"}
	}
	return nil
}
