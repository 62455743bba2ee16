package store

import (
	"context"
	"regexp"
	"strings"
	"sync"
)

// dialect is all that a statement, written once, needs to be understood by one of the databases. A statement is a text
// with the placeholders $1, $2, … and these macros:
//
//	x in rows($1)         $1 is a rowList
//	x not in rows($1)     the same
//	x in texts($1)        $1 is a list of texts, a JSON array
//	from texts_table($1)  the same as a table with the columns value and key, which is its place
//	… for_update          at the end of a select: holds the rows until the end, on a database that locks rows at all
//	… for_presence        the same, but others may change the rows and only not remove them
//	… returning_row       at the end of an insert of one row, for Tx.add
//
// What stands in '…' is left alone.
//
// The tables use these types, for which a Go int64, string, bool and []byte go in and come out alike:
//
//	bigint                 on SQLite `integer primary key` for the row number
//	text                   sorts by bytes on SQLite; on PostgreSQL only with collate "C", in the column or the statement
//	boolean                true and false in statements; on SQLite declared as boolean, or it comes out as a number
//	blob, bytea            SQLite, PostgreSQL
//	text, jsonb            SQLite, PostgreSQL, for documents that statements look into; a string on the Go side
//
// A parameter whose type PostgreSQL cannot infer, as in "$1 is null", is written cast($1 as text).
type dialect struct {
	name      string // "sqlite" or "postgres"
	mark      string // what stands before the number of a placeholder
	inRows    string // the macros, with $ for the placeholder
	notInRows string
	texts     string
	textTable string
	forUpdate string
	presence  string
	returning string // empty where the driver says which row an insert made
	hasTable  string // counts the tables of the name $1
	collate   string // makes the database compare texts by their bytes

	lockSchema string                                                    // lets one node at a time change the schema, for as long as it takes
	script     func(ctx context.Context, conn runner, text string) error // runs several statements

	jsonPath   func(path []string) string           // the parameter that stands for a path
	jsonFirst  func(path, rest []string) string     // the same, by the first element of the list at path
	document   string                               // identity.document as jsonText looks into it
	jsonText   func(doc, path string) string        // the text or number at a path, null where there is none
	array      func(value string) string            // aggregates numbers into a list, as text, in the order in which they come
	jsonEach   func(doc, path, alias string) string // a table of the elements of the list there, column value
	jsonScalar func(value string) string            // a value of jsonEach that is no object, as text or number
	number     func(value string) string            // such a text or number as a number, null where it is none
	instr      func(text, part string) string       // where part begins in text, 0 for nowhere
	diagnose   func(error) *failure

	mu   sync.RWMutex
	seen map[string]string // statements as written → as the database wants them
}

// maxStatements bounds what is remembered of statements, because filters make new ones for ever.
const maxStatements = 500

var macro = regexp.MustCompile(`'[^']*'|\b(in rows|not in rows|texts|texts_table)\(\$(\d+)\)|\$(\d+)|\s+for_update\b|\s+for_presence\b|\s+returning_row\b`)

// rewrite gives the statement in the words of the database.
func (d *dialect) rewrite(query string) string {
	d.mu.RLock()
	text, ok := d.seen[query]
	d.mu.RUnlock()
	if ok {
		return text
	}
	text = macro.ReplaceAllStringFunc(query, d.expand)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen == nil || len(d.seen) >= maxStatements {
		d.seen = make(map[string]string)
	}
	d.seen[query] = text
	return text
}

func (d *dialect) expand(found string) string {
	part := macro.FindStringSubmatch(found)
	placeholder := d.mark + part[2] + part[3]
	switch {
	case part[1] == "in rows":
		return strings.ReplaceAll(d.inRows, "$", placeholder)
	case part[1] == "not in rows":
		return strings.ReplaceAll(d.notInRows, "$", placeholder)
	case part[1] == "texts":
		return strings.ReplaceAll(d.texts, "$", placeholder)
	case part[1] == "texts_table":
		return strings.ReplaceAll(d.textTable, "$", placeholder)
	case part[3] != "":
		return placeholder
	case found[0] == '\'':
		return found
	case strings.HasSuffix(found, "returning_row"):
		return d.returning
	case strings.HasSuffix(found, "for_presence"):
		return d.presence
	}
	return d.forUpdate
}
