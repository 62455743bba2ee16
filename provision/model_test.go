package provision_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

// model is what a connection should have come to, in the simplest form: who is in which group, which link belongs to which
// group. It knows nothing of rows, locks and differences.
type model struct {
	h      *house
	users  map[string]*modelUser // by externalId; an account for each that was ever made
	groups map[directory.GroupID]*modelGroup
	links  []*modelLink
}

type modelUser struct {
	identity directory.Identity
	there    bool
	active   bool
	since    int64 // of the inactivity, in milliseconds
}

type modelGroup struct {
	name     string
	users    map[string]bool
	children map[directory.GroupID]bool
	strays   map[string]bool
}

type modelLink struct {
	directory.Link
	name  string
	group directory.GroupID // empty while it sleeps
}

var (
	modelUsers = []string{"0", "1", "2", "3", "4", "5", "6", "7"}
	modelNames = []string{"Alpha", "alpha", "ALPHA", "Beta", "ｂｅｔａ", "Gamma", "Delta", "Straße", "STRASSE"}
)

func TestReasons_are_those_of_a_model_after_any_changes(t *testing.T) {
	each(t, "okta", func(h *house) {
		for _, team := range []string{"red", "blue"} {
			h.team(team)
			h.channel(team, "one")
			h.channel(team, "announcements") // configured as a default
		}
		h.finish()
		run := 0
		rapid.Check(h.t.(*testing.T), func(t *rapid.T) {
			run++
			h := h.on(t)
			h.okta = h.connect(fmt.Sprint("okta", run), "okta")
			m := &model{h: h, users: map[string]*modelUser{}, groups: map[directory.GroupID]*modelGroup{}}
			t.Repeat(map[string]func(*rapid.T){
				"create a user":    m.createUser,
				"change activity":  m.changeActivity,
				"remove a user":    m.removeUser,
				"create a group":   m.createGroup,
				"change members":   m.changeMembers,
				"change members 2": m.changeMembers,
				"rename a group":   m.renameGroup,
				"remove a group":   m.removeGroup,
				"create a link":    m.createLink,
				"remove a link":    m.removeLink,
				"let time pass":    func(t *rapid.T) { h.pass(time.Duration(rapid.IntRange(1, 20).Draw(t, "days")) * 24 * time.Hour) },
				"":                 m.check,
			})
		})
	})
}

func kindOf(err error) directory.Kind {
	e, _ := errors.AsType[*directory.Error](err)
	if e == nil {
		return 0
	}
	return e.Kind
}

func (m *model) wantKind(err error, want directory.Kind) {
	m.h.t.Helper()
	if kindOf(err) != want || want == 0 && err != nil {
		m.h.t.Fatalf("got %v, want kind %d", err, want)
	}
}

func (m *model) person(ext string, inactive bool) person {
	return person{userName: m.h.okta.ConnName + "-" + ext + "@x.test", externalID: ext, inactive: inactive}
}

func (m *model) createUser(t *rapid.T) {
	ext, inactive := rapid.SampledFrom(modelUsers).Draw(t, "user"), rapid.Bool().Draw(t, "inactive")
	i, err := m.h.s.CreateIdentity(m.h.ctx(), m.h.okta, m.person(ext, inactive).edit())
	u := m.users[ext]
	if u != nil && u.there && u.active {
		m.wantKind(err, directory.Conflict)
		return
	}
	m.wantKind(err, 0)
	if u == nil {
		u = &modelUser{}
		m.users[ext] = u
	} else if i.Account != u.identity.Account {
		t.Fatalf("%s came back to another account", ext)
	}
	if u.there {
		if i.ID != u.identity.ID {
			t.Fatalf("%s came back with another id", ext)
		}
		m.returned(ext, !inactive)
		return
	}
	*u = modelUser{identity: i, there: true, active: !inactive, since: m.h.clock.Load()}
}

// returned notes that a user who is there is active now or not; who was away too long loses the groups.
func (m *model) returned(ext string, active bool) {
	u := m.users[ext]
	switch {
	case active && !u.active:
		if m.h.clock.Load()-u.since > (30 * 24 * time.Hour).Milliseconds() {
			m.drop(ext)
		}
	case !active && u.active:
		u.since = m.h.clock.Load()
	}
	u.active = active
}

func (m *model) drop(ext string) {
	for _, g := range m.groups {
		delete(g.users, ext)
	}
}

func (m *model) there(t *rapid.T) string {
	var all []string
	for ext, u := range m.users {
		if u.there {
			all = append(all, ext)
		}
	}
	if len(all) == 0 {
		t.Skip("no user")
	}
	slices.Sort(all)
	return rapid.SampledFrom(all).Draw(t, "user")
}

func (m *model) changeActivity(t *rapid.T) {
	ext, active := m.there(t), rapid.Bool().Draw(t, "active")
	m.h.activate(m.users[ext].identity.ID, active)
	m.returned(ext, active)
}

func (m *model) removeUser(t *rapid.T) {
	ext := m.there(t)
	m.h.remove(m.users[ext].identity.ID)
	m.users[ext].there = false
	m.drop(ext)
}

