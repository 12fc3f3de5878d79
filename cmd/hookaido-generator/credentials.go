package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"hookaido/internal/config/syntax"
	"hookaido/internal/secret"
	"hookaido/internal/systemd"
)

// maxCredentials bounds how many the service gets.
const maxCredentials = 1000

// credentialNames finds what a Hookaidofile names as credential:NAME, and the key
// that stored secrets are encrypted with, sorted.
// It looks at the words alone, since a mistake elsewhere in the file must not
// take secrets away from a service that is about to say what is wrong.
func credentialNames(root *syntax.Block) []string {
	var names []string
	var walk func(b *syntax.Block)
	walk = func(b *syntax.Block) {
		for _, item := range b.Items {
			if item.Block != nil {
				walk(item.Block)
				continue
			}
			if found, ok := strings.CutPrefix(item.Token.Text, "credential:"); ok && item.Token.IsValue() && plainName(found) {
				names = append(names, found)
			}
		}
	}
	walk(root)
	names = append(names, secret.SealingKey) // which no line of the file names
	slices.Sort(names)
	return slices.Compact(names)
}

// plainName holds names to what stands for itself in a unit file and a path.
func plainName(name string) bool {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	}
	return name != "" && name[0] != '.' && len(name) <= 200 && !strings.ContainsFunc(name, odd)
}

// credentialLines are the settings that hand the service those secrets that
// have a file where "hookaido secret set" keeps them. Only whether a file is
// there is looked at. The blank default makes a file that is removed later an
// error of the configuration that names it.
func credentialLines(store systemd.Credstore, names []string) string {
	var b strings.Builder
	for _, name := range names {
		if path := store.EncryptedPath(name); isFile(path) {
			fmt.Fprintf(&b, "LoadCredentialEncrypted=%s:%s\n", name, path)
		} else if path := store.PlainPath(name); isFile(path) {
			fmt.Fprintf(&b, "LoadCredential=%s:%s\nSetCredential=%s:\\n\n", name, path, name)
		}
	}
	return b.String()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
