package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	textdiff "github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"hookaido/internal/config/compile"
	"hookaido/internal/config/syntax"
)

func (p *program) fmtCommand() *cobra.Command {
	var check, write, diff bool
	cmd := &cobra.Command{
		Use:   "fmt",
		Short: "Print the Hookaidofile in its canonical form",
		Long: "Fmt writes one directive per line, two spaces per level, and keeps every comment,\n" +
			"the order and the values as they are. It needs only balanced braces and quotes.\n" +
			"With --check it prints nothing and exits with 1 if the file is not in this form; with\n" +
			"--diff it prints what would change, and exits the same.",
		Example: "  hookaido config fmt --config ./Hookaidofile --write\n" +
			"  hookaido config fmt --check",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if check && write || check && diff || write && diff {
				return usageError{cmd, errors.New("--check, --diff and --write exclude each other")}
			}
			if err := p.bind(cmd); err != nil {
				return err
			}
			path := p.configPath()
			before, err := compile.ReadConfig(path)
			if err != nil {
				return fmt.Errorf("read the Hookaidofile %s: %w", path, err)
			}
			after, diagnostics := compile.Format(path, before)
			if syntax.HasErrors(diagnostics) {
				fmt.Fprint(p.Stderr, syntax.Render(diagnostics))
				return errSilent
			}
			switch same := bytes.Equal(before, after); {
			case check && !same:
				return fmt.Errorf("%s is not in canonical form; write it with: hookaido config fmt --write --config %s", path, path)
			case write && !same:
				return replaceFile(path, after)
			case diff && !same:
				if _, err := p.Stdout.Write(textdiff.Diff(path, before, path+" (formatted)", after)); err != nil {
					return err
				}
				return errSilent
			case check, write, diff:
				return nil
			}
			_, err = p.Stdout.Write(after)
			return err
		},
	}
	configFlag(cmd)
	cmd.Flags().BoolVar(&check, "check", false, "print nothing; exit with 1 if the file is not in canonical form")
	cmd.Flags().BoolVar(&diff, "diff", false, "print what would change; exit with 1 if anything does")
	cmd.Flags().BoolVar(&write, "write", false, "replace the file, if it is not in canonical form")
	return cmd
}

// replaceFile puts new content at path in one step, keeping mode and owner. A
// symbolic link is followed, so that the file behind it is replaced.
func replaceFile(path string, content []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // gone already when all went well
	_, err = temp.Write(content)
	err = errors.Join(err, keepOwner(temp, info), temp.Chmod(info.Mode().Perm()), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return nil
}

// keepOwner gives f the owner and group of the file that it will replace.
func keepOwner(f *os.File, of fs.FileInfo) error {
	uid, gid, ok := owner(of)
	if own, err := f.Stat(); err == nil {
		if u, g, known := owner(own); ok && known && (u != uid || g != gid) {
			return f.Chown(uid, gid)
		}
	}
	return nil
}
