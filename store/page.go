package store

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/rollcall-id/rollcall/directory"
)

// table is what can be asked by a Query.
type table struct {
	from    string // the table with its alias
	row     string // the alias
	columns map[directory.Column]string
	keys    map[directory.Column]key // what to sort by in place of columns
}

// key is what a list is sorted by.
type key struct {
	sql      string
	number   bool
	nullable bool
	unique   bool // in a connection, and never null
}

var identityTable = &table{
	from: "identity i", row: "i",
	columns: map[directory.Column]string{
		directory.ID: "i.id", directory.UserName: "i.user_name_key", directory.ExternalID: "i.external_id", directory.Active: "i.active",
		directory.Created: "i.created", directory.Modified: "i.modified", directory.Version: "i.version",
	},
	keys: map[directory.Column]key{
		directory.Active: {sql: "case when i.active then 1 else 0 end", number: true},
		// The first of the groups that a User shows.
		directory.MemberOf: {nullable: true, sql: `(` + upward(`select m.grp from member m where m.identity = i.row_id`) +
			`select g.id from up join grp g on g.row_id = up.grp order by g.name_key limit 1)`},
	},
}

var groupTable = &table{
	from: "grp g", row: "g",
	columns: map[directory.Column]string{
		directory.ID: "g.id", directory.DisplayName: "g.name_key", directory.ExternalID: "g.external_id",
		directory.Created: "g.created", directory.Modified: "g.modified", directory.Version: "g.version",
	},
	keys: map[directory.Column]key{
		directory.Members: {nullable: true, sql: `coalesce(
			(select x.id from member m join identity x on x.row_id = m.identity where m.grp = g.row_id order by m.identity limit 1),
			(select x.id from nesting n join grp x on x.row_id = n.child where n.parent = g.row_id order by n.child limit 1))`},
	},
}

// ErrBytes says that the documents of a page have more bytes than its Query takes.
var ErrBytes = errors.New("the page has too many bytes")

// Identities answers q with what answers show of identities; see IdentityShown. Errors: ErrBytes.
func (tx *Tx) Identities(q directory.Query) (directory.Page[directory.Identity], error) {
	read := func(query string, args ...any) ([]directory.Identity, error) {
		return tx.identitiesShown(q.Bytes, query, args...)
	}
	return find(tx, q, identityTable, shownColumns, read, func(i *directory.Identity) directory.Row { return i.Row })
}

// Groups answers q.
func (tx *Tx) Groups(q directory.Query) (directory.Page[directory.Group], error) {
	return find(tx, q, groupTable, groupColumns, tx.groups, func(g *directory.Group) directory.Row { return g.Row })
}

// find reads one page of t. It counts all results only where the page does not tell how many there are, and never in a walk,
// whose pages cost the same at any depth.
func find[T any](tx *Tx, q directory.Query, t *table, columns string,
	read func(string, ...any) ([]T, error), row func(*T) directory.Row,
) (p directory.Page[T], err error) {
	p.Total = -1
	s, err := tx.selection(q, t)
	if err != nil {
		return p, err
	}
	if q.Limit > 0 {
		if p.Items, err = read("select "+columns+" from "+s.where+s.page, s.args...); err != nil {
			return p, err
		}
	}
	got := len(p.Items)
	switch {
	case q.Walk && got > q.Limit:
		p.Items = p.Items[:q.Limit]
		p.Next, err = tx.after(q, t, row(&p.Items[q.Limit-1]))
	case q.Walk:
		if q.After == nil {
			p.Total = int64(got)
		}
	case got < q.Limit && (got > 0 || q.Offset == 0):
		p.Total = int64(q.Offset + got)
	default:
		_, err = tx.get("select count(*) from "+s.where, s.args[:s.counted], &p.Total)
	}
	return p, err
}

// selection is a Query in SQL.
type selection struct {
	where   string // the table and its condition
	page    string // order and bounds
	args    []any
	counted int // how many of args where has
}

func (tx *Tx) selection(q directory.Query, t *table) (s selection, err error) {
	c := compiler{d: tx.d, t: t}
	s.where = t.from + " where " + t.row + ".connection = " + c.arg(int64(q.Connection))
	if q.Where != nil {
		cond, err := c.cond(q.Where, t.row+".search", false)
		if err != nil {
			return s, err
		}
		s.where += " and " + cond
	}
	s.counted = len(c.args)
	order := t.row + ".row_id"
	if q.Sort == nil {
		if q.After != nil {
			s.page = " and " + order + " > " + c.arg(int64(q.After.Row))
		}
	} else {
		k, err := c.key(q.Sort)
		if err != nil {
			return s, err
		}
		if q.After != nil {
			at, err := tx.whole(q, t)
			if err != nil {
				return s, err
			}
			s.page = " and " + c.behind(k, at, q.Sort.Descending)
		}
		if order = k.order(q.Sort.Descending); !k.unique {
			order += ", " + t.row + ".row_id"
		}
	}
	s.page += " order by " + order
	if q.Walk {
		s.page += " limit " + c.arg(int64(q.Limit+1)) // the one more tells whether anything follows
	} else {
		s.page += " limit " + c.arg(int64(q.Limit)) + " offset " + c.arg(int64(q.Offset))
	}
	s.args = c.args
	return s, nil
}

