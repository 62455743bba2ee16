package provision_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

// house is a service on a database of its own, with one connection named okta and a clock that only the test moves.
type house struct {
	t     reporter
	db    *store.DB
	s     *provision.Service
	admin directory.Actor
	okta  directory.Actor
	clock *atomic.Int64
}

// each runs f in a house on each database. The connection has the preset.
func each(t *testing.T, preset string, f func(h *house)) {
	t.Helper()
	storetest.EachConfig(t, func(t *testing.T, c store.Config) { f(open(t, c, preset)) })
}

func open(t testing.TB, c store.Config, preset string) *house {
	t.Helper()
	h := &house{t: t, admin: directory.Actor{Name: "cli", Request: "cli-1"}, clock: new(atomic.Int64)}
	h.clock.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	c.Now = func() time.Time { return time.UnixMilli(h.clock.Load()) }
	h.db = storetest.Open(t, c)
	h.s = provision.New(h.db, slog.New(slog.DiscardHandler))
	if err := h.s.SetDefaultChannels(t.Context(), []string{"announcements"}); err != nil {
		t.Fatal(err)
	}
	h.okta = h.connect("okta", preset)
	return h
}

// reporter is a *testing.T, or a run of rapid.
type reporter interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// on is h with another test to report to.
func (h *house) on(t reporter) *house {
	other := *h
	other.t = t
	return &other
}

func (h *house) ctx() context.Context { return context.Background() }

func (h *house) pass(d time.Duration) { h.clock.Add(d.Milliseconds()) }

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// fails reports an error that has not the kind, or not the text where one is given.
func (h *house) fails(err error, kind directory.Kind, text string) {
	h.t.Helper()
	e, ok := errors.AsType[*directory.Error](err)
	if !ok || e.Kind != kind || text != "" && !strings.Contains(err.Error(), text) {
		h.t.Fatalf("got %v, want %s %q", err, kind, text)
	}
}

func (h *house) view(fn func(*store.Tx) error) {
	h.t.Helper()
	h.must(h.db.View(h.ctx(), fn))
}

func (h *house) connect(name, preset string) directory.Actor {
	h.t.Helper()
	conn, err := h.s.CreateConnection(h.ctx(), h.admin, name, preset, nil)
	h.must(err)
	token, _, err := h.s.CreateToken(h.ctx(), h.admin, name, 0)
	h.must(err)
	return directory.Actor{Name: "scim", Connection: conn.Row, ConnName: name, Token: token.ID, Request: "request-1"}
}

func (h *house) set(pairs ...string) {
	h.t.Helper()
	set := map[string]string{}
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		set[key] = value
	}
	_, err := h.s.ConfigureConnection(h.ctx(), h.admin, "okta", set)
	h.must(err)
}

// person is what an IdP says of somebody.
type person struct {
	userName, externalID, email, first, last string
	inactive                                 bool
}

// edit makes an identity say what p says, and nothing else.
func (p person) edit() provision.Edit {
	return func(i *directory.Identity) error {
		i.UserName, i.ExternalID, i.Active = p.userName, p.externalID, !p.inactive
		i.Profile = directory.Profile{Email: p.email, FirstName: p.first, LastName: p.last}
		i.Document = fmt.Appendf(nil, `{"active":%v,"userName":%q,"externalId":%q,"email":%q,"first":%q,"last":%q}`,
			i.Active, p.userName, p.externalID, strings.ReplaceAll(p.email, "\x00", ""), p.first, p.last)
		i.Search = i.Document
		return nil
	}
}

func setActive(active bool) provision.Edit {
	return func(i *directory.Identity) error {
		i.Document = bytes.Replace(i.Document, fmt.Appendf(nil, `"active":%v`, i.Active), fmt.Appendf(nil, `"active":%v`, active), 1)
		i.Active = active
		return nil
	}
}

func (h *house) create(p person) directory.Identity {
	h.t.Helper()
	i, err := h.s.CreateIdentity(h.ctx(), h.okta, p.edit())
	h.must(err)
	return i
}

// user makes an active identity and its account out of a short name.
func (h *house) user(name string) directory.Identity {
	h.t.Helper()
	return h.create(person{userName: name + "@x.test", externalID: "ext-" + name})
}

// users makes n of them, several at once.
func (h *house) users(n int) []string {
	h.t.Helper()
	ids := make([]string, n)
	makers := make([]func() error, 16)
	for m := range makers {
		makers[m] = func() error {
			for k := m; k < n; k += len(makers) {
				name := fmt.Sprintf("u%04d", k)
				i, err := h.s.CreateIdentity(h.ctx(), h.okta, person{userName: name + "@x.test", externalID: "ext-" + name}.edit())
				if err != nil {
					return err
				}
				ids[k] = string(i.ID)
			}
			return nil
		}
	}
	h.mustAll(together(makers...))
	return ids
}

func (h *house) put(id directory.IdentityID, p person) directory.Identity {
	h.t.Helper()
	i, err := h.s.UpdateIdentity(h.ctx(), h.okta, id, 0, p.edit())
	h.must(err)
	return i
}

