package directory

// Query is a question about the identities or the groups of one connection, in the store's terms. It is made from a filter
// tree by the one who knows the schema, and compiled by the store.
type Query struct {
	Connection Row
	Where      Cond // nil: all
	Offset     int  // of the first result, from 0
	Limit      int  // 0: only the total
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
	// Element is true when one element of the list at Path meets Where, whose fields have paths that begin at the element.
	Element struct {
		Path  []string
		Where Cond
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

// Indexed reports whether an index leads to few rows, so that the answer costs the same in a large directory.
func (q Query) Indexed() bool {
	switch c := q.Where.(type) {
	case nil:
		return true
	case And:
		for _, x := range c {
			if indexed(x) {
				return true
			}
		}
		return false
	default:
		return indexed(c)
	}
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
