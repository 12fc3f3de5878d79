package compile

import (
	"reflect"
	"strings"

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
	d := &differ{fields: fieldIndex{}, written: after.Written}
	d.block(schema.Root(), "", pair{reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem()})
	if before.Backend() != after.Backend() {
		d.changes = append(d.changes, Change{"route.queue", after.Routes[0].Pos})
	}
	if before.HasPull() != after.HasPull() {
		d.changes = append(d.changes, Change{"route.pull", firstRoute(after, func(r *config.Route) bool { return r.Pull != nil })})
	}
	return d.changes
}

// firstRoute returns the place of the first route that is meant, or no place.
func firstRoute(cfg *config.Config, meant func(*config.Route) bool) config.Pos {
	for i := range cfg.Routes {
		if meant(&cfg.Routes[i]) {
			return cfg.Routes[i].Pos
		}
	}
	return config.Pos{}
}

// pair is the same part of two configs.
type pair struct{ before, after reflect.Value }

func (p pair) elem() pair { return pair{p.before.Elem(), p.after.Elem()} }

func (p pair) same() bool { return sameValue(p.before, p.after) }

type differ struct {
	fields  fieldIndex
	written map[string]config.Pos
	changes []Change
}

// block compares what the rows of a block set, those of inner blocks in place
// of the block itself.
func (d *differ) block(b *schema.Block, path string, in pair) {
	for _, row := range b.Rows {
		if row.Field == "route" {
			continue
		}
		name := strings.TrimPrefix(path+"."+row.Name, ".")
		if row.Field == "" {
			if row.Block != nil {
				d.block(row.Block, name, in)
			}
			continue
		}
		at := pair{d.fields.of(in.before, row.Field), d.fields.of(in.after, row.Field)}
		switch {
		case row.Block != nil && at.before.Kind() == reflect.Struct:
			d.block(row.Block, name, at)
		case row.Block != nil && at.before.Kind() == reflect.Pointer && !at.before.IsNil() && !at.after.IsNil():
			d.block(row.Block, name, at.elem())
		case row.Restart && !at.same():
			d.changes = append(d.changes, Change{name, d.written[name]})
		}
	}
}
