// Package compile turns the text of a Hookaidofile into a [config.Config], or
// into everything that is wrong with it, sorted by position.
//
// The directive table of package schema drives it: cutting, arguments,
// defaults. What one row can't say alone, such as two directives that exclude
// each other, is a rule: a small function in one of the rules files. Placeholders
// are expanded through the functions of [Options], so that a file that comes
// from somebody else can be compiled without access to the environment and the
// disk.
package compile

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"reflect"
	"slices"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/config/schema"
	"hookaido/internal/config/syntax"
)

// The codes of what the compiler itself finds. They are stable; package schema
// and package syntax have further ones.
const (
	CodeUnreadable      = "unreadable"
	CodePermissions     = "file-permissions"
	CodeEmpty           = "empty-config"
	CodeDuplicate       = "duplicate"
	CodeMissing         = "missing-directive"
	CodeDefaultUsed     = "default-used"
	CodePlaceholder     = "bad-placeholder"
	CodeEnvNotSet       = "env-not-set"
	CodeNotExpanded     = "not-expanded"
	CodeUnknownVar      = "unknown-var"
	CodeVarCycle        = "var-cycle"
	CodeSecretRef       = "bad-secret-ref"
	CodeWeakSecret      = "weak-secret"
	CodeNoRoutes        = "no-routes"
	CodeRouteTarget     = "route-needs-target"
	CodeDuplicateRoute  = "duplicate-route"
	CodeUnreachable     = "unreachable-route"
	CodeDuplicatePull   = "duplicate-pull-path"
	CodePullPrefix      = "pull-path-under-prefix"
	CodeMixedBackends   = "mixed-backends"
	CodeTokenRequired   = "token-required"
	CodeSecretRequired  = "secret-required"
	CodeExcluded        = "options-exclude"
	CodeSameHeader      = "same-header"
	CodeLimitsCrossed   = "limits-crossed"
	CodeListenConflict  = "listen-conflict"
	CodeDuplicateSecret = "duplicate-secret"
	CodeUnknownMatcher  = "unknown-matcher"
	CodeUnknownSecret   = "unknown-secret"
	CodeSecretWindow    = "secret-window"
	CodeWindows         = "secret-windows"
	CodeExpired         = "secret-expired"
	CodeHandshake       = "handshake-needs"
	CodeChannel         = "channel-forbids"
	CodeChannelNeeds    = "channel-needs"
	CodeEgress          = "egress-refuses"
	CodeProgram         = "bad-program"
	CodeListenShared    = "shared-listener"
	CodeUnverified      = "client-not-verified"
	CodeUnused          = "unused"
	CodeShadowed        = "shadowed-route"
	CodeWiderMatch      = "wider-match"
	CodePlainText       = "no-tls"
	CodeIgnored         = "ignored"
	CodeSecretSource    = "secret-source" // of config validate, which looks for secrets
	CodeNotRunning      = "not-running-yet"
	CodeInternal        = "internal"
)

// Options says what a compile may reach outside the file. A nil function
// denies it: placeholders of that kind become empty, with a warning.
type Options struct {
	// LookupEnv looks up an environment variable, as [os.LookupEnv].
	LookupEnv func(name string) (string, bool)
	// ReadFile reads a file for a {file.PATH}; see [ReadFile].
	ReadFile func(path string) ([]byte, error)
	// Stat looks at a program that a route hands messages to, as [os.Stat]; nil
	// leaves programs alone.
	Stat func(path string) (fs.FileInfo, error)
	// Now is the time that the validity of secrets is measured against; zero
	// leaves it alone.
	Now time.Time
	// AllowNotRunning makes warnings of what compiles but isn't run by this
	// version, for checking a file that isn't to be started. Without it they are
	// errors, so that nothing is ignored silently.
	AllowNotRunning bool
}

// Source compiles the text of a file. The config is nil if a diagnostic is an
// error. Diagnostics are sorted by position.
func Source(name string, src []byte, opts Options) (*config.Config, []syntax.Diagnostic) {
	file, faults := syntax.Parse(name, src)
	c := newCompiler(opts, file)
	c.diags = faults
	c.cfg = &config.Config{Path: name, Written: map[string]config.Pos{}}
	sum := sha256.Sum256(src)
	c.cfg.Fingerprint = hex.EncodeToString(sum[:])
	switch {
	case file.Broken:
		c.explainBraces()
	case empty(file.Root):
		c.errorAt(CodeEmpty, syntax.Span{Start: syntax.Pos{Line: 1, Column: 1}},
			`write at least one route, such as: /webhooks/a { pull { path /a } }`, "the config is empty")
	default:
		c.compile()
	}
	c.finish()
	if syntax.HasErrors(c.diags) {
		return nil, c.diags
	}
	return c.cfg, c.diags
}

