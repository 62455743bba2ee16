package provision_test

import (
	"fmt"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

// bind gives a User the account of that name.
func (h *house) bind(id directory.IdentityID, name string) error {
	return h.s.BindIdentity(h.ctx(), h.admin, id, name)
}

// administrator makes an administrator who can sign in by a password.
func (h *house) administrator(name string) directory.Account {
	h.t.Helper()
	a, err := h.s.CreateUser(h.ctx(), h.admin, provision.LocalUser{Username: name, Email: name + "@local.test", Hash: "hash", Admin: true})
	h.must(err)
	return a
}

func (h *house) breakGlass() (n int64) {
	h.t.Helper()
	h.view(func(tx *store.Tx) (err error) { n, err = tx.BreakGlass(); return err })
	return n
}

// takeAway is every local action that can shut out an administrator.
func (h *house) takeAway() map[string]func(name string) error {
	return map[string]func(name string) error{
		"deactivate": func(name string) error { _, err := h.s.SuspendAccount(h.ctx(), h.admin, name); return err },
		"remove":     func(name string) error { _, err := h.s.RemoveAccount(h.ctx(), h.admin, name, true); return err },
		"password":   func(name string) error { _, err := h.s.SetPassword(h.ctx(), h.admin, name, ""); return err },
		"revoke":     func(name string) error { _, err := h.s.SetAdmin(h.ctx(), h.admin, name, false); return err },
		"bind": func(name string) error {
			i, err := h.s.CreateIdentity(h.ctx(), h.okta, person{userName: name + "@bound.test", externalID: "bound-" + name}.edit())
			if err == nil {
				err = h.s.UnbindIdentity(h.ctx(), h.admin, i.ID)
			}
			if err == nil {
				err = h.bind(i.ID, name)
			}
			return err
		},
	}
}

// B23: no local action shuts out the last administrator who needs no identity provider.
func TestAdministrator_who_is_the_last_one_stays(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.administrator("last")
		_, err := h.s.CreateUser(h.ctx(), h.admin, provision.LocalUser{Username: "nopass", Email: "nopass@local.test", Admin: true})
		h.must(err)
		h.localUser("plain", "hash")
		for name, act := range h.takeAway() {
			if err := act("last"); !directory.Is(err, directory.Conflict) {
				t.Errorf("%s: %v", name, err)
			}
			if n := h.breakGlass(); n != 1 {
				t.Fatalf("%s leaves %d", name, n)
			}
		}
		for name, act := range h.takeAway() {
			spare := h.administrator("spare-" + name)
			h.must(act(spare.Username))
			if n := h.breakGlass(); n != 1 {
				t.Errorf("%s of another leaves %d", name, n)
			}
		}
		_, err = h.s.SuspendAccount(h.ctx(), h.admin, "plain")
		h.must(err)
	})
}

func TestAdministrators_are_not_shut_out_two_at_once(t *testing.T) {
	each(t, "okta", func(h *house) {
		acts := h.takeAway()
		var former []string
		for n, pair := range [][2]string{{"deactivate", "deactivate"}, {"remove", "revoke"}, {"password", "bind"}, {"revoke", "deactivate"}} {
			for round := range 10 {
				names := []string{fmt.Sprintf("one-%d-%d", n, round), fmt.Sprintf("two-%d-%d", n, round)}
				for _, name := range names {
					h.administrator(name)
				}
				for _, name := range former {
					if _, err := h.s.SetAdmin(h.ctx(), h.admin, name, false); err != nil {
						h.fails(err, directory.NotFound, "")
					}
				}
				former = names
				done := 0
				for _, err := range together(
					func() error { return acts[pair[0]](names[0]) },
					func() error { return acts[pair[1]](names[1]) }) {
					if err == nil {
						done++
						continue
					}
					h.fails(err, directory.Conflict, "")
				}
				if left := h.breakGlass(); done != 1 || left != 1 {
					t.Fatalf("%v: %d were done, and %d are left", pair, done, left)
				}
			}
		}
	})
}

// An administrator whom a connection manages can always be shut by it.
func TestAdministrator_who_is_managed_is_shut_by_the_identity_provider(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("ann")
		_, err := h.s.SetAdmin(h.ctx(), h.admin, "ann", true)
		h.must(err)
		h.activate(i.ID, false)
		if h.accountOf(i).Active {
			t.Error("the account is active")
		}
	})
}

