package compile

import (
	"fmt"
	"reflect"
	"strings"

	"hookaido/internal/config"
	"hookaido/internal/config/schema"
	"hookaido/internal/config/syntax"
	"hookaido/internal/secret"
)

// minSecret is the length below which a secret is easy to guess, in bytes. It
// is the least that the Standard Webhooks specification allows.
const minSecret = 24

// secretRef reads a reference to a secret. What it reports never shows the
// text, which may be the secret itself.
func (c *compiler) secretRef(text string, span syntax.Span, name string) (secret.Ref, bool) {
	ref, err := secret.ParseRef(text)
	if err != nil {
		c.errorAt(CodeSecretRef, span, "write env:NAME, file:PATH, credential:NAME, vault:PATH or, for tests, raw:TEXT", fmt.Sprintf("%s: %v", name, err))
		return secret.Ref{}, false
	}
	if ref.Scheme == secret.Raw && len(ref.Name) < minSecret {
		c.warnAt(CodeWeakSecret, span, fmt.Sprintf("use at least %d random bytes, such as from: openssl rand -hex 32", minSecret),
			fmt.Sprintf("%s: the secret is shorter than %d bytes", name, minSecret))
	}
	return ref, true
}

// Use is a place of a config that refers to a secret.
type Use struct {
	Ref secret.Ref
	// Directive says where it is used, such as `pull_api: auth token`.
	Directive string
	Pos       config.Pos
}

// SecretRefs returns every reference to a secret of a config, in its order.
func SecretRefs(cfg *config.Config) []Use {
	s := &refSearch{titles: map[string]string{}}
	schema.Walk(schema.Root(), func(b *schema.Block) {
		for _, row := range b.Rows {
			s.name(row.Field, b.Title+": "+row.Name)
			for _, opt := range row.Options {
				s.name(opt.Field, b.Title+": "+row.Name+" "+opt.Name)
			}
		}
	})
	s.walk(reflect.ValueOf(cfg).Elem(), "", "")
	return s.uses
}

type refSearch struct {
	titles map[string]string
	uses   []Use
}

// name notes what a field is called. One that several directives set has the
// words that these begin with.
func (s *refSearch) name(field, title string) {
	before, ok := s.titles[field]
	if field == "" || !ok {
		s.titles[field] = title
		return
	}
	a, b := strings.Fields(before), strings.Fields(title)
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	if n > 1 { // more than the block
		s.titles[field] = strings.Join(a[:n], " ")
	}
}

func (s *refSearch) walk(v reflect.Value, tag, route string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			s.walk(v.Elem(), tag, route)
		}
	case reflect.Slice:
		for i := range v.Len() {
			s.walk(v.Index(i), tag, route)
		}
	case reflect.Struct:
		switch x := v.Interface().(type) {
		case config.SecretRef:
			if x.IsZero() {
				return
			}
			s.uses = append(s.uses, Use{x.Ref, route + s.titles[tag], x.Pos})
			return
		case config.Route:
			route = fmt.Sprintf("route %q: ", x.Path)
		case config.Secret:
			route = fmt.Sprintf("secret %q: ", x.ID)
		case config.Target:
			route += fmt.Sprintf("target %q: ", x.Name())
		}
		s.fields(v, tag, route)
	}
}

func (s *refSearch) fields(v reflect.Value, tag, route string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		inner := tag
		if t := f.Tag.Get("hk"); t != "" && t != "-" {
			inner = t
		}
		s.walk(v.Field(i), inner, route)
	}
}
