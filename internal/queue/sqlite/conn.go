package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/mattn/go-sqlite3"
)

// busyTimeout is how long a connection waits for a lock that another process
// holds, in milliseconds.
const busyTimeout = 4000

// conn is one connection and its prepared statements. It is used by one
// goroutine at a time.
type conn struct {
	c     *sqlite3.SQLiteConn
	ctx   context.Context
	stmts []*stmt
}

// access is what a connection may do.
type access string

const (
	readWrite access = "rw" // never creates: the file is made before, with its mode
	readOnly  access = "ro"
)

func connect(ctx context.Context, path string, mode access) (*conn, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dsn := fmt.Sprintf("file:%s?mode=%s&_busy_timeout=%d", (&url.URL{Path: abs}).EscapedPath(), mode, busyTimeout)
	c, err := (&sqlite3.SQLiteDriver{}).Open(dsn)
	if err != nil {
		return nil, err
	}
	return &conn{c: c.(*sqlite3.SQLiteConn), ctx: ctx}, nil
}

// close finalises the statements, then the connection.
func (c *conn) close() error {
	var errs []error
	for _, st := range c.stmts {
		errs = append(errs, st.s.Close())
	}
	c.stmts = nil
	return errors.Join(append(errs, c.c.Close())...)
}

// exec runs statements that are not worth preparing.
func (c *conn) exec(sql string) error {
	_, err := c.c.Exec(sql, nil)
	return err
}

// value runs a query that is not worth preparing and returns the first column
// of its first row, nil without a row.
func (c *conn) value(sql string) (driver.Value, error) {
	st, err := c.prepare(sql)
	if err != nil {
		return nil, err
	}
	defer c.drop(st)
	var v driver.Value
	err = st.each(func(row []driver.Value) error {
		v = row[0]
		return nil
	})
	return v, err
}

// integer is value for numbers.
func (c *conn) integer(sql string) (int64, error) {
	v, err := c.value(sql)
	n, _ := v.(int64)
	return n, err
}

// stmt is a prepared statement with room for its arguments and one row.
type stmt struct {
	s    *sqlite3.SQLiteStmt
	ctx  context.Context
	args []driver.NamedValue
	row  []driver.Value
}

func (c *conn) prepare(sql string) (*stmt, error) {
	s, err := c.c.Prepare(sql)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", firstWords(sql), err)
	}
	st := &stmt{s: s.(*sqlite3.SQLiteStmt), ctx: c.ctx}
	st.args = make([]driver.NamedValue, s.NumInput())
	for i := range st.args {
		st.args[i].Ordinal = i + 1
	}
	c.stmts = append(c.stmts, st)
	return st, nil
}

// drop closes the statement that was prepared last.
func (c *conn) drop(st *stmt) {
	c.stmts = c.stmts[:len(c.stmts)-1]
	st.s.Close() //nolint:errcheck,gosec // repeats the error of the last step
}

func firstWords(sql string) string {
	if i := strings.IndexByte(sql, '('); i > 0 {
		sql = sql[:i]
	}
	return strings.TrimSpace(sql)
}

// run executes the statement for its effect. Numbers must be int64.
func (st *stmt) run(args ...driver.Value) error {
	for i, v := range args {
		st.args[i].Value = v
	}
	return st.step()
}

// step executes the statement with the arguments in st.args. It goes through
// Query, not Exec, because the driver then binds and steps in one call into C.
func (st *stmt) step() error {
	rows, err := st.s.QueryContext(st.ctx, st.args)
	if err != nil {
		return err
	}
	return rows.Close()
}

// each calls f for every row. The slice is used again for the next row; byte
// slices in it are not.
func (st *stmt) each(f func(row []driver.Value) error, args ...driver.Value) error {
	for i, v := range args {
		st.args[i].Value = v
	}
	rows, err := st.s.QueryContext(st.ctx, st.args)
	if err != nil {
		return err
	}
	if st.row == nil {
		st.row = make([]driver.Value, len(rows.Columns()))
	}
	for {
		if err = rows.Next(st.row); err == nil {
			err = f(st.row)
		}
		if err != nil {
			break
		}
	}
	if closeErr := rows.Close(); errors.Is(err, io.EOF) {
		err = closeErr
	}
	return err
}

// bySize is one statement prepared for several numbers of rows or keys, so
// that long lists need few calls.
type bySize struct {
	sizes []int // descending, ends with 1
	stmts []*stmt
}

// prepareSizes prepares head + repeat×n, joined by commas, + tail for each n.
func (c *conn) prepareSizes(head, repeat, tail string, sizes ...int) (bySize, error) {
	b := bySize{sizes: sizes}
	for _, n := range sizes {
		st, err := c.prepare(head + strings.TrimSuffix(strings.Repeat(repeat+",", n), ",") + tail)
		if err != nil {
			return b, err
		}
		b.stmts = append(b.stmts, st)
	}
	return b, nil
}

// chunks calls f with statements that cover n items: from says where the next
// size items begin.
func (b *bySize) chunks(n int, f func(st *stmt, from, size int) error) error {
	for i, from := 0, 0; from < n; {
		if b.sizes[i] > n-from {
			i++
			continue
		}
		if err := f(b.stmts[i], from, b.sizes[i]); err != nil {
			return err
		}
		from += b.sizes[i]
	}
	return nil
}

// keys runs the statement for a list of keys, without results.
func (b *bySize) keys(seqs []int64) error {
	return b.chunks(len(seqs), func(st *stmt, from, size int) error {
		for i := range size {
			st.args[i].Value = seqs[from+i]
		}
		return st.step()
	})
}

// eachKey runs the query for a list of keys.
func (b *bySize) eachKey(seqs []int64, f func(row []driver.Value) error) error {
	return b.chunks(len(seqs), func(st *stmt, from, size int) error {
		for i := range size {
			st.args[i].Value = seqs[from+i]
		}
		return st.each(f)
	})
}
