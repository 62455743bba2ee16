package conformance

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
)

// account is what `user show --json` tells.
type account struct {
	ID         string
	Username   string
	Email      string
	FirstName  string `json:"first_name"`
	LastName   string `json:"last_name"`
	Active     bool
	Suspended  bool
	Identities []struct {
		Connection string
		ID         string
		UserName   string `json:"user_name"`
		ExternalID string `json:"external_id"`
		Subject    string
	}
	Teams []place
}

// place is a team or a channel where an account is, and why.
type place struct {
	Name     string
	Role     string
	Reasons  []string
	Channels []place
}

// event is one line of `audit list --json`.
type event struct {
	Time       string
	Action     string
	Actor      string
	Connection string
	Token      string
	RequestID  string `json:"request_id"`
	Object     string
	ObjectName string `json:"object_name"`
	Changes    map[string]any
}

// groupState is what `group show --json` tells.
type groupState struct {
	ID             string
	DisplayName    string `json:"display_name"`
	ExternalID     string `json:"external_id"`
	Members        []struct{ Value, Type, Display string }
	UnknownMembers []string `json:"unknown_members"`
	Links          []struct{ Team, Channel, Role string }
}

// account reads an account's real state by username, e-mail or id.
func (s *server) account(t *testing.T, name string) (a account) {
	t.Helper()
	s.Show(t, &a, "user", "show", name)
	return a
}

// pushed reads the real state of a group of the connection.
func (c *idp) pushed(name string) (g groupState) {
	c.t.Helper()
	c.Show(c.t, &g, "group", "show", c.expand(name), "--connection", c.connection)
	return g
}

// events reads the audit log, of one object if it is not "".
func (s *server) events(t *testing.T, object string) (list []event) {
	t.Helper()
	args := []string{"audit", "list"}
	if object != "" {
		args = append(args, "--object", object)
	}
	s.Show(t, &list, args...)
	return list
}

// state is an account's memberships as text: a first line `pat pat@x.test active`, then one line for each place,
// `eng/backend: link: okta "Backend"`, `eng admin: …` where the role is not member. The two channels that everybody of a
// team is in for the reason that everybody has are left out where they are as they should be.
func (a account) state() string {
	activity := "inactive"
	switch {
	case a.Active:
		activity = "active"
	case a.Suspended:
		activity = "suspended"
	}
	lines := []string{}
	for _, team := range a.Teams {
		lines = append(lines, team.line(team.Name))
		usual := 0
		for _, channel := range team.Channels {
			line := channel.line(team.Name + "/" + channel.Name)
			if (channel.Name == "town-square" || channel.Name == "off-topic") && strings.HasSuffix(line, ": default channel") {
				usual++
				continue
			}
			lines = append(lines, line)
		}
		if usual != 2 {
			lines = append(lines, team.Name+" lacks a default channel")
		}
	}
	sort.SliceStable(lines, func(i, j int) bool { return firstWord(lines[i]) < firstWord(lines[j]) })
	return strings.Join(append([]string{fmt.Sprintf("%s %s %s", a.Username, a.Email, activity)}, lines...), "\n")
}

// firstWord is the name of the place that a line is about.
func firstWord(line string) string {
	name, _, _ := strings.Cut(line, " ")
	return strings.TrimSuffix(name, ":")
}

func (p place) line(name string) string {
	if p.Role != "member" {
		name += " " + p.Role
	}
	return name + ": " + strings.Join(slices.Sorted(slices.Values(p.Reasons)), "; ")
}

// real asserts the real state of one or more accounts, in the form of account.state. A first line of three words begins
// an account; of an account that is not active only that line is compared, because its memberships are suspended.
// `pat gone` says that there is no such account.
func (c *idp) real(text string) {
	c.t.Helper()
	var want []string
	check := func() {
		c.t.Helper()
		if len(want) > 0 {
			c.compare(want)
		}
		want = nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if !strings.Contains(line, ": ") {
			check()
		}
		want = append(want, line)
	}
	check()
}

func (c *idp) compare(want []string) {
	c.t.Helper()
	name, rest, _ := strings.Cut(want[0], " ")
	if rest == "gone" {
		if r := c.Try("user", "show", name, "--json"); r.Code != 1 {
			c.t.Errorf("user show %s: exit %d, want 1 because it is gone\n%s", name, r.Code, r.Stdout)
		}
		return
	}
	got := c.account(c.t, name).state()
	if !strings.HasSuffix(want[0], " active") {
		got, _, _ = strings.Cut(got, "\n")
	}
	if expected := strings.Join(want, "\n"); got != expected {
		c.t.Errorf("the account's real state is\n%s\nwant\n%s", got, expected)
	}
}

// step is one request of a sequence and all that must be true afterwards.
type step struct {
	name   string
	send   string // "POST /Users"
	body   string
	status int
	want   string // of the answer's body; see answer.want
	save   string // keeps the answer's id under this name
	real   string // of the accounts; see idp.real
}

// run does the steps in order; after one with a wrong status it gives up.
func (c *idp) run(steps ...step) {
	c.t.Helper()
	for _, s := range steps {
		c.step(s)
	}
}

func (c *idp) step(s step) {
	c.t.Helper()
	failed := c.t.Failed()
	defer func() {
		c.t.Helper()
		if c.t.Failed() && !failed {
			c.t.Errorf("that was the step %q", s.name)
		}
	}()
	a := c.send(s.send, s.body).code(s.status)
	if s.save != "" {
		c.names[s.save] = a.id()
	}
	a.want(s.want)
	c.real(s.real)
}

// unchanged asserts that f leaves every resource of the connection and the audit log as they were.
func (c *idp) unchanged(f func()) {
	c.t.Helper()
	look := func() string {
		c.t.Helper()
		users, groups := c.send("GET /Users?count=200", ""), c.send("GET /Groups?count=200", "")
		return fmt.Sprintf("%s\n%s\n%d events", users.code(200).raw, groups.code(200).raw, len(c.events(c.t, "")))
	}
	before := look()
	f()
	if after := look(); after != before {
		c.t.Errorf("something changed\nbefore %s\nafter  %s", before, after)
	}
}

// version is the ETag of a resource now.
func (c *idp) version(target string) string {
	c.t.Helper()
	v := c.send("GET "+target, "").code(200).header.Get("ETag")
	if !strings.HasPrefix(v, `W/"`) {
		c.t.Errorf("ETag %q of %s, want a weak tag", v, target)
	}
	return v
}