func (m *model) taken(name string, but directory.GroupID) bool {
	for id, g := range m.groups {
		if id != but && directory.Key(g.name) == directory.Key(name) {
			return true
		}
	}
	return false
}

func (m *model) createGroup(t *rapid.T) {
	name := rapid.SampledFrom(modelNames).Draw(t, "name")
	edits := m.edits(t)
	made, err := m.h.s.CreateGroup(m.h.ctx(), m.h.okta, directory.GroupEdit{DisplayName: &name, Members: edits})
	if m.taken(name, "") {
		m.wantKind(err, directory.Conflict)
		return
	}
	m.wantKind(err, 0)
	g := &modelGroup{name: name, users: map[string]bool{}, children: map[directory.GroupID]bool{}, strays: map[string]bool{}}
	m.groups[made.ID] = g
	m.apply(g, edits)
	m.wake(made.ID, name)
}

func (m *model) wake(id directory.GroupID, name string) {
	for _, l := range m.links {
		if l.group == "" && directory.Key(l.name) == directory.Key(name) {
			l.group = id
		}
	}
}

// edits draws a few steps about users, groups and ids that name nobody.
func (m *model) edits(t *rapid.T) (edits []directory.MemberEdit) {
	values := []string{"nobody", string(directory.NewID[directory.IdentityID](time.UnixMilli(1)))}
	for _, ext := range slices.Sorted(maps.Keys(m.users)) {
		values = append(values, string(m.users[ext].identity.ID))
	}
	for _, id := range slices.Sorted(maps.Keys(m.groups)) {
		values = append(values, string(id))
	}
	for range rapid.IntRange(0, 3).Draw(t, "steps") {
		e := directory.MemberEdit{Op: rapid.SampledFrom([]directory.MemberOp{directory.AddMembers, directory.AddMembers, directory.RemoveMembers, directory.ClearMembers}).Draw(t, "op")}
		if e.Op != directory.AddMembers {
			e.Only = rapid.SampledFrom([]directory.MemberKind{directory.AnyMember, directory.OnlyIdentities, directory.OnlyGroups}).Draw(t, "only")
		}
		if e.Op != directory.ClearMembers {
			e.Values = rapid.SliceOfNDistinct(rapid.SampledFrom(values), 1, min(5, len(values)), rapid.ID[string]).Draw(t, "values")
		}
		edits = append(edits, e)
	}
	return edits
}

// apply does edits, and says false without doing them when the group would come to be in itself at some step.
func (m *model) apply(g *modelGroup, edits []directory.MemberEdit) bool {
	before := modelGroup{g.name, maps.Clone(g.users), maps.Clone(g.children), maps.Clone(g.strays)}
	undo := func() bool { *g = before; return false }
	for _, e := range edits {
		if e.Op == directory.ClearMembers {
			g.strays = map[string]bool{}
			if e.Only != directory.OnlyGroups {
				g.users = map[string]bool{}
			}
			if e.Only != directory.OnlyIdentities {
				g.children = map[directory.GroupID]bool{}
			}
		}
		for _, v := range e.Values {
			child, known := directory.GroupID(v), false
			if m.groups[child] != nil {
				known = true
				if e.Op == directory.AddMembers {
					if m.reaches(m.groups[child], g) {
						return undo()
					}
					g.children[child] = true
				} else if e.Only != directory.OnlyIdentities {
					delete(g.children, child)
				}
			}
			for ext, u := range m.users {
				if !u.there || string(u.identity.ID) != v {
					continue
				}
				known = true
				if e.Op == directory.AddMembers {
					g.users[ext] = true
				} else if e.Only != directory.OnlyGroups {
					delete(g.users, ext)
				}
			}
			if !known && e.Op == directory.AddMembers {
				g.strays[v] = true
			} else if !known {
				delete(g.strays, v)
			}
		}
	}
	return true
}

func (m *model) reaches(from, to *modelGroup) bool {
	if from == to {
		return true
	}
	for child := range from.children {
		if m.reaches(m.groups[child], to) {
			return true
		}
	}
	return false
}

func (m *model) group(t *rapid.T) (directory.GroupID, *modelGroup) {
	if len(m.groups) == 0 {
		t.Skip("no group")
	}
	id := rapid.SampledFrom(slices.Sorted(maps.Keys(m.groups))).Draw(t, "group")
	return id, m.groups[id]
}

func (m *model) changeMembers(t *rapid.T) {
	id, g := m.group(t)
	edits := m.edits(t)
	_, err := m.h.s.UpdateGroup(m.h.ctx(), m.h.okta, id, 0, directory.GroupEdit{Members: edits})
	if !m.apply(g, edits) {
		m.wantKind(err, directory.Invalid)
		return
	}
	m.wantKind(err, 0)
}

func (m *model) renameGroup(t *rapid.T) {
	id, g := m.group(t)
	name := rapid.SampledFrom(modelNames).Draw(t, "name")
	_, err := m.h.s.UpdateGroup(m.h.ctx(), m.h.okta, id, 0, directory.GroupEdit{DisplayName: &name})
	if m.taken(name, id) {
		m.wantKind(err, directory.Conflict)
		return
	}
	m.wantKind(err, 0)
	g.name = name
	for _, l := range m.links {
		if l.group == id {
			l.name = name
		}
	}
	m.wake(id, name)
}

