package directory

import (
	"errors"
	"fmt"
)

// Kind says what sort of failure an Error is. Every transport has one table from Kind to its own statuses; an error that
// is no *Error is an internal one and its text never leaves the process.
type Kind uint8

const (
	// Invalid means that the input is wrong and will stay wrong.
	Invalid Kind = iota + 1
	// NotFound means that there is no such thing, or none that the actor may know of.
	NotFound
	// Conflict means that the thing, or a claim on it, is taken.
	Conflict
	// Stale means that the caller's If-Match names an older version.
	Stale
	// Forbidden means that the actor is known and may not do this.
	Forbidden
	// Unauthenticated means that no valid credential came with the request.
	Unauthenticated
	// Limit means that a limit of size, number or rate was passed.
	Limit
	// Full means that the disk holds no more; nothing was changed.
	Full
	// Unavailable means that the same request may succeed later.
	Unavailable
)

var kindNames = [...]string{
	Invalid: "invalid", NotFound: "not found", Conflict: "conflict", Stale: "stale", Forbidden: "forbidden",
	Unauthenticated: "unauthenticated", Limit: "limit", Full: "full", Unavailable: "unavailable",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Error is a failure that its causer can understand. Msg is written for the person or program that sent the request: lower
// case, no secret, no personal datum of anyone else.
type Error struct {
	Kind  Kind
	Field string // what the message is about, in the words of the domain (e.g. "username"); may be empty
	Msg   string
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Msg
	}
	return e.Field + ": " + e.Msg
}

// Is reports whether err is an *Error of the kind.
func Is(err error, kind Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == kind
}

// Errorf makes an Error of kind about field.
func Errorf(kind Kind, field, format string, args ...any) *Error {
	return &Error{Kind: kind, Field: field, Msg: fmt.Sprintf(format, args...)}
}
