package provision_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

func (h *house) strays(g directory.Group) (all []string) {
	h.t.Helper()
	h.view(func(tx *store.Tx) (err error) { all, err = tx.Strays(g.Row, 100); return err })
	return all
}

func (h *house) wantMembers(g directory.Group, ids ...string) {
	h.t.Helper()
	slices.Sort(ids)
	if got := h.memberIDs(g); !slices.Equal(got, ids) {
		h.t.Errorf("%s has the members %v, want %v", g.DisplayName, got, ids)
	}
}

func TestGroup_name_and_externalId_are_taken_once_in_a_connection(t *testing.T) {
	each(t, "okta", func(h *house) {
		make := func(actor directory.Actor, name, ext string) error {
			_, err := h.s.CreateGroup(h.ctx(), actor, directory.GroupEdit{DisplayName: &name, ExternalID: &ext})
			return err
		}
		h.must(make(h.okta, "Ops", "1"))
		h.fails(make(h.okta, "ＯＰＳ", "2"), directory.Conflict, `displayName: another Group has it`)
		h.fails(make(h.okta, "Dev", "1"), directory.Conflict, `externalId: another Group has it`)
		h.must(make(h.okta, "Dev", ""))
		h.must(make(h.okta, "QA", ""))
		h.must(make(h.connect("entra", "entra"), "Ops", "1"))
		g := h.found("QA")
		_, err := h.s.UpdateGroup(h.ctx(), h.okta, g.ID, 0, directory.GroupEdit{DisplayName: new("dev")})
		h.fails(err, directory.Conflict, "displayName")
		_, err = h.s.UpdateGroup(h.ctx(), h.okta, g.ID, 0, directory.GroupEdit{ExternalID: new("1")})
		h.fails(err, directory.Conflict, "externalId")
		_, err = h.s.CreateGroup(h.ctx(), h.okta, directory.GroupEdit{})
		h.fails(err, directory.Invalid, "displayName: is required")
		h.fails(make(h.okta, "a\x00b", ""), directory.Invalid, "displayName")
		h.fails(make(h.okta, strings.Repeat("é", 1000), ""), directory.Invalid, "displayName")
	})
}

func TestGroup_members_are_added_removed_cleared_and_replaced(t *testing.T) {
	each(t, "okta", func(h *house) {
		ids := h.users(4)
		g := h.group("G", ids[0], ids[1])
		for _, c := range []struct {
			edits   []directory.MemberEdit
			want    []string
			version int64
		}{
			{add(ids[0], ids[2]), []string{ids[0], ids[1], ids[2]}, 2},
			{add(ids[0]), []string{ids[0], ids[1], ids[2]}, 2},
			{drop(ids[3]), []string{ids[0], ids[1], ids[2]}, 2},
			{drop(ids[1], ids[3]), []string{ids[0], ids[2]}, 3},
			{append(drop(ids[0]), add(ids[1])...), []string{ids[1], ids[2]}, 4},
			{replace(ids[2], ids[1]), []string{ids[1], ids[2]}, 4},
			{replace(ids[2], ids[3]), []string{ids[2], ids[3]}, 5},
			{[]directory.MemberEdit{{Op: directory.ClearMembers, Only: directory.OnlyGroups}}, []string{ids[2], ids[3]}, 5},
			{replace(), nil, 6},
			{replace(), nil, 6},
		} {
			if now := h.members(g.ID, c.edits); now.Version != c.version {
				t.Errorf("%v: version %d, want %d", c.edits, now.Version, c.version)
			}
			h.wantMembers(g, c.want...)
		}
		if n := len(h.events(string(g.ID))); n != 6 {
			t.Errorf("%d events", n)
		}
	})
}

