package compile

import (
	"fmt"
	"net/textproto"

	"hookaido/internal/config"
	"hookaido/internal/config/syntax"
)

// ruleChannels holds each route to what its channel allows: an outbound route
// has deliver, an internal one pull, and neither has anything to do with
// requests that come in.
func (c *compiler) ruleChannels() {
	for i, b := range c.routes {
		route := &c.cfg.Routes[i]
		if route.Channel == config.Inbound {
			continue
		}
		for _, s := range b.stmts {
			if why := forbidden(s, route.Channel); why != "" {
				c.errorAt(CodeChannel, s.Head(), "remove it, or make the route inbound",
					fmt.Sprintf("%s route %s: %s is not allowed: %s", route.Channel, quoted(route.Path), s.title(), why))
				s.failed = true
			}
		}
		needs, example := "deliver", "deliver https://app.example.org/in { }"
		if route.Channel == config.Internal {
			needs, example = "pull", "pull { path "+pullExample(route.Path)+" }"
		}
		if len(b.kin(needs)) == 0 && !b.unknown {
			c.errorAt(CodeChannelNeeds, b.head, "add a line such as: "+example,
				fmt.Sprintf("%s route %s: %s is missing", route.Channel, quoted(route.Path), needs))
		}
	}
}

// forbidden returns why a directive may not stand in a route of the channel,
// which isn't inbound, or "".
func forbidden(s *stmt, channel config.Channel) string {
	for _, word := range []string{"match", "ignore_unmatched", "auth", "rate_limit", "handshake", "respond", "dedupe"} {
		if isWord(s, word) {
			return "nothing comes in on it from outside"
		}
	}
	switch {
	case channel == config.Outbound && isWord(s, "pull"):
		return "its messages are delivered"
	case channel == config.Internal && (isWord(s, "deliver") || isWord(s, "deliver_concurrency")):
		return "its messages are pulled"
	}
	return ""
}

// kin returns the statements whose directive begins with the word.
func (b *block) kin(word string) []*stmt {
	var list []*stmt
	for _, s := range b.entries() {
		if isWord(s, word) {
			list = append(list, s)
		}
	}
	return list
}

// ruleTargets holds inbound routes to one way out, and deliver_concurrency to
// routes that deliver.
func (c *compiler) ruleTargets() {
	for i, b := range c.routes {
		route := &c.cfg.Routes[i]
		pull, delivers := b.first("pull"), b.kin("deliver")
		if s := b.first("deliver_concurrency"); s != nil && len(delivers) == 0 && !s.failed && !b.unknown {
			c.errorAt(CodeMissing, s.Head(), "add a target, or remove it", "deliver_concurrency needs `deliver`")
		}
		if route.Path == "" || route.Channel != config.Inbound {
			continue
		}
		switch {
		case pull == nil && len(delivers) == 0 && !b.unknown:
			c.errorAt(CodeRouteTarget, b.head, "add how messages leave, such as: pull { path "+pullExample(route.Path)+" }",
				fmt.Sprintf("the route %s has neither pull nor deliver", quoted(route.Path)))
		case pull != nil && len(delivers) > 0:
			first, second := pull, delivers[0]
			if second.Head().Start.Before(first.Head().Start) {
				first, second = second, first
			}
			c.errorAt(CodeExcluded, second.Head(), "a message goes one way: keep one of the two, or make two routes",
				fmt.Sprintf("the route %s has both pull and deliver", quoted(route.Path)))
			c.relate(first.Head(), "the other is here")
		}
	}
}

// title names a statement in messages.
func (s *stmt) title() string { return title(s) }

// rulePublishForms refuses `publish` beside a form with a dot that says the
// same, or says it before.
func (c *compiler) rulePublishForms() {
	for _, b := range c.routes {
		whole := b.first("publish")
		if whole == nil {
			continue
		}
		for _, name := range []string{"direct", "managed"} {
			dotted := b.first("publish." + name)
			if dotted == nil {
				continue
			}
			here, there := dotted, whole
			if dotted.Head().Start.Before(whole.Head().Start) {
				here, there = whole, dotted
			} else if len(whole.Args) == 0 && whole.body.first("enabled") == nil && whole.body.first(name) == nil {
				continue
			}
			c.errorAt(CodeExcluded, here.Head(), "write one block: publish { direct off managed on }", "these two ways to write publish don't go together")
			c.relate(there.Head(), "the other is here")
		}
	}
}

