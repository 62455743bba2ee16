package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"unsafe"

	"github.com/mattn/go-sqlite3"
)

// sqliteConn is one connection with the statements that it has prepared. One goroutine uses it at a time. It speaks with the
// driver itself: database/sql, made for pools that many share, costs as much as a point read does.
type sqliteConn struct {
	conn  *sqlite3.SQLiteConn
	d     *dialect
	stmts map[string]*sqliteStmt // by their text as we write it
}

// sqliteStmt is a prepared statement with room for what goes in and for what comes out.
type sqliteStmt struct {
	*sqlite3.SQLiteStmt
	args []driver.NamedValue
	row  []driver.Value
}

func openSQLiteConn(path string, d *dialect) (*sqliteConn, error) {
	name := url.URL{Scheme: "file", Path: path, RawQuery: "_mutex=no"} // one goroutine at a time needs none
	conn, err := (&sqlite3.SQLiteDriver{}).Open(name.String())
	if err != nil {
		return nil, err
	}
	return &sqliteConn{conn: conn.(*sqlite3.SQLiteConn), d: d, stmts: map[string]*sqliteStmt{}}, nil
}

func (c *sqliteConn) exec(ctx context.Context, query string, args []any) (row, affected int64, err error) {
	stmt, err := c.prepared(query, args)
	if err != nil {
		return 0, 0, err
	}
	res, err := stmt.ExecContext(ctx, stmt.args)
	if err != nil {
		return 0, 0, err
	}
	row, _ = res.LastInsertId()      // this driver has both
	affected, _ = res.RowsAffected() // ready
	return row, affected, nil
}

func (c *sqliteConn) query(ctx context.Context, query string, args []any) (rows, error) {
	stmt, err := c.prepared(query, args)
	if err != nil {
		return nil, err
	}
	r, err := stmt.QueryContext(ctx, stmt.args)
	if err != nil {
		return nil, err
	}
	return &sqliteRows{rows: r, stmt: stmt}, nil
}

// prepared returns the statement with its arguments filled in.
func (c *sqliteConn) prepared(query string, args []any) (*sqliteStmt, error) {
	stmt := c.stmts[query]
	if stmt == nil {
		made, err := c.conn.Prepare(c.d.rewrite(query))
		if err != nil {
			return nil, err
		}
		stmt = &sqliteStmt{SQLiteStmt: made.(*sqlite3.SQLiteStmt)}
		if len(c.stmts) >= maxStatements {
			if err := c.forget(); err != nil {
				return nil, errors.Join(err, stmt.Close())
			}
		}
		c.stmts[query] = stmt
	}
	stmt.args = stmt.args[:0]
	for i, arg := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return nil, fmt.Errorf("parameter %d: %w", i+1, err)
		}
		stmt.args = append(stmt.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return stmt, nil
}

func (c *sqliteConn) forget() error {
	var errs []error
	for _, stmt := range c.stmts {
		errs = append(errs, stmt.Close())
	}
	clear(c.stmts)
	return errors.Join(errs...)
}

// command runs a statement of the engine's own.
func (c *sqliteConn) command(query string) error {
	_, _, err := c.exec(context.Background(), query, nil)
	return err
}

// script runs several statements, once.
func (c *sqliteConn) script(text string) error {
	_, err := c.conn.Exec(text, nil)
	return err
}

// row reads the one row of a statement of the engine's own.
func (c *sqliteConn) row(query string, dest ...any) error {
	r, err := c.query(context.Background(), query, nil)
	if err != nil {
		return err
	}
	if r.Next() {
		err = r.Scan(dest...)
	}
	return errors.Join(err, r.Err(), r.Close())
}

// autocommit says that no transaction is open.
func (c *sqliteConn) autocommit() bool { return c.conn.AutoCommit() }

// logState is what SQLite says of its log.
type logState struct {
	busy          bool
	pages, copied int64
}

// log does a checkpoint of the mode, where "noop" only asks.
func (c *sqliteConn) log(mode string) (s logState, err error) {
	err = c.row("pragma wal_checkpoint("+mode+")", &s.busy, &s.pages, &s.copied)
	return s, err
}

func (c *sqliteConn) close() error { return errors.Join(c.forget(), c.conn.Close()) }

// sqliteRows are the rows of a statement, whose room for a row they use.
type sqliteRows struct {
	rows driver.Rows
	stmt *sqliteStmt
	err  error
}

func (r *sqliteRows) Next() bool {
	if r.err == nil {
		if n := len(r.rows.Columns()); n != len(r.stmt.row) {
			r.stmt.row = make([]driver.Value, n)
		}
		r.err = r.rows.Next(r.stmt.row)
	}
	return r.err == nil
}

func (r *sqliteRows) Err() error {
	if r.err == io.EOF {
		return nil
	}
	return r.err
}

func (r *sqliteRows) Close() error { return r.rows.Close() }

func (r *sqliteRows) Scan(dest ...any) error {
	if len(dest) != len(r.stmt.row) {
		return fmt.Errorf("%d columns for %d values", len(r.stmt.row), len(dest))
	}
	for i, to := range dest {
		if !assign(to, r.stmt.row[i]) {
			return fmt.Errorf("column %d: a %T does not go into a %T", i+1, r.stmt.row[i], to)
		}
	}
	return nil
}

// assign stores what came from a column, the driver's int64, float64, bool, string, []byte or nil, where the types agree.
func assign(to any, v driver.Value) (ok bool) {
	switch to := to.(type) {
	case *int64:
		*to, ok = v.(int64)
	case *int:
		var n int64
		n, ok = v.(int64)
		*to = int(n)
	case *string:
		*to, ok = v.(string)
	case *[]byte:
		var text string
		if text, ok = v.(string); ok {
			*to = unsafe.Slice(unsafe.StringData(text), len(text)) // the driver made it for us, and it is nobody else's
		} else {
			*to, ok = v.([]byte)
		}
	case *bool:
		if *to, ok = v.(bool); !ok { // an expression, which has no declared type
			var n int64
			n, ok = v.(int64)
			*to = n != 0
		}
	case *float64:
		*to, ok = v.(float64)
	case *any:
		*to, ok = v, true
	}
	return ok
}
