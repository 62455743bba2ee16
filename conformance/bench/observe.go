package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	_ "github.com/mattn/go-sqlite3"
)

// What a request writes is not written down here but seen: the database is read before and after one, and the difference is
// what the raw side has to write. So the bar follows the program.

// write is one row that a request adds, or what it changes in one.
type write struct {
	table   string
	columns []string
	values  []any
	added   bool
	row     int64          // number of the row, as it was observed
	refs    map[int]string // in an added row: values that are the number of a row added to that table
}

// table is the content of one table.
type table struct {
	columns []string
	key     []int             // the primary key
	number  int               // the column that numbers the rows; -1 for none
	parents map[int]string    // columns that are the number of a row of another table
	rows    map[string]record // by primary key
}

type record []any

// observe makes a small store, sets b.post and b.patch to what these requests write in it, and returns its schema.
func (b *bench) observe(ctx context.Context) (schema string, err error) {
	data := filepath.Join(b.folder, "observed")
	if err := os.RemoveAll(data); err != nil {
		return "", err
	}
	p, err := b.serve(ctx, data)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	f := fixture{Users: 1}
	if f.Tokens, err = b.connect(ctx, data, 1); err != nil {
		return "", err
	}
	// The first request may write what is written once.
	if f.IDs, err = f.create(p.addr, 1, 1); err != nil {
		return "", err
	}
	db, err := openFile(filepath.Join(data, "rollcall.db"), "mode", "ro")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if b.post, err = difference(db, func() error {
		answer, err := p.ask(f.appendRequest(nil, 0, "POST", "/Users", newUser(seen)), 201)
		if err == nil {
			b.seenID, err = idIn(answer)
		}
		return err
	}); err != nil {
		return "", err
	}
	if b.patch, err = difference(db, func() error {
		_, err := p.ask(f.appendRequest(nil, 0, "PATCH", "/Users/"+b.seenID, deactivation), 200)
		return err
	}); err != nil {
		return "", err
	}
	return schemaOf(db)
}

// openFile opens a SQLite file with parameters of the driver, names and values by turns.
func openFile(path string, params ...string) (*sql.DB, error) {
	query := url.Values{}
	for i := 0; i < len(params); i += 2 {
		query.Set(params[i], params[i+1])
	}
	name := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	return sql.Open("sqlite3", name.String())
}

func schemaOf(db *sql.DB) (string, error) {
	var text string
	err := db.QueryRow(`select group_concat(sql, ';') from (select sql from sqlite_master where sql is not null order by name)`).Scan(&text)
	return text, err
}

// difference returns what request writes, rows that others refer to before those that refer to them.
func difference(db *sql.DB, request func() error) ([]write, error) {
	before, err := contents(db)
	if err != nil {
		return nil, err
	}
	if err := request(); err != nil {
		return nil, err
	}
	after, err := contents(db)
	if err != nil {
		return nil, err
	}
	var all []write
	added := map[string]int64{} // the number of the row added to a table
	for _, name := range byParents(after) {
		old, t := before[name], after[name]
		for key := range old.rows {
			if t.rows[key] == nil {
				return nil, fmt.Errorf("the request removes a row of %s, which the raw side cannot", name)
			}
		}
		for key, row := range t.rows {
			switch was := old.rows[key]; {
			case was == nil:
				w := t.added(name, row, added)
				if w.row != 0 && added[name] != 0 {
					return nil, fmt.Errorf("the request adds several rows to %s, which the raw side cannot", name)
				}
				added[name] = w.row
				all = append(all, w)
			case !reflect.DeepEqual(was, row):
				if t.number < 0 {
					return nil, fmt.Errorf("the request changes a row of %s, which has no number", name)
				}
				all = append(all, t.changed(name, was, row))
			}
		}
	}
	return all, nil
}

func (t *table) added(name string, row record, added map[string]int64) write {
	w := write{table: name, added: true, refs: map[int]string{}}
	for i, v := range row {
		if i == t.number {
			w.row = v.(int64)
			continue
		}
		if parent, ok := t.parents[i]; ok && added[parent] != 0 && v == any(added[parent]) {
			w.refs[len(w.values)] = parent
		}
		w.columns, w.values = append(w.columns, t.columns[i]), append(w.values, v)
	}
	return w
}

func (t *table) changed(name string, was, row record) write {
	w := write{table: name, row: row[t.number].(int64)}
	for i, v := range row {
		if !reflect.DeepEqual(was[i], v) {
			w.columns, w.values = append(w.columns, t.columns[i]), append(w.values, v)
		}
	}
	return w
}

// byParents sorts tables so that each comes behind those that it refers to.
func byParents(all map[string]*table) (sorted []string) {
	var visit func(name string)
	visit = func(name string) {
		if slices.Contains(sorted, name) {
			return
		}
		for _, parent := range slices.Sorted(maps.Values(all[name].parents)) {
			if parent != name {
				visit(parent)
			}
		}
		sorted = append(sorted, name)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		visit(name)
	}
	return sorted
}

// contents reads every table.
func contents(db *sql.DB) (map[string]*table, error) {
	names, err := query(db, `select name from sqlite_master where type = 'table' and name not like 'sqlite_%'`)
	if err != nil {
		return nil, err
	}
	all := map[string]*table{}
	for _, name := range names {
		if all[name[0].(string)], err = content(db, name[0].(string)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func content(db *sql.DB, name string) (*table, error) {
	t := &table{number: -1, parents: map[int]string{}, rows: map[string]record{}}
	columns, err := query(db, `select name, type, pk from pragma_table_info($1) order by cid`, name)
	if err != nil {
		return nil, err
	}
	for i, c := range columns {
		t.columns = append(t.columns, c[0].(string))
		if c[2].(int64) > 0 {
			t.key = append(t.key, i)
			if strings.EqualFold(c[1].(string), "integer") {
				t.number = i
			}
		}
	}
	parents, err := query(db, `select "from", "table" from pragma_foreign_key_list($1)`, name)
	if err != nil {
		return nil, err
	}
	for _, p := range parents {
		t.parents[slices.Index(t.columns, p[0].(string))] = p[1].(string)
	}
	rows, err := query(db, `select * from "`+name+`"`)
	for _, row := range rows {
		var key []any
		for _, i := range t.key {
			key = append(key, row[i])
		}
		t.rows[fmt.Sprintf("%q", key)] = row
	}
	return t, err
}

// query returns the rows of a small answer.
func query(db *sql.DB, text string, args ...any) (all []record, err error) {
	rows, err := db.Query(text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		row := make(record, len(columns))
		dest := make([]any, len(columns))
		for i := range row {
			dest[i] = &row[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
