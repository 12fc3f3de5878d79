package compile

import (
	"fmt"
	"strings"

	"hookaido/internal/config"
)

// ruleAuthKinds refuses ways of authentication that don't go together.
func (c *compiler) ruleAuthKinds() {
	for i, b := range c.routes {
		if c.cfg.Routes[i].Channel != config.Inbound {
			continue
		}
		first := map[string]*stmt{}
		for _, s := range b.kin("auth") {
			kind := strings.Fields(s.Row.Name)[1]
			switch kind {
			case "basic_hash", "htpasswd":
				kind = "basic"
			}
			if first[kind] == nil {
				first[kind] = s
			}
		}
		for _, pair := range [][2]string{{"basic", "hmac"}, {"basic", "forward"}, {"hmac", "forward"}, {"bearer", "forward"}, {"basic", "bearer"}} {
			one, other := first[pair[0]], first[pair[1]]
			if one == nil || other == nil {
				continue
			}
			if other.Head().Start.Before(one.Head().Start) {
				one, other = other, one
			}
			c.errorAt(CodeExcluded, other.Head(), "keep one of the two", fmt.Sprintf("auth %s and auth %s don't go together", pair[0], pair[1]))
			c.relate(one.Head(), "the other is here")
		}
	}
}

// ruleBasicUsers refuses a user that a route has twice.
func (c *compiler) ruleBasicUsers() {
	for i, b := range c.routes {
		if b.failed("auth basic", "auth basic_hash") {
			continue
		}
		route := &c.cfg.Routes[i]
		first := map[string]config.Pos{}
		for _, u := range append(route.Basic[:len(route.Basic):len(route.Basic)], route.BasicHashes...) {
			before, twice := first[u.User]
			if twice {
				here, there := c.wordAt(u.Pos), c.wordAt(before)
				if here.Start.Before(there.Start) {
					here, there = there, here
				}
				c.duplicate(here, there, "the user "+quoted(u.User))
				continue
			}
			first[u.User] = u.Pos
		}
	}
}

// ruleHMACGeneric holds the options of the generic scheme to it, and to each
// other.
func (c *compiler) ruleHMACGeneric() {
	for i, b := range c.routes {
		hmac, options := c.cfg.Routes[i].HMAC, hmacBlock(b)
		if hmac == nil || options == nil || options.failed("provider") {
			continue
		}
		if hmac.Provider != config.GenericScheme {
			for _, name := range []string{"signature_prefix", "digest", "encoding", "signed_text", "timestamp_unit"} {
				if s := options.first(name); s != nil && !s.failed {
					c.errorAt(CodeExcluded, s.Head(), "write: provider generic", name+" is only for `provider generic`")
				}
			}
			continue
		}
		if s := options.first("nonce_header"); s != nil {
			c.errorAt(CodeExcluded, s.Head(), "remove it", "nonce_header does not go with provider generic")
		}
		if options.first("signature_header") == nil {
			c.errorAt(CodeMissing, options.head, "add a line such as: signature_header X-Acme-Signature", "provider generic needs signature_header")
		}
		c.checkGenericTime(hmac, options)
	}
}

// checkGenericTime requires that the timestamp is signed if there is one, and
// the other way round: an unsigned one protects nothing.
func (c *compiler) checkGenericTime(hmac *config.HMAC, options *block) {
	header, text := options.first("timestamp_header"), options.first("signed_text")
	if options.failed("timestamp_header", "signed_text") {
		return
	}
	signed := strings.Contains(hmac.Generic.SignedText, "{timestamp}")
	switch {
	case signed && header == nil:
		c.errorAt(CodeMissing, text.value(), "add a line such as: timestamp_header X-Acme-Timestamp", "signed_text has {timestamp}, but there is no timestamp_header")
	case !signed && header != nil:
		c.errorAt(CodeMissing, header.Head(), `write signed_text "{timestamp}.{body}", as the sender has it, or remove timestamp_header`,
			"timestamp_header is given, but signed_text has no {timestamp}: anybody could change the time")
	case header == nil:
		hmac.TimestampHeader = ""
	}
}