// ruleDuplicateTargets refuses a target that a route has twice.
func (c *compiler) ruleDuplicateTargets() {
	for i, b := range c.routes {
		first := map[string]*stmt{}
		for n, s := range b.targets() {
			name := c.cfg.Routes[i].Targets[n].Name()
			if name == "" || s.failed {
				continue
			}
			if before := first[name]; before != nil {
				c.duplicate(s.value(), before.value(), "the target "+quoted(s.Args[0].Text))
				continue
			}
			first[name] = s
		}
	}
}

// ruleTargetOptions refuses what goes only with the other kind of target, and
// headers that stand twice.
func (c *compiler) ruleTargetOptions() {
	for i, b := range c.routes {
		for n, s := range b.targets() {
			exec := s.Row.Name == "deliver exec"
			for _, inner := range s.body.stmts {
				switch {
				case inner.Row == nil || inner.failed:
				case !exec && inner.Row.Name == "env":
					c.errorAt(CodeExcluded, inner.Head(), "send a header instead, or use deliver exec", "env is only for `deliver exec`")
				case exec && isWord(inner, "sign"):
					c.errorAt(CodeExcluded, inner.Head(), "remove it; a program gets the message itself", "a program's messages are not signed")
				case exec && inner.Row.Name == "header":
					c.warnAt(CodeIgnored, inner.Head(), "use env", "a program gets no headers from here")
				case inner.Row.Name == "header":
					c.warnConnectionHeader(inner)
				case exec && inner.Row.Name == "retry_status":
					c.errorAt(CodeExcluded, inner.Head(), "remove it; every exit but 0 is tried again", "a program answers no status")
				}
			}
			c.uniqueHeaders(s.body, c.cfg.Routes[i].Targets[n].Headers)
		}
	}
}

// warnConnectionHeader warns of a header that deliveries leave out.
func (c *compiler) warnConnectionHeader(s *stmt) {
	name := headerOf(s)
	if !config.OfConnection(name) {
		return
	}
	hint := "remove it"
	if name == "Host" {
		hint = "remove it; the host is that of the URL"
	}
	c.warnAt(CodeIgnored, s.value(), hint, fmt.Sprintf("the header %s is about the connection and is set by deliveries themselves; this one is ignored", name))
}

// headerOf is the name of a header in canonical form, with which a statement
// begins.
func headerOf(s *stmt) string {
	if len(s.Args) == 0 {
		return ""
	}
	return textproto.CanonicalMIMEHeaderKey(s.Args[0].Text)
}

// uniqueHeaders refuses a header that a block has twice.
func (c *compiler) uniqueHeaders(b *block, headers []config.Header) {
	first := map[string]config.Pos{}
	for _, h := range headers {
		before, twice := first[h.Name]
		if !twice {
			first[h.Name] = h.Pos
			continue
		}
		if !b.failed("header") {
			c.duplicate(spanOf(h.Pos), spanOf(before), "the header "+h.Name)
		}
	}
}

func spanOf(pos config.Pos) syntax.Span {
	at := syntax.Pos{Line: pos.Line, Column: pos.Column}
	return syntax.Span{Start: at, End: syntax.Pos{Line: pos.Line, Column: pos.Column + 1}}
}

// ruleRetry refuses a first wait that is above the longest one, after what is
// written was joined with the defaults.
func (c *compiler) ruleRetry() {
	defaults := c.root.sub("defaults").sub("deliver").first("retry")
	if defaults != nil && !defaults.failed {
		c.checkRetry(defaults, c.cfg.Defaults.Deliver.Retry, "")
	}
	for i, b := range c.routes {
		for n, s := range b.targets() {
			retry := s.body.first("retry")
			if retry == nil || retry.failed || defaults != nil && defaults.failed {
				continue
			}
			if c.checkRetry(retry, c.cfg.Routes[i].Targets[n].Retry, "; what isn't written comes from defaults") && defaults != nil {
				c.relate(defaults.Head(), "what it doesn't say comes from here")
			}
		}
	}
}

func (c *compiler) checkRetry(s *stmt, retry config.Retry, remark string) (wrong bool) {
	if retry.Base <= retry.Cap {
		return false
	}
	c.errorAt(CodeLimitsCrossed, s.Head(), "raise cap or lower base"+remark,
		fmt.Sprintf("retry: base %s is longer than cap %s", short(retry.Base), short(retry.Cap)))
	return true
}
