package compile

import (
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"

	"hookaido/internal/config"
	"hookaido/internal/config/schema"
)

// ruleEgress refuses targets that the egress policy would refuse at every
// delivery, as far as that can be told without looking a name up. It asks what
// deliveries ask.
func (c *compiler) ruleEgress() {
	if c.root.sub("defaults").failed("egress") {
		return
	}
	c.warnMetadata()
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
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.Unmap().String()
	}
	refusal := policy.RefuseSite(target.Scheme, host)
	if refusal == nil {
		c.warnPort(s, target.Port())
		return
	}
	c.errorAt(CodeEgress, s.value(), refusal.Hint, fmt.Sprintf("every delivery to %s would be refused: %s", quoted(host), refusal.Why))
	switch {
	case refusal.By != nil:
		c.relate(c.wordAt(refusal.By.Pos), "by this rule")
	case refusal.Part == config.EgressNotAllowed:
		c.relate(c.wordAt(policy.Allow[0].Pos), "the list begins here")
	}
}

// warnPort points at ports of services that take the lines of a request for
// commands of theirs.
func (c *compiler) warnPort(s *stmt, port string) {
	switch port {
	case "22", "25", "53", "445", "2375", "5432", "6379", "11211":
		c.warnAt(schema.CodeRisky, s.value(), "write the port of the application", fmt.Sprintf("port %s is that of another service than HTTP as a rule", port))
	}
}

// warnMetadata points at rules that open what nobody should deliver to.
func (c *compiler) warnMetadata() {
	for _, rule := range c.cfg.Defaults.Egress.Allow {
		switch {
		case !rule.Prefix.IsValid():
		case rule.Prefix.Overlaps(netip.MustParsePrefix("169.254.0.0/16")) && rule.Prefix.Bits() >= 8 && !rule.Prefix.IsSingleIP():
			c.warnAt(schema.CodeRisky, c.wordAt(rule.Pos), "allow the one address that is meant",
				fmt.Sprintf("%s is link-local, where clouds and containers serve credentials", rule.Prefix))
		case rule.Prefix.IsSingleIP() && config.IsMetadata(rule.Prefix.Addr()):
			c.warnAt(schema.CodeRisky, c.wordAt(rule.Pos), "remove it unless a target really is there",
				fmt.Sprintf("clouds keep the credentials of their machines at %s, and this lets deliveries reach it", rule.Prefix.Addr()))
		}
	}
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
	case c.replaceable(path.Dir(name)):
		c.errorAt(CodeProgram, s.value(), "chmod o-w "+path.Dir(name), fmt.Sprintf("everybody may replace the program %s", quoted(name)))
	case hiddenFromUnit(name) && c.unitInstalled():
		c.warnAt(CodeProgram, s.value(), "install it below /usr/local/lib or /opt, or write a drop-in that shows the folder",
			fmt.Sprintf("hookaido.service can't see %s: it has no home folders, and a /tmp of its own", quoted(name)))
	}
}

// replaceable reports whether everybody may put another file in the place of
// one in a folder.
func (c *compiler) replaceable(dir string) bool {
	info, err := c.opts.Stat(dir)
	return err == nil && info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0
}

// unitInstalled reports whether this machine has the package's unit.
func (c *compiler) unitInstalled() bool {
	_, err := c.opts.Stat("/usr/lib/systemd/system/hookaido.service")
	return err == nil
}

// hiddenFromUnit reports whether a path is where the unit sees other files than
// the operator, by ProtectHome= and PrivateTmp=.
func hiddenFromUnit(name string) bool {
	return slices.ContainsFunc([]string{"/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"}, func(dir string) bool { return strings.HasPrefix(name, dir) })
}
