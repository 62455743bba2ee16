package provision_test

import (
	"slices"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

func TestSuspension_is_not_lifted_by_the_IdP(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		a, err := h.s.SuspendAccount(h.ctx(), h.admin, "jo@x.test")
		h.must(err)
		if a.Active || !a.Suspended {
			t.Errorf("got %+v", a)
		}
		if now := h.identity(i.ID); !now.Active || now.Version != 1 {
			t.Errorf("what the IdP sent changed: %+v", now)
		}
		h.activate(i.ID, false)
		h.activate(i.ID, true)
		h.put(i.ID, person{userName: "jo@x.test", externalID: "ext-jo", first: "Jo"})
		if a := h.accountOf(i); a.Active || !a.Suspended || a.FirstName != "Jo" {
			t.Errorf("after active:true it is %+v", a)
		}
		a, err = h.s.LiftSuspension(h.ctx(), h.admin, "jo")
		h.must(err)
		if !a.Active {
			t.Error("it stays inactive")
		}
	})
}

func TestSuspension_that_ends_leaves_who_is_inactive_in_the_IdP_deactivated(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		_, err := h.s.SuspendAccount(h.ctx(), h.admin, "jo")
		h.must(err)
		h.activate(i.ID, false)
		a, err := h.s.LiftSuspension(h.ctx(), h.admin, string(h.accountOf(i).ID))
		h.must(err)
		if a.Active || a.Suspended {
			t.Errorf("got %+v", a)
		}
	})
}

func TestSuspension_said_twice_writes_once(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.user("jo")
		for range 2 {
			_, err := h.s.SuspendAccount(h.ctx(), h.admin, "jo")
			h.must(err)
		}
		if n := len(slices.DeleteFunc(h.actions(), func(s string) bool { return s != "account.suspend" })); n != 1 {
			t.Errorf("%d events", n)
		}
		_, err := h.s.SuspendAccount(h.ctx(), h.admin, "nobody")
		h.fails(err, directory.NotFound, "")
	})
}

func TestClosed_account_is_opened_by_an_administrator(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		h.remove(i.ID)
		a, err := h.s.LiftSuspension(h.ctx(), h.admin, "jo")
		h.must(err)
		if !a.Active || !a.Closed.IsZero() {
			t.Errorf("got %+v", a)
		}
	})
}

func TestRemoved_account_leaves_nothing_but_events(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		g := h.group("G", string(i.ID))
		h.link("G", h.engineering(), "")
		_, err := h.s.RemoveAccount(h.ctx(), h.admin, "jo", false)
		h.fails(err, directory.Conflict, "still active")
		h.activate(i.ID, false)
		a, err := h.s.RemoveAccount(h.ctx(), h.admin, "jo", false)
		h.must(err)
		h.view(func(tx *store.Tx) error {
			if _, err := tx.Account(a.Row); kindOf(err) != directory.NotFound {
				t.Errorf("the account: %v", err)
			}
			if _, err := tx.IdentityByID(i.ID); kindOf(err) != directory.NotFound {
				t.Errorf("the identity: %v", err)
			}
			reasons, err := tx.Reasons(a.Row)
			if len(reasons) != 0 {
				t.Errorf("reasons: %v", reasons)
			}
			return err
		})
		if m := h.memberIDs(g); len(m) != 0 {
			t.Errorf("members: %v", m)
		}
		if got := h.actions(string(a.ID)); !slices.Equal(got, []string{"account.remove"}) {
			t.Errorf("events: %v", got)
		}
		if again := h.user("jo"); h.accountOf(again).ID == a.ID || h.accountOf(again).Username != "jo" {
			t.Errorf("the next is %+v", again)
		}
	})
}

func TestRemoved_account_of_an_active_identity_needs_force(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		_, err := h.s.RemoveAccount(h.ctx(), h.admin, "jo", true)
		h.must(err)
		h.view(func(tx *store.Tx) error {
			if _, err := tx.IdentityByID(i.ID); kindOf(err) != directory.NotFound {
				t.Errorf("the identity: %v", err)
			}
			return nil
		})
		_, err = h.s.RemoveAccount(h.ctx(), h.admin, "jo", true)
		h.fails(err, directory.NotFound, "")
	})
}
