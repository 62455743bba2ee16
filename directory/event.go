package directory

import "time"

// Actor is who asks for a change. It is an argument of every change and never travels in a context.
type Actor struct {
	Name       string // "scim", "cli:" and the user who typed the command, or "rollcall" (work that it does on its own)
	Connection Row    // zero for an administrator
	ConnName   string
	Extensions int64 // that of the connection
	Token      TokenID
	Request    string // the request id
}

// Event is one line of the audit log. It is written in the transaction of the change that it tells of.
type Event struct {
	Row        Row
	Time       time.Time
	Action     string // e.g. "identity.update"
	Actor      string
	Connection string
	Token      TokenID
	Request    string
	Object     string // the id of what was changed
	Changes    Changes
}

// Changes tells, by field, what was before and what is now. It never holds a secret.
type Changes map[string]any

// Set notes a field that changed from one value to another, and nothing when both are equal.
func (c Changes) Set(field string, from, to any) {
	if from != to {
		c[field] = [2]any{from, to}
	}
}

// Add puts a text to the others of a field.
func (c Changes) Add(field, text string) {
	list, _ := c[field].([]string)
	c[field] = append(list, text)
}

// Count adds to the number of a field, and notes nothing for zero.
func (c Changes) Count(field string, n int64) {
	if n != 0 {
		had, _ := c[field].(int64)
		c[field] = had + n
	}
}

// OpenConflict is two claims on one thing: nothing was done, an administrator decides.
type OpenConflict struct {
	Row        Row
	ID         ConflictID
	Connection Row
	ConnName   string
	Field      string // "email", "userName" or "externalId"
	Value      string
	ExternalID string     // of the identity that claims it; empty when it has none
	Identity   IdentityID // that claims it; empty when it was refused for that
	Account    Row        // that has it; zero when an identity without account has it
	AccountID  AccountID
	Detail     string
	Created    time.Time
}
