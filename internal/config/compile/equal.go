package compile

import "reflect"

// Equal reports whether two parts of configs mean the same, wherever they are
// written.
func Equal[T any](a, b T) bool { return sameValue(reflect.ValueOf(a), reflect.ValueOf(b)) }
