// Package directory is the domain: accounts, identities, groups, links, teams, channels, memberships, connections and events,
// their identifiers, what is valid, and what a question about them looks like. It does no I/O and knows no protocol and no
// database; every other package speaks in its words.
package directory

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// Typed identifiers: 26 characters of [a-z0-9], opaque outside the process, never reused.
type (
	ConnectionID string
	TokenID      string
	AccountID    string
	IdentityID   string
	GroupID      string
	TeamID       string
	ChannelID    string
	LinkID       string
	RuleID       string
	ConflictID   string
	KeyID        string
	SessionID    string
)

// Row is the number under which the store keeps an object, and by which the objects refer to one another in it. Zero means
// not stored. It leaves the process in sealed cursors only.
type Row int64

// base32hex keeps the order of the bytes, so identifiers made later sort later and land together in an index.
var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// NewID makes an identifier: 48 bits of now in milliseconds, then 80 random bits.
func NewID[T ~string](now time.Time) T {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	_, _ = rand.Read(b[6:]) // crypto/rand.Read never returns an error
	return T(idEncoding.EncodeToString(b[:]))
}

// IsID reports whether s has the form of an identifier. What has not may be a name or a secret, and no text for a database.
func IsID(s string) bool {
	for _, c := range []byte(s) {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'v') {
			return false
		}
	}
	return len(s) == 26
}

// Role is what a membership allows. Of several reasons the highest counts.
type Role int

const (
	RoleMember Role = 1
	RoleAdmin  Role = 2
)

func (r Role) String() string {
	if r == RoleAdmin {
		return "admin"
	}
	return "member"
}

// ParseRole reads member or admin; empty means member. Errors: Invalid.
func ParseRole(s string) (Role, error) {
	switch s {
	case "", "member":
		return RoleMember, nil
	case "admin":
		return RoleAdmin, nil
	}
	return 0, Errorf(Invalid, "role", "%q is not a role: use member or admin", s)
}
