package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	dropIn     = "50-hookaidofile.conf"
	reportUnit = "hookaido-generator-report.service"
	// messageID is that of the catalog's entry about sockets left as packaged.
	messageID = "7c2b5f0a3d6e4c1f9b08d1e5a4f36721"
)

// write puts a drop-in for each socket into dir. If one can't be written, none
// is left, so that the units are never half from the Hookaidofile.
func write(dir, source string, planned []socket) error {
	if len(planned) == 0 {
		return nil
	}
	if err := plainPath(source); err != nil {
		return err
	}
	for _, s := range planned {
		if err := writeFile(filepath.Join(dir, "hookaido-"+s.name+".socket.d", dropIn), s.text(source)); err != nil {
			return errors.Join(err, remove(dir, planned))
		}
	}
	return nil
}

func remove(dir string, planned []socket) error {
	var errs []error
	for _, s := range planned {
		errs = append(errs, os.RemoveAll(filepath.Join(dir, "hookaido-"+s.name+".socket.d")))
	}
	return errors.Join(errs...)
}

// text is the drop-in. An unused socket is kept closed by a condition that
// never holds. A mask would do so too, but takes its dependencies from a unit
// that is open already, so that restarting hookaido.target would not close it.
func (s socket) text(source string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by hookaido-generator at each daemon-reload, from\n# %s, which is the file to edit.\n[Unit]\nSourcePath=%s\n",
		oneLine(source), specifiers(source))
	if s.unused != "" {
		fmt.Fprintf(&b, "# Closed: %s.\nConditionPathExists=!/\n", oneLine(s.unused))
		return b.String()
	}
	b.WriteString("\n[Socket]\nListenStream=\n")
	for _, stream := range s.streams {
		fmt.Fprintf(&b, "ListenStream=%s\n", stream)
	}
	if s.early {
		b.WriteString("# An interface may get its address later.\nFreeBind=yes\n")
	}
	if s.unix {
		b.WriteString("SocketMode=0660\nSocketGroup=hookaido\nRemoveOnStop=yes\n")
	}
	return b.String()
}

// writeCredentials adds a drop-in of the service, if there are lines for it.
func writeCredentials(dir, lines string) error {
	if lines == "" {
		return nil
	}
	text := "# Written by hookaido-generator at each daemon-reload: the secrets that the\n" +
		"# Hookaidofile names and \"hookaido secret list\" shows.\n[Service]\n" + lines
	return writeFile(filepath.Join(dir, "hookaido.service.d", "50-credentials.conf"), text)
}

// writeReport adds a unit that tells the journal what run could not.
func writeReport(dir string) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	text := "# Written by hookaido-generator at a boot that it has something to say about.\n" +
		"[Unit]\nDescription=Report of what hookaido-generator left as packaged\nDocumentation=man:hookaido-generator(8)\n\n" +
		"[Service]\nType=oneshot\nExecStart=" + specifiers(program) + " --report\nSyslogIdentifier=" + identifier + "\n" +
		"SyslogLevel=warning\nProtectSystem=strict\nPrivateNetwork=yes\nNoNewPrivileges=yes\n"
	if err := writeFile(filepath.Join(dir, reportUnit), text); err != nil {
		return err
	}
	wants := filepath.Join(dir, "multi-user.target.wants")
	if err := os.MkdirAll(wants, 0o755); err != nil { //nolint:gosec // systemd shows it to everybody
		return fmt.Errorf("make the folder of the report: %w", err)
	}
	if err := os.Symlink("../"+reportUnit, filepath.Join(wants, reportUnit)); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("add the report to the boot: %w", err)
	}
	return nil
}

func writeFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // units are for everybody to read
		return fmt.Errorf("make the folder of a drop-in: %w", err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // units are for everybody to read
		return fmt.Errorf("write a drop-in: %w", err)
	}
	return nil
}
