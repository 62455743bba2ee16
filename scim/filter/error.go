package filter

import "strconv"

// Error says why a text is no filter or no path, in words for the administrator of the identity provider that sent it. It
// repeats nothing of the text, which may name people.
type Error struct {
	Pos int // offset in bytes from 0 of what is wrong
	Msg string
}

func (e *Error) Error() string {
	return "position " + strconv.Itoa(e.Pos) + ": " + e.Msg
}

const (
	errLength  = "longer than 4096 bytes"
	errUTF8    = "not valid UTF-8"
	errDepth   = "parentheses and brackets nest deeper than 32"
	errTerms   = "more than 64 comparisons"
	errName    = "here must stand an attribute, such as userName or name.givenName: letters, digits, - _ $, and at most one dot"
	errURN     = "the URN before the last colon must begin with a letter and be ASCII"
	errPlain   = "inside brackets a sub-attribute stands alone, such as type, without URN, dot or further brackets"
	errSubPath = "brackets follow an attribute, such as emails[…], not a sub-attribute"
	errSub     = "behind the dot must stand the name of one sub-attribute"
	errNot     = "behind not must stand a parenthesis"
	errOp      = "here must stand an operator: eq, ne, co, sw, ew, gt, ge, lt, le or pr"
	errValue   = "here must stand a value"
	errQuotes  = "a string must stand between double quotes"
	errLogic   = "here must stand and, or, or the end; a value with blanks or brackets needs double quotes"
	errClose   = "this bracket closes none that is open"
	errOpen    = "this bracket is never closed"
	errEnd     = "the path must end here"
	errUnquote = "this string has no closing double quote"
	errControl = "a control character must be escaped inside double quotes"
	errEscape  = `unknown escape; after \ stands one of " \ / b f n r t, or u and four hexadecimal digits`
	errHalf    = `a half of a surrogate pair stands alone`
	errNUL     = "the character U+0000 is not allowed"
)
