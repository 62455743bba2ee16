package directory

import "time"

// Extension is a schema that one connection adds to its Users. What is in its definition is known to those who read
// documents.
type Extension struct {
	Row        Row
	Connection Row
	ConnName   string
	URN        string // by which it is known in its connection, case apart
	Definition []byte // JSON
	Created    time.Time
	Removed    time.Time // zero while it is in force; what documents hold of it stays and is not shown
}

const (
	// MaxExtensions is the most extensions that a connection has in force.
	MaxExtensions = 20
	// MaxExtensionsEver is the most that it has had.
	MaxExtensionsEver = 100
)
