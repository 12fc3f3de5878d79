package compile

import (
	"reflect"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/secret"
)

// Equal reports whether two parts of configs mean the same, wherever they are
// written.
func Equal[T any](a, b T) bool { return sameValue(reflect.ValueOf(a), reflect.ValueOf(b)) }

// sameValue compares two values as wholes, except for places.
func sameValue(a, b reflect.Value) bool {
	if !a.IsValid() {
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
		return sameStruct(a, b)
	}
	return a.Equal(b)
}

func sameStruct(a, b reflect.Value) bool {
	switch x := a.Interface().(type) {
	case config.Pos:
		return true
	case time.Time:
		return x.Equal(b.Interface().(time.Time))
	case secret.Value:
		other := b.Interface().(secret.Value)
		return x.Equal(other.Reveal()) || x.Len()+other.Len() == 0
	}
	if a.NumField() > 0 && !a.Type().Field(0).IsExported() { // netip.Prefix
		return a.Equal(b)
	}
	for i := range a.NumField() {
		if a.Type().Field(i).IsExported() && !sameValue(a.Field(i), b.Field(i)) {
			return false
		}
	}
	return true
}
