package directory

// MemberOp says what a MemberEdit does to the members of a group.
type MemberOp uint8

const (
	AddMembers    MemberOp = iota + 1 // Values become members; one that is already stays as it is
	RemoveMembers                     // Values are members no longer; one that was none changes nothing
	ClearMembers                      // nobody is a member
)

// MemberKind narrows a MemberEdit to members of one kind.
type MemberKind uint8

const (
	AnyMember MemberKind = iota
	OnlyIdentities
	OnlyGroups
)

// MemberEdit is one step of a change of members.
type MemberEdit struct {
	Op     MemberOp
	Only   MemberKind // of RemoveMembers and ClearMembers
	Values []string   // ids as sent, in order, each once; none for ClearMembers
}

// GroupEdit is a change of a group, made without knowing its members.
type GroupEdit struct {
	DisplayName *string      // nil: unchanged
	ExternalID  *string      // nil: unchanged; empty: cleared
	Members     []MemberEdit // in this order; to replace all is to clear, then to add
}
