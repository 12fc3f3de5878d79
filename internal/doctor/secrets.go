package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"hookaido/internal/config"
	"hookaido/internal/config/compile"
	"hookaido/internal/secret"
)

// checkSecrets looks at where the secrets of the Hookaidofile are kept, and
// who else may read them. It reads none.
func checkSecrets(ctx context.Context, p *patient) ([]Finding, error) {
	found, err := p.credstoreModes()
	if p.cfg == nil {
		return found, err
	}
	given, text := p.givenCredentials(ctx)
	seen := map[secret.Ref]bool{}
	variables := false
	for _, use := range slices.Concat(compile.SecretRefs(p.cfg), credentialFiles(p.cfg), p.sealingKey()) {
		variables = variables || use.Ref.Scheme == secret.Env
		if seen[use.Ref] {
			continue
		}
		seen[use.Ref] = true
		switch use.Ref.Scheme {
		case secret.Raw:
			found = append(found, plainSecret(use))
		case secret.Env:
			if v, ok := p.lookup(use.Ref.Name); !ok || v == "" {
				found = append(found, missing(use, "the environment variable isn't set", "${EDITOR:-vi} "+quote(p.Paths.Environment), restartService))
			}
		case secret.File:
			more, err2 := p.secretFile(use)
			found, err = append(found, more...), errors.Join(err, err2)
		case secret.Credential:
			more, err2 := p.credential(use, given, text)
			found, err = append(found, more...), errors.Join(err, err2)
		}
	}
	if variables && p.own {
		found = append(found, p.environmentMode()...)
	}
	return found, err
}

func plainSecret(use compile.Use) Finding {
	return finding(Warning, idSecretPlain, use.Pos.String(), "hookaido secret set NAME", "${EDITOR:-vi} "+quote(use.Pos.File)+"  # credential:NAME in place of raw:...", daemonReload, restartService).
		says(use.Directive+": the secret itself stands in the Hookaidofile", "whoever reads the file, a backup or a repository of it has the secret")
}

func missing(use compile.Use, what string, mend ...string) Finding {
	return finding(Error, idSecretMissing, use.Pos.String(), mend...).
		says(fmt.Sprintf("%s: %s: %s", use.Directive, use.Ref, what), "without it the service does not start, and a reload is refused")
}

// credstoreModes looks at the folder of plain secrets, which root alone is to
// see.
func (p *patient) credstoreModes() ([]Finding, error) {
	dir := p.Paths.Credstore.Plain
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, unseen("only root may look into %s", dir)
	}
	var found []Finding
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
			found = append(found, readable(path, "chmod 600 "+quote(path)))
		}
	}
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o077 != 0 && len(found) == 0 {
		found = append(found, readable(dir, "chmod 700 "+quote(dir)))
	}
	return found, nil
}

func readable(path, mend string) Finding {
	return finding(Error, idSecretReadable, path, mend).
		says("others than root may read or change a secret", "whoever has it can send webhooks that pass as genuine, or take messages out; renew it if users are not to be trusted")
}

// secretFile looks at a file that the Hookaidofile names as a secret. The user
// of the service must read it, and nobody else.
func (p *patient) secretFile(use compile.Use) ([]Finding, error) {
	path := use.Ref.Name
	info, err := os.Stat(path)
	switch {
	case denied(err):
		return nil, unseen("only root may look at %s", path)
	case err != nil:
		return []Finding{missing(use, "the file can't be had", "ls -l "+quote(path))}, nil
	case info.Mode().Perm()&0o007 != 0:
		return []Finding{readable(path, "chmod o= "+quote(path))}, nil
	case p.own && p.user.found && !p.user.mayRead(info):
		return []Finding{missing(use, "the user hookaido may not read it", "chgrp hookaido "+quote(path), "chmod 640 "+quote(path))}, nil
	}
	return nil, nil
}

func (a account) mayRead(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	mode := info.Mode().Perm()
	switch {
	case int(st.Uid) == a.uid:
		return mode&0o400 != 0
	case int(st.Gid) == a.gid:
		return mode&0o040 != 0
	}
	return mode&0o004 != 0
}

// environmentMode looks at the file of variables once it has secrets.
func (p *patient) environmentMode() []Finding {
	info, err := os.Stat(p.Paths.Environment)
	if err != nil || info.Mode().Perm()&0o007 == 0 {
		return nil
	}
	return []Finding{readable(p.Paths.Environment, "chmod o= "+quote(p.Paths.Environment))}
}

