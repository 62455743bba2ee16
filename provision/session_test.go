package provision_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

// localUser makes a local account with a hash for its password.
func (h *house) localUser(name, hash string) directory.Account {
	h.t.Helper()
	a, err := h.s.CreateUser(h.ctx(), h.admin, provision.LocalUser{Username: name, Email: name + "@local.test", Hash: hash})
	h.must(err)
	return a
}

func (h *house) openSession(a directory.Account, hash string) (string, error) {
	return h.s.OpenSession(h.ctx(), directory.Actor{Name: "person"}, a.Row, hash, "", "test")
}

// raceRounds is how often the two sides of a race run, and fewRounds how often those of one whose code is the same.
const (
	raceRounds = 1000
	fewRounds  = 100
)

// TestSession_against_deactivation opens a session and shuts the account at once, both ways round, and finds none that lives.
func TestSession_against_deactivation(t *testing.T) {
	each(t, "okta", func(h *house) {
		a := h.localUser("jo", "hash")
		h.user("ann")
		i := h.identity(h.identityOf("ann"))
		for name, side := range map[string]struct {
			open, shut, reopen func() error
			account            directory.Row
			rounds             int
		}{
			"password against suspension": {
				func() error { _, err := h.openSession(a, "hash"); return err },
				func() error { _, err := h.s.SuspendAccount(h.ctx(), h.admin, "jo"); return err },
				func() error { _, err := h.s.LiftSuspension(h.ctx(), h.admin, "jo"); return err }, a.Row, raceRounds,
			},
			"login against active: false": {
				func() error { _, err := h.signIn(says("ext-ann", "ann@x.test")); return err },
				func() error {
					_, err := h.s.UpdateIdentity(h.ctx(), h.okta, i.ID, 0, setActive(false))
					return err
				},
				func() error {
					_, err := h.s.UpdateIdentity(h.ctx(), h.okta, i.ID, 0, setActive(true))
					return err
				}, i.Account, raceRounds,
			},
			"personal token against suspension": {
				func() error {
					_, _, err := h.s.CreatePersonalToken(h.ctx(), h.admin, a.Row, "", "x")
					return err
				},
				func() error { _, err := h.s.SuspendAccount(h.ctx(), h.admin, "jo"); return err },
				func() error { _, err := h.s.LiftSuspension(h.ctx(), h.admin, "jo"); return err }, a.Row, fewRounds,
			},
		} {
			let, refused := 0, 0
			for round := range side.rounds {
				h.must(side.reopen())
				// By turns one side begins up to a millisecond later, or on some machines the same one would always be first.
				later := time.Duration(round%20) * 50 * time.Microsecond
				one, two := side.open, side.shut
				if round%2 == 0 {
					one = func() error { time.Sleep(later); return side.open() }
				} else {
					two = func() error { time.Sleep(later); return side.shut() }
				}
				errs := together(one, two)
				h.must(errs[1])
				if errs[0] == nil {
					let++
				} else {
					h.fails(errs[0], directory.Forbidden, "")
					refused++
				}
				h.view(func(tx *store.Tx) error {
					sessions, err := tx.Sessions(side.account, 0, 10)
					if err != nil {
						return err
					}
					tokens, err := tx.PersonalTokens(side.account)
					if len(sessions)+len(tokens) > 0 {
						h.t.Fatalf("%s: %d sessions and %d tokens are left", name, len(sessions), len(tokens))
					}
					return err
				})
			}
			if let == 0 || refused == 0 {
				t.Errorf("%s: %d were let in and %d refused: only one order was seen", name, let, refused)
			}
		}
	})
}

// identityOf returns the id of the User that h.user made of a name.
func (h *house) identityOf(name string) (id directory.IdentityID) {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		a, err := tx.FindAccount(name)
		if err != nil {
			return err
		}
		all, err := tx.IdentitiesOf(a.Row)
		for _, i := range all {
			id = i.ID
		}
		return err
	})
	return id
}

