package compile

import "reflect"

// fieldIndex finds the fields of a struct by their hk tags. Fields inside
// nested structs and behind pointers count as fields of the outer one; those of
// list elements don't.
type fieldIndex map[reflect.Type]map[string][]int

// of returns the field with the tag, or the zero value if there is none.
// Pointers on the way are filled.
func (x fieldIndex) of(root reflect.Value, tag string) reflect.Value {
	path, ok := x.tags(root.Type())[tag]
	if !ok {
		return reflect.Value{}
	}
	f := root
	for _, i := range path {
		if f.Kind() == reflect.Pointer {
			if f.IsNil() {
				f.Set(reflect.New(f.Type().Elem()))
			}
			f = f.Elem()
		}
		f = f.Field(i)
	}
	return f
}

// typeOf returns the type of the field with the tag.
func (x fieldIndex) typeOf(t reflect.Type, tag string) (reflect.Type, bool) {
	path, ok := x.tags(t)[tag]
	if !ok {
		return nil, false
	}
	for _, i := range path {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		t = t.Field(i).Type
	}
	return t, true
}

// isRecord reports whether a type is a struct with tagged fields, a pointer to
// one or a list of them.
func (x fieldIndex) isRecord(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && len(x.tags(t)) > 0
}

func (x fieldIndex) tags(t reflect.Type) map[string][]int {
	if tags, ok := x[t]; ok {
		return tags
	}
	tags := map[string][]int{}
	collect(t, nil, tags)
	x[t] = tags
	return tags
}

func collect(t reflect.Type, path []int, tags map[string][]int) {
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		here := append(path[:len(path):len(path)], i)
		if tag := f.Tag.Get("hk"); tag != "" && tag != "-" {
			tags[tag] = here
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			collect(inner, here, tags)
		}
	}
}

// get returns the field with the tag without changing anything: it isn't there
// if a pointer on the way is nil.
func (x fieldIndex) get(root reflect.Value, tag string) (reflect.Value, bool) {
	path, ok := x.tags(root.Type())[tag]
	if !ok {
		return reflect.Value{}, false
	}
	f := root
	for _, i := range path {
		if f.Kind() == reflect.Pointer {
			if f.IsNil() {
				return reflect.Value{}, false
			}
			f = f.Elem()
		}
		f = f.Field(i)
	}
	return f, true
}
