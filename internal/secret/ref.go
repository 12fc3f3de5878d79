package secret

import (
	"errors"
	"fmt"
	"strings"
)

// Scheme says where the secret of a reference is kept.
type Scheme string

// The schemes of a reference. Raw carries the secret itself and is for tests.
const (
	Env        Scheme = "env"
	File       Scheme = "file"
	Raw        Scheme = "raw"
	Credential Scheme = "credential"
)

// Ref names a secret, as written in a Hookaidofile.
type Ref struct {
	Scheme Scheme
	// Name is the text after the first colon: the variable, the path, the
	// credential, or for Raw the secret.
	Name string
}

// ParseRef reads "scheme:name". The error says what is wrong and what is
// allowed, and never repeats the name of a raw reference.
func ParseRef(text string) (Ref, error) {
	text = strings.TrimSpace(text)
	scheme, name, found := strings.Cut(text, ":")
	if !found {
		return Ref{}, errors.New("a secret reference needs a scheme: env:NAME, file:PATH, credential:NAME or raw:TEXT")
	}
	ref := Ref{Scheme: Scheme(scheme), Name: name}
	switch ref.Scheme {
	case Env, File, Raw:
		if name == "" {
			return Ref{}, fmt.Errorf("nothing follows %q", scheme+":")
		}
	case Credential:
		if err := checkCredentialName(name); err != nil {
			return Ref{}, err
		}
	default:
		return Ref{}, errors.New("unknown secret scheme: use env:NAME, file:PATH, credential:NAME or raw:TEXT")
	}
	return ref, nil
}

// checkCredentialName holds a name to what systemd accepts as one: a file name
// without a folder (systemd.exec(5), LoadCredential=).
func checkCredentialName(name string) error {
	switch {
	case name == "":
		return errors.New(`nothing follows "credential:"`)
	case name == "." || name == ".." || strings.ContainsAny(name, "/\x00"):
		return fmt.Errorf("credential name %q must be a plain file name without \"/\"", name)
	case len(name) > 255:
		return errors.New("credential name is longer than 255 bytes")
	}
	return nil
}

// String returns the reference as written, with the secret of a raw one
// replaced.
func (r Ref) String() string {
	if r.Scheme == Raw {
		return string(Raw) + ":" + redacted
	}
	return string(r.Scheme) + ":" + r.Name
}

// GoString implements [fmt.GoStringer] as [Ref.String].
func (r Ref) GoString() string { return r.String() }

// MarshalText implements [encoding.TextMarshaler] as [Ref.String].
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
