package provision_test

import (
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

// large are scans of the tables that grow with the company, by their names and by what statements call them.
var large = regexp.MustCompile(`^SCAN (identity|account|member|event|reason|tombstone|adoption|conflict|grp|stray|nesting|link|[aegiklmnx])( |$)`)

// everybody is a search that leads to all that a connection has.
var everybody = regexp.MustCompile(`INDEX (identity_connection|identity_user_name|identity_external_id|identity_subject|grp_connection|grp_name) \(connection=\?\)$`)

// whole are the statements that read a table whole, by their beginnings, each with the reason.
var whole = []string{
	"select value, ",                       // nobody
	"select row_id, kind, subject, object", // task: as many as are waiting
	"select count(*), coalesce(sum(done)",  // the same
	"select c.row_id, c.id, c.name",        // connections
}

// TestPlans_lead_to_few_rows runs what changes do and asks SQLite how it finds the rows: no statement of a change may read
// everybody, which nobody would see with the few rows of other tests.
func TestPlans_lead_to_few_rows(t *testing.T) {
	db, err := store.Open(t.Context(), store.Config{Data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	live(t, db)
	plans, err := db.Plans(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for query, plan := range plans {
		text := strings.Join(strings.Fields(query), " ")
		if slices.ContainsFunc(whole, func(s string) bool { return strings.HasPrefix(text, s) }) {
			continue
		}
		for _, line := range plan {
			if large.MatchString(line) || everybody.MatchString(line) && !strings.Contains(text, " limit ") {
				t.Errorf("%s\n\t%s", text, strings.Join(plan, "\n\t"))
				break
			}
		}
	}
	if len(plans) < 60 {
		t.Errorf("only %d statements ran", len(plans))
	}
}

// live makes the changes of some people's lives.
func live(t *testing.T, db *store.DB) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, admin, s := t.Context(), directory.Actor{Name: "test"}, provision.New(db, slog.New(slog.DiscardHandler))
	c, err := s.CreateConnection(ctx, admin, "okta", "okta", nil)
	must(err)
	_, secret, err := s.CreateToken(ctx, admin, "okta", 0)
	must(err)
	_, _, err = db.Token(ctx, provision.HashToken(secret))
	must(err)
	okta := directory.Actor{Name: "scim", Connection: c.Row, ConnName: c.Name}
	is := func(name, externalID string, active bool) provision.Edit {
		return func(i *directory.Identity) error {
			i.UserName, i.ExternalID, i.Active = name, externalID, active
			i.Document = fmt.Appendf(nil, `{"userName":%q,"active":%t}`, name, active)
			i.Search = i.Document
			return nil
		}
	}
	var ids []string
	for n := range 3 {
		i, err := s.CreateIdentity(ctx, okta, is(fmt.Sprintf("u%d@x.test", n), fmt.Sprint(n), true))
		must(err)
		ids = append(ids, string(i.ID))
	}
	_, err = s.CreateTeam(ctx, admin, directory.Team{Name: "eng", DisplayName: "E", Type: directory.Open})
	must(err)
	_, err = s.CreateChannel(ctx, admin, "eng", directory.Channel{Name: "back", DisplayName: "B", Type: directory.Open})
	must(err)
	_, err = s.CreateLink(ctx, admin, "okta", "G", "eng", "back", directory.RoleMember)
	must(err)
	edit := func(name string, members ...directory.MemberEdit) directory.GroupEdit {
		return directory.GroupEdit{DisplayName: &name, Members: members}
	}
	g, err := s.CreateGroup(ctx, okta, edit("G", directory.MemberEdit{Op: directory.AddMembers, Values: ids[:2]}))
	must(err)
	outer, err := s.CreateGroup(ctx, okta, edit("Outer", directory.MemberEdit{Op: directory.AddMembers, Values: []string{string(g.ID), "nobody"}}))
	must(err)
	long := append([]string{ids[2]}, make([]string, 1100)...)
	for n := range long[1:] {
		long[n+1] = fmt.Sprint("ghost", n)
	}
	for _, members := range [][]directory.MemberEdit{
		{{Op: directory.RemoveMembers, Values: ids[:1]}, {Op: directory.AddMembers, Values: ids[2:]}},
		{{Op: directory.ClearMembers}, {Op: directory.AddMembers, Values: ids}},
		{{Op: directory.ClearMembers}, {Op: directory.AddMembers, Values: long}},
		{{Op: directory.ClearMembers, Only: directory.OnlyGroups}},
	} {
		_, err = s.UpdateGroup(ctx, okta, g.ID, 0, directory.GroupEdit{Members: members})
		must(err)
	}
	_, err = s.UpdateGroup(ctx, okta, g.ID, 0, edit("H"))
	must(err)
	for _, change := range []provision.Edit{is("u0@x.test", "0", false), is("u0@x.test", "0", true), is("other@x.test", "9", true)} {
		_, err = s.UpdateIdentity(ctx, okta, directory.IdentityID(ids[0]), 0, change)
		must(err)
	}
	_, err = s.CreateIdentity(ctx, okta, is("u1@x.test", "7", true))
	if !directory.Is(err, directory.Conflict) {
		t.Fatal(err)
	}
	must(s.RemoveIdentity(ctx, okta, directory.IdentityID(ids[1]), 0))
	_, err = s.CreateIdentity(ctx, okta, is("u1@x.test", "1", true))
	must(err)
	must(s.FinishTasks(ctx, nil))
	must(db.View(ctx, func(tx *store.Tx) error {
		_, groups, _, err := tx.IdentityShown(c.Row, directory.IdentityID(ids[2]))
		if err == nil && len(groups) > 0 {
			_, err = tx.GroupsOf(1, 2)
		}
		if err == nil {
			_, err = tx.Members(g.Row, directory.Member{}, 10)
		}
		return err
	}))
	must(s.RemoveGroup(ctx, okta, outer.ID, 0))
	must(s.RemoveGroup(ctx, okta, g.ID, 0))
}
