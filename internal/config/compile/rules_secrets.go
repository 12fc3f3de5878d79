package compile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/config/schema"
	"hookaido/internal/config/syntax"
)

// secretStmts returns the statements of the block secrets that have become
// secrets, in their order.
func (c *compiler) secretStmts() []*stmt {
	var list []*stmt
	for _, s := range c.root.sub("secrets").all("secret") {
		if !s.Bad && s.elem == len(list) && len(list) < len(c.cfg.Secrets) {
			list = append(list, s)
		}
	}
	return list
}

// ruleSecrets holds each secret to what belongs together.
func (c *compiler) ruleSecrets() {
	first := map[string]*stmt{}
	for i, s := range c.secretStmts() {
		secret := &c.cfg.Secrets[i]
		if before := first[secret.ID]; before != nil && secret.ID != "" {
			c.duplicate(s.value(), before.value(), "the secret "+quoted(secret.ID))
		} else {
			first[secret.ID] = s
		}
		c.checkSecret(s, secret)
	}
}

func (c *compiler) checkSecret(s *stmt, secret *config.Secret) {
	b := s.body
	written := func(name string) bool { return b.first(name) != nil }
	fault := func(at syntax.Span, code, hint, format string, args ...any) {
		s.failed = true
		c.errorAt(code, at, hint, "secret "+quoted(secret.ID)+": "+fmt.Sprintf(format, args...))
	}
	if b.failed("value", "valid_from", "valid_until", "runtime", "max_versions") {
		return
	}
	if !written("value") && !secret.Runtime {
		fault(s.value(), CodeMissing, "add a line such as: value env:KEY", "value is missing")
	}
	if written("value") && !written("valid_from") {
		fault(s.value(), CodeMissing, "add a line such as: valid_from 2026-01-01T00:00:00Z", "valid_from is missing")
	}
	if written("valid_until") && !written("valid_from") && !written("value") {
		fault(b.first("valid_until").Head(), CodeMissing, "add valid_from", "valid_until needs valid_from")
	}
	if written("valid_from") && written("valid_until") && !secret.ValidUntil.After(secret.ValidFrom) {
		fault(b.first("valid_until").value(), CodeSecretWindow, "valid_until is the first moment after; make it later", "it ends before it begins")
		c.relate(b.first("valid_from").value(), "it begins here")
	}
	if written("max_versions") && !secret.Runtime {
		fault(b.first("max_versions").Head(), CodeExcluded, "add: runtime on", "max_versions is only for `runtime on`")
	}
}

// nameUse is a list of ids of secrets that a route has, with the statements
// that give it.
type nameUse struct {
	names []config.SecretName
	what  string
}

// nameUses returns all lists of ids.
func (c *compiler) nameUses() []nameUse {
	var uses []nameUse
	for i := range c.cfg.Routes {
		route := &c.cfg.Routes[i]
		if route.HMAC != nil && len(route.HMAC.SecretNames) > 0 {
			uses = append(uses, nameUse{route.HMAC.SecretNames, "auth hmac"})
		}
		for n := range route.Targets {
			if sign := route.Targets[n].Sign; sign != nil && len(sign.SecretNames) > 0 {
				uses = append(uses, nameUse{sign.SecretNames, "sign"})
			}
		}
	}
	return uses
}

// ruleSecretNames refuses ids that no secret has and ids that a list has twice,
// and warns of secrets that nothing uses.
func (c *compiler) ruleSecretNames() {
	used := map[string]bool{}
	found := len(c.diags)
	for _, use := range c.nameUses() {
		seen := map[string]config.Pos{}
		for _, name := range use.names {
			used[name.ID] = true
			if before, twice := seen[name.ID]; twice {
				c.errorAt(CodeDuplicateSecret, c.wordAt(name.Pos), "remove one of them", fmt.Sprintf("%s: the secret %s stands here twice", use.what, quoted(name.ID)))
				c.relate(c.wordAt(before), "here is the first one")
				continue
			}
			seen[name.ID] = name.Pos
			c.checkSecretName(use.what, name)
		}
	}
	if len(c.diags) > found {
		return // one of them may be meant by a name that is wrong
	}
	for i, s := range c.secretStmts() {
		id := c.cfg.Secrets[i].ID
		if !used[id] && !s.failed && id != "" && !c.anyFailedRoute() {
			c.warnAt(CodeUnused, s.value(), "use it in a route: auth hmac secret_ref "+id+"; or remove it", "no route uses the secret "+quoted(id))
		}
	}
}

func (c *compiler) checkSecretName(what string, name config.SecretName) {
	if c.names.isSecret == nil {
		c.names.isSecret = map[string]bool{}
		for i := range c.cfg.Secrets {
			c.names.isSecret[c.cfg.Secrets[i].ID] = true
			c.names.secrets = append(c.names.secrets, c.cfg.Secrets[i].ID)
		}
	}
	if c.names.isSecret[name.ID] || c.root.unknown {
		return
	}
	if s := c.root.first("secrets"); s != nil && (s.Bad || s.body != nil && s.body.unknown) {
		return // it may be there, unreadable
	}
	hint := fmt.Sprintf("define it: secrets { secret %s { value env:KEY valid_from 2026-01-01T00:00:00Z } }", name.ID)
	if near := schema.Nearest(name.ID, c.names.secrets); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	} else if strings.Contains(name.ID, ":") {
		hint = "secret_ref takes the id of a secret of the block secrets; a reference such as " + name.ID + " stands without secret_ref"
		if strings.HasPrefix(name.ID, "raw:") {
			hint = "secret_ref takes the id of a secret of the block secrets; a reference stands without secret_ref"
			name.ID = "raw:…"
		}
	}
	c.errorAt(CodeUnknownSecret, c.wordAt(name.Pos), hint, fmt.Sprintf("%s: there is no secret %s", what, quoted(name.ID)))
}