func (h *house) activate(id directory.IdentityID, active bool) directory.Identity {
	h.t.Helper()
	i, err := h.s.UpdateIdentity(h.ctx(), h.okta, id, 0, setActive(active))
	h.must(err)
	return i
}

func (h *house) remove(id directory.IdentityID) {
	h.t.Helper()
	h.must(h.s.RemoveIdentity(h.ctx(), h.okta, id, 0))
}

func (h *house) group(name string, members ...string) directory.Group {
	h.t.Helper()
	g, err := h.s.CreateGroup(h.ctx(), h.okta, directory.GroupEdit{DisplayName: &name, Members: add(members...)})
	h.must(err)
	return g
}

func add(ids ...string) []directory.MemberEdit {
	if len(ids) == 0 {
		return nil
	}
	return []directory.MemberEdit{{Op: directory.AddMembers, Values: ids}}
}

func drop(ids ...string) []directory.MemberEdit {
	return []directory.MemberEdit{{Op: directory.RemoveMembers, Values: ids}}
}

func replace(ids ...string) []directory.MemberEdit {
	return append([]directory.MemberEdit{{Op: directory.ClearMembers}}, add(ids...)...)
}

func (h *house) members(id directory.GroupID, edits []directory.MemberEdit) directory.Group {
	h.t.Helper()
	g, err := h.s.UpdateGroup(h.ctx(), h.okta, id, 0, directory.GroupEdit{Members: edits})
	h.must(err)
	return g
}

func (h *house) rename(id directory.GroupID, name string) directory.Group {
	h.t.Helper()
	g, err := h.s.UpdateGroup(h.ctx(), h.okta, id, 0, directory.GroupEdit{DisplayName: &name})
	h.must(err)
	return g
}

func (h *house) team(name string) {
	h.t.Helper()
	_, err := h.s.CreateTeam(h.ctx(), h.admin, directory.Team{Name: name, DisplayName: name, Type: directory.Invite})
	h.must(err)
}

func (h *house) channel(team, name string) {
	h.t.Helper()
	_, err := h.s.CreateChannel(h.ctx(), h.admin, team, directory.Channel{Name: name, DisplayName: name, Type: directory.Private})
	h.must(err)
}

func (h *house) link(group, team, channel string) directory.Link {
	h.t.Helper()
	l, err := h.s.CreateLink(h.ctx(), h.admin, "okta", group, team, channel, directory.RoleMember)
	h.must(err)
	return l
}

func (h *house) rule(pattern, team, channel string, create bool) directory.Rule {
	h.t.Helper()
	r, err := h.s.CreateRule(h.ctx(), h.admin, "okta", directory.Rule{Pattern: pattern, Team: team, Channel: channel, Role: directory.RoleMember, Make: create})
	h.must(err)
	return r
}

func (h *house) finish() {
	h.t.Helper()
	h.must(h.s.FinishTasks(h.ctx(), nil))
}

func (h *house) account(name string) (a directory.Account) {
	h.t.Helper()
	h.view(func(tx *store.Tx) (err error) { a, err = tx.FindAccount(name); return err })
	return a
}

func (h *house) accountOf(i directory.Identity) (a directory.Account) {
	h.t.Helper()
	h.view(func(tx *store.Tx) (err error) { a, err = tx.Account(i.Account); return err })
	return a
}

func (h *house) identity(id directory.IdentityID) (i directory.Identity) {
	h.t.Helper()
	h.view(func(tx *store.Tx) (err error) { i, err = tx.IdentityByID(id); return err })
	return i
}

func (h *house) conflicts() (all []directory.OpenConflict) {
	h.t.Helper()
	h.view(func(tx *store.Tx) (err error) { all, err = tx.Conflicts(); return err })
	return all
}

// events returns the newest events about objects, oldest first.
func (h *house) events(objects ...string) (all []directory.Event) {
	h.t.Helper()
	h.view(func(tx *store.Tx) (err error) { all, err = tx.Events(objects, 1000); return err })
	return all
}

func (h *house) actions(objects ...string) (all []string) {
	h.t.Helper()
	for _, e := range h.events(objects...) {
		all = append(all, e.Action)
	}
	return all
}

// places tells where the account of an identity is, and why: "eng (link G)", "eng/town-square (default)", admins with a star.
func (h *house) places(i directory.Identity) (all []string) {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		reasons, err := tx.Reasons(i.Account)
		for _, r := range reasons {
			all = append(all, place(r))
		}
		return err
	})
	slices.Sort(all)
	return all
}

func place(r directory.Reason) string {
	s := r.TeamName
	if r.ChannelName != "" {
		s += "/" + r.ChannelName
	}
	if r.Role == directory.RoleAdmin {
		s += "*"
	}
	if r.Kind == directory.ByDefault {
		return s + " (default)"
	}
	return s + " (link " + r.Group + ")"
}

