package compile

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"hookaido/internal/config"
	"hookaido/internal/config/schema"
	"hookaido/internal/config/syntax"
)

func quoted(text string) string {
	if len(text) > 200 {
		text = text[:160] + "…"
	}
	return strconv.Quote(strings.ToValidUTF8(text, "\uFFFD"))
}

func (c *compiler) decodeFile() {
	root := reflect.ValueOf(c.cfg).Elem()
	c.defaults(c.table, root)
	c.decode(c.root, root)
	c.inherit()
}

// defaults sets what the table says for directives that aren't written.
func (c *compiler) defaults(table *schema.Block, root reflect.Value) {
	for _, row := range table.Rows {
		if row.Later || row.Field == "route" {
			continue
		}
		if row.Default != "" && row.Field != "" {
			c.setDefault(root, row.Field, row.Default, row.Args[0].Kind)
		}
		for _, opt := range row.Options {
			c.setDefault(root, opt.Field, opt.Default, opt.Kind)
		}
		if row.Block != nil && (row.Field == "" || c.fields.of(root, row.Field).Kind() == reflect.Struct) {
			c.defaults(row.Block, root)
		}
	}
}

func (c *compiler) setDefault(root reflect.Value, field, text string, kind schema.Kind) {
	value, problem := kind.Parse(text)
	if problem != nil {
		c.internal("the default of " + field + ": " + problem.Message)
		return
	}
	c.assign(c.fields.of(root, field), value, config.Pos{})
}

// decode reads the directives of a block into the fields of root that their
// rows name. It returns whether all went well.
func (c *compiler) decode(b *block, root reflect.Value) bool {
	good := true
	for _, s := range b.stmts {
		if s.Row == nil || s.failed || b.schema.Any == s.Row {
			good = good && !s.failed
			continue
		}
		if s.Row.Field == "route" {
			c.decodeRoutes(s)
		} else if !c.decodeStmt(s, root) {
			s.failed = true
		}
		good = good && !s.failed
	}
	return good
}

// decodeRoutes reads a route, or the routes in a channel.
func (c *compiler) decodeRoutes(s *stmt) {
	if len(s.Args) == 0 {
		if !c.decode(s.body, reflect.ValueOf(c.cfg).Elem()) {
			s.failed = true
		}
		return
	}
	var route config.Route
	root := reflect.ValueOf(&route).Elem()
	c.defaults(s.body.schema, root)
	arg := s.Row.Args[0]
	value, ok := c.value(s.Args[0], arg.Kind, "the path of the route")
	if ok {
		c.assign(c.fields.of(root, arg.Field), value, config.Pos{})
	}
	route.Pos = c.pos(s.Args[0].Span)
	if !c.decode(s.body, root) || !ok {
		s.failed = true
	}
	s.body.head = s.Args[0].Span
	c.cfg.Routes = append(c.cfg.Routes, route)
	c.routes = append(c.routes, s.body)
}

// decodeStmt reads one directive. Arguments of a row with a short form are
// those of a directive inside its block.
func (c *compiler) decodeStmt(s *stmt, root reflect.Value) bool {
	row := s.Row
	if row.Field != "" {
		if f := c.fields.of(root, row.Field); f.Kind() == reflect.Pointer && f.IsNil() {
			f.Set(reflect.New(f.Type().Elem()))
			c.defaults(row.Block, root)
		}
	}
	target := row
	if row.Short != "" {
		target = row.Block.Row(row.Short)
	}
	good := true
	for i, tok := range s.Args {
		good = c.decodeArg(tok, target.Args[i%len(target.Args)], decodeTo{target, row.Name, root}) && good
	}
	for _, opt := range s.Options {
		value, ok := c.value(opt.Value, opt.Arg.Kind, row.Name+" "+opt.Arg.Name)
		if ok {
			c.assign(c.fields.of(root, opt.Arg.Field), value, c.pos(opt.Value.Span))
		}
		good = good && ok
	}
	if target.Field != "" && (target == row || len(s.Args) > 0) {
		c.written(target.Field, s.Head())
	}
	if s.body != nil {
		good = c.decode(s.body, root) && good
	}
	return good
}

// decodeTo says where an argument goes: to the field of the row, which messages
// call name, under root.
type decodeTo struct {
	row  *schema.Directive
	name string
	root reflect.Value
}

// decodeArg reads an argument. That of a secret still has to be read as a
// reference.
func (c *compiler) decodeArg(tok syntax.Token, arg schema.Arg, to decodeTo) bool {
	value, ok := c.value(tok, arg.Kind, to.name)
	if !ok {
		return false
	}
	if to.row.Field == "" || len(to.row.Options) > 0 || to.row.Expected && value == "" {
		return true
	}
	if arg.Kind.Secret {
		ref, ok := c.secretRef(value.(string), tok.Span, to.name)
		if !ok {
			return false
		}
		value = config.SecretRef{Ref: ref}
	}
	c.assign(c.fields.of(to.root, to.row.Field), value, c.pos(tok.Span))
	return true
}

// assign puts a value into a field, or appends it if the field is a list, and
// notes its place if the field has room for one.
func (c *compiler) assign(f reflect.Value, value any, pos config.Pos) {
	if !f.IsValid() {
		c.internal(fmt.Sprintf("no field for %v", reflect.TypeOf(value)))
		return
	}
	elem := f.Type()
	if f.Kind() == reflect.Slice {
		elem = elem.Elem()
	}
	v := reflect.New(elem).Elem()
	v.Set(reflect.ValueOf(value).Convert(elem))
	if v.Kind() == reflect.Struct {
		if p := v.FieldByName("Pos"); p.IsValid() {
			p.Set(reflect.ValueOf(pos))
		}
	}
	if f.Kind() == reflect.Slice {
		f.Set(reflect.Append(f, v))
		return
	}
	f.Set(v)
}

// written notes where a directive outside routes stands.
func (c *compiler) written(field string, span syntax.Span) {
	if _, ok := c.cfg.Written[field]; !ok && c.fields.has(reflect.TypeOf(*c.cfg), field) {
		c.cfg.Written[field] = c.pos(span)
	}
}

// inherit fills what routes leave to the defaults.
func (c *compiler) inherit() {
	root := reflect.ValueOf(c.cfg).Elem()
	for i := range c.cfg.Routes {
		route := reflect.ValueOf(&c.cfg.Routes[i]).Elem()
		for _, row := range c.routes[i].schema.Rows {
			if row.Inherit != "" && c.routes[i].first(row.Name) == nil {
				c.assign(c.fields.of(route, row.Field), c.fields.of(root, row.Inherit).Interface(), config.Pos{})
			}
		}
	}
}