func TestOpenSession_only_for_the_password_in_force(t *testing.T) {
	each(t, "okta", func(h *house) {
		a := h.localUser("jo", "old")
		secret, err := h.openSession(a, "old")
		h.must(err)
		h.lives(secret, true)
		_, err = h.s.SetPassword(h.ctx(), h.admin, "jo", "new")
		h.must(err)
		h.lives(secret, false)
		_, err = h.s.OpenSession(h.ctx(), h.admin, a.Row, "old", "old, hashed better", "")
		h.denied(provision.SignedIn{}, err, directory.WrongPassword)
		_, err = h.s.OpenSession(h.ctx(), h.admin, a.Row, "new", "new, hashed better", "")
		h.must(err)
		h.view(func(tx *store.Tx) error {
			hash, err := tx.Password(a.Row)
			if hash != "new, hashed better" {
				t.Errorf("the hash is %q", hash)
			}
			return err
		})
		// A connection that manages the account signs its people in.
		i := h.user("other")
		h.must(h.s.UnbindIdentity(h.ctx(), h.admin, i.ID))
		h.must(h.bind(i.ID, "jo"))
		_, err = h.openSession(a, "new, hashed better")
		h.denied(provision.SignedIn{}, err, directory.Managed)
		_, err = h.s.SetPassword(h.ctx(), h.admin, "jo", "x")
		h.fails(err, directory.Conflict, "")
	})
}

func TestSession_ends_by_age(t *testing.T) {
	each(t, "okta", func(h *house) {
		a := h.localUser("jo", "hash")
		idle, err := h.openSession(a, "hash")
		h.must(err)
		used, err := h.openSession(a, "hash")
		h.must(err)
		s, _, err := h.db.Session(h.ctx(), provision.HashToken(used))
		h.must(err)
		for passed := time.Duration(0); passed < directory.SessionLife; passed += directory.SessionIdle / 2 {
			h.lives(used, true)
			h.lives(idle, passed < directory.SessionIdle)
			h.must(h.s.TouchSession(h.ctx(), s.Row))
			h.pass(directory.SessionIdle / 2)
		}
		h.lives(used, false)
		h.must(h.s.Look(h.ctx()))
		if left := h.sessions(); len(left) != 0 {
			t.Errorf("%d sessions are left", len(left))
		}
		// What the identity provider says of the end counts, where it comes first.
		h.user("ann")
		ends := says("ext-ann", "ann@x.test")
		ends.Ends = h.db.Now().Add(time.Hour)
		in, err := h.signIn(ends)
		h.must(err)
		h.pass(59 * time.Minute)
		h.lives(in.Secret, true)
		h.pass(2 * time.Minute)
		h.lives(in.Secret, false)
	})
}

func TestEndSession_ends_one_or_all_and_nobody_elses(t *testing.T) {
	each(t, "okta", func(h *house) {
		jo, bo := h.localUser("jo", "hash"), h.localUser("bo", "hash")
		var secrets []string
		for _, a := range []directory.Account{jo, jo, jo, bo} {
			secret, err := h.openSession(a, "hash")
			h.must(err)
			secrets = append(secrets, secret)
		}
		id := func(n int) directory.SessionID {
			s, _, err := h.db.Session(h.ctx(), provision.HashToken(secrets[n]))
			h.must(err)
			return s.ID
		}
		end := func(account directory.Row, session directory.SessionID) error {
			_, err := h.s.EndSession(h.ctx(), h.admin, account, session)
			return err
		}
		one, other := id(0), id(3)
		h.fails(end(jo.Row, other), directory.NotFound, "")
		h.lives(secrets[3], true)
		h.must(end(jo.Row, one))
		h.lives(secrets[0], false)
		h.fails(end(jo.Row, one), directory.NotFound, "")
		n, err := h.s.EndSessions(h.ctx(), h.admin, jo.Row, id(1))
		h.must(err)
		if n != 1 {
			t.Errorf("%d ended", n)
		}
		h.lives(secrets[1], true)
		h.lives(secrets[2], false)
		h.must(end(0, other))
		h.lives(secrets[3], false)
		if got := strings.Join(h.actions(string(jo.ID)), " "); got != "account.create login.succeed login.succeed login.succeed session.end session.end" {
			t.Errorf("events %s", got)
		}
	})
}

