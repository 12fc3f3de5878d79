package secret

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Scheme says where the secret of a reference is kept.
type Scheme string

// The schemes of a reference. Raw carries the secret itself and is for tests.
const (
	Env        Scheme = "env"
	File       Scheme = "file"
	Raw        Scheme = "raw"
	Credential Scheme = "credential"
	Vault      Scheme = "vault"
)

// Ref names a secret, as written in a Hookaidofile.
type Ref struct {
	Scheme Scheme
	// Name is the text after the first colon: the variable, the path, the
	// credential, or for Raw the secret. Of Vault it is the path without slashes
	// at its ends.
	Name string
	// Field is the field of a Vault secret, DefaultField if none is written;
	// empty for all other schemes.
	Field string
}

// DefaultField is the field of a Vault secret that a reference without one
// means.
const DefaultField = "value"

const allowedRefs = "env:NAME, file:PATH, credential:NAME, vault:PATH#FIELD or raw:TEXT"

// ParseRef reads "scheme:name". The error says what is wrong and what is
// allowed, and never repeats the name of a raw reference.
func ParseRef(text string) (Ref, error) {
	text = strings.TrimSpace(text)
	scheme, name, found := strings.Cut(text, ":")
	if !found {
		return Ref{}, errors.New("a secret reference needs a scheme: " + allowedRefs)
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
	case Vault:
		return parseVault(name)
	default:
		return Ref{}, errors.New("unknown secret scheme: use " + allowedRefs)
	}
	return ref, nil
}

// parseVault reads PATH or PATH#FIELD.
func parseVault(text string) (Ref, error) {
	path, field, hasField := strings.Cut(text, "#")
	switch path = strings.Trim(path, "/"); {
	case path == "":
		return Ref{}, errors.New(`no path follows "vault:"`)
	case strings.Contains(path, "://"):
		return Ref{}, errors.New("a vault: reference has the path alone; the address of Vault is in HOOKAIDO_VAULT_ADDR")
	case strings.ContainsAny(path, "?\\") || strings.IndexFunc(path, unicode.IsControl) >= 0:
		return Ref{}, errors.New("the path of a vault: reference has a character that no path has")
	case hasField && field == "":
		return Ref{}, errors.New(`no field follows the "#" of a vault: reference`)
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return Ref{}, errors.New(`the path of a vault: reference has an empty segment, "." or ".."`)
		}
	}
	if !hasField {
		field = DefaultField
	}
	return Ref{Scheme: Vault, Name: path, Field: field}, nil
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
	if r.Field != "" {
		return string(r.Scheme) + ":" + r.Name + "#" + r.Field
	}
	return string(r.Scheme) + ":" + r.Name
}

// GoString implements [fmt.GoStringer] as [Ref.String].
func (r Ref) GoString() string { return r.String() }

// MarshalText implements [encoding.TextMarshaler] as [Ref.String].
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
