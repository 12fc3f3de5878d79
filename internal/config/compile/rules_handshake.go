package compile

import (
	"fmt"
	"strings"

	"hookaido/internal/config"
	"hookaido/internal/handshake"
	"hookaido/internal/secret"
)

// ruleHandshakes asks each handshake whether it has what it needs. Secrets are
// not read here, so a text of the right form stands in for each.
func (c *compiler) ruleHandshakes() {
	standIn := secret.New([]byte(strings.Repeat("x", 32)))
	for i, b := range c.routes {
		route := &c.cfg.Routes[i]
		stmts := b.kin("handshake")
		if b.unknown || len(stmts) != len(route.Handshakes) {
			continue // one of them has an error of its own
		}
		var before []handshake.Options
		for n, h := range route.Handshakes {
			o := optionsOf(h, standIn)
			if route.HMAC != nil {
				o.Keys = []secret.Value{standIn}
			}
			if _, err := handshake.New([]handshake.Options{o}); err != nil {
				c.errorAt(CodeHandshake, stmts[n].Head(), "see: hookaido config explain handshake",
					fmt.Sprintf("route %s: %v", quoted(route.Path), err))
				stmts[n].failed = true
				continue
			}
			before = append(before, o)
			if _, err := handshake.New(before); err != nil {
				c.errorAt(CodeHandshake, stmts[n].Head(), "see: hookaido config explain handshake",
					fmt.Sprintf("route %s: %v", quoted(route.Path), err))
				before = before[:len(before)-1]
			}
		}
	}
}

func optionsOf(h config.Handshake, standIn secret.Value) handshake.Options {
	o := handshake.Options{Provider: h.Provider, URL: h.URL}
	if !h.Token.IsZero() {
		o.Token = standIn
	}
	return o
}
