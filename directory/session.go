package directory

import "time"

const (
	// SessionIdle is how long a session lives without being used.
	SessionIdle = 7 * 24 * time.Hour
	// SessionLife is how long a session lives at most.
	SessionLife = 30 * 24 * time.Hour
	// SessionTouch is how much a session ages before its use is written down: a check that only reads is worth that.
	SessionTouch = 10 * time.Minute
	// LoginLife is how long a login may take, from its begin to the answer of the identity provider, and again to the choice of
	// a first team.
	LoginLife = 10 * time.Minute
)

// Session is a browser in which a person is signed in. Only the SHA-256 of what the browser holds is kept. It counts only while its
// account is active.
type Session struct {
	Row       Row
	ID        SessionID
	Hash      string // hexadecimal
	Account   Row
	Identity  Row        // by which the person came; zero for a password
	Name      LogoutName // what the identity provider calls the person in this session
	Agent     string     // what the browser calls itself
	Created   time.Time
	Used      time.Time // to SessionTouch
	Expires   time.Time // at the latest
	Connected string    // the name of the connection by which the person came; empty for a password. Filled when read.
}

// Valid reports whether the session has not ended by its age at now.
func (s *Session) Valid(now time.Time) bool {
	return now.Before(s.Expires) && now.Sub(s.Used) < SessionIdle
}

// LogoutName is a name by which an identity provider ends a session, or we end it there: the NameID of the login and its index.
type LogoutName struct {
	Value       string `json:"value,omitempty"` // empty where there is none
	Format      string `json:"format,omitempty"`
	Qualifier   string `json:"qualifier,omitempty"`
	SPQualifier string `json:"sp_qualifier,omitempty"`
	Index       string `json:"index,omitempty"`
}

// PersonalToken is what a program of a person signs in with. Only the SHA-256 of it is kept. It counts only while the account is
// active, and is removed when that ends.
type PersonalToken struct {
	Row         Row
	ID          TokenID
	Hash        string // hexadecimal
	Account     Row
	Description string
	Created     time.Time
	Used        time.Time // to SessionTouch; zero for never
}

// LoginRequest is a login that was begun. It is used once, by the browser that began it.
type LoginRequest struct {
	ID         string // of the AuthnRequest
	Connection Row
	Browser    string    // SHA-256, hexadecimal, of what the browser holds
	Relay      string    // the same of the RelayState
	ReturnTo   string    // a path of ours
	Test       bool      // an administrator looks at what would happen
	Session    SessionID // of the browser when it began; empty for none
	Expires    time.Time
}

// Asserted is what a login proved, and says, of a person. Document and Search are the User that it makes where SCIM has written none.
type Asserted struct {
	Subject  string     `json:"subject"`
	UserName string     `json:"user_name"`
	Profile  Profile    `json:"profile"`
	Document []byte     `json:"document"`
	Search   []byte     `json:"search"`
	Name     LogoutName `json:"name"`
	Ends     time.Time  `json:"ends,omitzero"` // the session, at the latest; zero where the login says nothing
}

// Newcomer is somebody who proved who they are, has no account yet, and chooses a first team.
type Newcomer struct {
	Hash       string // SHA-256, hexadecimal, of what the browser holds
	Connection Row
	Asserted   Asserted
	ReturnTo   string
	Expires    time.Time
}

// Denial is why somebody who proved who they are is not let in.
type Denial struct {
	Code   DenialCode
	Detail string // for the administrator
}

// DenialCode is one of the codes of Denial.
type DenialCode string

const (
	// Deactivated: the account, or the identity by which the person comes, is not active.
	Deactivated DenialCode = "deactivated"
	// NotProvisioned: nobody pushed the person, and a login makes no accounts here.
	NotProvisioned DenialCode = "not_provisioned"
	// Removed: the person was here and was removed.
	Removed DenialCode = "removed"
	// SubjectDiffers: the User whom the person claims to be has another subject already.
	SubjectDiffers DenialCode = "subject_differs"
	// AmbiguousSubject: several Users meet the subject.
	AmbiguousSubject DenialCode = "ambiguous_subject"
	// AddressTaken: another account has the e-mail, or another User the userName.
	AddressTaken DenialCode = "address_taken"
	// NoTeam: the person would have to choose a team, and there is none that is public.
	NoTeam DenialCode = "no_team"
	// NotBound: the identity of the person is bound to no account.
	NotBound DenialCode = "not_bound"
	// Managed: the person typed a password, and a connection manages the account.
	Managed DenialCode = "managed"
	// UnknownAccount: no account has the name that came with a password.
	UnknownAccount DenialCode = "unknown_account"
	// NoPassword: the account has none.
	NoPassword DenialCode = "no_password"
	// WrongPassword: the account has another one.
	WrongPassword DenialCode = "wrong_password"
	// Disabled: the connection is disabled.
	Disabled DenialCode = "connection_disabled"
)

func (d *Denial) Error() string { return string(d.Code) + ": " + d.Detail }

// Unwrap returns the *Error, Forbidden, that tells no more than that.
func (d *Denial) Unwrap() error { return errDenied }

var errDenied = Errorf(Forbidden, "", "sign-in is refused")
