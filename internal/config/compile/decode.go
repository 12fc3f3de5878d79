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
	c.decode(c.root, root, "")
	c.derive()
}

// decode reads the directives of a block into the fields of root that their
// rows name. It returns whether all went well. The path is the name of the
// block with those around it; in a route it is inRoute.
func (c *compiler) decode(b *block, root reflect.Value, path string) bool {
	good := true
	for _, s := range b.stmts {
		if s.Row == nil || s.failed || b.schema.Any == s.Row {
			good = good && !s.failed
			continue
		}
		if s.Row.Field == "route" {
			c.decodeRoutes(s, channelOf(s.Row))
		} else if !c.decodeStmt(s, root, path) {
			s.failed = true
		}
		good = good && !s.failed
	}
	return good
}

// inRoute is the path of everything inside routes.
const inRoute = "<route>"

func channelOf(row *schema.Directive) config.Channel {
	if strings.HasPrefix(row.Name, "<") {
		return config.Inbound
	}
	return config.Channel(row.Name)
}

// decodeRoutes reads a route, or the routes in a channel.
func (c *compiler) decodeRoutes(s *stmt, channel config.Channel) {
	if len(s.Args) == 0 {
		for _, inner := range s.body.stmts {
			if inner.Row != nil && !inner.failed {
				c.decodeRoutes(inner, channel)
			}
			s.failed = s.failed || inner.failed
		}
		return
	}
	var route config.Route
	root := reflect.ValueOf(&route).Elem()
	c.fresh(s.Row, root)
	route.Channel, route.Pos = channel, c.pos(s.Args[0].Span)
	good := c.decodeArg(decoding{s, s.Row.Args[0], s.Args[0]}, root, s.Row.Args[0].Field)
	if !c.decode(s.body, root, inRoute) || !good {
		s.failed = true
	}
	s.body.head = s.Args[0].Span
	c.cfg.Routes = append(c.cfg.Routes, route)
	c.routes = append(c.routes, s.body)
}

// decodeStmt reads one directive. Arguments of a row with a short form are
// those of a directive inside its block.
func (c *compiler) decodeStmt(s *stmt, root reflect.Value, path string) bool {
	row, target, to, field := s.Row, s.Row, root, s.Row.Field
	path = strings.TrimPrefix(path+"."+row.Name, ".")
	if c.isRecord(row, root) {
		if row.Block == nil {
			c.written(path, s.Head())
			return c.decodeGroups(s, root)
		}
		to, field = c.record(s, root), ""
	}
	if row.Short != "" {
		target = row.Block.Row(row.Short)
		field = target.Field
	}
	good := true
	for i, tok := range s.Args {
		arg := target.Args[i%len(target.Args)]
		name := field
		if target == row && arg.Field != "" {
			name = arg.Field
		}
		good = c.decodeArg(decoding{s, arg, tok}, to, name) && good
	}
	switch {
	case target != row && len(s.Args) > 0:
		c.written(path+"."+row.Short, s.Head())
	case target == row:
		c.written(path, s.Head())
	}
	if s.body != nil {
		good = c.decode(s.body, to, path) && good
	}
	return good
}

// decodeGroups reads a directive without a block whose arguments are fields of
// a record, one record for each group of arguments.
func (c *compiler) decodeGroups(s *stmt, root reflect.Value) bool {
	good := true
	var to reflect.Value
	for i, tok := range s.Args {
		n := i % len(s.Row.Args)
		if n == 0 {
			to = c.record(s, root)
			setPos(to, c.pos(tok.Span))
		}
		good = c.decodeArg(decoding{s, s.Row.Args[n], tok}, to, s.Row.Args[n].Field) && good
	}
	for _, opt := range s.Options {
		good = c.decodeArg(decoding{s, opt.Arg, opt.Value}, to, opt.Arg.Field) && good
	}
	return good
}

// decoding is an argument of a statement on its way into a field.
type decoding struct {
	stmt *stmt
	arg  schema.Arg
	tok  syntax.Token
}

// name is what messages call the argument.
func (d decoding) name() string {
	for _, opt := range d.stmt.Row.Options {
		if opt.Name == d.arg.Name {
			return d.stmt.Row.Name + " " + opt.Name
		}
	}
	if strings.HasPrefix(d.stmt.Row.Name, "<") || d.stmt.Row.Field == "route" {
		return "the path of the route"
	}
	return d.stmt.Row.Name
}

// decodeArg reads an argument into the field of root; without a field the
// value is only checked. That of a secret still has to be read as a reference.
func (c *compiler) decodeArg(d decoding, root reflect.Value, field string) bool {
	name := d.name()
	if d.stmt.Row.Name == "<matcher>" {
		name = "the name of the matcher"
	}
	value, ok := c.value(d.tok, d.arg.Kind, name)
	if !ok {
		return false
	}
	if value == "" && d.stmt.Row.Name == "listen" {
		return true // the default stands
	}
	if d.arg.Kind.Later != nil && !d.stmt.pending {
		if what := d.arg.Kind.Later(value); what != "" {
			c.notRunning(d.tok.Span, name+": "+what)
		}
	}
	if field == "" {
		return true
	}
	if d.arg.Kind.Secret && !d.arg.Kind.Text {
		ref, ok := c.secretRef(value.(string), d.tok.Span, name)
		if !ok {
			return false
		}
		value = config.SecretRef{Ref: ref}
	}
	c.assign(c.fields.of(root, field), value, c.pos(d.tok.Span))
	return true
}

// assign puts a value into a field, or appends it if the field is a list, and
// notes its place if the field has room for one. The first value of a list
// takes the place of its default, which has no place.
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
	setPos(v, pos)
	if f.Kind() != reflect.Slice {
		f.Set(v)
		return
	}
	if f.Len() == 1 {
		if listen, ok := f.Index(0).Interface().(config.Listen); ok && listen.Pos == (config.Pos{}) {
			f.SetZero()
		}
	}
	f.Set(reflect.Append(f, v))
}

func setPos(v reflect.Value, pos config.Pos) {
	if v.Kind() == reflect.Struct {
		if p := v.FieldByName("Pos"); p.IsValid() {
			p.Set(reflect.ValueOf(pos))
		}
	}
}

// written notes where a directive outside routes stands.
func (c *compiler) written(path string, span syntax.Span) {
	if _, ok := c.cfg.Written[path]; !ok && !strings.HasPrefix(path, "<") {
		c.cfg.Written[path] = c.pos(span)
	}
}
