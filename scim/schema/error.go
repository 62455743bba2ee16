package schema

import "fmt"

// ScimType says what is wrong with a request, in the keywords of the protocol.
//
// RFC 7644, section 3.12.
type ScimType string

const (
	InvalidFilter ScimType = "invalidFilter"
	InvalidPath   ScimType = "invalidPath"
	InvalidSyntax ScimType = "invalidSyntax"
	InvalidValue  ScimType = "invalidValue"
	Mutability    ScimType = "mutability"
	NoTarget      ScimType = "noTarget"
	TooMany       ScimType = "tooMany"

	// RFC 9865, section 2.1.
	InvalidCursor ScimType = "invalidCursor"
	ExpiredCursor ScimType = "expiredCursor"
	InvalidCount  ScimType = "invalidCount"
)

// Error is a request that is wrong and will stay wrong: status 400. Detail names the attribute and never repeats its value.
type Error struct {
	Type   ScimType
	Detail string
}

func (e *Error) Error() string { return e.Detail }

// Errorf makes an Error of type t.
func Errorf(t ScimType, format string, args ...any) *Error {
	return &Error{Type: t, Detail: fmt.Sprintf(format, args...)}
}
