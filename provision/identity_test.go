package provision_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
)

const day = 24 * time.Hour

func TestIdentity_that_comes_again_is_the_same_person_or_not(t *testing.T) {
	type outcome struct {
		text     string // of the error; empty for a re-activation
		conflict bool
	}
	for name, c := range map[string]struct {
		before, again person
		inactive      bool
		want          outcome
	}{
		"an inactive one with the same externalId is the same": {
			person{userName: "jo@x.test", externalID: "1"}, person{userName: "jo@y.test", externalID: "1"}, true, outcome{},
		},
		"an inactive one with the same userName, when neither has an externalId, is the same": {
			person{userName: "jo@x.test"}, person{userName: "JO@x.test"}, true, outcome{},
		},
		"an inactive one with the same userName and another externalId is another person": {
			person{userName: "jo@x.test", externalID: "1"}, person{userName: "jo@x.test", externalID: "2"}, true, outcome{"userName", true},
		},
		"an inactive one with the same userName, when only one has an externalId, is not taken for the same": {
			person{userName: "jo@x.test"}, person{userName: "jo@x.test", externalID: "2"}, true, outcome{"userName", true},
		},
		"an active one with the same externalId is there already": {
			person{userName: "jo@x.test", externalID: "1"}, person{userName: "jo@y.test", externalID: "1"}, false, outcome{"externalId", false},
		},
		"an active one with the same userName and no externalId is there already": {
			person{userName: "jo@x.test"}, person{userName: "jo@x.test"}, false, outcome{"userName", false},
		},
		"an active one with the same userName and another externalId is another person": {
			person{userName: "jo@x.test", externalID: "1"}, person{userName: "jo@x.test", externalID: "2"}, false, outcome{"userName", true},
		},
		"externalIds are compared to the letter": {
			person{userName: "jo@x.test", externalID: "a"}, person{userName: "jo@x.test", externalID: "A"}, true, outcome{"userName", true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, "okta", func(h *house) {
				i := h.create(c.before)
				if c.inactive {
					i = h.activate(i.ID, false)
				}
				again, err := h.s.CreateIdentity(h.ctx(), h.okta, c.again.edit())
				if c.want.text == "" {
					h.must(err)
					if again.ID != i.ID || again.Account != i.Account || !again.Active || again.UserName != c.again.userName || !h.accountOf(i).Active {
						h.t.Errorf("got %+v", again)
					}
				} else {
					h.fails(err, directory.Conflict, c.want.text)
					if now := h.identity(i.ID); now.Version != i.Version {
						h.t.Errorf("it changed: %+v", now)
					}
				}
				if k := h.conflicts(); (len(k) == 1) != c.want.conflict {
					h.t.Errorf("conflicts: %+v", k)
				}
			})
		})
	}
}

func TestIdentity_that_comes_again_inactive_stays_so(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		h.activate(i.ID, false)
		again, err := h.s.CreateIdentity(h.ctx(), h.okta, person{userName: "jo@x.test", externalID: "ext-jo", first: "Jo", inactive: true}.edit())
		h.must(err)
		if again.ID != i.ID || again.Active || h.accountOf(i).Active {
			t.Errorf("got %+v", again)
		}
	})
}

func TestIdentity_that_comes_again_under_a_userName_that_another_has_is_refused(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		h.activate(i.ID, false)
		h.user("kim")
		_, err := h.s.CreateIdentity(h.ctx(), h.okta, person{userName: "kim@x.test", externalID: "ext-jo"}.edit())
		h.fails(err, directory.Conflict, "userName")
		if h.accountOf(i).Active {
			t.Error("it was activated")
		}
	})
}

func TestRemoved_identity_frees_its_email_at_once_and_its_username_after_90_days(t *testing.T) {
	each(t, "entra", func(h *house) {
		i := h.user("jo")
		h.remove(i.ID)
		a := h.accountOf(i)
		if a.Active || a.Closed.IsZero() || a.Username != "jo" || a.Email != string(a.ID)+"@users.invalid" {
			t.Errorf("the account is %+v", a)
		}
		err := h.s.RemoveIdentity(h.ctx(), h.okta, i.ID, 0)
		h.fails(err, directory.NotFound, "")
		again := h.user("jo")
		if b := h.accountOf(again); b.ID == a.ID || b.Email != "jo@x.test" || b.Username != "jo2" || again.ID == i.ID {
			t.Errorf("the next is %+v", b)
		}
		h.pass(90*day - time.Millisecond)
		if b := h.accountOf(h.create(person{userName: "jo@y.test", externalID: "y"})); b.Username != "jo3" {
			t.Errorf("on day 90 it is %s", b.Username)
		}
		h.pass(2 * time.Millisecond)
		if b := h.accountOf(h.create(person{userName: "jo@z.test", externalID: "z"})); b.Username != "jo" {
			t.Errorf("after day 90 it is %s", b.Username)
		}
		if old := h.accountOf(i); old.Username != "jo-"+string(old.ID) {
			t.Errorf("the old account is %s", old.Username)
		}
	})
}

