package compile

import (
	"reflect"

	"hookaido/internal/config"
	"hookaido/internal/config/schema"
)

// isRecord reports whether the field of a row is a struct that its arguments
// and its block fill, one or a list of them, and not a plain value.
func (c *compiler) isRecord(row *schema.Directive, root reflect.Value) bool {
	if row.Field == "" {
		return false
	}
	key := recordKey{root.Type(), row.Field}
	known, ok := c.records[key]
	if !ok {
		t, exists := c.fields.typeOf(key.of, key.field)
		known = exists && c.fields.isRecord(t)
		c.records[key] = known
	}
	return known
}

// recordKey names a field of a type.
type recordKey struct {
	of    reflect.Type
	field string
}

// record returns the struct that a statement fills: the field itself, what it
// points to, or a new element of the list.
func (c *compiler) record(s *stmt, root reflect.Value) reflect.Value {
	f := c.fields.of(root, s.Row.Field)
	switch f.Kind() {
	case reflect.Pointer:
		if f.IsNil() {
			f.Set(reflect.New(f.Type().Elem()))
			c.fresh(s.Row, f.Elem())
		}
		return f.Elem()
	case reflect.Slice:
		elem := reflect.New(f.Type().Elem()).Elem()
		c.fresh(s.Row, elem)
		setPos(elem, c.pos(s.Head()))
		f.Set(reflect.Append(f, elem))
		s.elem = f.Len() - 1
		return f.Index(s.elem)
	}
	return f
}

// fresh sets what holds for a new record. It is worked out once for each row
// and type, and copied from then on.
func (c *compiler) fresh(row *schema.Directive, root reflect.Value) {
	blank, ok := c.blanks[row]
	if !ok || blank.Type() != root.Type() {
		blank = reflect.New(root.Type()).Elem()
		c.optionDefaults(row, blank)
		if row.Block != nil {
			c.defaults(row.Block, blank)
		}
		c.blanks[row] = blank
	}
	root.Set(blank)
	if target, ok := root.Addr().Interface().(*config.Target); ok && target.Sign != nil {
		sign := *target.Sign
		target.Sign = &sign
	}
}

// defaults sets what the table says for directives that aren't written.
func (c *compiler) defaults(table *schema.Block, root reflect.Value) {
	for _, row := range table.Rows {
		switch {
		case row.Field == "route":
		case c.isRecord(row, root):
			if f := c.fields.of(root, row.Field); f.Kind() == reflect.Struct {
				c.fresh(row, f)
			}
		case row.Block != nil:
			c.defaults(row.Block, root)
		case row.Default != "" && row.Field != "":
			c.setDefault(root, row.Field, schema.Arg{Kind: row.Args[0].Kind, Default: row.Default})
		}
	}
}

func (c *compiler) optionDefaults(row *schema.Directive, root reflect.Value) {
	for _, opt := range row.Options {
		if opt.Default != "" {
			c.setDefault(root, opt.Field, opt)
		}
	}
}

func (c *compiler) setDefault(root reflect.Value, field string, arg schema.Arg) {
	value, problem := arg.Kind.Parse(arg.Default)
	if problem != nil {
		c.internal("the default of " + field + ": " + problem.Message)
		return
	}
	c.assign(c.fields.of(root, field), value, config.Pos{})
}
