package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
)

// maxFile bounds what is read as one secret, in bytes.
const maxFile = 1 << 20

// Resolver turns references into values. Its fields are fixed when it is made;
// it is safe for concurrent use.
type Resolver struct {
	// LookupEnv looks up an environment variable, as [os.LookupEnv]. The
	// HOOKAIDO_VAULT_ variables say how to reach Vault.
	LookupEnv func(name string) (string, bool)
	// CredentialsDir is the folder of the unit's credentials, that is
	// $CREDENTIALS_DIRECTORY; empty when the process has none.
	CredentialsDir string
}

// Resolve reads the secret that ref names. White space around the content of a
// file or credential is not part of it. Vault gets the time that
// HOOKAIDO_VAULT_TIMEOUT says. An error names the reference and says what to
// do; it never holds the secret.
func (r Resolver) Resolve(ref Ref) (Value, error) {
	v, _, err := r.Inspect(ref)
	return v, err
}

// ResolveContext is [Resolver.Resolve] that gives up on Vault when ctx ends.
func (r Resolver) ResolveContext(ctx context.Context, ref Ref) (Value, error) {
	if ref.Scheme != Vault {
		return r.Resolve(ref)
	}
	return r.fromVault(ref, func(url string) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	})
}

// Inspect is [Resolver.Resolve] that also tells of what is odd about where the
// secret is kept, in sentences without the secret.
func (r Resolver) Inspect(ref Ref) (v Value, remarks []string, err error) {
	switch ref.Scheme {
	case Raw:
		return New([]byte(ref.Name)), nil, nil
	case Env:
		v, err = r.fromEnv(ref)
	case File:
		v, remarks, err = readFile(ref, ref.Name)
	case Credential:
		v, remarks, err = r.fromCredential(ref)
	case Vault:
		v, err = r.fromVault(ref, func(url string) (*http.Request, error) {
			return http.NewRequest(http.MethodGet, url, nil)
		})
	default:
		err = fmt.Errorf("%s: unknown secret scheme", ref)
	}
	return v, remarks, err
}

func (r Resolver) fromEnv(ref Ref) (Value, error) {
	text, set := r.LookupEnv(ref.Name)
	switch {
	case !set:
		return Value{}, fmt.Errorf("%s: the environment variable is not set", ref)
	case text == "":
		return Value{}, fmt.Errorf("%s: the environment variable is empty", ref)
	}
	return New([]byte(text)), nil
}

func (r Resolver) fromCredential(ref Ref) (Value, []string, error) {
	if r.CredentialsDir == "" {
		return Value{}, nil, fmt.Errorf("%s: the process has no credentials ($CREDENTIALS_DIRECTORY is not set); "+
			"add LoadCredential=%s:PATH to the unit", ref, ref.Name)
	}
	v, remarks, err := readFile(ref, filepath.Join(r.CredentialsDir, ref.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return Value{}, nil, fmt.Errorf("%s: the unit passes no such credential; keep it with: hookaido secret set %s, "+
			"then run: systemctl daemon-reload; systemctl restart hookaido", ref, ref.Name)
	}
	return v, remarks, err
}

func (r Resolver) fromVault(ref Ref, request func(url string) (*http.Request, error)) (Value, error) {
	client, err := newVault(r.LookupEnv)
	if err != nil {
		return Value{}, fmt.Errorf("%s: %w", ref, err)
	}
	req, err := request(client.url(ref.Name))
	if err != nil {
		return Value{}, fmt.Errorf("%s: make a request: %w", ref, err)
	}
	v, err := client.read(req, ref.Field)
	if err != nil {
		return Value{}, fmt.Errorf("%s: %w", ref, err)
	}
	return v, nil
}

func readFile(ref Ref, path string) (Value, []string, error) {
	b, info, err := readRegular(path)
	if err != nil {
		return Value{}, nil, fmt.Errorf("%s: %w", ref, err)
	}
	trimmed := bytes.TrimSpace(b)
	if len(trimmed) == 0 {
		return Value{}, nil, fmt.Errorf("%s: the file is empty", ref)
	}
	var remarks []string
	line := bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	if len(line) != len(trimmed) {
		remarks = append(remarks, fmt.Sprintf("%s: white space around the secret is dropped, and there is more of it than one line end", ref))
	}
	if ref.Scheme == File {
		remarks = append(remarks, exposed(ref, path, info)...)
	}
	return New(trimmed), remarks, nil
}

// exposed tells who else can read or change a file.
func exposed(ref Ref, path string, info fs.FileInfo) []string {
	var remarks []string
	if info.Mode().Perm()&0o007 != 0 {
		remarks = append(remarks, fmt.Sprintf("%s: every user of this machine may read or change the file; chmod o= %s", ref, path))
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		remarks = append(remarks, fmt.Sprintf("%s: the file belongs to another user (uid %d)", ref, stat.Uid))
	}
	return remarks
}

// readRegular reads a bounded regular file. It looks at the kind before it
// opens, because opening a FIFO would block.
func readRegular(path string) ([]byte, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, nil, err
	}
	if len(b) > maxFile {
		return nil, nil, fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return b, info, nil
}
