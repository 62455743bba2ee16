package store

import (
	"io/fs"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
)

// What the tests of the engine reach for. They stand outside the package because storetest imports it.

func (tx *Tx) Exec(query string, args ...any) (int64, error) { return tx.exec(query, args...) }

func (tx *Tx) Get(query string, args []any, dest ...any) (bool, error) {
	return tx.get(query, args, dest...)
}

func (tx *Tx) Each(query string, args []any, row func(scan func(dest ...any) error) error) error {
	return tx.each(query, args, row)
}

// List is what rows($n) reads.
func List(rows ...directory.Row) any { return list(rows) }

// Value is the SQL for what stands at a path of the document in $1; kind is "text" or "number".
func (tx *Tx) Value(kind string, path ...string) (sql, parameter string) {
	value := tx.d.jsonText("cast($1 as "+map[string]string{"sqlite": "text", "postgres": "jsonb"}[tx.d.name]+")", "$2")
	if kind == "number" {
		value = tx.d.number(value)
	}
	return value, tx.d.jsonPath(path)
}

// SetSteps replaces the migrations.
func (db *DB) SetSteps(steps fs.FS) { db.steps = steps }

// Pragma runs a pragma on the writing connection of SQLite.
func (db *DB) Pragma(pragma string) error {
	w := db.engine.(*sqlite).writer
	var err error
	w.between(func() { err = w.c.script("pragma " + pragma) })
	return err
}

// Log is the size of the log of SQLite in pages, and how many of them are in the file.
func (db *DB) Log() (pages, copied int64, err error) {
	w := db.engine.(*sqlite).writer
	w.between(func() {
		var s logState
		s, err = w.c.log("noop")
		pages, copied = s.pages, s.copied
	})
	return pages, copied, err
}

// OnPostgres says which database it is.
func (db *DB) OnPostgres() bool { return db.engine.dialect().name == "postgres" }

// Rewrite shows a statement in the words of both databases.
func Rewrite(query string) (sqlite, postgres string) {
	return sqliteDialect().rewrite(query), postgresDialect().rewrite(query)
}

var SQLiteTrouble = func(err error) string { return meaning(diagnoseSQLite(err)) }

var PostgresTrouble = func(err error) string { return meaning(diagnosePostgres(err)) }

func meaning(f *failure) string {
	return [...]string{"mistake", "lost race", "value taken", "disk full", "disk broken", "out of reach"}[f.trouble]
}

// Plan is how the database would read the page of q, of identities or of groups.
func (tx *Tx) Plan(q directory.Query, groups bool) (plan string, err error) {
	t, explain := identityTable, "explain query plan "
	if groups {
		t = groupTable
	}
	s, err := tx.selection(q, t)
	if err != nil {
		return "", err
	}
	if tx.d.name == "postgres" {
		explain = "explain "
		if _, err := tx.exec("set local enable_seqscan = off"); err != nil { // it would read a small table whole
			return "", err
		}
	}
	return tx.Explained(explain+"select "+t.row+".row_id, "+t.row+".version from "+s.where+s.page, s.args...)
}

// Explained returns what the database answers to a question for its plan.
func (tx *Tx) Explained(query string, args ...any) (plan string, err error) {
	err = tx.each(query, args, func(scan func(...any) error) error {
		var line string
		var n [3]int64
		to := []any{&line}
		if tx.d.name == "sqlite" {
			to = []any{&n[0], &n[1], &n[2], &line}
		}
		err := scan(to...)
		plan += line + "\n"
		return err
	})
	return plan, err
}

// Ran returns the statement, as it was written, that has run and holds part.
func (db *DB) Ran(part string) string {
	d := db.engine.dialect()
	d.mu.RLock()
	defer d.mu.RUnlock()
	for query := range d.seen {
		if strings.Contains(query, part) {
			return query
		}
	}
	return ""
}