func TestGroup_keeps_values_that_name_nobody_apart(t *testing.T) {
	each(t, "okta", func(h *house) {
		jo := string(h.user("jo").ID)
		foreign, err := h.s.CreateIdentity(h.ctx(), h.connect("entra", "entra"), person{userName: "kim@x.test"}.edit())
		h.must(err)
		g := h.group("G", jo, "nobody", string(foreign.ID))
		h.wantMembers(g, jo)
		want := []string{string(foreign.ID), "nobody"}
		slices.Sort(want)
		if got := h.strays(g); !slices.Equal(got, want) {
			t.Errorf("strays: %v", got)
		}
		if e := h.events(string(g.ID)); e[0].Changes["members_unknown"] != 2.0 || e[0].Changes["members_added"] != 1.0 {
			t.Errorf("the event says %v", e[0].Changes)
		}
		if now := h.members(g.ID, add("nobody")); now.Version != 1 {
			t.Errorf("the same again made version %d", now.Version)
		}
		h.members(g.ID, drop("nobody"))
		if got := h.strays(g); !slices.Equal(got, []string{string(foreign.ID)}) {
			t.Errorf("strays: %v", got)
		}
		h.members(g.ID, replace())
		if got := h.strays(g); len(got) != 0 {
			t.Errorf("strays after all were cleared: %v", got)
		}
		h.members(g.ID, add(strings.Repeat("\u00e9\u4e16", 4000)))
		if got := h.strays(g); len(got) != 1 || len(got[0]) > 256 {
			t.Errorf("a long value is kept as %d bytes", len(got[0]))
		}
		h.remove(directory.IdentityID(jo))
		h.members(g.ID, replace(jo))
		h.wantMembers(g)
	})
}

func TestGroup_is_never_in_itself(t *testing.T) {
	each(t, "okta", func(h *house) {
		var groups []directory.Group
		for n := range 5 {
			var inner []string
			if n > 0 {
				inner = []string{string(groups[n-1].ID)}
			}
			groups = append(groups, h.group(fmt.Sprint("G", n), inner...))
		}
		for n, g := range groups {
			_, err := h.s.UpdateGroup(h.ctx(), h.okta, groups[0].ID, 0, directory.GroupEdit{Members: add(string(g.ID))})
			h.fails(err, directory.Invalid, "a group cannot be in itself")
			if now := h.found("G0"); now.Version != 1 {
				t.Errorf("G0 in G%d: version %d", n, now.Version)
			}
		}
		h.members(groups[4].ID, add(string(groups[0].ID))) // twice below is no circle
		h.members(groups[2].ID, replace())
		h.members(groups[0].ID, add(string(groups[2].ID)))
		h.noCycle()
	})
}

func TestMembership_comes_through_five_nested_groups_and_ends_when_the_middle_goes(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.team("eng")
		h.link("G4", "eng", "")
		i := h.user("jo")
		groups := []directory.Group{h.group("G0", string(i.ID))}
		for n := 1; n < 5; n++ {
			groups = append(groups, h.group(fmt.Sprint("G", n), string(groups[n-1].ID)))
		}
		h.wantPlaces(i, inTeam("eng", "G4")...)
		h.view(func(tx *store.Tx) error {
			all, err := tx.GroupsOf(i.Row)
			for _, c := range all[i.Row] {
				if c.Direct != (c.DisplayName == "G0") {
					t.Errorf("%+v", c)
				}
			}
			if len(all[i.Row]) != 5 {
				t.Errorf("groups: %v", all[i.Row])
			}
			return err
		})
		h.members(groups[2].ID, drop(string(groups[1].ID)))
		h.wantPlaces(i)
		h.members(groups[2].ID, add(string(groups[1].ID)))
		h.wantPlaces(i, inTeam("eng", "G4")...)
		version := h.found("G3").Version
		h.must(h.s.RemoveGroup(h.ctx(), h.okta, groups[2].ID, 0))
		h.wantPlaces(i)
		if now := h.found("G3").Version; now != version+1 {
			t.Errorf("the group that lost a member has version %d, was %d", now, version)
		}
		h.consistent()
	})
}

func TestGroup_is_changed_only_in_the_version_that_the_caller_saw(t *testing.T) {
	each(t, "okta", func(h *house) {
		g := h.group("G")
		_, err := h.s.UpdateGroup(h.ctx(), h.okta, g.ID, 2, directory.GroupEdit{DisplayName: new("H")})
		h.fails(err, directory.Stale, "its version is now 1")
		h.fails(h.s.RemoveGroup(h.ctx(), h.okta, g.ID, 2), directory.Stale, "")
		entra := h.connect("entra", "entra")
		_, err = h.s.UpdateGroup(h.ctx(), entra, g.ID, 0, directory.GroupEdit{DisplayName: new("H")})
		h.fails(err, directory.NotFound, "")
		h.fails(h.s.RemoveGroup(h.ctx(), entra, g.ID, 0), directory.NotFound, "")
		h.must(h.s.RemoveGroup(h.ctx(), h.okta, g.ID, 1))
		h.fails(h.s.RemoveGroup(h.ctx(), h.okta, g.ID, 0), directory.NotFound, "")
	})
}