// key compiles what s sorts by.
func (c *compiler) key(s *directory.Sort) (k key, err error) {
	if k, ok := c.t.keys[s.Field.Column]; ok {
		return k, nil
	}
	if s.Field.Column != directory.InSearch {
		k.sql, err = c.field(s.Field, "", false)
		switch k.number = s.Number; s.Field.Column {
		case directory.ID, directory.UserName, directory.DisplayName:
			k.unique = true
		case directory.ExternalID:
			k.nullable = true
		}
		return k, err
	}
	k.number, k.nullable = s.Number, true
	doc, path := c.t.row+".search", c.d.jsonPath(s.Field.Path)
	if s.List {
		path = c.d.jsonFirst(s.Field.Path, s.Element)
	}
	k.sql = c.d.jsonText(doc, c.arg(path))
	if len(s.Element) > 0 {
		from := c.d.jsonEach(doc, c.arg(c.d.jsonPath(s.Field.Path)), "e")
		value, primary := c.d.jsonText("e.value", c.arg(c.d.jsonPath(s.Element))), c.d.jsonText("e.value", c.arg(c.d.jsonPath([]string{"primary"})))
		k.sql = "coalesce((select " + value + " from " + from + " where " + primary + " = 'true' limit 1), " + k.sql + ")"
	}
	if k.number {
		k.sql = "cast(" + c.d.number(k.sql) + " as double precision)"
	} else {
		k.sql = "cast(" + k.sql + " as text)" + c.d.collate
	}
	return k, nil
}

// order puts what is absent behind everything else, as if it were the greatest key.
//
// RFC 7644, section 3.4.2.3.
func (k key) order(descending bool) string {
	switch {
	case descending && k.nullable:
		return k.sql + " desc nulls first"
	case descending:
		return k.sql + " desc"
	case k.nullable:
		return k.sql + " nulls last"
	}
	return k.sql
}

// behind is true of the rows that come after at. The comparison of the key alone is what an index begins at.
func (c *compiler) behind(k key, at directory.After, descending bool) string {
	row := c.t.row + ".row_id > " + c.arg(int64(at.Row))
	switch {
	case at.Key == nil && descending:
		return "(" + k.sql + " is not null or " + row + ")"
	case at.Key == nil:
		return "(" + k.sql + " is null and " + row + ")"
	}
	value, sign := "cast("+c.arg(at.Key)+" as "+k.kind()+")", " >"
	if descending {
		sign = " <"
	}
	rest := k.sql + sign + "= " + value + " and (" + k.sql + sign + " " + value + " or " + row + ")"
	if k.nullable && !descending {
		return "(" + rest + " or " + k.sql + " is null)"
	}
	return "(" + rest + ")"
}

func (k key) kind() string {
	if k.number {
		return "double precision"
	}
	return "text"
}

// keyBytes is how much of a text an After holds.
const keyBytes = 80

// after returns what a walk goes on behind once a row was read.
func (tx *Tx) after(q directory.Query, t *table, row directory.Row) (*directory.After, error) {
	p := &directory.After{Row: row}
	if q.Sort == nil {
		return p, nil
	}
	var err error
	if p.Key, err = tx.keyOf(q, t, row); err != nil {
		return nil, err
	}
	if text, ok := p.Key.(string); ok && len(text) > keyBytes {
		n := keyBytes
		for !utf8.RuneStart(text[n]) {
			n--
		}
		p.Key, p.Cut = text[:n], sum(text)
	}
	return p, nil
}

// whole returns what q goes on behind, with its whole key. Where the row is gone, or has another key now, what begins
// like the key comes once more: nobody is left out.
func (tx *Tx) whole(q directory.Query, t *table) (directory.After, error) {
	at := *q.After
	begin, _ := at.Key.(string)
	if at.Cut == 0 {
		return at, nil
	}
	now, err := tx.keyOf(q, t, at.Row)
	if text, ok := now.(string); ok && sum(text) == at.Cut {
		at.Key = text
		return at, err
	}
	if q.Sort.Descending {
		if at.Key = above(begin); at.Key == nil {
			at.Row = 0 // all comes once more
		}
	}
	return at, err
}

// sum is 64 bits that differ where texts do, and never 0.
func sum(text string) uint64 {
	s := sha256.Sum256([]byte(text))
	return binary.BigEndian.Uint64(s[:]) | 1
}

// above returns a text that is greater than all that begin with begin, nil where there is none.
func above(begin string) any {
	runes := []rune(begin)
	for n := len(runes) - 1; n >= 0; n-- {
		next := runes[n] + 1
		if next == 0xD800 { // the surrogates, which no text has
			next = 0xE000
		}
		if next <= utf8.MaxRune {
			return string(append(runes[:n:n], next))
		}
	}
	return nil
}

// keyOf returns what a row is sorted by; nil where there is none.
func (tx *Tx) keyOf(q directory.Query, t *table, row directory.Row) (any, error) {
	c := compiler{d: tx.d, t: t}
	k, err := c.key(q.Sort)
	if err != nil {
		return nil, err
	}
	query := fmt.Sprintf("select %s from %s where %s.row_id = %s and %s.connection = %s",
		k.sql, t.from, t.row, c.arg(int64(row)), t.row, c.arg(int64(q.Connection)))
	var v any
	if _, err := tx.get(query, c.args, &v); err != nil {
		return nil, err
	}
	if n, ok := v.(int64); ok {
		v = float64(n)
	}
	return v, nil
}
