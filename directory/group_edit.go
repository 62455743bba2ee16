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

// Replaces returns the values that are to be the only members, if that is what the edits come to.
func Replaces(edits []MemberEdit) (values []string, ok bool) {
	if len(edits) == 0 || len(edits) > 2 || edits[0].Op != ClearMembers || edits[0].Only != AnyMember {
		return nil, false
	}
	if len(edits) == 1 {
		return nil, true
	}
	return edits[1].Values, edits[1].Op == AddMembers
}

// GroupEdit is a change of a group, made without knowing its members.
type GroupEdit struct {
	DisplayName *string      // nil: unchanged
	ExternalID  *string      // nil: unchanged; empty: cleared
	Members     []MemberEdit // in this order; to replace all is to clear, then to add
}