func TestGroup_that_is_pushed_again_as_it_is_stays_as_it_is(t *testing.T) {
	each(t, "okta", func(h *house) {
		ids := h.users(3)
		g := h.group("G", ids...)
		events := len(h.events())
		now, err := h.s.UpdateGroup(h.ctx(), h.okta, g.ID, 0, directory.GroupEdit{DisplayName: new("G"), ExternalID: new(""), Members: replace(ids...)})
		h.must(err)
		if now.Version != 1 || len(h.events()) != events {
			t.Errorf("version %d, events %v", now.Version, h.actions())
		}
	})
}

// A long list is compared with what the group has before the transaction, which then holds only the difference.
func TestGroup_a_long_list_replaces_as_a_short_one_does(t *testing.T) {
	each(t, "okta", func(h *house) {
		ids := h.users(20)
		inner, other := h.group("Inner"), h.group("Other")
		ghosts := func(from, to int) (all []string) {
			for n := from; n < to; n++ {
				all = append(all, fmt.Sprintf("ghost-%04d", n))
			}
			return all
		}
		strays := func(g directory.Group) (all []string) {
			h.view(func(tx *store.Tx) (err error) { all, err = tx.Strays(g.Row, 10_000); return err })
			return all
		}
		g := h.group("G", slices.Concat(ids[:10], []string{string(inner.ID)}, ghosts(0, 5))...)
		for _, c := range []struct {
			members []string
			ghosts  []string
			version int64
		}{
			{ids[:10], ghosts(0, 1100), 2},
			{ids[:10], ghosts(0, 1100), 2},
			{slices.Concat(ids[5:15], []string{string(other.ID)}), ghosts(50, 1150), 3},
			{slices.Concat(ids[5:15], []string{string(other.ID)}), ghosts(51, 1151), 4},
			{ids[14:], ghosts(51, 1151), 5},
			{nil, ghosts(51, 1151), 6},
			{ids, ghosts(51, 1151), 7},
		} {
			now := h.members(g.ID, replace(slices.Concat(c.ghosts, c.members)...))
			if now.Version != c.version {
				t.Errorf("version %d, want %d", now.Version, c.version)
			}
			h.wantMembers(g, slices.Clone(c.members)...)
			if got := strays(g); !slices.Equal(got, c.ghosts) {
				t.Errorf("%d values that name nobody, want %d", len(got), len(c.ghosts))
			}
		}
		// Whoever changes the group in between is not lost: the last list counts, as if it had come alone.
		a, b := slices.Concat(ids[:12], ghosts(51, 1151)), slices.Concat(ids[8:], ghosts(51, 1151))
		for range 10 {
			h.mustAll(together(
				h.edits("G", replace(a...)...), h.edits("G", replace(b...)...), h.edits("G", add(ids[0])...), h.edits("G", drop(ids[19])...),
			))
			h.must(h.edits("G", replace(ids[4:16]...)...)())
			h.mustAll(together(h.edits("G", replace(a...)...), h.edits("G", replace(b...)...)))
			if got := h.memberIDs(g); !slices.Equal(got, slices.Sorted(slices.Values(ids[:12]))) && !slices.Equal(got, slices.Sorted(slices.Values(ids[8:]))) {
				t.Fatalf("two lists at once come to %v", got)
			}
		}
		h.consistent()
	})
}

func TestRemoved_user_leaves_its_groups_whose_versions_grow(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		h.group("A", string(i.ID))
		h.group("B", string(i.ID))
		h.group("C")
		h.remove(i.ID)
		for name, want := range map[string]int64{"A": 2, "B": 2, "C": 1} {
			g := h.found(name)
			h.wantMembers(g)
			if g.Version != want {
				t.Errorf("%s has version %d", name, g.Version)
			}
		}
	})
}