// wordAt returns the span of the word that begins at a place, or the beginning
// of the file for no place.
func (c *compiler) wordAt(pos config.Pos) syntax.Span {
	span := spanOf(pos)
	if pos.Line == 0 {
		start := syntax.Pos{Line: 1, Column: 1}
		return syntax.Span{Start: start, End: start}
	}
	if c.lines == nil {
		c.lines = c.file.Lines()
	}
	if pos.Line <= len(c.lines) {
		line := []rune(c.lines[pos.Line-1])
		rest := line[min(pos.Column-1, len(line)):]
		if n := slices.IndexFunc(rest, func(r rune) bool { return strings.ContainsRune(" \t{}#;", r) }); n > 0 {
			rest = rest[:n]
		}
		span.End.Column = pos.Column + len(rest)
	}
	return span
}

// ruleWindows warns of secrets that are listed together and leave a time
// without a valid one, or are valid at the same time, and of lists none of
// whose secrets is valid any more.
func (c *compiler) ruleWindows() {
	byID := map[string]*config.Secret{}
	for i := range c.cfg.Secrets {
		byID[c.cfg.Secrets[i].ID] = &c.cfg.Secrets[i]
	}
	said := map[string]bool{}
	for _, use := range c.nameUses() {
		list := make([]*config.Secret, 0, len(use.names))
		runtime := false
		for _, name := range use.names {
			s := byID[name.ID]
			if s == nil || s.ValidFrom.IsZero() && !s.Runtime {
				runtime = true // nothing is known of it
				continue
			}
			runtime = runtime || s.Runtime
			list = append(list, s)
		}
		if runtime || len(list) == 0 {
			continue
		}
		slices.SortStableFunc(list, func(a, b *config.Secret) int { return a.ValidFrom.Compare(b.ValidFrom) })
		c.checkWindows(list, said)
		c.checkExpired(use, list)
	}
}

func (c *compiler) checkWindows(list []*config.Secret, said map[string]bool) {
	last := list[0] // the one that ends last so far
	for _, next := range list[1:] {
		key := last.ID + "\x00" + next.ID
		switch {
		case said[key]:
		case !last.ValidUntil.IsZero() && next.ValidFrom.After(last.ValidUntil):
			c.warnAt(CodeWindows, c.wordAt(next.Pos), "let the windows meet or overlap",
				fmt.Sprintf("from %s to %s neither %s nor %s is valid", stamp(last.ValidUntil), stamp(next.ValidFrom), quoted(last.ID), quoted(next.ID)))
			c.relate(c.wordAt(last.Pos), "the one before is here")
		case last.ValidUntil.IsZero() || next.ValidFrom.Before(last.ValidUntil):
			c.warnOverlap(last, next)
		}
		said[key] = true
		if endsLater(next, last) {
			last = next
		}
	}
}

func endsLater(a, b *config.Secret) bool {
	return !b.ValidUntil.IsZero() && (a.ValidUntil.IsZero() || a.ValidUntil.After(b.ValidUntil))
}

// warnOverlap tells of two secrets that are valid together, unless that time is
// over.
func (c *compiler) warnOverlap(first, second *config.Secret) {
	end := first.ValidUntil
	if endsLater(first, second) {
		end = second.ValidUntil
	}
	hint := "that is right for a rotation, while senders change over"
	until := "to " + stamp(end)
	switch {
	case end.IsZero():
		until, hint = "on, without an end", "give "+quoted(first.ID)+" a valid_until, or the old secret stays valid for ever"
	case !c.opts.Now.IsZero() && !end.After(c.opts.Now):
		return
	}
	c.warnAt(CodeWindows, c.wordAt(second.Pos), hint,
		fmt.Sprintf("%s and %s are both valid from %s %s", quoted(first.ID), quoted(second.ID), stamp(second.ValidFrom), until))
	c.relate(c.wordAt(first.Pos), "the other one is here")
}

func stamp(t time.Time) string { return t.Format(time.RFC3339) }

// checkExpired warns of a list none of whose secrets will be valid again.
func (c *compiler) checkExpired(use nameUse, list []*config.Secret) {
	if c.opts.Now.IsZero() {
		return
	}
	var latest time.Time
	for _, s := range list {
		if s.ValidUntil.IsZero() || s.ValidUntil.After(c.opts.Now) {
			return
		}
		if s.ValidUntil.After(latest) {
			latest = s.ValidUntil
		}
	}
	effect := "every request is refused"
	if use.what == "sign" {
		effect = "every delivery fails"
	}
	c.warnAt(CodeExpired, c.wordAt(use.names[0].Pos), "add a secret that is valid now",
		fmt.Sprintf("%s: none of the secrets is valid since %s, so that %s", use.what, stamp(latest), effect))
}