func TestRemoved_identity_returns_to_its_account_only_where_externalIds_never_change_hands(t *testing.T) {
	for preset, same := range map[string]bool{"okta": true, "entra-objectid": true, "entra": false, "": false} {
		t.Run("preset "+preset, func(t *testing.T) {
			each(t, preset, func(h *house) {
				h.user("other")
				h.create(person{userName: "jo@first.test", externalID: "0"})
				i := h.user("jo") // jo2
				h.remove(i.ID)
				again := h.user("jo")
				if again.ID == i.ID {
					h.t.Error("the id was used again")
				}
				a := h.accountOf(again)
				if (again.Account == i.Account) != same {
					h.t.Errorf("the account is %+v", a)
				}
				if same && (!a.Active || !a.Closed.IsZero() || a.Email != "jo@x.test" || a.Username != "jo2") {
					h.t.Errorf("the account came back as %+v", a)
				}
			})
		})
	}
}

func TestRemoved_identity_of_another_externalId_is_another_person(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		h.remove(i.ID)
		again := h.create(person{userName: "jo@x.test", externalID: "another"})
		if again.Account == i.Account {
			t.Error("it got the account")
		}
		nameless := h.create(person{userName: "kim@x.test"})
		h.remove(nameless.ID)
		if again := h.create(person{userName: "kim@x.test"}); again.Account == nameless.Account {
			t.Error("one without externalId got the account")
		}
	})
}

func TestIdentity_whose_edit_changes_nothing_writes_nothing(t *testing.T) {
	each(t, "okta", func(h *house) {
		p := person{userName: "jo@x.test", externalID: "1", first: "Jo"}
		i := h.create(p)
		h.group("G", string(i.ID))
		h.link("G", h.engineering(), "")
		events := len(h.events())
		account := h.accountOf(i)
		h.pass(day)
		for range 3 {
			if now := h.put(i.ID, p); now.Version != 1 || !now.Modified.Equal(i.Modified) {
				t.Fatalf("version %d, modified %v", now.Version, now.Modified)
			}
		}
		if now := h.accountOf(i); now != account {
			t.Errorf("the account changed to %+v", now)
		}
		if now := h.events(); len(now) != events {
			t.Errorf("events: %v", h.actions())
		}
	})
}

func (h *house) engineering() string { h.team("eng"); return "eng" }

func TestIdentity_is_changed_only_in_the_version_that_the_caller_saw(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		_, err := h.s.UpdateIdentity(h.ctx(), h.okta, i.ID, 1, setActive(false))
		h.must(err)
		_, err = h.s.UpdateIdentity(h.ctx(), h.okta, i.ID, 1, setActive(true))
		h.fails(err, directory.Stale, "its version is now 2")
		h.fails(h.s.RemoveIdentity(h.ctx(), h.okta, i.ID, 1), directory.Stale, "")
		h.must(h.s.RemoveIdentity(h.ctx(), h.okta, i.ID, 2))
		_, err = h.s.UpdateIdentity(h.ctx(), h.okta, i.ID, 0, setActive(true))
		h.fails(err, directory.NotFound, "")
	})
}

func TestIdentity_keeps_the_error_of_its_edit(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		mine := errors.New("mine")
		_, err := h.s.UpdateIdentity(h.ctx(), h.okta, i.ID, 0, func(*directory.Identity) error { return mine })
		if !errors.Is(err, mine) {
			t.Errorf("got %v", err)
		}
		_, err = h.s.CreateIdentity(h.ctx(), h.okta, person{userName: " "}.edit())
		h.fails(err, directory.Invalid, "userName")
		_, err = h.s.UpdateIdentity(h.ctx(), h.okta, i.ID, 0, person{userName: "jo\x00"}.edit())
		h.fails(err, directory.Invalid, "userName")
	})
}

func TestIdentity_of_one_connection_does_not_exist_for_another(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		entra := h.connect("entra", "entra")
		_, foreign := h.s.UpdateIdentity(h.ctx(), entra, i.ID, 0, setActive(false))
		h.fails(foreign, directory.NotFound, "")
		_, missing := h.s.UpdateIdentity(h.ctx(), entra, "0", 0, setActive(false))
		if foreign.Error() != missing.Error() {
			t.Errorf("%q and %q differ", foreign, missing)
		}
		h.fails(h.s.RemoveIdentity(h.ctx(), entra, i.ID, 0), directory.NotFound, "")
		if !h.accountOf(i).Active {
			t.Error("it was deactivated")
		}
		_, err := h.s.CreateIdentity(h.ctx(), entra, person{userName: "jo@x.test", externalID: "ext-jo"}.edit())
		h.fails(err, directory.Conflict, "email") // another connection's person is never taken over
	})
}

func TestIdentity_takes_no_name_that_another_has(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.user("jo")
		kim := h.user("kim")
		_, err := h.s.UpdateIdentity(h.ctx(), h.okta, kim.ID, 0, person{userName: "JO@x.test", externalID: "ext-kim"}.edit())
		h.fails(err, directory.Conflict, `userName: another User has it`)
		_, err = h.s.UpdateIdentity(h.ctx(), h.okta, kim.ID, 0, person{userName: "kim@x.test", externalID: "ext-jo"}.edit())
		h.fails(err, directory.Conflict, "externalId")
		h.put(kim.ID, person{userName: "KIM@x.test", externalID: "ext-kim"})
		h.put(kim.ID, person{userName: "KIM@x.test", externalID: "other"})
	})
}

