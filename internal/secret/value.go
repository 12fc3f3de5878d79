// Package secret holds secret values and the references that name them.
//
// A [Value] never shows itself: every way of printing or marshalling it gives
// a fixed placeholder, so that no log line, error or API answer can carry one
// by accident. A [Ref] is what stands in a Hookaidofile (env:NAME, file:PATH,
// credential:NAME, vault:PATH#FIELD, raw:TEXT); a [Resolver] turns it into a
// value. A [Pool] has several with the times at which each is valid.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
)

const redacted = "[redacted]"

// Value is a secret. The zero value is empty and equals nothing.
type Value struct{ b []byte }

// New makes a value from b, which it copies.
func New(b []byte) Value { return Value{append([]byte(nil), b...)} }

// Reveal returns the secret bytes, for use as a key. The caller must neither
// change nor print them.
func (v Value) Reveal() []byte { return v.b }

// Len returns the length of the secret in bytes.
func (v Value) Len() int { return len(v.b) }

// Equal reports whether candidate is the secret, in time that depends only on
// the lengths. An empty value equals nothing.
func (v Value) Equal(candidate []byte) bool {
	return len(v.b) > 0 && subtle.ConstantTimeCompare(v.b, candidate) == 1
}

// String implements [fmt.Stringer] without the secret.
func (Value) String() string { return redacted }

// GoString implements [fmt.GoStringer] without the secret.
func (Value) GoString() string { return redacted }

// Format implements [fmt.Formatter] without the secret, whatever the verb.
func (Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText implements [encoding.TextMarshaler] without the secret.
func (Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }
