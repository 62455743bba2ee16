package provision_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

func (h *house) allLinks() (all []directory.Link) {
	h.t.Helper()
	h.view(func(tx *store.Tx) (err error) { all, err = tx.Links(); return err })
	return all
}

func TestLink_waits_for_its_group(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		h.team("eng")
		h.channel("eng", "backend")
		h.link("Engineering", "eng", "backend")
		h.wantPlaces(i)
		h.group("ENGINEERING", string(i.ID))
		h.wantPlaces(i, inTeam("eng", "Engineering", "backend")...)
		h.consistent()
	})
}

func TestLink_of_a_group_that_is_there_counts_at_once(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		h.group("Engineering", string(i.ID))
		l := h.link("engineering", h.engineering(), "")
		h.wantPlaces(i, inTeam("eng", "engineering")...)
		if e := h.events(string(l.ID)); len(e) != 1 || e[0].Changes["memberships_began"] != 3.0 {
			t.Errorf("events: %+v", e)
		}
		h.must(h.s.RemoveLink(h.ctx(), h.admin, l.ID))
		h.wantPlaces(i)
		h.fails(h.s.RemoveLink(h.ctx(), h.admin, l.ID), directory.NotFound, "")
	})
}

func TestLink_follows_its_group_through_a_rename(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		g := h.group("Engineering", string(i.ID))
		h.link("Engineering", h.engineering(), "")
		h.rename(g.ID, "R&D")
		h.wantPlaces(i, inTeam("eng", "R&D")...)
		other := h.user("kim")
		h.group("Engineering", string(other.ID)) // another group by the old name
		h.wantPlaces(other)
		h.consistent()
	})
}

func TestLink_sleeps_when_its_group_is_deleted_and_wakes_for_one_of_the_same_name(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		g := h.group("Engineering", string(i.ID))
		h.link("Engineering", h.engineering(), "")
		h.must(h.s.RemoveGroup(h.ctx(), h.okta, g.ID, 0))
		h.wantPlaces(i)
		if l := h.allLinks(); len(l) != 1 || l[0].Group != 0 {
			t.Errorf("links: %+v", l)
		}
		again := h.group("engineering", string(i.ID))
		if again.ID == g.ID {
			t.Error("the id was used again")
		}
		h.wantPlaces(i, inTeam("eng", "Engineering")...)
		h.must(h.s.RemoveGroup(h.ctx(), h.okta, again.ID, 0))
		renamed := h.group("Something", string(i.ID))
		h.wantPlaces(i)
		h.rename(renamed.ID, "Engineering")
		h.wantPlaces(i, inTeam("eng", "Engineering")...)
	})
}

func TestLink_that_cannot_be_is_refused(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.team("eng")
		h.link("G", "eng", "")
		create := func(connection, group, team, channel string) error {
			_, err := h.s.CreateLink(h.ctx(), h.admin, connection, group, team, channel, directory.RoleMember)
			return err
		}
		h.fails(create("none", "G", "eng", ""), directory.NotFound, "connection")
		h.fails(create("okta", "G", "none", ""), directory.NotFound, "team")
		h.fails(create("okta", "G", "eng", "none"), directory.NotFound, "channel")
		h.fails(create("okta", " ", "eng", ""), directory.Invalid, "group")
		h.fails(create("okta", "g", "eng", ""), directory.Conflict, "")
		h.must(create("okta", "g", "eng", "town-square"))
	})
}

func TestRole_of_several_reasons_is_the_highest(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		h.group("Staff", string(i.ID))
		g := h.group("Leads", string(i.ID))
		h.link("Staff", h.engineering(), "")
		_, err := h.s.CreateLink(h.ctx(), h.admin, "okta", "Leads", "eng", "", directory.RoleAdmin)
		h.must(err)
		h.wantPlaces(i, append(inTeam("eng", "Staff"), "eng* (link Leads)")...)
		h.members(g.ID, drop(string(i.ID)))
		h.wantPlaces(i, inTeam("eng", "Staff")...)
	})
}

func TestMembership_ends_with_its_last_reason(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		a, b := h.group("A", string(i.ID)), h.group("B", string(i.ID))
		h.team("eng")
		h.channel("eng", "backend")
		h.link("A", "eng", "backend")
		h.link("B", "eng", "")
		h.members(a.ID, drop(string(i.ID)))
		h.wantPlaces(i, inTeam("eng", "B")...)
		h.members(b.ID, replace())
		h.wantPlaces(i)
	})
}

func TestRule_links_groups_that_are_there_and_those_that_come(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		h.group("chat-eng-backend", string(i.ID))
		h.team("eng")
		h.channel("eng", "backend")
		h.channel("eng", "front-end")
		r := h.rule("chat-{team}-{channel}", "{team}", "{channel}", false)
		h.wantPlaces(i, inTeam("eng", "chat-eng-backend", "backend")...)
		h.group("Chat-Eng-Front-End", string(i.ID))
		h.wantPlaces(i, append(inTeam("eng", "chat-eng-backend", "backend"), "eng (link Chat-Eng-Front-End)", "eng/front-end (link Chat-Eng-Front-End)")...)
		h.group("chat-ops-backend", string(i.ID)) // there is no such team
		h.group("Engineering", string(i.ID))
		if n := len(h.allLinks()); n != 2 {
			t.Errorf("%d links", n)
		}
		e := h.events(string(h.found("chat-ops-backend").ID))
		if got := e[0].Changes["rule_passed_over"]; got == nil {
			t.Errorf("the event says %v", e[0].Changes)
		}
		h.must(h.s.RemoveRule(h.ctx(), h.admin, r.ID))
		h.wantPlaces(i)
		h.fails(h.s.RemoveRule(h.ctx(), h.admin, r.ID), directory.NotFound, "")
	})
}

func TestRule_makes_what_is_missing_if_it_may(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		h.rule("chat-{team}-{channel}", "{team}", "{channel}", true)
		h.group("chat-eng-back end", string(i.ID))
		h.group("chat-a-b", string(i.ID)) // "a" is too short for a team
		h.wantPlaces(i, inTeam("eng", "chat-eng-back end", "back-end")...)
		h.view(func(tx *store.Tx) error {
			team, err := tx.Team("eng")
			if err != nil {
				return err
			}
			channel, err := tx.Channel(team.Row, "back-end")
			if team.Type != directory.Invite || channel.Type != directory.Private {
				t.Errorf("team %s, channel %s", team.Type, channel.Type)
			}
			return err
		})
		if l := h.allLinks(); len(l) != 1 || l[0].Role != directory.RoleMember || l[0].Rule == 0 {
			t.Errorf("links: %+v", l)
		}
	})
}

func TestRule_that_could_not_work_or_would_make_admins_is_refused(t *testing.T) {
	each(t, "okta", func(h *house) {
		_, err := h.s.CreateRule(h.ctx(), h.admin, "okta", directory.Rule{Pattern: "{x}", Team: "{x}", Role: directory.RoleAdmin})
		h.fails(err, directory.Invalid, "a rule never grants admin")
		h.rule("all-{x}", "{x}", "", false)
		_, err = h.s.CreateRule(h.ctx(), h.admin, "okta", directory.Rule{Pattern: "ALL-{x}", Team: "{x}", Make: true})
		h.fails(err, directory.Conflict, "such a rule already")
		h.rule("all-{x}", "{x}", "backend", false)
		_, err = h.s.CreateRule(h.ctx(), h.admin, "none", directory.Rule{Pattern: "{x}", Team: "{x}"})
		h.fails(err, directory.NotFound, "connection")
	})
}

