package systemd

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMemoryBound(t *testing.T) {
	for name, tc := range map[string]struct {
		groups string
		files  map[string]string
		want   int64
	}{
		"the unit's":     {"0::/system.slice/a.service\n", map[string]string{"system.slice/a.service/memory.max": "1000\n", "system.slice/a.service/memory.high": "max\n"}, 1000},
		"high is lower":  {"0::/system.slice/a.service\n", map[string]string{"system.slice/a.service/memory.max": "1000\n", "system.slice/a.service/memory.high": "900\n"}, 900},
		"the slice's":    {"0::/system.slice/a.service\n", map[string]string{"system.slice/a.service/memory.max": "1000\n", "system.slice/memory.max": "800\n"}, 800},
		"none":           {"0::/system.slice/a.service\n", map[string]string{"system.slice/a.service/memory.max": "max\n"}, 0},
		"no controller":  {"0::/system.slice/a.service\n", nil, 0},
		"old hierarchy":  {"5:memory:/a\n1:name=systemd:/b\n", map[string]string{"a/memory.max": "7"}, 0},
		"beside the old": {"5:memory:/a\n0::/c\n", map[string]string{"c/memory.max": "7\n"}, 7},
		"outside":        {"0::/../../x\n", map[string]string{"x/memory.max": "9\n"}, 9},
		"nonsense":       {"0::/c\n", map[string]string{"c/memory.max": "-5\n"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			groups := filepath.Join(root, "groups")
			must(t, os.WriteFile(groups, []byte(tc.groups), 0o600))
			for path, text := range tc.files {
				must(t, os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o700))
				must(t, os.WriteFile(filepath.Join(root, path), []byte(text), 0o600))
			}
			if got, bounded := memoryBound(groups, root); got != tc.want || bounded != (tc.want > 0) {
				t.Errorf("got %d, %v, want %d", got, bounded, tc.want)
			}
		})
	}
	if _, bounded := memoryBound(filepath.Join(t.TempDir(), "none"), "/"); bounded {
		t.Error("bounded by nothing")
	}
}
