package sqlite

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

const (
	// applicationID marks our databases in their header: "Hook".
	applicationID = 0x486f6f6b
	// pageSize is that of new databases, in octets.
	pageSize = 4096
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is one step of the schema; its number is its place in the list,
// counted from 1.
type migration struct{ name, sql string }

func migrations() ([]migration, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	list := make([]migration, len(names))
	for i, name := range names {
		sql, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(name, fmt.Sprintf("migrations/%04d_", i+1)) {
			return nil, fmt.Errorf("migration %s is out of order", name)
		}
		list[i] = migration{strings.TrimPrefix(name, "migrations/"), string(sql)}
	}
	return list, nil
}

// migrate brings the schema of the open database up to date, after checking
// that it is one of ours and not of a later version.
func migrate(c *conn, o Options) error {
	steps, err := migrations()
	if err != nil {
		return err
	}
	version, err := c.integer("PRAGMA user_version")
	if err != nil {
		return err
	}
	app, err := c.integer("PRAGMA application_id")
	if err != nil {
		return err
	}
	tables, err := c.integer("SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return err
	}
	fresh := app == 0 && tables == 0 && version == 0
	if app != applicationID && !fresh {
		return &OpenError{OpenForeign, o.Path, "it is a SQLite database of another program", "name another path", nil}
	}
	if version > int64(len(steps)) {
		return &OpenError{OpenForeign, o.Path,
			fmt.Sprintf("its schema has version %d, and this program knows versions up to %d", version, len(steps)),
			"install the version of the program that wrote it, or a later one", nil}
	}
	for i := int(version); i < len(steps); i++ {
		o.Notify("migrating the queue database: " + steps[i].name)
		if err := runMigration(c, steps[i], i+1); err != nil {
			return fmt.Errorf("migration %s: %w", steps[i].name, err)
		}
	}
	return nil
}

func runMigration(c *conn, m migration, number int) error {
	sql := fmt.Sprintf("BEGIN IMMEDIATE;\n%s\nPRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT;",
		m.sql, applicationID, number)
	err := c.exec(sql)
	if err != nil && !c.c.AutoCommit() {
		_ = c.exec("ROLLBACK") // the first error tells more
	}
	return err
}
