package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxFile bounds what is read as one secret, in bytes.
const maxFile = 1 << 20

// Resolver turns references into values. Its fields are fixed when it is made;
// it is safe for concurrent use.
type Resolver struct {
	// LookupEnv looks up an environment variable, as [os.LookupEnv].
	LookupEnv func(name string) (string, bool)
	// CredentialsDir is the folder of the unit's credentials, that is
	// $CREDENTIALS_DIRECTORY; empty when the process has none.
	CredentialsDir string
}

// Resolve reads the secret that ref names. White space around the content of a
// file or credential is not part of it. An error names the reference and says
// what to do; it never holds the secret.
func (r Resolver) Resolve(ref Ref) (Value, error) {
	switch ref.Scheme {
	case Raw:
		return New([]byte(ref.Name)), nil
	case Env:
		text, set := r.LookupEnv(ref.Name)
		switch {
		case !set:
			return Value{}, fmt.Errorf("%s: the environment variable is not set", ref)
		case text == "":
			return Value{}, fmt.Errorf("%s: the environment variable is empty", ref)
		}
		return New([]byte(text)), nil
	case File:
		return readFile(ref, ref.Name)
	case Credential:
		if r.CredentialsDir == "" {
			return Value{}, fmt.Errorf("%s: the process has no credentials ($CREDENTIALS_DIRECTORY is not set); "+
				"add LoadCredential=%s:PATH to the unit", ref, ref.Name)
		}
		v, err := readFile(ref, filepath.Join(r.CredentialsDir, ref.Name))
		if errors.Is(err, fs.ErrNotExist) {
			return Value{}, fmt.Errorf("%s: the unit passes no such credential; add LoadCredential=%s:PATH to it", ref, ref.Name)
		}
		return v, err
	default:
		return Value{}, fmt.Errorf("%s: unknown secret scheme", ref)
	}
}

func readFile(ref Ref, path string) (Value, error) {
	b, err := readRegular(path)
	if err != nil {
		return Value{}, fmt.Errorf("%s: %w", ref, err)
	}
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return Value{}, fmt.Errorf("%s: the file is empty", ref)
	}
	return New(b), nil
}

// readRegular reads a bounded regular file. It looks at the kind before it
// opens, because opening a FIFO would block.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return b, nil
}