// An account that becomes an administrator's is adopted by nobody.
func TestAdministrator_is_adopted_by_nobody(t *testing.T) {
	each(t, "okta", func(h *house) {
		a := h.localUser("boss", "hash")
		_, err := h.s.Adopt(h.ctx(), h.admin, "okta", "email", false)
		h.must(err)
		_, err = h.s.SetAdmin(h.ctx(), h.admin, "boss", true)
		h.must(err)
		_, err = h.s.CreateIdentity(h.ctx(), h.okta, person{userName: "boss@local.test", externalID: "1"}.edit())
		h.fails(err, directory.Conflict, "")
		h.view(func(tx *store.Tx) error {
			all, err := tx.IdentitiesOf(a.Row)
			if len(all) != 0 {
				t.Errorf("the account is that of %+v", all)
			}
			return err
		})
	})
}

func TestCreateUser_and_SignUp_refuse(t *testing.T) {
	each(t, "okta", func(h *house) {
		team := h.openTeam("open")
		h.team("closed")
		var closed directory.Team
		h.view(func(tx *store.Tx) (err error) { closed, err = tx.Team("closed"); return err })
		h.localUser("taken", "hash")
		good := provision.LocalUser{Username: "new", Email: "new@local.test", Hash: "hash"}
		for name, tt := range map[string]struct {
			change func(*provision.LocalUser)
			kind   directory.Kind
		}{
			"upper case":     {func(u *provision.LocalUser) { u.Username = "New" }, directory.Invalid},
			"no username":    {func(u *provision.LocalUser) { u.Username = "" }, directory.Invalid},
			"reserved":       {func(u *provision.LocalUser) { u.Username = "all" }, directory.Invalid},
			"no e-mail":      {func(u *provision.LocalUser) { u.Email = "new" }, directory.Invalid},
			"taken username": {func(u *provision.LocalUser) { u.Username = "taken" }, directory.Conflict},
			"taken e-mail":   {func(u *provision.LocalUser) { u.Email = "TAKEN@local.test" }, directory.Conflict},
		} {
			u := good
			tt.change(&u)
			if _, err := h.s.CreateUser(h.ctx(), h.admin, u); !directory.Is(err, tt.kind) {
				t.Errorf("%s: create: %v", name, err)
			}
			if _, err := h.s.SignUp(h.ctx(), h.admin, u, team.ID, ""); !directory.Is(err, tt.kind) {
				t.Errorf("%s: sign-up: %v", name, err)
			}
		}
		for name, tt := range map[string]struct {
			u    provision.LocalUser
			team directory.TeamID
			kind directory.Kind
		}{
			"a private team":   {good, closed.ID, directory.Forbidden},
			"no team":          {good, "", directory.Forbidden},
			"no password":      {provision.LocalUser{Username: "new", Email: "new@local.test"}, team.ID, directory.Invalid},
			"an administrator": {provision.LocalUser{Username: "new", Email: "new@local.test", Hash: "hash", Admin: true}, team.ID, directory.Invalid},
		} {
			if _, err := h.s.SignUp(h.ctx(), h.admin, tt.u, tt.team, ""); !directory.Is(err, tt.kind) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := h.people(); n != 1 {
			t.Errorf("%d accounts", n)
		}
		secret, err := h.s.SignUp(h.ctx(), h.admin, good, team.ID, "")
		h.must(err)
		a := h.lives(secret, true)
		h.view(func(tx *store.Tx) error {
			places, err := tx.PlacesOf(a.Row)
			if p := places[a.Row]; len(p.Teams) != 1 || len(p.Channels) != 2 {
				t.Errorf("in %+v", p)
			}
			return err
		})
	})
}

// A group changes nothing of an administrator's account but where it is.
func TestAdministrator_is_changed_by_no_group(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("ann")
		_, err := h.s.SetAdmin(h.ctx(), h.admin, "ann", true)
		h.must(err)
		h.team("eng")
		h.link("Admins", "eng", "")
		before := h.accountOf(i)
		g := h.group("Admins", string(i.ID))
		h.wantPlaces(i, inTeam("eng", "Admins")...)
		h.rename(g.ID, "system_admin")
		h.members(g.ID, drop(string(i.ID)))
		h.members(g.ID, replace(string(i.ID)))
		h.must(h.s.RemoveGroup(h.ctx(), h.okta, g.ID, 0))
		if after := h.accountOf(i); after != before {
			t.Errorf("the account is %+v, was %+v", after, before)
		}
	})
}