func TestPersonalToken_rules(t *testing.T) {
	each(t, "okta", func(h *house) {
		jo, bo := h.localUser("jo", ""), h.localUser("bo", "")
		for _, wrong := range []string{"", " ", strings.Repeat("x", 101), "a\nb"} {
			_, _, err := h.s.CreatePersonalToken(h.ctx(), h.admin, jo.Row, "", wrong)
			h.fails(err, directory.Invalid, "")
		}
		token, secret, err := h.s.CreatePersonalToken(h.ctx(), h.admin, jo.Row, "", "cron")
		h.must(err)
		if !strings.HasPrefix(secret, "rcp_") || len(secret) < 40 {
			t.Errorf("the secret has %d characters", len(secret))
		}
		h.fails(h.s.RevokePersonalToken(h.ctx(), h.admin, bo.Row, token.ID), directory.NotFound, "")
		h.must(h.s.RevokePersonalToken(h.ctx(), h.admin, jo.Row, token.ID))
		h.fails(h.s.RevokePersonalToken(h.ctx(), h.admin, jo.Row, token.ID), directory.NotFound, "")
		for range 100 {
			_, _, err = h.s.CreatePersonalToken(h.ctx(), h.admin, jo.Row, "", "cron")
			h.must(err)
		}
		_, _, err = h.s.CreatePersonalToken(h.ctx(), h.admin, jo.Row, "", "cron")
		h.fails(err, directory.Limit, "")
	})
}

// Whoever made an account with the e-mail of another is out of it when that person's identity provider gets it.
func TestAccount_that_a_connection_takes_over_is_left_by_who_was_there(t *testing.T) {
	each(t, "okta", func(h *house) {
		for name, take := range map[string]func(a directory.Account) directory.IdentityID{
			"adopted": func(a directory.Account) directory.IdentityID {
				_, err := h.s.CreateIdentity(h.ctx(), h.okta, person{userName: a.Email, externalID: a.Username}.edit())
				h.fails(err, directory.Conflict, "")
				open := h.conflicts() // the other case, which may have come before, leaves one
				h.must(h.s.ResolveConflict(h.ctx(), h.admin, open[len(open)-1].ID, true))
				return h.create(person{userName: a.Email, externalID: a.Username}).ID
			},
			"bound": func(a directory.Account) directory.IdentityID {
				i := h.create(person{userName: "other@x.test", externalID: "other"})
				h.must(h.s.UnbindIdentity(h.ctx(), h.admin, i.ID))
				h.must(h.bind(i.ID, a.Username))
				return i.ID
			},
		} {
			a := h.localUser(name, "hash")
			secret, err := h.openSession(a, "hash")
			h.must(err)
			_, token, err := h.s.CreatePersonalToken(h.ctx(), h.admin, a.Row, "", "cron")
			h.must(err)
			id := take(a)
			if i := h.identity(id); i.Account != a.Row || !i.Manages {
				t.Fatalf("%s: %+v", name, i)
			}
			h.lives(secret, false)
			if _, _, err := h.db.PersonalToken(h.ctx(), provision.HashToken(token)); !directory.Is(err, directory.NotFound) {
				t.Errorf("%s: the personal token: %v", name, err)
			}
			h.must(h.s.UnbindIdentity(h.ctx(), h.admin, id))
			_, err = h.openSession(a, "hash")
			h.denied(provision.SignedIn{}, err, directory.WrongPassword)
		}
	})
}
