package systemd

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const procFS = "/proc"

// maxLinks bounds the descriptors looked at, so that an error message never
// takes long on a large machine.
const maxLinks = 100_000

// holder is a process that listens on a port.
type holder struct {
	pid  int
	name string
}

// holderOf finds the process that listens on a TCP port, as far as this
// process may see.
func holderOf(proc string, port int) (holder, bool) {
	wanted := map[string]bool{}
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		f, err := os.Open(filepath.Join(proc, table))
		if err != nil {
			continue
		}
		for _, inode := range listeningInodes(f, port) {
			wanted["socket:["+inode+"]"] = true
		}
		_ = f.Close() // only read
	}
	if len(wanted) == 0 {
		return holder{}, false
	}
	return findLink(proc, wanted)
}

// listeningInodes reads a table of TCP sockets as the kernel prints it and
// returns the inodes of those that listen on the port.
func listeningInodes(table io.Reader, port int) []string {
	const (
		local, state, inode = 1, 3, 9
		listen              = "0A"
	)
	var found []string
	for lines := bufio.NewScanner(table); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) <= inode || f[state] != listen {
			continue
		}
		_, hex, ok := strings.Cut(f[local], ":")
		if p, err := strconv.ParseUint(hex, 16, 16); ok && err == nil && int(p) == port {
			found = append(found, f[inode])
		}
	}
	return found
}

// findLink looks for the process that has one of the links open. Processes and
// descriptors come and go meanwhile, and those of other users can't be read,
// so every error only means to go on.
func findLink(proc string, wanted map[string]bool) (holder, bool) {
	processes, err := os.ReadDir(proc)
	if err != nil {
		return holder{}, false
	}
	left := maxLinks
	for _, p := range processes {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		dir := filepath.Join(proc, p.Name(), "fd")
		links, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		if left -= len(links); left < 0 {
			break
		}
		for _, l := range links {
			if target, err := os.Readlink(filepath.Join(dir, l.Name())); err == nil && wanted[target] {
				return holder{pid: pid, name: nameOf(proc, p.Name())}, true
			}
		}
	}
	return holder{}, false
}

func nameOf(proc, pid string) string {
	comm, err := os.ReadFile(filepath.Join(proc, pid, "comm"))
	if err != nil {
		return "unknown"
	}
	return clean(strings.TrimSuffix(string(comm), "\n"))
}

// PortHolder finds the process that listens on a TCP port, as far as this
// process may see, and returns its id and name.
func PortHolder(port int) (pid int, name string, ok bool) {
	h, ok := holderOf(procFS, port)
	return h.pid, h.name, ok
}
