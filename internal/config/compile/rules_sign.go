package compile

import (
	"strings"

	"hookaido/internal/config"
)

// ruleSign holds the directives of signing to what belongs together.
func (c *compiler) ruleSign() {
	for i, b := range c.routes {
		for n, s := range b.targets() {
			if s.Row.Name == "deliver" {
				c.checkSign(s.body, c.cfg.Routes[i].Targets[n].Sign)
			}
		}
	}
}

func (c *compiler) checkSign(b *block, sign *config.Sign) {
	first := c.oneSigner(b)
	options := []*stmt{b.first("sign signature_header"), b.first("sign timestamp_header"), b.first("sign secret_selection")}
	for n, option := range options {
		switch {
		case option == nil || b.unknown:
		case first == nil:
			c.errorAt(CodeMissing, option.Head(), "add a line such as: sign hmac env:SIGNING_KEY", option.Row.Name+" needs `sign hmac`")
		case n == 2 && !strings.HasSuffix(first.Row.Name, "secret_ref"):
			c.errorAt(CodeExcluded, option.Head(), "remove it, or sign with secret_ref", "sign secret_selection chooses among secrets of secret_ref, and there is none")
			c.relate(first.Head(), "the one secret is here")
		case n < 2 && strings.HasPrefix(first.Row.Name, "sign standard-webhooks"):
			c.errorAt(CodeExcluded, option.Head(), "remove it", option.Row.Name+" does not go with sign standard-webhooks, whose headers are fixed")
		}
	}
	if sign == nil || b.failed("sign signature_header", "sign timestamp_header") || !strings.EqualFold(sign.SignatureHeader, sign.TimestampHeader) {
		return
	}
	at := options[1]
	if at == nil {
		at = options[0]
	}
	c.errorAt(CodeSameHeader, at.value(), "give each a name of its own", "sign: signature_header and timestamp_header are both "+sign.SignatureHeader)
}

// oneSigner returns the directive that switches signing on, and refuses a
// second one of another form.
func (c *compiler) oneSigner(b *block) *stmt {
	var first *stmt
	for _, s := range b.stmts {
		if s.Row == nil || signers()[s.Row.Name] == "" {
			continue
		}
		switch {
		case first == nil:
			first = s
		case s.Row != first.Row:
			c.errorAt(CodeDuplicate, s.Head(), "sign in one way: with one secret, or with secret_ref and ids", "a target signs in one way")
			c.relate(first.Head(), "the other way is here")
		}
	}
	return first
}
