package compile

import (
	"reflect"

	"hookaido/internal/config"
	"hookaido/internal/config/schema"
)

// Change is a difference between two configs that only a restart brings into
// effect.
type Change struct {
	// Directive is its name with its blocks, such as "pull_api.max_batch".
	Directive string
	// Pos is where the new config has it; zero if it isn't written there.
	Pos config.Pos
}

// String says what changed and where.
func (ch Change) String() string {
	if ch.Pos == (config.Pos{}) {
		return ch.Directive + " is no longer written: the change needs a restart"
	}
	return ch.Pos.String() + ": " + ch.Directive + ": the change needs a restart"
}

// RestartChanges returns the changes from one config to another that need a
// restart, in the order of the table; none means that a reload is enough.
func RestartChanges(before, after *config.Config) []Change {
	d := &differ{fields: fieldIndex{}, before: reflect.ValueOf(before).Elem(), after: reflect.ValueOf(after).Elem()}
	d.block(schema.Root(), "", after.Written)
	if before.Backend() != after.Backend() {
		d.changes = append(d.changes, Change{"route.queue", after.Routes[0].Pos})
	}
	if before.HasPull() != after.HasPull() {
		d.changes = append(d.changes, Change{"route.pull", pullPos(after)})
	}
	return d.changes
}

func pullPos(cfg *config.Config) config.Pos {
	for i := range cfg.Routes {
		if cfg.Routes[i].Pull != nil {
			return cfg.Routes[i].Pos
		}
	}
	return config.Pos{}
}

type differ struct {
	fields        fieldIndex
	before, after reflect.Value
	changes       []Change
}

// block compares what the rows of a block set, those of inner blocks in place
// of the block itself.
func (d *differ) block(b *schema.Block, path string, written map[string]config.Pos) {
	for _, row := range b.Rows {
		if row.Later || row.Field == "route" {
			continue
		}
		name := row.Name
		if path != "" {
			name = path + "." + name
		}
		if row.Block != nil {
			d.block(row.Block, name, written)
			continue
		}
		if row.Restart && row.Field != "" &&
			!sameValue(d.fields.of(d.before, row.Field), d.fields.of(d.after, row.Field)) {
			d.changes = append(d.changes, Change{name, written[row.Field]})
		}
	}
}

// sameValue compares two values as wholes, except for places.
func sameValue(a, b reflect.Value) bool {
	if !a.IsValid() {
		return true
	}
	if a.Type() == reflect.TypeFor[config.Pos]() {
		return true
	}
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return sameValue(a.Elem(), b.Elem())
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !sameValue(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Struct:
		for i := range a.NumField() {
			if a.Type().Field(i).IsExported() && !sameValue(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	}
	return a.Equal(b)
}
