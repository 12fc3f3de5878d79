package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"

	"hookaido/internal/queue"
)

// frozen is readOnly for a file that nobody changes; nothing is made beside it.
const frozen = readOnly + "&immutable=1"

// copyPages is how many pages one step of a copy takes: some megabytes.
const copyPages = 1024

// Copy writes the database at from, as it is at one moment, into the file at
// to, which must be there and empty. The database may be in use by another
// process, which is not held up; its log can't shrink meanwhile. The copy has no
// files beside it: what the database has in body files is in the copy too. It is
// not synced to the disk.
//
// progress is told the pages that are done and those that there are; it may be
// nil.
func Copy(ctx context.Context, from, to string, progress func(done, total int)) error {
	work := copying{from, to, progress}
	still, err := unlogged(from)
	if err != nil {
		return err
	}
	if still {
		err := work.run(ctx, frozen)
		still, lookErr := unlogged(from)
		if still || lookErr != nil || ctx.Err() != nil {
			return errors.Join(err, lookErr)
		}
		// a daemon started meanwhile, so that this copy may be of two moments
		if err := os.Truncate(to, 0); err != nil {
			return fmt.Errorf("begin the copy anew: %w", err)
		}
	}
	return work.run(ctx, readOnly)
}

// copying is what there is to copy where.
type copying struct {
	from, to string
	progress func(done, total int) // may be nil
}

func (k copying) run(ctx context.Context, mode access) (err error) {
	source, err := connect(ctx, k.from, mode)
	if err != nil {
		return explain(k.from, err)
	}
	defer func() { err = errors.Join(err, source.close()) }()
	// a transaction keeps the copy from beginning anew with every commit
	if err := source.exec("BEGIN; SELECT count(*) FROM sqlite_schema"); err != nil {
		return explain(k.from, err)
	}
	target, err := connect(ctx, k.to, readWrite)
	if err != nil {
		return fmt.Errorf("open the copy: %w", err)
	}
	defer func() { err = errors.Join(err, target.close()) }()
	// a copy that is not finished is thrown away, so it needs no journal
	if err := target.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF"); err != nil {
		return fmt.Errorf("open the copy: %w", err)
	}
	if err := copyAll(ctx, source, target, k.progress); err != nil {
		return err
	}
	if err := source.exec("COMMIT"); err != nil {
		return explain(k.from, err)
	}
	if err := k.gather(ctx, source, target); err != nil {
		return err
	}
	return single(target)
}

// unlogged reports whether the database at path has no log beside it that it
// needs, as a copy has none.
func unlogged(path string) (bool, error) {
	for _, suffix := range []string{"-wal", "-shm"} {
		_, err := os.Stat(path + suffix)
		if err == nil {
			return false, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return false, err
		}
	}
	return true, nil
}

func copyAll(ctx context.Context, source, target *conn, progress func(done, total int)) (err error) {
	work, err := target.c.Backup("main", source.c, "main")
	if err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	defer func() {
		if closeErr := work.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("copy the database: %w", closeErr)
		}
	}()
	for done := false; !done; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if done, err = work.Step(copyPages); err != nil {
			return fmt.Errorf("copy the database: %w", err)
		}
		if progress != nil {
			progress(work.PageCount()-work.Remaining(), work.PageCount())
		}
	}
	return nil
}

// single makes the copy a database of one file: that of a database in use
// expects a log beside it.
func single(c *conn) error {
	if mode, err := c.value("PRAGMA journal_mode = DELETE"); err != nil || mode != "delete" {
		return errors.Join(fmt.Errorf("the journal mode of the copy is %v, not delete", mode), err)
	}
	return nil
}

// Content is what a copy holds.
type Content struct {
	// Schema is the version of its tables.
	Schema int
	// ByState counts the messages.
	ByState map[queue.State]int
	// Attempts counts the records of deliveries.
	Attempts int
	// Lost counts the messages whose bodies are not in the copy, because their
	// files were not there when it was made.
	Lost int
}

// Inspect looks through a copy: whether it is whole, one of ours and of a
// version that this program knows. With thorough the indexes are held against
// the tables too, which takes several times as long. Nothing is changed and
// nothing made beside it. A refusal is an [*OpenError].
func Inspect(ctx context.Context, path string, thorough bool) (content Content, err error) {
	if err := inspectFile(path); err != nil {
		return content, err
	}
	c, err := connect(ctx, path, frozen)
	if err != nil {
		return content, explain(path, err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := inspectSchema(c, path, &content); err != nil {
		return content, explain(path, err)
	}
	check := "PRAGMA quick_check(1)"
	if thorough {
		check = "PRAGMA integrity_check(1)"
	}
	switch result, err := c.value(check); {
	case ctx.Err() != nil:
		return content, ctx.Err()
	case err != nil:
		return content, explain(path, err)
	case result != "ok":
		return content, &OpenError{OpenDamaged, path, fmt.Sprintf("it is damaged: %v", result), "use another copy", nil}
	}
	if err := count(c, &content); err != nil {
		return content, explain(path, err)
	}
	return content, nil
}

// inspectFile tells a copy from other files, and from a database in use.
func inspectFile(path string) error {
	size, err := examineFile(path)
	if err != nil {
		return err
	}
	if size == 0 {
		return &OpenError{OpenForeign, path, "it is missing or empty", "name a copy that hookaido backup made", nil}
	}
	if err := examineHeader(path); err != nil {
		return err
	}
	if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
		return &OpenError{OpenForeign, path, "its log lies beside it, so that it is no copy but a database in use, or was one",
			"make a copy with: hookaido backup --db " + path + " FILE", nil}
	}
	return nil
}

func inspectSchema(c *conn, path string, content *Content) error {
	app, err := c.integer("PRAGMA application_id")
	if err != nil {
		return err
	}
	if app != applicationID {
		return &OpenError{OpenForeign, path, "it is a SQLite database of another program", "name a copy that hookaido backup made", nil}
	}
	version, err := c.integer("PRAGMA user_version")
	if err != nil {
		return err
	}
	steps, err := migrations()
	if err != nil {
		return err
	}
	if version > int64(len(steps)) {
		return &OpenError{OpenForeign, path,
			fmt.Sprintf("its schema has version %d, and this program knows versions up to %d", version, len(steps)),
			"install the version of the program that wrote it, or a later one", nil}
	}
	content.Schema = int(version)
	return nil
}

// sqlCountAll counts what a copy has. The rows of body behind the last one in
// message are queued, see loose.go.
const sqlCountAll = `SELECT state, count(*) FROM message GROUP BY state
	UNION ALL SELECT 0, count(*) FROM body WHERE seq > (SELECT coalesce(max(seq), 0) FROM message)
	UNION ALL SELECT -1, count(*) FROM attempt`

func count(c *conn, content *Content) error {
	content.ByState = map[queue.State]int{}
	st, err := c.prepare(sqlCountAll)
	if err != nil {
		return err
	}
	defer c.drop(st)
	err = st.each(func(v []driver.Value) error {
		state, n := v[0].(int64), int(v[1].(int64))
		if state < 0 {
			content.Attempts = n
		} else {
			content.ByState[queue.State(state)] += n //nolint:gosec // a small number
		}
		return nil
	})
	if err != nil || content.Schema < 2 {
		return err
	}
	lost, err := c.integer(sqlCountLost)
	content.Lost = int(lost)
	return err
}
