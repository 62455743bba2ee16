// Package filter turns the text of a SCIM filter, and of the path of a PATCH operation, into a tree.
//
// It owns the grammar, its limits and what we tolerate beyond it. It knows no schema: whether an attribute exists, whether
// an operator suits its type, and whether its values compare with case are left to the caller. Package scim calls it for
// filters, scim/patch for paths.
//
// The grammar is that of RFC 7644, section 3.4.2.2. with figure 7 of section 3.5.2. Operators, and, or, not, true, false and
// null are read without case; attribute names and URNs are returned as they were written. Tolerated are:
//   - a string without quotes if it holds no blank, quote, parenthesis or bracket (Compare.Bare),
//   - more blanks than needed, or none where a bracket or a quote already parts two words,
//   - a value path with a sub-attribute behind it, emails[type eq "work"].value eq "x" (Any).
//
// Refused, although the letter of the grammar has them, are paths that no schema can have: one element has no elements or
// parts of parts (RFC 7643, section 2.3.8.), so a value path begins at a plain attribute, and inside its brackets stand plain
// names, no URN, no dot and no bracket.
package filter

// Limits of one filter, and of one PATCH path. What passes them is an Error.
const (
	// MaxBytes is the length of the text.
	MaxBytes = 4096
	// MaxDepth is how deep parentheses and brackets may nest. The parser never recurses deeper.
	MaxDepth = 32
	// MaxTerms is the number of comparisons and presence tests.
	MaxTerms = 64
)

// Expr is one of And, Or, Not, Compare, Present and Any.
type Expr interface{ isExpr() }

type (
	// And is true when each is. It has two or more, none of which is an And.
	And []Expr
	// Or is true when one is. It has two or more, none of which is an Or.
	Or []Expr
	// Not is true when X is not.
	Not struct{ X Expr }
	// Compare is the comparison of an attribute with a literal.
	Compare struct {
		Path  Path
		Op    Op
		Value any  // string, bool, Number, or nil for null
		Bare  bool // Value is a string that was written without quotes
	}
	// Present is true when the attribute has a value: attribute pr.
	Present struct{ Path Path }
	// Any is true when one element of the multi-valued attribute meets X: emails[type eq "work"]. Path has no Sub. The paths
	// inside X name sub-attributes of the element by Attr alone, and X holds no Any. What is written behind the bracket is
	// one more condition on the same element: emails[type eq "work"].value pr reads as emails[type eq "work" and value pr].
	Any struct {
		Path Path
		X    Expr
	}
)

func (And) isExpr()     {}
func (Or) isExpr()      {}
func (Not) isExpr()     {}
func (Compare) isExpr() {}
func (Present) isExpr() {}
func (Any) isExpr()     {}

// Number is a JSON number as it was written, so that no digit is lost, and so that an attribute of type string can be
// compared with the digits of a value that came without quotes.
type Number string

// Path names an attribute as it was written: URN:Attr.Sub.
//
// URN is all before the last colon. Where a path is nothing but the URN of a schema, which a PATCH may name as a whole, its
// last part therefore stands in Attr (and, if that holds a dot, in Sub); syntax alone cannot tell. A caller that knows the
// schemas compares String with their URNs first.
type Path struct {
	URN  string // empty if the path has none
	Attr string // never empty
	Sub  string // empty if the path has none
}

// String puts the parts together again as they were written.
func (p Path) String() string {
	s := p.Attr
	if p.URN != "" {
		s = p.URN + ":" + s
	}
	if p.Sub != "" {
		s += "." + p.Sub
	}
	return s
}

// Op is an operator of Compare.
type Op uint8

const (
	Eq Op = iota + 1
	Ne
	Co // contains
	Sw // starts with
	Ew // ends with
	Gt
	Ge
	Lt
	Le
)

var opNames = [...]string{Eq: "eq", Ne: "ne", Co: "co", Sw: "sw", Ew: "ew", Gt: "gt", Ge: "ge", Lt: "lt", Le: "le"}

// String is the operator as it stands in a filter.
func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return ""
}

// Target is the path of a PATCH operation: attr, attr.sub, attr[filter] or attr[filter].sub, each with or without a URN.
type Target struct {
	Path  Path   // has no Sub if Where is set
	Where Expr   // the filter in the brackets, its paths as inside Any; nil if there is none
	Sub   string // the sub-attribute behind the brackets; empty if there is none
}
