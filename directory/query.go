package directory

// Query is a question about the identities or the groups of one connection, in the store's terms. It is made from a filter
// tree by the one who knows the schema, and compiled by the store.
type Query struct {
	Connection Row
	Where      Cond  // nil: all
	Sort       *Sort // nil: in the order in which they were made
	Limit      int   // 0: only the total; at least 1 in a walk
	Bytes      int   // what the documents of a page may have in all; 0: any

	// A list is read by Offset, or walked from After to After.
	Offset int  // of the first result, from 0
	Walk   bool // read what follows After, and count nothing
	After  *After
}

// Sort is an order by the value of one field: of a list by that of the element that is primary, else of the first. What has no
// value comes last, and first when Descending. Equal values stand in the order in which their owners were made.
type Sort struct {
	Field      Field
	List       bool     // Field leads to a list
	Element    []string // where the value stands in an element of the list; empty when the elements are values
	Number     bool     // what is compared are numbers, times among them, and not texts
	Descending bool
}

// After is where a walk through a list goes on: behind what had this key and this row, which may have gone since.
type After struct {
	Row Row
	Key any    // what the list is sorted by: nil where there is none, string or float64
	Cut uint64 // where Key is only the beginning of a text, a sum of the whole; else 0
}

// Page is what a Query finds.
type Page[T any] struct {
	Items []T
	Total int64  // how many there are in all; in a walk -1, unless the first page holds them all
	Next  *After // of a walk: behind the last of Items; nil when nothing follows
}

// Cond is one of And, Or, Not, Compare, Present and Element. A condition is true or false, never unknown: what is absent is
// equal to nothing.
type Cond interface{ isCond() }

type (
	// And is true when each is.
	And []Cond
	// Or is true when one is.
	Or []Cond
	// Not is true when X is not.
	Not struct{ X Cond }
	// Compare is true when the field is there and Op holds between it and Value. Of a field with several values one is enough.
	Compare struct {
		Field Field
		Op    Op
		Value any // string, bool, int64 (times in milliseconds and integers) or float64; strings folded where the field is
	}
	// Present is true when the field has a value.
	Present struct{ Field Field }
	// Element is true when one element of the list at Path meets Where, whose fields have paths that begin at the element. Column
	// is InSearch, or else Members or MemberOf: then the elements are these, and the fields of Where are of the same column.
	Element struct {
		Column Column
		Path   []string
		Where  Cond
	}
)

func (And) isCond()     {}
func (Or) isCond()      {}
func (Not) isCond()     {}
func (Compare) isCond() {}
func (Present) isCond() {}
func (Element) isCond() {}

// Op is an operator of Compare.
type Op uint8

const (
	Eq Op = iota + 1
	Co    // contains
	Sw    // starts with
	Ew    // ends with
	Gt
	Ge
	Lt
	Le
)

// Column is a field that has a column of its own, or rows of its own.
type Column uint8

const (
	InSearch Column = iota // no column: Path says where in the search document
	ID
	UserName    // by key
	ExternalID  // exact
	Active      // bool
	DisplayName // of a group, by key
	Created     // milliseconds
	Modified    // milliseconds
	Version     // integer
	Members     // of a group: the ids of its members
	MemberOf    // of an identity: the ids of the groups that it is in, through nesting too
)

// Field names what a condition is about: a column, or a path in the search document.
type Field struct {
	Column Column
	Path   []string // canonical names, from the top of the document or from the element
}

// Unique reports whether there can be one result at most, because no two identities of a connection share what is asked for.
func (q Query) Unique() bool {
	eq, ok := q.Where.(Compare)
	if !ok || eq.Op != Eq {
		return false
	}
	return eq.Field.Column == ID || eq.Field.Column == UserName || eq.Field.Column == ExternalID
}

// Indexed reports whether an index leads to what is asked, so that the answer costs the same in a large directory.
func (q Query) Indexed() bool {
	switch c := q.Where.(type) {
	case nil:
		return q.Sort.indexed()
	case And:
		for _, x := range c {
			if indexed(x) {
				return true
			}
		}
		return len(c) == 0 && q.Sort.indexed()
	case Or:
		return len(c) == 0 // nothing is
	default:
		return indexed(c)
	}
}

// indexed reports whether an index holds everybody in this order.
func (s *Sort) indexed() bool {
	return s == nil || s.Field.Column == UserName || s.Field.Column == DisplayName
}

func indexed(c Cond) bool {
	eq, ok := c.(Compare)
	if !ok || eq.Op != Eq {
		return false
	}
	switch eq.Field.Column {
	case ID, UserName, ExternalID, DisplayName, Members:
		return true
	}
	return false
}
