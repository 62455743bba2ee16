package provision_test

import (
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

// local makes an account that no connection manages.
func (h *house) local(name string) directory.Account {
	h.t.Helper()
	i := h.user(name)
	h.must(h.s.UnbindIdentity(h.ctx(), h.admin, i.ID))
	h.remove(i.ID)
	return h.account(name)
}

func TestAdoption_binds_the_next_identity_that_matches(t *testing.T) {
	for match, p := range map[provision.Match]person{
		provision.MatchEmail:    {userName: "other", externalID: "new", email: "JO@x.test", first: "Jo"},
		provision.MatchUsername: {userName: "jo@elsewhere.test", externalID: "new", first: "Jo"},
	} {
		t.Run(string(match), func(t *testing.T) {
			each(t, "entra", func(h *house) {
				a := h.local("jo")
				h.user("kim")
				events := len(h.events())
				plan, err := h.s.Adopt(h.ctx(), h.admin, "okta", match, true)
				h.must(err)
				if len(plan) != 1 || plan[0].Account.ID != a.ID || plan[0].Problem != "" || len(h.events()) != events {
					h.t.Errorf("plan: %+v", plan)
				}
				done, err := h.s.Adopt(h.ctx(), h.admin, "okta", match, false)
				h.must(err)
				if len(done) != 1 || done[0].Account != plan[0].Account {
					h.t.Errorf("done: %+v", done)
				}
				i := h.create(p)
				if now := h.accountOf(i); now.ID != a.ID || now.Username != "jo" || now.FirstName != "Jo" || !i.Manages {
					h.t.Errorf("bound to %+v", now)
				}
				h.activate(i.ID, false)
				if h.account("jo").Active {
					h.t.Error("the connection does not manage it")
				}
				h.remove(i.ID)
				if again := h.create(p); h.accountOf(again).ID == a.ID {
					h.t.Error("the adoption counted twice")
				}
			})
		})
	}
}

func TestAccount_that_nobody_may_adopt_stays_with_its_owner(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.local("jo")
		_, err := h.s.CreateIdentity(h.ctx(), h.okta, person{userName: "jo@x.test", externalID: "1"}.edit())
		h.fails(err, directory.Conflict, "email")
		_, err = h.s.Adopt(h.ctx(), h.admin, "okta", "externalId", true)
		h.fails(err, directory.Invalid, "match")
		_, err = h.s.Adopt(h.ctx(), h.admin, "none", provision.MatchEmail, true)
		h.fails(err, directory.NotFound, "connection")
	})
}

func TestAccount_closed_with_its_identity_is_not_adopted_by_a_username_that_is_handed_on(t *testing.T) {
	each(t, "entra", func(h *house) {
		i := h.user("jo")
		h.remove(i.ID)
		plan, err := h.s.Adopt(h.ctx(), h.admin, "okta", provision.MatchUsername, false)
		h.must(err)
		if len(plan) != 0 {
			t.Errorf("plan: %+v", plan)
		}
		if again := h.create(person{userName: "jo@x.test", externalID: "another"}); again.Account == i.Account {
			t.Error("a new person has the old account")
		}
	})
}

func TestMigration_hands_accounts_over_as_the_new_connection_pushes_them(t *testing.T) {
	for match, p := range map[provision.Match]person{
		provision.MatchEmail:      {userName: "jo@entra.test", externalID: "oid", email: "jo@x.test"},
		provision.MatchUserName:   {userName: "JO@x.test", externalID: "oid"},
		provision.MatchExternalID: {userName: "jo@entra.test", externalID: "ext-jo"},
	} {
		t.Run(string(match), func(t *testing.T) {
			each(t, "okta", func(h *house) {
				i := h.user("jo")
				h.group("G", string(i.ID))
				h.link("G", h.engineering(), "")
				entra := h.connect("entra", "entra")
				plan, err := h.s.MigrateConnection(h.ctx(), h.admin, "okta", "entra", match, true)
				h.must(err)
				if len(plan) != 1 || plan[0].Problem != "" {
					h.t.Errorf("plan: %+v", plan)
				}
				_, err = h.s.MigrateConnection(h.ctx(), h.admin, "okta", "entra", match, false)
				h.must(err)
				if !h.identity(i.ID).Manages {
					h.t.Error("it left before the new connection pushed it")
				}
				now, err := h.s.CreateIdentity(h.ctx(), entra, p.edit())
				h.must(err)
				if now.Account != i.Account || !now.Manages || h.identity(i.ID).Manages {
					h.t.Errorf("got %+v", now)
				}
				h.activate(i.ID, false)
				if !h.accountOf(i).Active {
					h.t.Error("the connection left behind still deactivates")
				}
				h.wantPlaces(i, inTeam("eng", "G")...)
				h.must(h.s.RemoveConnection(h.ctx(), h.admin, "okta"))
				if a := h.accountOf(now); !a.Active || !a.Closed.IsZero() {
					h.t.Errorf("after the old connection is gone: %+v", a)
				}
				h.wantPlaces(now)
				h.consistent()
			})
		})
	}
}

func TestMigration_that_names_what_is_not_there_is_refused(t *testing.T) {
	each(t, "okta", func(h *house) {
		_, err := h.s.MigrateConnection(h.ctx(), h.admin, "okta", "none", provision.MatchEmail, true)
		h.fails(err, directory.NotFound, "connection")
		_, err = h.s.MigrateConnection(h.ctx(), h.admin, "none", "okta", provision.MatchEmail, true)
		h.fails(err, directory.NotFound, "connection")
		_, err = h.s.MigrateConnection(h.ctx(), h.admin, "okta", "okta", provision.MatchUsername, true)
		h.fails(err, directory.Invalid, "match")
	})
}