// givenCredentials are the names that systemd handed to the running service,
// nil if that can't be told, and the text of the unit with its drop-ins.
func (p *patient) givenCredentials(ctx context.Context) (names []string, unit string) {
	if u, ok := p.service(); ok {
		if out, err := p.Commands.Output(ctx, "systemctl", "cat", "--no-pager", serviceUnit); err == nil {
			unit = string(out)
		}
		if !u.active() {
			return nil, unit
		}
	}
	entries, err := os.ReadDir(p.Paths.Credentials)
	if err != nil {
		return nil, unit
	}
	names = []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, unit
}

// credential looks for the source of a credential, and whether it reaches the
// service.
func (p *patient) credential(use compile.Use, given []string, unit string) ([]Finding, error) {
	if !p.own || unit == "" {
		return nil, nil
	}
	name := use.Ref.Name
	kept, err := p.kept(name)
	if err != nil {
		return nil, err
	}
	inUnit := namesCredential(unit, name)
	switch {
	case !kept && !inUnit:
		return []Finding{missing(use, "no such secret is kept on this machine", "hookaido secret set "+quote(name), daemonReload, restartService)}, nil
	case !inUnit:
		return []Finding{notGiven(use, "it is kept, and the unit doesn't hand it to the service yet", daemonReload, restartService)}, nil
	case given != nil && !slices.Contains(given, name):
		return []Finding{notGiven(use, "the service was started before it had this secret", restartService)}, nil
	}
	return nil, nil
}

func notGiven(use compile.Use, what string, mend ...string) Finding {
	return finding(Error, idSecretNotGiven, use.Pos.String(), mend...).
		says(fmt.Sprintf("%s: %s: %s", use.Directive, use.Ref, what), "systemd hands secrets over when the service starts; until then a reload is refused")
}

// kept reports whether "hookaido secret set" has kept the secret.
func (p *patient) kept(name string) (bool, error) {
	for _, path := range []string{p.Paths.Credstore.EncryptedPath(name), p.Paths.Credstore.PlainPath(name)} {
		_, err := os.Stat(path)
		if err == nil {
			return true, nil
		}
		if denied(err) {
			return false, unseen("only root may look at %s", filepath.Dir(path))
		}
	}
	return false, nil
}

// namesCredential reports whether a unit hands a credential over, from a file
// that is there.
func namesCredential(unit, name string) bool {
	found := false
	for line := range strings.Lines(unit) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || !strings.HasPrefix(key, "LoadCredential") && key != "ImportCredential" {
			continue
		}
		is, path, _ := strings.Cut(value, ":")
		switch {
		case value == "": // takes back what was said before
			found = false
		case key == "ImportCredential":
			found = found || matches(is, name)
		case is == name && !(filepath.IsAbs(path) && absent(path)):
			found = true
		}
	}
	return found
}

func absent(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func matches(pattern, name string) bool {
	ok, err := filepath.Match(pattern, name)
	return ok && err == nil
}

// keyFiles are the private keys of all listeners.
func keyFiles(cfg *config.Config) []string {
	var files []string
	for _, t := range tlsBlocks(cfg) {
		if !strings.HasPrefix(t.tls.KeyFile, credentialPrefix) {
			files = append(files, t.tls.KeyFile)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// credentialFiles are the credentials that stand in the place of files of TLS.
func credentialFiles(cfg *config.Config) []compile.Use {
	var uses []compile.Use
	for _, b := range tlsBlocks(cfg) {
		for directive, path := range map[string]string{"cert_file": b.tls.CertFile, "key_file": b.tls.KeyFile, "client_ca": b.tls.ClientCA} {
			if name, ok := strings.CutPrefix(path, credentialPrefix); ok {
				pos := cfg.Written[b.name+".tls."+directive]
				uses = append(uses, compile.Use{Ref: secret.Ref{Scheme: secret.Credential, Name: name}, Directive: b.name + ": tls " + directive, Pos: pos})
			}
		}
	}
	return uses
}

// sealingKey is the key that seals secrets which change at run time, if there
// are any and no variable has it.
func (p *patient) sealingKey() []compile.Use {
	if v, ok := p.lookup(secret.SealingKey); ok && v != "" {
		return nil
	}
	for _, s := range p.cfg.Secrets {
		if s.Runtime {
			ref := secret.Ref{Scheme: secret.Credential, Name: secret.SealingKey}
			return []compile.Use{{Ref: ref, Directive: fmt.Sprintf("secret %q: runtime on", s.ID), Pos: s.Pos}}
		}
	}
	return nil
}