func (h *house) wantPlaces(i directory.Identity, want ...string) {
	h.t.Helper()
	slices.Sort(want)
	if got := h.places(i); !slices.Equal(got, want) {
		h.t.Errorf("%s is in %q, want %q", i.UserName, got, want)
	}
}

// inTeam is where a link of a group to a team, or to a channel of it, puts everyone. Only the names of other channels follow.
func inTeam(team, group string, channels ...string) []string {
	all := []string{team + " (link " + group + ")", team + "/town-square (default)", team + "/off-topic (default)"}
	for _, ch := range channels {
		all = append(all, team+"/"+ch+" (link "+group+")")
	}
	return all
}

func (h *house) memberIDs(g directory.Group) (ids []string) {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		members, err := tx.Members(g.Row, directory.Member{}, 1_000_000)
		for _, m := range members {
			ids = append(ids, m.ID)
		}
		return err
	})
	slices.Sort(ids)
	return ids
}

// consistent compares every reason in the database with what naive code makes of its identities, members, nesting and links.
func (h *house) consistent() {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		want, err := desired(tx)
		if err != nil {
			return err
		}
		accounts, err := tx.Accounts(0, 1_000_000)
		if err != nil {
			return err
		}
		for _, a := range accounts {
			reasons, err := tx.Reasons(a.Row)
			if err != nil {
				return err
			}
			got := map[reason]bool{}
			for _, r := range reasons {
				got[reason{r.Team, r.Channel, r.Kind, r.Link, r.Role}] = true
			}
			if !maps.Equal(got, want[a.Row]) {
				h.t.Errorf("account %s has the reasons %v, want %v", a.Username, got, want[a.Row])
			}
		}
		return h.linksAwake(tx)
	})
}

type reason struct {
	team, channel directory.Row
	kind          directory.ReasonKind
	link          directory.Row
	role          directory.Role
}

func desired(tx *store.Tx) (map[directory.Row]map[reason]bool, error) {
	want := map[directory.Row]map[reason]bool{}
	links, err := tx.Links()
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		accounts := map[directory.Row]bool{}
		if err := below(tx, l.Group, accounts, map[directory.Row]bool{}); err != nil {
			return nil, err
		}
		channels, err := tx.Channels(l.Team)
		if err != nil {
			return nil, err
		}
		for a := range accounts {
			if want[a] == nil {
				want[a] = map[reason]bool{}
			}
			want[a][reason{l.Team, l.Channel, directory.ByLink, l.Row, l.Role}] = true
			if l.Channel != 0 {
				want[a][reason{l.Team, 0, directory.ByLink, l.Row, directory.RoleMember}] = true
			}
			for _, ch := range channels {
				if ch.Default {
					want[a][reason{l.Team, ch.Row, directory.ByDefault, 0, directory.RoleMember}] = true
				}
			}
		}
	}
	return want, nil
}

// below collects the accounts of the members of a group, at any depth.
func below(tx *store.Tx, group directory.Row, accounts, seen map[directory.Row]bool) error {
	if group == 0 || seen[group] {
		return nil
	}
	seen[group] = true
	members, err := tx.Members(group, directory.Member{}, 1_000_000)
	if err != nil {
		return err
	}
	var identities []directory.Row
	for _, m := range members {
		if !m.Group {
			identities = append(identities, m.Row)
		} else if err := below(tx, m.Row, accounts, seen); err != nil {
			return err
		}
	}
	all, err := tx.IdentitiesIn(0, 0, 1_000_000)
	for _, i := range all {
		if i.Account != 0 && slices.Contains(identities, i.Row) {
			accounts[i.Account] = true
		}
	}
	return err
}

// linksAwake reports links that sleep beside a group of their name, and groups without the link that a rule wants.
func (h *house) linksAwake(tx *store.Tx) error {
	links, err := tx.Links()
	if err != nil {
		return err
	}
	groups, err := tx.GroupsIn(0, 0, 1_000_000)
	if err != nil {
		return err
	}
	rules, err := tx.Rules(0)
	if err != nil {
		return err
	}
	of := func(g directory.Group, l directory.Link) bool {
		return g.Connection == l.Connection && directory.Key(g.DisplayName) == directory.Key(l.Name)
	}
	for _, l := range links {
		if l.Group == 0 && slices.ContainsFunc(groups, func(g directory.Group) bool { return of(g, l) }) {
			h.t.Errorf("the link %s to %s/%s sleeps although there is a group of its name", l.Name, l.TeamName, l.ChannelName)
		}
		if l.Rule != 0 && !slices.ContainsFunc(rules, func(r directory.Rule) bool { return r.Row == l.Rule }) {
			h.t.Errorf("the rule of the link %s is gone", l.Name)
		}
	}
	for _, r := range rules {
		for _, g := range groups {
			target, ok := r.Match(g.DisplayName)
			if ok && r.Make && !slices.ContainsFunc(links, func(l directory.Link) bool {
				return l.Group == g.Row && l.TeamName == target.Team && l.ChannelName == target.Channel
			}) {
				h.t.Errorf("the group %s has no link to %+v", g.DisplayName, target)
			}
		}
	}
	return nil
}
