package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hookaido/internal/systemd"
)

// maxSecret bounds a secret, in bytes; systemd takes credentials up to it.
const maxSecret = 1 << 20

// firstCreds is the version of systemd that has systemd-creds.
const firstCreds = 250

// checkSecretName holds names to what stands for itself in file names and unit
// files.
func checkSecretName(name string) error {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	}
	if name == "" || name[0] == '.' || len(name) > 200 || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("%q is no name for a secret: use letters, digits, and . _ - after the first character", name)
	}
	return nil
}

// findCreds returns the path of a systemd-creds that can be used, or an empty
// one, and the version of systemd, 0 if there is none.
func findCreds(ctx context.Context) (path string, version int) {
	path, err := exec.LookPath("systemd-creds")
	if err != nil {
		return "", 0
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output() //nolint:gosec // found in the operator's PATH
	if err != nil {
		return "", 0
	}
	words := strings.Fields(string(out)) // systemd 252 (252.39-1~deb12u1)
	if len(words) > 1 {
		version, _ = strconv.Atoi(words[1]) // 0 is no version
	}
	if version < firstCreds {
		return "", version
	}
	return path, version
}

// secretKeeper puts secrets where the service gets them from.
type secretKeeper struct {
	store systemd.Credstore
	creds string // path of systemd-creds; empty keeps secrets plain
	key   string // of systemd-creds; empty leaves it to that
}

// keep writes the secret of a name, in place of what was there, and returns
// the file. It is left alone, as not changed, if it holds that secret already
// and no choice of a key asks for another form. No moment has half a secret, or
// none, or a plain one on disk that is to be encrypted.
func (k secretKeeper) keep(ctx context.Context, name string, value []byte) (path string, changed bool, err error) {
	path, other := k.paths(name)
	if _, err := os.Lstat(other); errors.Is(err, fs.ErrNotExist) && k.key == "" && k.holds(ctx, name, value) {
		return path, false, nil
	}
	return path, true, k.replace(ctx, name, value)
}

// holds reports whether the secret of a name is known to be value.
func (k secretKeeper) holds(ctx context.Context, name string, value []byte) bool {
	var have []byte
	var err error
	if k.creds == "" {
		have, err = os.ReadFile(k.store.PlainPath(name))
	} else {
		path := k.store.EncryptedPath(name)
		have, err = exec.CommandContext(ctx, k.creds, "decrypt", "--name="+name, path, "-").Output() //nolint:gosec // as encrypt
	}
	return err == nil && bytes.Equal(have, value)
}

// paths returns where a secret is to be kept, and where it must not be.
func (k secretKeeper) paths(name string) (path, other string) {
	path, other = k.store.PlainPath(name), k.store.EncryptedPath(name)
	if k.creds != "" {
		path, other = other, path
	}
	return path, other
}

func (k secretKeeper) replace(ctx context.Context, name string, value []byte) error {
	path, other := k.paths(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder of the secret: %w; run it as root", err)
	}
	if k.creds != "" {
		var err error
		if value, err = k.encrypt(ctx, name, value); err != nil {
			return err
		}
	}
	if err := putSecret(path, value); err != nil {
		return err
	}
	// The encrypted file comes first for the service, so a change to plain
	// must not leave the old one there.
	if err := os.Remove(other); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the older secret of that name: %w", err)
	}
	return nil
}

func (k secretKeeper) encrypt(ctx context.Context, name string, value []byte) ([]byte, error) {
	args := []string{"encrypt", "--name=" + name}
	if k.key != "" {
		args = append(args, "--with-key="+k.key)
	}
	cmd := exec.CommandContext(ctx, k.creds, append(args, "-", "-")...) //nolint:gosec // found in the operator's PATH, the name is checked
	cmd.Stdin = bytes.NewReader(value)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("systemd-creds encrypt: %w: %s; run it as root, or keep the secret without encryption by --plain",
			err, strings.Join(strings.Fields(complaint.String()), " "))
	}
	if out.Len() == 0 {
		return nil, errors.New("systemd-creds encrypt gave nothing")
	}
	return out.Bytes(), nil
}

// putSecret puts a file for its owner alone in place of what has the path.
func putSecret(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("write the secret: %w; run it as root", err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the secret: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// How a secret is kept.
const (
	keptEncrypted = "encrypted"
	keptPlain     = "plain"
	keptMissing   = "missing"
)

// listSecrets lists what the store has, and what of used it lacks, by name.
func listSecrets(store systemd.Credstore, used map[string]bool) ([]secretEntry, error) {
	kept := map[string]string{}
	for name := range used {
		kept[name] = keptMissing
	}
	plain, err := fileNames(store.Plain, "")
	if err != nil {
		return nil, err
	}
	for _, name := range plain {
		kept[name] = keptPlain
	}
	encrypted, err := fileNames(store.Encrypted, systemd.CredentialPrefix)
	if err != nil {
		return nil, err
	}
	for _, name := range encrypted { // as the service, which takes these first
		kept[name] = keptEncrypted
	}
	list := []secretEntry{}
	for name, how := range kept {
		e := secretEntry{Name: name, Kept: how}
		if used != nil {
			is := used[name]
			e.Used = &is
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b secretEntry) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// fileNames returns the names of secrets that have a file in dir, whose name
// begins with prefix.
func fileNames(dir, prefix string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the secrets: %w; run it as root", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutPrefix(e.Name(), prefix); ok && !e.IsDir() && checkSecretName(name) == nil {
			names = append(names, name)
		}
	}
	return names, nil
}

// readSecret takes a secret from standard input. At a terminal it asks for it
// twice and shows nothing.
func readSecret(prompts io.Writer, name string) ([]byte, error) {
	terminal, err := hideInput(os.Stdin)
	if err != nil {
		return nil, err
	}
	if terminal == nil {
		return readBounded(os.Stdin)
	}
	defer terminal.restore()
	var typed [2][]byte
	for i, prompt := range []string{"Secret " + name + ": ", "Again: "} {
		fmt.Fprint(prompts, prompt)
		typed[i], err = terminal.line()
		fmt.Fprintln(prompts)
		if err != nil {
			return nil, err
		}
	}
	if !bytes.Equal(typed[0], typed[1]) {
		return nil, errors.New("the two secrets differ; nothing was changed")
	}
	return checkSecret(typed[0])
}

func readBounded(in io.Reader) ([]byte, error) {
	value, err := io.ReadAll(io.LimitReader(in, maxSecret+1))
	if err != nil {
		return nil, fmt.Errorf("read the secret: %w", err)
	}
	return checkSecret(value)
}

func checkSecret(value []byte) ([]byte, error) {
	switch {
	case len(value) > maxSecret:
		return nil, fmt.Errorf("the secret has more than %d bytes", maxSecret)
	case len(bytes.TrimSpace(value)) == 0:
		return nil, errors.New("the secret is empty; nothing was changed")
	}
	return value, nil
}
