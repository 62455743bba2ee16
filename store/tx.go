package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
)

// Tx is one transaction, for the duration of the function that got it and for one goroutine. After its first error every
// statement returns that error and nothing is committed: PostgreSQL wants it so, and SQLite shall not differ.
type Tx struct {
	ctx     context.Context
	conn    runner
	d       *dialect
	now     int64 // milliseconds since 1970, the same throughout
	err     error // the first error of the database, a *failure
	reading bool  // rows of a statement are open
	one     bool  // there is no transaction around the statement: one may run
	ran     bool  // a statement has run

	forget bool // tokens that were looked up may open something else after this transaction
}

var (
	errReading = errors.New("a statement inside the rows of another")
	errSecond  = errors.New("a second statement in ViewOne")
	errOver    = errors.New("the transaction has ended")
	errRows    = errors.New("more than one row")
)

// runner is where statements run, given as the dialect has them to be written.
type runner interface {
	// exec says how many rows the statement changed and, where the driver knows, the number of the row that it made last.
	exec(ctx context.Context, query string, args []any) (row, affected int64, err error)
	query(ctx context.Context, query string, args []any) (rows, error)
}

// rows are those of database/sql in what we use of them.
type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

// call runs fn. An error of the database, even one that fn kept to itself, goes before fn's own.
func (tx *Tx) call(fn func(*Tx) error) error {
	err := fn(tx)
	if tx.err != nil {
		err = tx.err
	}
	tx.err = &failure{mistake, errOver}
	return err
}

// exec runs a statement that returns no rows and says how many it changed.
func (tx *Tx) exec(query string, args ...any) (affected int64, err error) {
	_, affected, err = tx.insert(query, args...)
	return affected, err
}

// insert is exec for a database whose driver says which row was made.
func (tx *Tx) insert(query string, args ...any) (row, affected int64, err error) {
	if err := tx.ready(query); err != nil {
		return 0, 0, err
	}
	row, affected, err = tx.conn.exec(tx.ctx, query, args)
	return row, affected, tx.died(query, err)
}

// get reads the one row that query returns into dest, and says whether there is one. A second row is an error.
func (tx *Tx) get(query string, args []any, dest ...any) (found bool, err error) {
	rows, err := tx.open(query, args)
	if err != nil {
		return false, err
	}
	defer tx.close(rows)
	if found = rows.Next(); found {
		err = rows.Scan(dest...)
		if err == nil && rows.Next() {
			err = errRows
		}
	}
	if err == nil {
		err = cmp.Or(rows.Err(), rows.Close())
	}
	return found && err == nil, tx.died(query, err)
}

// each calls row for every row that query returns, until row returns an error. row runs no statement: a connection to
// PostgreSQL has room for one result.
func (tx *Tx) each(query string, args []any, row func(scan func(dest ...any) error) error) error {
	rows, err := tx.open(query, args)
	if err != nil {
		return err
	}
	defer tx.close(rows)
	scan := func(dest ...any) error { return tx.died(query, rows.Scan(dest...)) }
	for rows.Next() {
		if err := row(scan); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return tx.died(query, err)
	}
	return tx.died(query, rows.Close())
}

// open runs a query.
func (tx *Tx) open(query string, args []any) (rows, error) {
	if err := tx.ready(query); err != nil {
		return nil, err
	}
	rows, err := tx.conn.query(tx.ctx, query, args)
	tx.reading = err == nil
	return rows, tx.died(query, err)
}

func (tx *Tx) close(rows rows) {
	tx.reading = false
	_ = rows.Close() // where its error counts, it has been closed
}

func (tx *Tx) ready(query string) error {
	switch {
	case tx.err != nil:
	case tx.reading:
		return tx.died(query, errReading)
	case tx.one && tx.ran:
		return tx.died(query, errSecond)
	}
	tx.ran = true
	return tx.err
}

// died keeps the first error.
func (tx *Tx) died(query string, err error) error {
	if err == nil {
		return nil
	}
	if tx.err == nil {
		f := tx.d.diagnose(err)
		f.cause = fmt.Errorf("%s: %w", headline(query), f.cause)
		tx.err = f
	}
	return tx.err
}

// headline is the begin of a statement, enough to find it. Statements hold no values.
func headline(query string) string {
	line := strings.Join(strings.Fields(query), " ")
	return line[:min(len(line), 80)]
}
