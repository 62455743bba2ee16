package directory

import "time"

// Group is a SCIM Group of one connection. Its members are rows, never loaded with it.
type Group struct {
	Row         Row
	ID          GroupID
	Connection  Row
	Version     int64 // grows by one with every stored change, of its members too
	Created     time.Time
	Modified    time.Time
	DisplayName string
	ExternalID  string
}

// Member is an identity or a group in a group.
type Member struct {
	Row     Row    // of the identity or the group
	ID      string // IdentityID or GroupID
	Group   bool
	Display string // derived from the member as it is now
}

// Containment is a group that an identity is in.
type Containment struct {
	ID          GroupID
	DisplayName string
	Direct      bool // false when it is only through a nested group
}