func TestIdentity_is_unbound_bound_and_bound_elsewhere(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		h.group("G", string(i.ID))
		h.link("G", h.engineering(), "")
		kim := h.local("kim")
		h.fails(h.s.BindIdentity(h.ctx(), h.admin, i.ID, "kim"), directory.Conflict, "use identity rebind")
		h.must(h.s.UnbindIdentity(h.ctx(), h.admin, i.ID))
		if a := h.account("jo"); !a.Active || a.Email != "jo@x.test" {
			t.Errorf("unbound, the account is %+v", a)
		}
		h.consistent()
		h.fails(h.s.UnbindIdentity(h.ctx(), h.admin, i.ID), directory.Conflict, "bound to no account")
		h.must(h.s.BindIdentity(h.ctx(), h.admin, i.ID, "jo@x.test"))
		i = h.identity(i.ID)
		h.wantPlaces(i, inTeam("eng", "G")...)
		h.fails(h.s.RebindIdentity(h.ctx(), h.admin, i.ID, "jo"), directory.Conflict, "already")
		old := h.accountOf(i)
		h.must(h.s.RebindIdentity(h.ctx(), h.admin, i.ID, "kim"))
		now := h.identity(i.ID)
		if a := h.accountOf(now); a.ID != kim.ID || a.Email != "jo@x.test" || a.Username != "kim" || !now.Manages {
			t.Errorf("bound elsewhere: %+v, %+v", now, a)
		}
		if a := h.accountOf(i); a.Closed.IsZero() || a.Active || a.Email != string(old.ID)+"@users.invalid" {
			t.Errorf("the old account is %+v", a)
		}
		if e := h.events(string(i.ID)); e[len(e)-1].Action != "identity.rebind" || e[len(e)-1].Changes["closed"] != string(old.ID) {
			t.Errorf("the event is %+v", e[len(e)-1])
		}
		h.wantPlaces(now, inTeam("eng", "G")...)
		h.wantPlaces(i)
		h.consistent()
		h.fails(h.s.BindIdentity(h.ctx(), h.admin, "0", "kim"), directory.NotFound, "")
	})
}

func TestIdentity_that_does_not_manage_its_account_opens_and_closes_nothing(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		entra := h.connect("entra", "entra")
		second, err := h.s.CreateIdentity(h.ctx(), entra, person{userName: "second", externalID: "2"}.edit())
		h.must(err)
		h.must(h.s.RebindIdentity(h.ctx(), h.admin, second.ID, "jo"))
		second = h.identity(second.ID)
		if second.Manages || second.Account != i.Account {
			t.Errorf("got %+v", second)
		}
		_, err = h.s.UpdateIdentity(h.ctx(), entra, second.ID, 0, person{userName: "second", externalID: "2", first: "No", inactive: true}.edit())
		h.must(err)
		if a := h.accountOf(i); !a.Active || a.FirstName != "" {
			t.Errorf("the account is %+v", a)
		}
		h.activate(i.ID, false)
		h.must(h.s.UnbindIdentity(h.ctx(), h.admin, second.ID))
		if a := h.accountOf(i); a.Suspended {
			t.Error("to part it suspended the account")
		}
		h.activate(i.ID, true)
		if !h.accountOf(i).Active {
			t.Error("its manager cannot activate the account")
		}
	})
}

func TestUnbound_account_that_its_IdP_had_deactivated_stays_so(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		h.activate(i.ID, false)
		h.must(h.s.UnbindIdentity(h.ctx(), h.admin, i.ID))
		if a := h.account("jo"); a.Active {
			t.Errorf("the account is %+v", a)
		}
		h.activate(i.ID, true)
		if h.account("jo").Active {
			t.Error("the parted identity activated it")
		}
	})
}

func TestConflict_is_resolved_by_letting_the_claimant_adopt_or_by_forgetting_it(t *testing.T) {
	each(t, "okta", func(h *house) {
		a := h.local("jo")
		p := person{userName: "jo@x.test", externalID: "1"}
		push := func() error { _, err := h.s.CreateIdentity(h.ctx(), h.okta, p.edit()); return err }
		h.fails(push(), directory.Conflict, "email")
		h.must(h.s.ResolveConflict(h.ctx(), h.admin, h.conflicts()[0].ID, false))
		h.fails(push(), directory.Conflict, "email")
		k := h.conflicts()
		if len(k) != 1 {
			t.Fatalf("conflicts: %v", k)
		}
		h.must(h.s.ResolveConflict(h.ctx(), h.admin, k[0].ID, true))
		h.fails(h.s.ResolveConflict(h.ctx(), h.admin, k[0].ID, true), directory.NotFound, "")
		h.must(push())
		h.view(func(tx *store.Tx) error {
			found, err := tx.Claimants(h.okta.Connection, "1", "jo@x.test")
			if len(found) != 1 || found[0].Account != a.Row {
				t.Errorf("found %+v", found)
			}
			return err
		})
		_, err := h.s.CreateIdentity(h.ctx(), h.okta, person{userName: "jo@x.test", externalID: "2"}.edit())
		h.fails(err, directory.Conflict, "userName")
		h.fails(h.s.ResolveConflict(h.ctx(), h.admin, h.conflicts()[0].ID, true), directory.Invalid, "conflict")
	})
}
