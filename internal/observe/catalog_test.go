package observe

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// catalogFile maps ids to the events in the comments in front of them.
func catalogFile(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../packaging/catalog/hookaido.catalog")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^# (.*)\n-- ([0-9a-f]{32})\nSubject: \S.*\nDefined-By: Hookaido\nSupport: man:\S+\n\n`).FindAllStringSubmatch(string(text), -1) {
		if ids[m[2]] != "" {
			t.Errorf("the id %s is there twice", m[2])
		}
		ids[m[2]] = m[1]
	}
	if want := strings.Count(string(text), "\n-- "); len(ids) != want || want < 10 {
		t.Fatalf("read %d of %d entries", len(ids), want)
	}
	return ids
}

func TestCatalogHasEveryEvent(t *testing.T) {
	var sources strings.Builder
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "observe/catalog.go") {
			return err
		}
		text, err := os.ReadFile(path)
		sources.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	all := sources.String()
	for id, event := range catalogFile(t) {
		if event == "of hookaido-generator" {
			program, err := os.ReadFile("../../cmd/hookaido-generator/write.go")
			if err != nil || !strings.Contains(string(program), id) {
				t.Errorf("the generator doesn't use %s", id)
			}
			continue
		}
		if got := CatalogID(event); got != id {
			t.Errorf("%q has the id %q, in the file it is %s", event, got, id)
		}
		switch event {
		case StartConfigRefused, StartNoListener, StartStorageFailed:
		default:
			if !strings.Contains(all, `"`+event+`"`) {
				t.Errorf("nothing logs %q", event)
			}
		}
	}
}

func TestEntryHasCatalogID(t *testing.T) {
	id := func(event string, fields ...zap.Field) string {
		entry := string(appendEntry(nil, zapcore.Entry{Level: zapcore.WarnLevel, Message: event}, fields))
		_, after, _ := strings.Cut(entry, "\nMESSAGE_ID=")
		line, _, _ := strings.Cut(after, "\n")
		return line
	}
	for _, tc := range []struct {
		event  string
		fields []zap.Field
		want   string
	}{
		{"ready", nil, CatalogID("ready")},
		{"request refused", []zap.Field{zap.String("reason", "queue_full")}, CatalogID("queue_full")},
		{"request refused", []zap.Field{zap.String("reason", "auth_token")}, ""},
		{"something else", nil, ""},
		{"ready", []zap.Field{Catalog("0123456789abcdef0123456789abcdef")}, "0123456789abcdef0123456789abcdef"},
	} {
		if got := id(tc.event, tc.fields...); got != tc.want {
			t.Errorf("%s %v: got %q, want %q", tc.event, tc.fields, got, tc.want)
		}
	}
}
