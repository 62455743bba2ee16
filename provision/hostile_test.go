package provision_test

import (
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

// Whoever was bound to an account by mistake keeps no token of it.
func TestAccount_that_an_identity_leaves_is_left_by_its_person(t *testing.T) {
	each(t, "okta", func(h *house) {
		entra := h.connect("entra", "okta")
		for name, leave := range map[string]func(first, second directory.Identity, other directory.Account) error{
			"unbound": func(first, _ directory.Identity, _ directory.Account) error {
				return h.s.UnbindIdentity(h.ctx(), h.admin, first.ID)
			},
			"rebound-second": func(_, second directory.Identity, other directory.Account) error {
				return h.s.RebindIdentity(h.ctx(), h.admin, second.ID, other.Username)
			},
		} {
			first, other := h.user(name), h.localUser(name+"-other", "")
			second, err := h.s.CreateIdentity(h.ctx(), entra, person{userName: name + "@second.test", externalID: name}.edit())
			h.must(err)
			a := h.accountOf(first)
			h.must(h.s.RebindIdentity(h.ctx(), h.admin, second.ID, a.Username))
			_, token, err := h.s.CreatePersonalToken(h.ctx(), h.admin, a.Row, "", "cron")
			h.must(err)
			h.must(leave(first, second, other))
			if _, _, err := h.db.PersonalToken(h.ctx(), provision.HashToken(token)); !directory.Is(err, directory.NotFound) {
				t.Errorf("%s: the personal token: %v", name, err)
			}
		}
	})
}

// A User that SCIM gives another person's id, while that person signs in, does not become that person's.
func TestSignIn_meets_a_User_as_it_is_when_it_is_bound(t *testing.T) {
	for meets, was := range map[string]person{
		"email":      {userName: "one", externalID: "1", email: "E-100"},
		"externalId": {userName: "one", externalID: "E-100"},
	} {
		t.Run(meets, func(t *testing.T) {
			each(t, "okta", func(h *house) {
				h.set("saml_meets=" + meets)
				i := h.create(was)
				var in provision.SignedIn
				done := make(chan error, 1)
				h.must(h.db.Update(h.ctx(), func(tx *store.Tx) error {
					if _, err := tx.HoldIdentity(i.Connection, i.ID); err != nil {
						return err
					}
					go func() {
						var err error
						in, err = h.signIn(says("E-100", "x"))
						done <- err
					}()
					time.Sleep(200 * time.Millisecond) // it has looked, and waits for the row
					now, err := tx.IdentityByID(i.ID)
					if err != nil {
						return err
					}
					p := person{userName: "one", externalID: "1", email: "E-101"}
					if err := p.edit()(&now); err != nil {
						return err
					}
					now.Version++
					return tx.PutIdentity(&now)
				}))
				if err := <-done; err == nil || in.Secret != "" {
					t.Errorf("signed in as %+v, %v", in.Identity, err)
				}
				if now := h.identity(i.ID); now.Subject != "" {
					t.Errorf("the User has the subject %q", now.Subject)
				}
			})
		})
	}
}

// A session that was ended while it asks for a token gets none.
func TestPersonalToken_of_a_session_that_ended(t *testing.T) {
	each(t, "okta", func(h *house) {
		a := h.localUser("jo", "hash")
		_, err := h.openSession(a, "hash")
		h.must(err)
		s := h.sessions()[0]
		_, _, err = h.s.CreatePersonalToken(h.ctx(), h.admin, a.Row, s.ID, "before")
		h.must(err)
		_, err = h.s.SetPassword(h.ctx(), h.admin, "jo", "other")
		h.must(err)
		_, _, err = h.s.CreatePersonalToken(h.ctx(), h.admin, a.Row, s.ID, "after")
		h.fails(err, directory.NotFound, "")
	})
}
