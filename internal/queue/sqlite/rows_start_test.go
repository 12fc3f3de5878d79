package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"hookaido/internal/clock"
)

// C56: a step of the wall clock is told, once for each step.
func TestClockStepIsLogged(t *testing.T) {
	m := clock.NewManual(start)
	core, logs := observer.New(zapcore.WarnLevel)
	s := open(t, Options{Clock: m, Logger: zap.New(core)})
	for _, step := range []time.Duration{-time.Hour, 2 * time.Hour} {
		enqueue(t, s, message("/a", "before"))
		m.Step(step)
		enqueue(t, s, message("/a", "after"), message("/a", "and again"))
		enqueue(t, s, message("/a", "later"))
		lines := logs.TakeAll()
		if len(lines) != 1 || !strings.Contains(lines[0].Message, "wall clock was stepped") || lines[0].ContextMap()["step"] != step {
			t.Errorf("after a step of %v: %v", step, lines)
		}
	}
}

// C89: each migration asks for more time before it begins.
func TestMigrationsAreAnnounced(t *testing.T) {
	var told []string
	open(t, Options{Notify: func(text string) { told = append(told, text) }})
	steps, err := migrations()
	must(t, err)
	for _, step := range steps {
		if !slices.ContainsFunc(told, func(text string) bool { return strings.Contains(text, step.name) }) {
			t.Errorf("nothing was said of %s: %q", step.name, told)
		}
	}
}

// C89: a migration that fails or is killed in the middle leaves the database as
// it was, and the next start goes on.
func TestMigrationIsWholeOrNothing(t *testing.T) {
	const half = "CREATE TABLE fresh (x); ALTER TABLE message ADD COLUMN more INTEGER"
	steps, err := migrations()
	must(t, err)
	next := len(steps) + 1
	for name, cut := range map[string]func(t *testing.T, c *conn){
		"fails": func(t *testing.T, c *conn) {
			err := runMigration(c, migration{"next.sql", half + "; CREATE TABLE fresh (y);"}, next)
			if err == nil || !strings.Contains(err.Error(), "already exists") {
				t.Fatalf("a table was made twice: %v", err)
			}
		},
		"is killed": func(t *testing.T, c *conn) {
			must(t, c.exec(fmt.Sprintf("PRAGMA cache_size = 1; BEGIN IMMEDIATE; %s; PRAGMA user_version = %d", half, next)))
			must(t, c.exec("INSERT INTO fresh SELECT zeroblob(100000) FROM (VALUES (1), (2), (3))")) // some of it is written out
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := made(t)
			c, err := connect(context.Background(), path, readWrite)
			must(t, err)
			cut(t, c)
			// what a kill leaves behind, while the transaction is open
			killed := filepath.Join(t.TempDir(), "queue.db")
			for _, suffix := range []string{"", "-wal", "-shm", ".state"} {
				content, err := os.ReadFile(path + suffix)
				if !errors.Is(err, os.ErrNotExist) {
					must(t, err)
					must(t, os.WriteFile(killed+suffix, content, 0o600))
				}
			}
			s := open(t, Options{Path: killed})
			if got := depth(t, s); got != 2 {
				t.Errorf("%d messages are there, want 2", got)
			}
			for sql, want := range map[string]int64{
				"PRAGMA user_version": int64(len(steps)),
				"SELECT count(*) FROM sqlite_schema WHERE name = 'fresh' OR sql LIKE '%more%'": 0,
			} {
				if got, err := s.w.c.integer(sql); err != nil || got != want {
					t.Errorf("%s = %d, %v; want %d", sql, got, err, want)
				}
			}
			enqueue(t, s, message("/a", "goes on"))
			must(t, c.close())
		})
	}
}
