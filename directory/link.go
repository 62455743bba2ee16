package directory

import (
	"regexp"
	"strings"
	"time"
)

// Link is connection and group name → team or channel. It follows the group's id through renames, sleeps when the group is
// deleted, and wakes for a group of the same name.
type Link struct {
	Row        Row
	ID         LinkID
	Connection Row
	Name       string // of the group: as given, then as the group was last called
	Group      Row    // zero while the link sleeps
	Team       Row
	Channel    Row // zero for a link to the team itself
	Role       Role
	Rule       Row // that made it; zero for one made by hand
	Created    time.Time

	ConnName, TeamName, ChannelName string // filled when read
	RuleID                          RuleID // filled when read
}

// Rule makes links: every group of the connection whose name matches Pattern is linked to the team and channel that the
// templates give. A rule grants the role that it names when it was made by an administrator by name, never more.
type Rule struct {
	Row        Row
	ID         RuleID
	Connection Row
	ConnName   string
	Pattern    string // e.g. chat-{team}-{channel}
	Team       string // template, e.g. {team}
	Channel    string // template; empty to link to the team itself
	Role       Role
	Make       bool // missing teams and channels are made; channels are private
	Created    time.Time
}

// Target is what a rule gives for a group name.
type Target struct{ Team, Channel string }

var placeholder = regexp.MustCompile(`\{([a-z_]+)\}`)

// Validate refuses a rule that could not match or that names what its pattern does not bind. Errors: Invalid.
func (r *Rule) Validate() error {
	bound := map[string]bool{}
	for _, m := range placeholder.FindAllStringSubmatch(r.Pattern, -1) {
		if bound[m[1]] {
			return Errorf(Invalid, "pattern", "{%s} stands in it twice", m[1])
		}
		bound[m[1]] = true
	}
	if strings.TrimSpace(r.Pattern) == "" || len(r.Pattern) > 256 {
		return Errorf(Invalid, "pattern", "must have 1 to 256 characters")
	}
	if r.Team == "" {
		return Errorf(Invalid, "team", "is missing: name a team or a placeholder such as {team}")
	}
	for _, t := range []string{r.Team, r.Channel} {
		for _, m := range placeholder.FindAllStringSubmatch(t, -1) {
			if !bound[m[1]] {
				return Errorf(Invalid, "pattern", "{%s} is used, but the pattern %q does not contain it", m[1], r.Pattern)
			}
		}
		if strings.ContainsAny(placeholder.ReplaceAllString(t, ""), "{}") {
			return Errorf(Invalid, "pattern", "%q has a brace that is no placeholder such as {team}", t)
		}
	}
	if strings.ContainsAny(placeholder.ReplaceAllString(r.Pattern, ""), "{}") {
		return Errorf(Invalid, "pattern", "%q has a brace that is no placeholder such as {team}", r.Pattern)
	}
	if r.Role == RoleAdmin {
		return Errorf(Invalid, "role", "a rule never grants admin: create a link for the group")
	}
	return nil
}

// Match returns what the rule gives for a group's name, compared by keys. Each placeholder takes the shortest text that
// is not empty, and the last one the rest: chat-{team}-{channel} takes chat-eng-back-end apart as eng and back-end.
func (r *Rule) Match(name string) (Target, bool) {
	names := placeholder.FindAllStringSubmatch(r.Pattern, -1)
	literals := placeholder.Split(r.Pattern, -1)
	var b strings.Builder
	b.WriteString("(?s)^" + regexp.QuoteMeta(Key(literals[0])))
	for i, literal := range literals[1:] {
		if i == len(names)-1 {
			b.WriteString("(.+)")
		} else {
			b.WriteString("(.+?)")
		}
		b.WriteString(regexp.QuoteMeta(Key(literal)))
	}
	found := regexp.MustCompile(b.String() + "$").FindStringSubmatch(Key(name))
	if found == nil {
		return Target{}, false
	}
	expand := func(template string) string {
		if template == "" {
			return ""
		}
		return slug(placeholder.ReplaceAllStringFunc(template, func(p string) string {
			for i, n := range names {
				if n[0] == p {
					return found[i+1]
				}
			}
			return p
		}))
	}
	t := Target{Team: expand(r.Team), Channel: expand(r.Channel)}
	return t, t.Team != "" && (r.Channel == "" || t.Channel != "")
}

// slug makes the name of a team or channel from any text.
func slug(s string) string {
	s = strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, Key(s))
	return strings.Trim(s[:min(len(s), 64)], "-")
}

// TaskKind says what a task walks through.
type TaskKind int

const (
	SettleLink TaskKind = iota + 1 // the accounts that a link concerns: those that have it as a reason, then those in its groups
	SettleAll                      // every account
	ApplyRule                      // the groups that a rule may match
)

// Task is work that was too large for the change it follows from. It is done in pieces, each its own transaction; Group and
// Cursor say how far it is.
type Task struct {
	Row     Row
	Kind    TaskKind
	Subject Row    // the link or rule
	Group   Row    // the group whose members are walked; zero before the first
	Cursor  Row    // the last row looked at
	Object  string // the id of the link or rule, for the event that ends the task
	Done    int64  // objects looked at
	Began   int64  // reasons that began
	Ended   int64  // reasons that ended
	Created time.Time
}

// Add counts what a piece of the task changed.
func (t *Task) Add(changes Changes) {
	began, _ := changes["memberships_began"].(int64)
	ended, _ := changes["memberships_ended"].(int64)
	t.Began, t.Ended = t.Began+began, t.Ended+ended
}
