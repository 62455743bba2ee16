package store

import (
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-id/rollcall/directory"
)

// Times are kept in milliseconds since 1970; zero stands for no time, and null for it in a column that may be null.

func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// null turns the zero value into the null of a column.
func null[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

// rowList is what the macro rows($n) reads: a JSON array, which PostgreSQL gets as an array of its own; see arrays.
type rowList string

func list(rows []directory.Row) rowList {
	b := make([]byte, 0, 2+8*len(rows))
	b = append(b, '[')
	for i, r := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(r), 10)
	}
	return rowList(append(b, ']'))
}

// listOf reads the one list that dialect.array makes, with zero for null.
func (tx *Tx) listOf(query string, args ...any) (rows []directory.Row, err error) {
	var text string
	if _, err := tx.get(query, args, &text); err != nil {
		return nil, err
	}
	rows = make([]directory.Row, 0, strings.Count(text, ",")+1)
	for part := range strings.SplitSeq(strings.Trim(text, "[]"), ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(part), 10, 64)
		if err != nil && part != "" && strings.TrimSpace(part) != "null" {
			return nil, err
		}
		if part != "" {
			rows = append(rows, directory.Row(n))
		}
	}
	return rows, nil
}

// rowsOf collects the first column of every row.
func (tx *Tx) rowsOf(query string, args ...any) (all []directory.Row, err error) {
	err = tx.each(query, args, func(scan func(...any) error) error {
		var r int64
		if err := scan(&r); err != nil {
			return err
		}
		all = append(all, directory.Row(r))
		return nil
	})
	return all, err
}

// textsOf collects the first column of every row.
func (tx *Tx) textsOf(query string, args ...any) (all []string, err error) {
	err = tx.each(query, args, func(scan func(...any) error) error {
		var text string
		err := scan(&text)
		all = append(all, text)
		return err
	})
	return all, err
}

// add runs an insert of one row that ends in returning_row; ok is false when `on conflict do nothing` did nothing.
func (tx *Tx) add(to *directory.Row, query string, args ...any) (ok bool, err error) {
	if tx.d.returning != "" {
		return tx.get(query, args, (*int64)(to))
	}
	row, affected, err := tx.insert(query, args...)
	if affected == 1 {
		*to = directory.Row(row)
	}
	return affected == 1, err
}

// Now is the time of the transaction, the same throughout, in whole milliseconds.
func (tx *Tx) Now() time.Time { return at(tx.now) }
