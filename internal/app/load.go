package app

import (
	"errors"
	"fmt"
	"strings"

	"hookaido/internal/admin"
	"hookaido/internal/config"
	"hookaido/internal/config/compile"
	"hookaido/internal/config/syntax"
	"hookaido/internal/secret"
)

// configError is a Hookaidofile that does not compile.
type configError struct{ diagnostics []syntax.Diagnostic }

// Error gives every diagnostic with its line, its caret and its hint.
func (e *configError) Error() string {
	return strings.TrimSuffix(syntax.Render(e.diagnostics), "\n")
}

// summary is an error in one line, for systemctl status: of a Hookaidofile the
// first thing that is wrong with it.
func summary(err error) string {
	var bad *configError
	if errors.As(err, &bad) {
		for _, d := range bad.diagnostics {
			if d.Severity == syntax.Error {
				return d.String()
			}
		}
	}
	return firstLine(err.Error())
}

// load reads and compiles the Hookaidofile. The warnings are one line each.
func (a *App) load() (cfg *config.Config, warnings []string, err error) {
	cfg, diagnostics := compile.File(a.opts.ConfigPath, compile.Options{LookupEnv: a.opts.LookupEnv, ReadFile: compile.ReadFile})
	if syntax.HasErrors(diagnostics) {
		return nil, nil, &configError{diagnostics}
	}
	for _, d := range diagnostics {
		warnings = append(warnings, d.String())
	}
	return cfg, warnings, nil
}

// secrets has the values of a configuration's references, and the versions of
// its secrets that change at run time.
type secrets struct {
	refs  map[secret.Ref]secret.Value
	pools admin.Pools
}

// resolver reads secrets.
func (a *App) resolver() secret.Resolver {
	dir, _ := a.opts.LookupEnv("CREDENTIALS_DIRECTORY")
	return secret.Resolver{LookupEnv: a.opts.LookupEnv, CredentialsDir: dir}
}

// Resolve reads every secret that cfg names. The error has a line for each that
// can't be had, with the place that uses it; it holds no secret.
func Resolve(cfg *config.Config, resolver secret.Resolver) (map[secret.Ref]secret.Value, error) {
	values := map[secret.Ref]secret.Value{}
	var errs []error
	for _, use := range compile.SecretRefs(cfg) {
		if _, done := values[use.Ref]; done {
			continue
		}
		v, err := resolver.Resolve(use.Ref)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", use.Pos, use.Directive, err))
			continue
		}
		values[use.Ref] = v
	}
	return values, errors.Join(errs...)
}

func (s secrets) of(refs []config.SecretRef) []secret.Value {
	values := make([]secret.Value, 0, len(refs))
	for _, ref := range refs {
		values = append(values, s.refs[ref.Ref])
	}
	return values
}

// pool gives the versions that names list, with their times of validity.
func (s secrets) pool(cfg *config.Config, names []config.SecretName) secret.Pool {
	var versions []secret.Version
	for _, name := range names {
		for i := range cfg.Secrets {
			switch e := &cfg.Secrets[i]; {
			case e.ID != name.ID:
			case e.Runtime:
				versions = append(versions, s.pools[e.ID]...)
			default:
				versions = append(versions, secret.Version{ID: e.ID, Value: s.refs[e.Value.Ref], From: e.ValidFrom, Until: e.ValidUntil})
			}
		}
	}
	return secret.NewPool(versions...)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
