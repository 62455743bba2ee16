package directory

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Type of a team or channel, in Mattermost's letters.
const (
	Open    = "O"
	Private = "P" // of channels
	Invite  = "I" // of teams
)

// The channels that every team has.
const (
	TownSquare = "town-square"
	OffTopic   = "off-topic"
)

// Team is a team of the chat.
type Team struct {
	Row         Row
	ID          TeamID
	Name        string // 2 to 64 characters of [a-z0-9-], beginning and ending with a letter or digit
	DisplayName string // 1 to 64 characters
	Type        string // Open or Invite
	Created     time.Time
}

// Channel is a channel of a team.
type Channel struct {
	Row         Row
	ID          ChannelID
	Team        Row
	Name        string // 1 to 64 characters of [a-z0-9_-]
	DisplayName string // 1 to 64 characters
	Type        string // Open or Private
	Default     bool   // whoever joins the team joins it
	Created     time.Time
}

var (
	teamName    = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$`)
	channelName = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)
	// directChannel is the form of the names of Mattermost's direct channels.
	directChannel = regexp.MustCompile(`^[a-z0-9]{26}__[a-z0-9]{26}$`)
)

// reservedTeams are prefixes that are paths of Mattermost's web server.
var reservedTeams = []string{
	"admin", "api", "channel", "claim", "error", "files", "help", "landing", "login", "mfa", "oauth", "plug", "plugins", "post", "signup",
}

// Validate refuses names that the chat would refuse. Errors: Invalid.
func (t *Team) Validate() error {
	if !teamName.MatchString(t.Name) {
		return Errorf(Invalid, "name", "%q is not a team name: use 2 to 64 characters of a-z, 0-9 and -, with a letter or digit at both ends", t.Name)
	}
	for _, p := range reservedTeams {
		if strings.HasPrefix(t.Name, p) {
			return Errorf(Invalid, "name", "team names beginning with %q are reserved", p)
		}
	}
	return checkDisplayName(t.DisplayName)
}

// Validate refuses names that the chat would refuse. Errors: Invalid.
func (c *Channel) Validate() error {
	if !channelName.MatchString(c.Name) || directChannel.MatchString(c.Name) {
		return Errorf(Invalid, "name", "%q is not a channel name: use 1 to 64 characters of a-z, 0-9, - and _", c.Name)
	}
	return checkDisplayName(c.DisplayName)
}

func checkDisplayName(s string) error {
	if n := utf8.RuneCountInString(s); n > 64 {
		return Errorf(Invalid, "display name", "has %d characters, and at most 64 are possible", n)
	}
	return CheckName("display name", s)
}

// ReasonKind says where a reason comes from.
type ReasonKind int

const (
	ByLink    ReasonKind = 1 // through a link, directly or because a channel of the team is linked
	ByDefault ReasonKind = 2 // a default channel of a team that the account is in
	ByHand    ReasonKind = 3 // the person chose it, or an administrator did
)

// Reason is one reason for which an account is in a team or channel. A membership is the set of its reasons.
type Reason struct {
	Account     Row
	Team        Row
	Channel     Row // zero for the team itself
	Kind        ReasonKind
	Link        Row
	Role        Role
	TeamName    string
	ChannelName string // the channel's name; empty for the team itself
	Connection  string // of the link
	Group       string // the group's name in the link
	Rule        bool   // the link was made by a rule
}
