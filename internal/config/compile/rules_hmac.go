package compile

import (
	"fmt"
	"strings"

	"hookaido/internal/config"
)

// hmacBlock returns the block of options of a route's auth hmac, nil for none.
func hmacBlock(b *block) *block {
	for _, name := range []string{"auth hmac", "auth hmac secret_ref"} {
		for _, s := range b.all(name) {
			if s.body != nil {
				return s.body
			}
		}
	}
	return nil
}

func (c *compiler) ruleHMACSecret() {
	for i, b := range c.routes {
		auth := b.first("auth hmac")
		options := hmacBlock(b)
		if auth == nil || secretCount(c.cfg.Routes[i].HMAC) > 0 || b.failed("auth hmac", "auth hmac secret_ref") ||
			options.failed("secret", "secret_ref") {
			continue
		}
		c.errorAt(CodeSecretRequired, auth.Head(), "add a line such as: secret env:WEBHOOK_SECRET", "auth hmac has no secret")
	}
}

func (c *compiler) ruleHMACProvider() {
	for i, b := range c.routes {
		hmac := c.cfg.Routes[i].HMAC
		options := hmacBlock(b)
		if hmac == nil || options == nil || hmac.Provider == config.Canonical ||
			hmac.Provider == config.GenericScheme || options.failed("provider") {
			continue
		}
		for _, name := range []string{"signature_header", "timestamp_header", "nonce_header", "tolerance"} {
			if s := options.first(name); s != nil {
				c.errorAt(CodeExcluded, s.Head(), "remove one of the two",
					fmt.Sprintf("%s does not go with provider %s, which has its own way of signing", name, hmac.Provider))
				c.relate(options.first("provider").Head(), "the provider is given here")
			}
		}
	}
}

// ruleHMACURL refuses a URL where no signature is made over one.
func (c *compiler) ruleHMACURL() {
	for i, b := range c.routes {
		hmac := c.cfg.Routes[i].HMAC
		options := hmacBlock(b)
		if hmac == nil || options == nil || options.failed("provider", "url", "signed_text") {
			continue
		}
		s := options.first("url")
		if s == nil || signsURL(hmac) {
			continue
		}
		who := "provider " + string(hmac.Provider) + " doesn't sign it"
		switch hmac.Provider {
		case config.Canonical:
			who = "without a provider nobody signs it"
		case config.GenericScheme:
			who = "signed_text has no {url}"
		}
		c.errorAt(CodeExcluded, s.Head(), "remove it", "url has no effect here: "+who)
	}
}

func signsURL(hmac *config.HMAC) bool {
	switch hmac.Provider {
	case "twilio", "square", "hubspot", "trello":
		return true
	case config.GenericScheme:
		return strings.Contains(hmac.Generic.SignedText, "{url}")
	}
	return false
}

func (c *compiler) ruleHMACHeaders() {
	for i, b := range c.routes {
		hmac := c.cfg.Routes[i].HMAC
		options := hmacBlock(b)
		if hmac == nil || options == nil || hmac.Provider != config.Canonical || options.failed("signature_header", "timestamp_header", "nonce_header", "provider") {
			continue
		}
		headers := []struct{ name, value string }{
			{"signature_header", hmac.SignatureHeader}, {"timestamp_header", hmac.TimestampHeader}, {"nonce_header", hmac.NonceHeader},
		}
		for n, h := range headers {
			for _, before := range headers[:n] {
				if !strings.EqualFold(h.value, before.value) {
					continue
				}
				at := options.first(h.name)
				if at == nil {
					at = options.first(before.name)
				}
				c.errorAt(CodeSameHeader, at.value(), "give each a name of its own",
					fmt.Sprintf("%s and %s are both %s", before.name, h.name, h.value))
			}
		}
	}
}

func secretCount(hmac *config.HMAC) int {
	if hmac == nil {
		return 0
	}
	return len(hmac.Secrets) + len(hmac.SecretNames)
}