func TestReturn_restores_groups_as_the_connection_says(t *testing.T) {
	for name, c := range map[string]struct {
		setting string
		away    time.Duration
		back    bool
	}{
		"always, after a year":  {"always", 365 * day, true},
		"never, at once":        {"never", 0, false},
		"30 days, on day 30":    {"30d", 30 * day, true},
		"30 days, after day 30": {"30d", 30*day + time.Millisecond, false},
		"10 days, after day 10": {"10d", 11 * day, false},
	} {
		for way, come := range map[string]func(h *house, i directory.Identity){
			"by update":   func(h *house, i directory.Identity) { h.activate(i.ID, true) },
			"by creation": func(h *house, i directory.Identity) { h.user("jo") },
		} {
			t.Run(name+" "+way, func(t *testing.T) {
				each(t, "okta", func(h *house) {
					h.set("restore_memberships=" + c.setting)
					i := h.user("jo")
					g := h.group("G", string(i.ID))
					h.link("G", h.engineering(), "")
					h.activate(i.ID, false)
					h.wantPlaces(i, inTeam("eng", "G")...)
					h.pass(c.away)
					h.put(i.ID, person{userName: "jo@x.test", externalID: "ext-jo", first: "Still away", inactive: true})
					come(h, i)
					events := h.events(string(i.ID))
					changes := events[len(events)-1].Changes
					if !c.back {
						h.wantPlaces(i)
						if m := h.memberIDs(g); len(m) != 0 || changes["groups_dropped"] != 1.0 {
							h.t.Errorf("members %v, event %v", m, changes)
						}
						return
					}
					h.wantPlaces(i, inTeam("eng", "G")...)
					if changes["memberships_restored"] == nil || len(h.memberIDs(g)) != 1 {
						h.t.Errorf("the event is %v", changes)
					}
				})
			})
		}
	}
}

func TestRemoval_from_a_group_that_comes_while_somebody_is_away_counts(t *testing.T) {
	each(t, "entra", func(h *house) {
		i := h.user("jo")
		g := h.group("G", string(i.ID))
		h.link("G", h.engineering(), "")
		h.activate(i.ID, false)
		h.members(g.ID, drop(string(i.ID)))
		h.activate(i.ID, true)
		h.wantPlaces(i)
	})
}

func TestChange_writes_one_event_that_says_who_and_through_what(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.team("eng")
		i, g := h.user("jo"), h.group("G")
		l := h.link("G", "eng", "")
		for _, c := range []struct {
			name   string
			do     func() error
			object string
			action string
			actor  directory.Actor
		}{
			{"an update", func() error { h.put(i.ID, person{userName: "jo@x.test", externalID: "2", first: "Jo"}); return nil }, string(i.ID), "identity.update", h.okta},
			{"a deactivation", func() error { h.activate(i.ID, false); return nil }, string(i.ID), "identity.deactivate", h.okta},
			{"a new member", func() error { h.members(g.ID, add(string(i.ID))); return nil }, string(g.ID), "group.update", h.okta},
			{"a suspension", func() error { _, err := h.s.SuspendAccount(h.ctx(), h.admin, "jo"); return err }, string(h.accountOf(i).ID), "account.suspend", h.admin},
			{"a removed link", func() error { return h.s.RemoveLink(h.ctx(), h.admin, l.ID) }, string(l.ID), "link.remove", h.admin},
		} {

			before := len(h.events())
			h.must(c.do())
			events := h.events()[before:]
			if len(events) != 1 {
				t.Errorf("%s: %d events", c.name, len(events))
				continue
			}
			e := events[0]
			if e.Action != c.action || e.Object != c.object || e.Actor != c.actor.Name || e.Connection != c.actor.ConnName ||
				e.Token != c.actor.Token || e.Request != c.actor.Request || !e.Time.Equal(h.db.Now()) || len(e.Changes) == 0 {
				t.Errorf("%s: the event is %+v", c.name, e)
			}
		}
		if got := h.actions(string(i.ID)); !slices.Equal(got[:1], []string{"identity.create"}) {
			t.Errorf("actions: %v", got)
		}
	})
}

func TestEdit_runs_again_on_what_another_wrote_meanwhile(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		runs := 0
		var edit provision.Edit = func(i *directory.Identity) error {
			if runs++; runs == 1 {
				h.put(i.ID, person{userName: "jo@x.test", externalID: "ext-jo", first: "Jo"})
			}
			i.Profile.LastName = "Smith"
			return nil
		}
		_, err := h.s.UpdateIdentity(h.ctx(), h.okta, i.ID, 0, edit)
		h.must(err)
		if a := h.accountOf(i); a.FirstName != "Jo" || a.LastName != "Smith" || runs != 2 || h.identity(i.ID).Version != 3 {
			t.Errorf("after %d runs it is %+v", runs, a)
		}
	})
}