func (m *model) removeGroup(t *rapid.T) {
	id, _ := m.group(t)
	m.wantKind(m.h.s.RemoveGroup(m.h.ctx(), m.h.okta, id, 0), 0)
	delete(m.groups, id)
	for _, g := range m.groups {
		delete(g.children, id)
	}
	for _, l := range m.links {
		if l.group == id {
			l.group = ""
		}
	}
}

func (m *model) createLink(t *rapid.T) {
	name := rapid.SampledFrom(modelNames).Draw(t, "name")
	team := rapid.SampledFrom([]string{"red", "blue"}).Draw(t, "team")
	channel := rapid.SampledFrom([]string{"", "one", "town-square"}).Draw(t, "channel")
	role := rapid.SampledFrom([]directory.Role{directory.RoleMember, directory.RoleAdmin}).Draw(t, "role")
	made, err := m.h.s.CreateLink(m.h.ctx(), m.h.admin, m.h.okta.ConnName, name, team, channel, role)
	if slices.ContainsFunc(m.links, func(l *modelLink) bool {
		return directory.Key(l.name) == directory.Key(name) && l.TeamName == team && l.ChannelName == channel
	}) {
		m.wantKind(err, directory.Conflict)
		return
	}
	m.wantKind(err, 0)
	l := &modelLink{Link: made, name: name}
	for id, g := range m.groups {
		if directory.Key(g.name) == directory.Key(name) {
			l.group = id
		}
	}
	m.links = append(m.links, l)
}

func (m *model) removeLink(t *rapid.T) {
	if len(m.links) == 0 {
		t.Skip("no link")
	}
	n := rapid.IntRange(0, len(m.links)-1).Draw(t, "link")
	m.wantKind(m.h.s.RemoveLink(m.h.ctx(), m.h.admin, m.links[n].ID), 0)
	m.links = slices.Delete(m.links, n, n+1)
}

// check compares the memberships of each user with those that the links want.
func (m *model) check(t *rapid.T) {
	want := map[string]map[string]bool{}
	for ext := range m.users {
		want[ext] = map[string]bool{}
	}
	for _, l := range m.links {
		if l.group != "" {
			m.spread(m.groups[l.group], l, want)
		}
	}
	m.checkMembers(t)
	m.h.view(func(tx *store.Tx) error {
		for ext, u := range m.users {
			reasons, err := tx.Reasons(u.identity.Account)
			if err != nil {
				return err
			}
			got := map[string]bool{}
			for _, r := range reasons {
				got[fmt.Sprint(r.TeamName, "/", r.ChannelName, " ", r.Kind, " ", r.Link, " ", r.Role)] = true
			}
			if !maps.Equal(got, want[ext]) {
				t.Fatalf("user %s has\n%s\nwant\n%s", ext, lines(got), lines(want[ext]))
			}
			a, err := tx.Account(u.identity.Account)
			if err != nil || a.Active != (u.there && u.active) {
				t.Fatalf("the account of %s is active: %v, want %v; %v", ext, a.Active, u.there && u.active, err)
			}
		}
		return nil
	})
}

func (m *model) checkMembers(t *rapid.T) {
	m.h.view(func(tx *store.Tx) error {
		for id, g := range m.groups {
			now, err := tx.Group(m.h.okta.Connection, id)
			if err != nil {
				return err
			}
			members, err := tx.Members(now.Row, directory.Member{}, 1000)
			if err != nil {
				return err
			}
			got, want := map[string]bool{}, maps.Clone(g.strays)
			for _, member := range members {
				got[member.ID] = true
			}
			strays, err := tx.Strays(now.Row, 1000)
			if err != nil {
				return err
			}
			for _, s := range strays {
				got[s] = true
			}
			for ext := range g.users {
				want[string(m.users[ext].identity.ID)] = true
			}
			for child := range g.children {
				want[string(child)] = true
			}
			if !maps.Equal(got, want) {
				t.Fatalf("the group %s has\n%s\nwant\n%s", g.name, lines(got), lines(want))
			}
		}
		return nil
	})
}

func (m *model) spread(g *modelGroup, l *modelLink, want map[string]map[string]bool) {
	for ext := range g.users {
		add := func(channel string, kind directory.ReasonKind, link directory.Row, role directory.Role) {
			want[ext][fmt.Sprint(l.TeamName, "/", channel, " ", kind, " ", link, " ", role)] = true
		}
		add(l.ChannelName, directory.ByLink, l.Row, l.Role)
		if l.ChannelName != "" {
			add("", directory.ByLink, l.Row, directory.RoleMember)
		}
		for _, channel := range []string{"town-square", "off-topic", "announcements"} {
			add(channel, directory.ByDefault, 0, directory.RoleMember)
		}
	}
	for child := range g.children {
		m.spread(m.groups[child], l, want)
	}
}

func lines(set map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(set)), "\n") }
