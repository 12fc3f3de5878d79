package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A link that someone planted in the place of the database is shown.
func TestRestoreQuestionShowsLinks(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "elsewhere"), filepath.Join(dir, "q.db")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	want, err := filepath.EvalSymlinks(target)
	if err != nil {
		t.Fatal(err)
	}
	place, question := restoreQuestion("copy", link)
	if place != want || !strings.Contains(question, "in the place of "+want+", where the link "+link+" leads") {
		t.Errorf("%s: %s", place, question)
	}
	if place, question := restoreQuestion("copy", target); place != target || !strings.HasSuffix(question, "in the place of "+target+".") {
		t.Errorf("%s: %s", place, question)
	}
}

func TestRestoreTakesAllowNetworkFS(t *testing.T) {
	var errs bytes.Buffer
	args := []string{"restore", "nothing", "--yes", "--db", filepath.Join(t.TempDir(), "q.db"), "--allow-network-fs"}
	if code := Main(t.Context(), args, Environment{Stdout: &errs, Stderr: &errs}); code != exitDamaged || !strings.Contains(errs.String(), "missing or empty") {
		t.Errorf("exit %d: %s", code, &errs)
	}
	errs.Reset()
	t.Setenv("HOOKAIDO_ALLOW_NETWORK_FS", "perhaps")
	if code := Main(t.Context(), args[:5], Environment{Stdout: &errs, Stderr: &errs}); code != exitUsage || !strings.Contains(errs.String(), "not true or false") {
		t.Errorf("exit %d: %s", code, &errs)
	}
}
