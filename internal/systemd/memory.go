package systemd

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// MemoryBound returns how much memory the process may have, in bytes, by the
// control groups that it is in: the least of MemoryHigh= and MemoryMax= of its
// unit and of the slices above it. It is false if nothing bounds it, or if this
// can't be read.
func MemoryBound() (bytes int64, bounded bool) {
	return memoryBound("/proc/self/cgroup", "/sys/fs/cgroup")
}

func memoryBound(groups, root string) (bytes int64, bounded bool) {
	text, err := os.ReadFile(groups) //nolint:gosec // of the kernel
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		path, unified := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
		if !unified {
			continue
		}
		for dir := filepath.Clean("/" + path); ; dir = filepath.Dir(dir) {
			for _, name := range []string{"memory.high", "memory.max"} {
				if n, ok := readBound(filepath.Join(root, dir, name)); ok && (!bounded || n < bytes) {
					bytes, bounded = n, true
				}
			}
			if dir == "/" {
				break
			}
		}
	}
	return bytes, bounded
}

// readBound reads a limit, which is a number or "max".
func readBound(path string) (int64, bool) {
	text, err := os.ReadFile(path) //nolint:gosec // of the kernel
	if err != nil {                // the root group has none
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil && n > 0
}
