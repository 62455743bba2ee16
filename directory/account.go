package directory

import (
	"cmp"
	"strings"
	"time"
	"unicode"
)

// Account is the person in the chat. It survives any change of name or e-mail, and deactivation.
type Account struct {
	Row       Row
	ID        AccountID
	Username  string
	Email     string
	FirstName string
	LastName  string
	Nickname  string
	Position  string
	Locale    string
	Admin     bool // a system administrator, because one said so by name

	Suspended bool      // an administrator said so; nothing that an IdP sends lifts it
	Closed    time.Time // when the identity that managed it was removed; zero while it was not
	Active    bool      // derived: see Settle

	Created  time.Time
	Modified time.Time
}

// UsernameHold is how long the username of a closed account stays taken.
const UsernameHold = 90 * 24 * time.Hour

// MaxUsername and MaxEmail are the most characters that a chat accepts. They are Mattermost's.
const (
	MaxUsername = 64
	MaxEmail    = 128
)

// Settle derives Active: manager is the identity that manages the account, nil when there is none.
func (a *Account) Settle(manager *Identity) {
	open := a.Closed.IsZero()
	if manager != nil {
		open = manager.Active
	}
	a.Active = open && !a.Suspended
}

// Profile is what one source says of a person, in the words of an account.
type Profile struct {
	Email     string `json:"email,omitempty"`
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	Nickname  string `json:"nickname,omitempty"`
	Position  string `json:"position,omitempty"`
	Locale    string `json:"locale,omitempty"`
}

// Or is p, and where it says nothing, what other says.
func (p Profile) Or(other Profile) Profile {
	return Profile{
		Email: cmp.Or(p.Email, other.Email), FirstName: cmp.Or(p.FirstName, other.FirstName), LastName: cmp.Or(p.LastName, other.LastName),
		Nickname: cmp.Or(p.Nickname, other.Nickname), Position: cmp.Or(p.Position, other.Position), Locale: cmp.Or(p.Locale, other.Locale),
	}
}

// Project writes the fields of p, except the e-mail, onto the account and reports whether one changed. The e-mail must be
// free first, so it is the caller's.
func (p Profile) Project(a *Account) bool {
	before := *a
	a.FirstName, a.LastName, a.Nickname, a.Position, a.Locale = p.FirstName, p.LastName, p.Nickname, p.Position, p.Locale
	return *a != before
}

// reserved are the usernames that mean something else in a chat.
var reserved = map[string]bool{"all": true, "channel": true, "here": true, "matterbot": true, "system": true}

// Username makes a username from any text: lower case, characters outside [a-z0-9._-] become "-", at most MaxUsername
// characters. A reserved word, or no letter and no digit, gives "user".
func Username(s string) string {
	var b strings.Builder
	for _, r := range Key(s) {
		if b.Len() == MaxUsername {
			break
		}
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '.' || r == '_' || r == '-' {
			b.WriteRune(r)
		} else {
			b.WriteByte('-')
		}
	}
	name := strings.Trim(b.String(), "-")
	if strings.Trim(name, "._-") == "" || reserved[name] {
		return "user"
	}
	return name
}

// IsEmail reports whether s has the form of an address that a chat accepts: something, one @, a domain, no space and no control
// character.
func IsEmail(s string) bool {
	if len(s) > MaxEmail || !strings.Contains(s, "@") || strings.ContainsAny(s, `<>,;"`) || strings.ContainsFunc(s, isBlank) {
		return false
	}
	local, domain, _ := strings.Cut(Key(s), "@")
	return local != "" && domain != "" && !strings.ContainsAny(domain, "@。()") && !strings.HasSuffix(domain, ".")
}

func isBlank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// Unmailable is the address of an account whose IdP gave none. It is never mailed.
func Unmailable(id AccountID) string { return string(id) + "@users.invalid" }

// Places is an account and where it is, in the order of the names.
type Places struct {
	Account  AccountID
	Username string
	Teams    []Place
	Channels []Place
}

// Place is a team, or a channel as team/channel, with the highest of the roles that an account has there.
type Place struct {
	Name string
	Role Role
}
