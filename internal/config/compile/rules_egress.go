package compile

import (
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"hookaido/internal/config"
)

// ruleEgress refuses targets that the egress policy would refuse at every
// delivery, as far as that can be told without looking a name up.
func (c *compiler) ruleEgress() {
	if c.root.sub("defaults").failed("egress") {
		return
	}
	for i, b := range c.routes {
		for n, s := range b.targets() {
			target, err := url.Parse(c.cfg.Routes[i].Targets[n].URL)
			if s.failed || err != nil || target.Host == "" {
				continue
			}
			c.checkEgress(s, target)
		}
	}
}

func (c *compiler) checkEgress(s *stmt, target *url.URL) {
	policy := &c.cfg.Defaults.Egress
	host := strings.TrimSuffix(strings.ToLower(target.Hostname()), ".")
	addr, err := netip.ParseAddr(host)
	literal := err == nil
	addr = addr.Unmap()
	refuse := func(hint, format string, args ...any) {
		c.errorAt(CodeEgress, s.value(), hint, "every delivery would be refused: "+fmt.Sprintf(format, args...))
	}
	switch {
	case target.Scheme == "http" && policy.HTTPSOnly:
		refuse("use https, or write defaults { egress { https_only off } }", "the target has no TLS, and egress has https_only on")
		return
	case policy.DNSRebindProtection && (literal && !config.IsPublic(addr) && !named(policy.Allow, addr) || host == "localhost" || strings.HasSuffix(host, ".localhost")):
		refuse("to deliver inside your network, write defaults { egress { dns_rebind_protection off } } and an allow list",
			"%s is not a public address, and egress has dns_rebind_protection on", quoted(host))
		return
	}
	fits := func(r config.EgressRule) bool { return ruleFits(r, host, addr, literal) }
	if n := slices.IndexFunc(policy.Deny, fits); n >= 0 {
		refuse("remove the target or the rule", "egress denies %s", quoted(host))
		c.relate(c.wordAt(policy.Deny[n].Pos), "by this rule")
		return
	}
	byAddress := slices.ContainsFunc(policy.Allow, func(r config.EgressRule) bool { return r.Prefix.IsValid() })
	if len(policy.Allow) > 0 && !slices.ContainsFunc(policy.Allow, fits) && (literal || !byAddress) {
		refuse("add it: allow "+host, "egress allows other hosts, but not %s", quoted(host))
		c.relate(c.wordAt(policy.Allow[0].Pos), "the list begins here")
	}
}

// named reports whether a rule names the address by a prefix, which shows that
// it is meant.
func named(rules []config.EgressRule, addr netip.Addr) bool {
	return slices.ContainsFunc(rules, func(r config.EgressRule) bool { return r.Prefix.IsValid() && r.Prefix.Contains(addr) })
}

// ruleFits reports whether a rule speaks of a host or an address.
func ruleFits(r config.EgressRule, host string, addr netip.Addr, literal bool) bool {
	if r.Prefix.IsValid() {
		return literal && r.Prefix.Contains(addr)
	}
	suffix, wild := strings.CutPrefix(r.Host, "*")
	return host == r.Host || wild && strings.HasSuffix(host, suffix)
}

// rulePrograms looks at programs that exist: whether they can be run, and by
// whom they can be changed.
func (c *compiler) rulePrograms() {
	if c.opts.Stat == nil {
		return
	}
	for i, b := range c.routes {
		for n, s := range b.targets() {
			name := c.cfg.Routes[i].Targets[n].Exec
			if name == "" || s.failed {
				continue
			}
			info, err := c.opts.Stat(name)
			switch {
			case err != nil:
				c.warnAt(CodeProgram, s.value(), "install it before the service starts", fmt.Sprintf("the program %s can't be seen here: %v", quoted(name), cause(err)))
			default:
				c.checkProgram(s, name, info.Mode())
			}
		}
	}
}

func (c *compiler) checkProgram(s *stmt, name string, mode fs.FileMode) {
	switch {
	case mode.IsDir():
		c.errorAt(CodeProgram, s.value(), "write the path of the program itself", fmt.Sprintf("%s is a folder", quoted(name)))
	case !mode.IsRegular():
		c.errorAt(CodeProgram, s.value(), "write the path of a program", fmt.Sprintf("%s is not a regular file", quoted(name)))
	case mode.Perm()&0o111 == 0:
		c.errorAt(CodeProgram, s.value(), "chmod a+x "+name, fmt.Sprintf("%s can't be executed", quoted(name)))
	case mode.Perm()&0o002 != 0:
		c.errorAt(CodeProgram, s.value(), "chmod o-w "+name, fmt.Sprintf("everybody may change the program %s", quoted(name)))
	}
}