// empty reports whether a file has nothing but comments.
func empty(root *syntax.Block) bool {
	for _, item := range root.Items {
		if item.Block != nil || item.Token.Kind != syntax.Comment && item.Token.Kind != syntax.Semi {
			return false
		}
	}
	return true
}

type compiler struct {
	opts   Options
	file   *syntax.File
	table  *schema.Block
	cfg    *config.Config
	diags  []syntax.Diagnostic
	vars   map[string]*variable
	fields fieldIndex
	named  map[string]*matcher
	root   *block
	routes []*block // in the order of the file, with cfg.Routes in step
	// what was worked out about fields, and what new records begin with
	records map[recordKey]bool
	blanks  map[*schema.Directive]reflect.Value
	masks   masks
	names   names
	lines   []string // of the file, once they were asked for
}

func newCompiler(opts Options, file *syntax.File) *compiler {
	return &compiler{opts: opts, file: file, table: schema.Root(), fields: fieldIndex{},
		records: map[recordKey]bool{}, blanks: map[*schema.Directive]reflect.Value{}}
}

// names are what mistyped ones are compared with, once they were asked for.
type names struct {
	matchers, vars, secrets []string
	isSecret                map[string]bool
}

func (c *compiler) compile() {
	c.root = c.build(c.table, c.file.Root, syntax.Span{}, mode{})
	c.collectVars()
	c.decodeFile()
	for _, rule := range rules() {
		rule(c)
	}
	c.normalise()
}

// explainBraces looks for the directive whose opening brace is missing, when a
// closing one is too many.
func (c *compiler) explainBraces() {
	last := len(c.diags) - 1
	if last < 0 || c.diags[last].Code != syntax.CodeBrace || c.diags[last].Related != nil {
		return
	}
	stray := c.diags[last]
	probe := newCompiler(c.opts, c.file)
	probe.build(c.table, c.file.Root, syntax.Span{}, mode{})
	for _, d := range probe.diags {
		if d.Code == schema.CodeMissingBlock && d.Span.Start.Before(stray.Span.Start) {
			c.diags[last] = d
		}
	}
}

func (c *compiler) add(d syntax.Diagnostic) {
	c.diags = append(c.diags, d)
}

func (c *compiler) errorAt(code string, span syntax.Span, hint, message string) {
	c.add(syntax.Diagnostic{Code: code, Span: span, Hint: hint, Message: message})
}

func (c *compiler) warnAt(code string, span syntax.Span, hint, message string) {
	c.add(syntax.Diagnostic{Severity: syntax.Warning, Code: code, Span: span, Hint: hint, Message: message})
}

// internal reports that the table and the config don't fit together, which a
// test excludes.
func (c *compiler) internal(what string) {
	c.errorAt(CodeInternal, syntax.Span{}, "please report it", "a fault of Hookaido itself: "+what)
}

// relate adds a second place to the latest diagnostic.
func (c *compiler) relate(span syntax.Span, message string) {
	c.diags[len(c.diags)-1].Related = &syntax.Note{Span: span, Message: message}
}

func (c *compiler) pos(span syntax.Span) config.Pos {
	return config.Pos{File: c.file.Name, Line: span.Start.Line, Column: span.Start.Column}
}

// finish sorts the diagnostics and gives each the lines that it speaks of.
func (c *compiler) finish() {
	if c.opts.AllowNotRunning && syntax.HasErrors(c.diags) { // first things first
		c.diags = slices.DeleteFunc(c.diags, func(d syntax.Diagnostic) bool { return d.Code == CodeNotRunning })
	}
	syntax.Sort(c.diags)
	if len(c.diags) == 0 {
		return
	}
	show := c.masks.shower(c.file)
	for i := range c.diags {
		d := &c.diags[i]
		d.File = c.file.Name
		d.Source = show(d.Span.Start.Line)
		if d.Related != nil {
			d.Related.Source = show(d.Related.Span.Start.Line)
		}
	}
}
