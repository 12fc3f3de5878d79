package compile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"hookaido/internal/config"
	"hookaido/internal/config/syntax"
	"hookaido/internal/secret"
)

// maxIncluded bounds a file that a {file.PATH} names, in bytes.
const maxIncluded = 1 << 20

// System returns the options for the operator's own file: placeholders see the
// environment of the process and the disk.
func System() Options {
	return Options{LookupEnv: os.LookupEnv, ReadFile: ReadFile}
}

// ReadFile reads a regular file of at most 1 MiB. It never blocks on a FIFO or
// a device.
func ReadFile(path string) ([]byte, error) {
	b, _, err := read(path, maxIncluded)
	return b, err
}

// ReadConfig reads a Hookaidofile, which must be a regular file. One that is
// too large for the language comes cut off, so that compiling it says so.
func ReadConfig(path string) ([]byte, error) {
	b, _, err := readConfig(path)
	return b, err
}

func readConfig(path string) ([]byte, fs.FileInfo, error) {
	b, info, err := read(path, syntax.MaxFile)
	if errors.Is(err, errTooLarge) {
		err = nil
	}
	return b, info, err
}

// errTooLarge comes with the part of the file that was read.
var errTooLarge = errors.New("larger than it may be")

// read reads a regular file of at most limit bytes. Opening doesn't wait for a
// writer, as it would with a FIFO.
func read(path string, limit int64) ([]byte, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, nil, cause(err)
	}
	defer f.Close() //nolint:errcheck // read only
	info, err := f.Stat()
	if err != nil {
		return nil, nil, cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errors.New("not a regular file")
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, nil, cause(err)
	}
	if int64(len(b)) > limit {
		return b, info, fmt.Errorf("%w: %d bytes", errTooLarge, limit)
	}
	return b, info, nil
}

// cause takes the path out of an error, because the message around it has it.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// File compiles the file with the path. Beside what [Source] does it looks at
// who may change the file: one that everybody may write to is reported, and
// refused if it holds a secret.
func File(path string, opts Options) (*config.Config, []syntax.Diagnostic) {
	src, info, err := readConfig(path)
	if err != nil {
		return nil, []syntax.Diagnostic{{Code: CodeUnreadable, File: path,
			Message: fmt.Sprintf("the config can't be read: %v", err), Hint: unreadableHint(err)}}
	}
	cfg, diags := Source(path, src, opts)
	d, bad := permissions(path, info)
	if !bad {
		return cfg, diags
	}
	if cfg != nil && hasRaw(cfg) {
		d.Severity = syntax.Error
		d.Message += ", and it holds raw: secrets"
		cfg = nil
	}
	return cfg, append([]syntax.Diagnostic{d}, diags...)
}

func unreadableHint(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "name the file with --config PATH"
	case errors.Is(err, fs.ErrPermission):
		return "run it as a user who may read the file"
	}
	return ""
}

// permissions looks for people who could change the file without being meant
// to.
func permissions(path string, info fs.FileInfo) (syntax.Diagnostic, bool) {
	d := syntax.Diagnostic{Severity: syntax.Warning, Code: CodePermissions, File: path}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case info.Mode().Perm()&0o002 != 0:
		d.Message, d.Hint = "everybody may write to this file", "chmod o-w "+path
	case ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid():
		d.Message, d.Hint = fmt.Sprintf("this file belongs to another user (uid %d)", stat.Uid), "chown root "+path
	default:
		return d, false
	}
	return d, true
}

func hasRaw(cfg *config.Config) bool {
	for _, use := range SecretRefs(cfg) {
		if use.Ref.Scheme == secret.Raw {
			return true
		}
	}
	return false
}

// Format returns the file in its canonical form. It needs no more than
// balanced braces and quotes: unknown directives are kept as they are. With an
// error among the diagnostics there is no result.
func Format(name string, src []byte) ([]byte, []syntax.Diagnostic) {
	file, faults := syntax.Parse(name, src)
	c := newCompiler(Options{}, file)
	c.diags = faults
	if len(faults) == 0 && empty(file.Root) {
		c.errorAt(CodeEmpty, syntax.Span{Start: syntax.Pos{Line: 1, Column: 1}}, "write at least one route", "the config is empty")
	}
	if file.Broken {
		c.explainBraces()
	}
	c.finish()
	if syntax.HasErrors(c.diags) {
		return nil, c.diags
	}
	return syntax.Format(file, c.table.Cutter()), c.diags
}