func TestGroup_renamed_away_from_a_rule_keeps_the_link_and_says_so(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		h.rule("chat-{team}", "{team}", "", true)
		g := h.group("chat-eng", string(i.ID))
		h.rename(g.ID, "Engineers")
		h.wantPlaces(i, inTeam("eng", "Engineers")...)
		e := h.events(string(g.ID))
		if got := fmt.Sprint(e[len(e)-1].Changes["rule_left"]); got != "[chat-{team}]" {
			t.Errorf("the event says %v", e[len(e)-1].Changes)
		}
		h.rename(g.ID, "chat-ops")
		h.wantPlaces(i, append(inTeam("eng", "chat-ops"), inTeam("ops", "chat-ops")...)...)
		h.rename(g.ID, "chat-ops") // again
		if n := len(h.allLinks()); n != 2 {
			t.Errorf("%d links", n)
		}
	})
}

func TestRule_on_more_groups_than_one_change_may_touch_is_finished_by_a_task(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		for n := range 230 {
			h.group(fmt.Sprintf("chat-t%03d", n), string(i.ID))
		}
		h.rule("chat-{team}", "{team}", "", true)
		if n := len(h.allLinks()); n >= 230 {
			t.Errorf("%d links at once", n)
		}
		h.finish()
		if n := len(h.places(i)); n != 3*230 {
			t.Errorf("%d places", n)
		}
		h.consistent()
	})
}

func TestRule_links_to_a_team_that_is_made_after_it(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		h.rule("chat-{team}", "{team}", "", false)
		h.group("chat-eng", string(i.ID))
		h.wantPlaces(i)
		h.team("eng")
		h.finish()
		h.wantPlaces(i, inTeam("eng", "chat-eng")...)
		h.consistent()
	})
}

func TestDefault_channels_are_joined_with_the_team(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		h.team("eng")
		h.team("ops")
		h.channel("eng", "announcements")
		h.link("G", "eng", "")
		h.link("G", "ops", "")
		h.group("G", string(i.ID))
		want := append(append(inTeam("eng", "G"), inTeam("ops", "G")...), "eng/announcements (default)")
		h.wantPlaces(i, want...)
		h.channel("ops", "announcements")
		h.finish()
		h.wantPlaces(i, append(want, "ops/announcements (default)")...)
	})
}

func TestDefault_channels_that_are_configured_otherwise_are_joined_and_left(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		h.team("eng")
		h.channel("eng", "announcements")
		h.channel("eng", "help")
		h.link("G", "eng", "")
		h.group("G", string(i.ID))
		h.finish()
		h.must(h.s.SetDefaultChannels(h.ctx(), []string{"announcements"}))
		if slices.Contains(h.actions(), "default_channels.update") {
			t.Error("nothing changed, and an event was written")
		}
		h.must(h.s.SetDefaultChannels(h.ctx(), []string{"help"}))
		h.must(h.s.FinishTasks(h.ctx(), nil))
		h.wantPlaces(i, append(inTeam("eng", "G"), "eng/help (default)")...)
		h.consistent()
	})
}

func TestTeam_and_channel_names_are_taken_once(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.team("eng")
		_, err := h.s.CreateTeam(h.ctx(), h.admin, directory.Team{Name: "eng", DisplayName: "x", Type: directory.Open})
		h.fails(err, directory.Conflict, "")
		_, err = h.s.CreateTeam(h.ctx(), h.admin, directory.Team{Name: "Eng", DisplayName: "x", Type: directory.Open})
		h.fails(err, directory.Invalid, "")
		_, err = h.s.CreateChannel(h.ctx(), h.admin, "eng", directory.Channel{Name: "town-square", DisplayName: "x", Type: directory.Open})
		h.fails(err, directory.Conflict, "")
		_, err = h.s.CreateChannel(h.ctx(), h.admin, "none", directory.Channel{Name: "x", DisplayName: "x", Type: directory.Open})
		h.fails(err, directory.NotFound, "")
	})
}
