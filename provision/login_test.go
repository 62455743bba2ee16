package provision_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

// says is what a login says of somebody; the e-mail is the userName.
func says(subject, userName string) directory.Asserted {
	document := fmt.Appendf(nil, `{"active":true,"userName":%q,"externalId":%q}`, userName, subject)
	return directory.Asserted{
		Subject: subject, UserName: userName, Profile: directory.Profile{Email: userName}, Document: document, Search: document, Name: directory.LogoutName{Value: subject},
	}
}

// signIn lets somebody in at okta.
func (h *house) signIn(a directory.Asserted) (provision.SignedIn, error) {
	return h.s.SignIn(h.ctx(), h.samlOf(h.okta), a, provision.Browser{Agent: "test", ReturnTo: "/there"})
}

// samlOf is who asks when somebody signs in at the connection of an actor.
func (h *house) samlOf(a directory.Actor) directory.Actor {
	return directory.Actor{Name: "saml", Connection: a.Connection, ConnName: a.ConnName, Request: "request-2"}
}

// lives asserts whether a secret opens a session of an account that is active.
func (h *house) lives(secret string, want bool) directory.Account {
	h.t.Helper()
	s, a, err := h.db.Session(h.ctx(), provision.HashToken(secret))
	if err != nil && !directory.Is(err, directory.NotFound) {
		h.t.Fatal(err)
	}
	if got := err == nil && a.Active && s.Valid(h.db.Now()); got != want {
		h.t.Errorf("the session lives: %v, want %v", got, want)
	}
	return a
}

// denied asserts that a login was refused for a reason, and left nobody signed in.
func (h *house) denied(in provision.SignedIn, err error, code directory.DenialCode) {
	h.t.Helper()
	d, ok := errors.AsType[*directory.Denial](err)
	if !ok || d.Code != code {
		h.t.Errorf("got %v, want %s", err, code)
	}
	if in.Secret != "" {
		h.lives(in.Secret, false)
	}
}

// people counts the accounts, and sessions those who are signed in.
func (h *house) people() (n int) {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		all, err := tx.Accounts(0, 10_000)
		n = len(all)
		return err
	})
	return n
}

func (h *house) sessions() (all []directory.Session) {
	h.t.Helper()
	h.view(func(tx *store.Tx) (err error) { all, err = tx.Sessions(0, 0, 10_000); return err })
	return all
}

// openTeam makes a team that anybody may join.
func (h *house) openTeam(name string) directory.Team {
	h.t.Helper()
	team, err := h.s.CreateTeam(h.ctx(), h.admin, directory.Team{Name: name, DisplayName: name, Type: directory.Open})
	h.must(err)
	return team
}

// newcomer begins a first login, and returns what the browser holds.
func (h *house) newcomer(a directory.Asserted) string {
	h.t.Helper()
	in, err := h.signIn(a)
	h.must(err)
	if !in.Newcomer || in.Account.Row != 0 {
		h.t.Fatalf("it is no first login: %+v", in)
	}
	return in.Secret
}

func (h *house) choose(secret string, team directory.TeamID) (provision.SignedIn, error) {
	return h.s.ChooseTeam(h.ctx(), directory.Actor{Name: "person"}, secret, team, "test")
}

// B1 and B2: e-mail and userName of somebody else lead to nobody's account.
func TestSignIn_by_the_address_of_another_is_refused_and_recorded(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.set("first_login=create")
		h.openTeam("open")
		victim := h.user("victim")
		local, err := h.s.CreateUser(h.ctx(), h.admin, provision.LocalUser{Username: "boss", Email: "boss@x.test", Admin: true})
		h.must(err)
		before := h.people()
		byEmail := says("00u-evil", "evil@x.test")
		byEmail.Profile.Email = "victim@x.test"
		byAdmin := says("00u-evil", "evil@x.test")
		byAdmin.Profile.Email = "BOSS@x.test"
		byName := says("00u-evil", "VICTIM@x.test")
		byName.Profile.Email = "evil@x.test"
		for name, a := range map[string]directory.Asserted{"e-mail": byEmail, "an administrator's e-mail": byAdmin, "userName": byName} {
			in, err := h.signIn(a)
			h.denied(in, err, directory.AddressTaken)
			if _, err := h.s.TrySignIn(h.ctx(), h.samlOf(h.okta), a); !directory.Is(err, directory.Forbidden) {
				t.Errorf("%s: the trial says %v", name, err)
			}
		}
		if got := h.people(); got != before {
			t.Errorf("there are %d accounts, want %d", got, before)
		}
		if n := len(h.sessions()); n != 0 {
			t.Errorf("%d sessions", n)
		}
		if n := len(h.conflicts()); n != 3 {
			t.Errorf("%d conflicts, want one for each", n)
		}
		if i := h.identity(victim.ID); i.Subject != "" {
			t.Errorf("the victim has the subject %q", i.Subject)
		}
		if a := h.account("boss"); !a.Modified.Equal(local.Modified) {
			t.Errorf("the administrator's account was changed: %+v", a)
		}
	})
}

// B3 and B4: a subject is a text of one connection, compared byte for byte.
func TestSignIn_meets_the_same_bytes_of_the_same_connection_only(t *testing.T) {
	each(t, "okta", func(h *house) {
		entra := h.connect("entra", "okta")
		i := h.create(person{userName: "jo@x.test", externalID: "00uA\u00e9"})
		for _, subject := range []string{"00ua\u00e9", "00UA\u00e9", "00uA\u00e9 ", " 00uA\u00e9", "00uAe\u0301", "\uff10\uff10uA\u00e9", "jo@x.test", string(i.ID), "1", "admin", "00uA"} {
			in, err := h.signIn(says(subject, "jo@x.test"))
			h.denied(in, err, directory.NotProvisioned)
		}
		in, err := h.s.SignIn(h.ctx(), h.samlOf(entra), says("00uA\u00e9", "jo@x.test"), provision.Browser{})
		h.denied(in, err, directory.NotProvisioned)
		in, err = h.signIn(says("00uA\u00e9", "jo@x.test"))
		h.must(err)
		if in.Account.Row != i.Account || !in.Bound || in.Created {
			t.Errorf("signed in: %+v", in)
		}
		h.lives(in.Secret, true)
	})
}

// B5: SCIM does not get a local administrator's account by its e-mail.
func TestIdentity_with_the_address_of_a_local_administrator_is_a_conflict(t *testing.T) {
	each(t, "okta", func(h *house) {
		boss, err := h.s.CreateUser(h.ctx(), h.admin, provision.LocalUser{Username: "boss", Email: "boss@x.test", Admin: true, Hash: "x"})
		h.must(err)
		_, err = h.s.CreateIdentity(h.ctx(), h.okta, person{userName: "boss@x.test", externalID: "e"}.edit())
		h.fails(err, directory.Conflict, "")
		if k := h.conflicts(); len(k) != 1 || k[0].Account != boss.Row {
			t.Errorf("conflicts %+v", k)
		}
		if h.people() != 1 {
			t.Error("an account was made")
		}
	})
}

// B6, B7, B9: the subject is set once, and follows neither e-mail nor externalId.
func TestSubject_follows_nothing_that_scim_writes(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.create(person{userName: "jo@x.test", externalID: "1"})
		first, err := h.signIn(says("1", "jo@x.test"))
		h.must(err)
		h.put(i.ID, person{userName: "joan@x.test", externalID: "2", email: "joan@x.test"})
		again, err := h.signIn(says("1", "jo@x.test"))
		h.must(err)
		if again.Account.ID != first.Account.ID || again.Bound {
			t.Errorf("signed in: %+v", again)
		}
		in, err := h.signIn(says("2", "joan@x.test"))
		h.denied(in, err, directory.SubjectDiffers)
		if got := h.identity(i.ID); got.Subject != "1" || got.ExternalID != "2" {
			t.Errorf("subject %q, externalId %q", got.Subject, got.ExternalID)
		}
		if a := h.account("joan@x.test"); a.ID != first.Account.ID {
			t.Errorf("the e-mail is that of %s", a.ID)
		}
	})
}

// B8: of logins at once one binds, and all come in.
func TestSignIn_of_16_first_logins_at_once_binds_once(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		secrets := make([]string, 16)
		all := make([]func() error, 16)
		for n := range all {
			all[n] = func() error {
				in, err := h.signIn(says("ext-jo", "jo@x.test"))
				secrets[n] = in.Secret
				return err
			}
		}
		h.mustAll(together(all...))
		for _, s := range secrets {
			if a := h.lives(s, true); a.Row != i.Account {
				t.Errorf("a session of %s", a.Username)
			}
		}
		bound := 0
		for _, e := range h.events(string(i.ID)) {
			if e.Changes["subject"] != nil {
				bound++
			}
		}
		if bound != 1 {
			t.Errorf("%d events tell of the subject", bound)
		}
	})
}

// B8 and B15: of choices at once, by one browser or two, one makes the account.
func TestChooseTeam_at_once_makes_one_account(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.set("first_login=create")
		team := h.openTeam("open")
		a := says("00u1", "new@x.test")
		one, two := h.newcomer(a), h.newcomer(a)
		results := make([]provision.SignedIn, 8)
		all := make([]func() error, 8)
		for n := range all {
			all[n] = func() (err error) {
				results[n], err = h.choose([]string{one, two}[n%2], team.ID)
				return err
			}
		}
		let := 0
		for n, err := range together(all...) {
			if directory.Is(err, directory.NotFound) {
				continue
			}
			h.must(err)
			let++
			h.lives(results[n].Secret, true)
		}
		if let != 2 {
			t.Errorf("%d were let in, want each browser once", let)
		}
		if n := h.people(); n != 1 {
			t.Errorf("%d accounts", n)
		}
	})
}

// B11 and B12: who is inactive stays out, and comes back to the same account.
func TestSignIn_while_inactive(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		in, err := h.signIn(says("ext-jo", "jo@x.test"))
		h.must(err)
		_, token, err := h.s.CreatePersonalToken(h.ctx(), h.admin, i.Account, "", "cron")
		h.must(err)

		h.activate(i.ID, false)
		h.lives(in.Secret, false)
		if _, _, err := h.db.PersonalToken(h.ctx(), provision.HashToken(token)); !directory.Is(err, directory.NotFound) {
			t.Errorf("the personal token: %v", err)
		}
		out, err := h.signIn(says("ext-jo", "jo@x.test"))
		h.denied(out, err, directory.Deactivated)
		if h.accountOf(i).Active {
			t.Error("a login has activated the account")
		}
		_, _, err = h.s.CreatePersonalToken(h.ctx(), h.admin, i.Account, "", "cron")
		h.fails(err, directory.Forbidden, "")

		h.activate(i.ID, true)
		h.lives(in.Secret, false)
		back, err := h.signIn(says("ext-jo", "jo@x.test"))
		h.must(err)
		if back.Account.ID != in.Account.ID {
			t.Error("another account")
		}

		_, err = h.s.SuspendAccount(h.ctx(), h.admin, "jo")
		h.must(err)
		h.lives(back.Secret, false)
		out, err = h.signIn(says("ext-jo", "jo@x.test"))
		h.denied(out, err, directory.Deactivated)
		_, err = h.s.LiftSuspension(h.ctx(), h.admin, "jo")
		h.must(err)
		_, err = h.signIn(says("ext-jo", "jo@x.test"))
		h.must(err)
	})
}

// B11: whose User was deleted gets no second account by a login.
func TestSignIn_after_the_user_was_deleted_makes_no_twin(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.set("first_login=create")
		h.openTeam("open")
		i := h.user("jo")
		in, err := h.signIn(says("ext-jo", "jo@x.test"))
		h.must(err)
		h.remove(i.ID)
		h.lives(in.Secret, false)
		out, err := h.signIn(says("ext-jo", "jo@x.test"))
		h.denied(out, err, directory.Removed)
		if n := h.people(); n != 1 {
			t.Errorf("%d accounts", n)
		}
	})
}

// B11: a first login that is half done ends with what SCIM says meanwhile.
func TestChooseTeam_after_scim_came_first(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.set("first_login=create")
		team := h.openTeam("open")
		gone := h.newcomer(says("00u1", "gone@x.test"))
		h.create(person{userName: "gone@x.test", externalID: "00u1", inactive: true})
		in, err := h.choose(gone, team.ID)
		h.denied(in, err, directory.Deactivated)
		_, err = h.choose(gone, team.ID)
		h.fails(err, directory.NotFound, "")

		there := h.newcomer(says("00u2", "there@x.test"))
		i := h.create(person{userName: "there@x.test", externalID: "00u2"})
		in, err = h.choose(there, team.ID)
		h.must(err)
		if in.Account.Row != i.Account || in.Created {
			t.Errorf("signed in: %+v", in)
		}
		h.wantPlaces(i) // the choice is for those whom nobody manages

		off := h.newcomer(says("00u3", "off@x.test"))
		_, err = h.s.EnableConnection(h.ctx(), h.admin, "okta", false)
		h.must(err)
		in, err = h.choose(off, team.ID)
		h.denied(in, err, directory.Disabled)
	})
}

// B13: who changes e-mail and name stays who he is.
func TestSignIn_with_another_address_and_name(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.set("first_login=create")
		team := h.openTeam("open")
		h.user("taken")
		in, err := h.choose(h.newcomer(says("00u1", "jo@x.test")), team.ID)
		h.must(err)
		next := says("00u1", "joan@x.test")
		next.Profile.FirstName = "Joan"
		after, err := h.signIn(next)
		h.must(err)
		if after.Account.ID != in.Account.ID || after.Account.Email != "joan@x.test" || after.Account.FirstName != "Joan" {
			t.Errorf("the account is %+v", after.Account)
		}
		clash := says("00u1", "joan@x.test")
		clash.Profile.Email = "taken@x.test"
		after, err = h.signIn(clash)
		h.must(err)
		if after.Account.Email != "joan@x.test" {
			t.Errorf("the e-mail is %s", after.Account.Email)
		}
		if n := len(h.conflicts()); n != 1 {
			t.Errorf("%d conflicts", n)
		}
	})
}

// What SCIM has written of a person a login leaves as it is.
func TestSignIn_changes_no_field_that_scim_writes(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.create(person{userName: "jo@x.test", externalID: "1", email: "jo@x.test", first: "Jo"})
		a := says("1", "other@x.test")
		a.Profile = directory.Profile{Email: "other@x.test", FirstName: "Other", Nickname: "Jojo"}
		in, err := h.signIn(a)
		h.must(err)
		if got := in.Account; got.Email != "jo@x.test" || got.FirstName != "Jo" || got.Nickname != "Jojo" {
			t.Errorf("the account is %+v", got)
		}
		if got := h.identity(i.ID); got.UserName != "jo@x.test" || got.Version != i.Version {
			t.Errorf("the User is %s, version %d, was %d", got.UserName, got.Version, i.Version)
		}
	})
}

// B14 and B20.
func TestSignIn_where_logins_make_no_accounts_or_the_connection_is_disabled(t *testing.T) {
	each(t, "okta", func(h *house) {
		in, err := h.signIn(says("00u1", "jo@x.test"))
		h.denied(in, err, directory.NotProvisioned)
		h.user("jo")
		_, err = h.s.EnableConnection(h.ctx(), h.admin, "okta", false)
		h.must(err)
		in, err = h.signIn(says("ext-jo", "jo@x.test"))
		h.denied(in, err, directory.Disabled)
	})
}

// B15: only public teams are offered and taken, once, by who holds the secret, for ten minutes.
func TestChooseTeam_rules(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.set("first_login=create")
		in, err := h.signIn(says("00u1", "jo@x.test"))
		h.denied(in, err, directory.NoTeam)

		team := h.openTeam("open")
		h.team("closed")
		offered, err := h.s.PublicTeams(h.ctx())
		h.must(err)
		if len(offered) != 1 || offered[0].ID != team.ID {
			t.Errorf("offered: %+v", offered)
		}
		var closed directory.Team
		h.view(func(tx *store.Tx) (err error) { closed, err = tx.Team("closed"); return err })
		secret := h.newcomer(says("00u1", "jo@x.test"))
		for _, wrong := range []directory.TeamID{closed.ID, "", "nope", "' or 1=1"} {
			_, err := h.choose(secret, wrong)
			h.fails(err, directory.Forbidden, "")
		}
		if n := h.people(); n != 0 {
			t.Errorf("%d accounts", n)
		}
		_, err = h.choose(strings.ToUpper(secret), team.ID)
		h.fails(err, directory.NotFound, "")
		in, err = h.choose(secret, team.ID)
		h.must(err)
		if !in.Created || in.ReturnTo != "/there" {
			t.Errorf("signed in: %+v", in)
		}
		if got, want := h.places(in.Identity), []string{"open (link )", "open/off-topic (default)", "open/town-square (default)"}; !slices.Equal(got, want) {
			t.Errorf("in %q, want %q", got, want)
		}
		_, err = h.choose(secret, team.ID)
		h.fails(err, directory.NotFound, "")

		late := h.newcomer(says("00u2", "late@x.test"))
		h.pass(directory.LoginLife + time.Second)
		_, err = h.choose(late, team.ID)
		h.fails(err, directory.NotFound, "")
	})
}

// B25: whoever is hired again with the same address and another subject is another person.
func TestSignIn_of_a_rehire_never_leads_to_the_former_account(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.set("first_login=create")
		team := h.openTeam("open")
		old, err := h.choose(h.newcomer(says("00u-old", "jo@x.test")), team.ID)
		h.must(err)
		h.activate(old.Identity.ID, false)
		in, err := h.signIn(says("00u-new", "jo@x.test"))
		h.denied(in, err, directory.AddressTaken)
		h.remove(old.Identity.ID)
		next, err := h.choose(h.newcomer(says("00u-new", "jo@x.test")), team.ID)
		h.must(err)
		if next.Account.ID == old.Account.ID {
			t.Error("the former account")
		}
	})
}

// An identity that a login made is a User of SCIM, which completes it.
func TestSignIn_first_and_scim_later(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.set("first_login=create")
		team := h.openTeam("open")
		in, err := h.choose(h.newcomer(says("00u1", "jo@x.test")), team.ID)
		h.must(err)
		i := h.create(person{userName: "jo.p@x.test", externalID: "00u1", first: "Jo"})
		if i.ID != in.Identity.ID || i.Subject != "00u1" {
			t.Errorf("another User: %+v", i)
		}
		h.lives(in.Secret, true)
		_, err = h.s.CreateIdentity(h.ctx(), h.okta, person{userName: "jo.p@x.test", externalID: "00u1"}.edit())
		h.fails(err, directory.Conflict, "")
	})
}

func TestSignIn_by_another_attribute(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.set("saml_meets=email")
		one := h.create(person{userName: "one", externalID: "1", email: "E-100"})
		h.create(person{userName: "two", externalID: "2", email: "E-200"})
		h.create(person{userName: "three", externalID: "3", email: "E-200"})
		in, err := h.signIn(says("E-100", "x"))
		h.must(err)
		if in.Identity.ID != one.ID {
			t.Errorf("signed in: %+v", in)
		}
		in, err = h.signIn(says("E-200", "x"))
		h.denied(in, err, directory.AmbiguousSubject)
		in, err = h.signIn(says("3", "x"))
		h.denied(in, err, directory.NotProvisioned)
	})
}

func TestUseMessage_counts_once(t *testing.T) {
	each(t, "okta", func(h *house) {
		until := h.db.Now().Add(time.Hour)
		h.must(h.s.BeginLogin(h.ctx(), directory.LoginRequest{ID: "_1", Connection: h.okta.Connection}))
		all := make([]func() error, 8)
		for n := range all {
			all[n] = func() error { return h.s.UseMessage(h.ctx(), h.samlOf(h.okta), "_a", "_1", until) }
		}
		let := 0
		for _, err := range together(all...) {
			if err == nil {
				let++
				continue
			}
			h.fails(err, directory.Conflict, "")
		}
		if let != 1 {
			t.Errorf("%d were taken", let)
		}
		h.fails(h.s.UseMessage(h.ctx(), h.samlOf(h.okta), "_b", "_1", until), directory.Conflict, "")
		h.must(h.s.UseMessage(h.ctx(), h.samlOf(h.okta), "_b", "", until)) // a refusal uses up nothing
		entra := h.connect("entra", "")
		h.must(h.s.UseMessage(h.ctx(), h.samlOf(entra), "_a", "", until)) // another's message
	})
}

func TestNewcomer_of_another_identity_provider_or_subject_chooses_nothing(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.set("first_login=create")
		team := h.openTeam("eng")
		idp := directory.IdP{EntityID: "https://one.test", SignInURL: "https://one.test/sso"}
		for what, change := range map[string]func() error{
			"another identity provider": func() error {
				other := idp
				other.EntityID = "https://two.test"
				_, err := h.s.SetIdP(h.ctx(), h.admin, "okta", other, directory.Changes{}, true)
				return err
			},
			"another subject": func() error {
				_, err := h.s.ConfigureConnection(h.ctx(), h.admin, "okta", map[string]string{directory.SAMLSubject: "employeeNumber"})
				return err
			},
		} {
			_, err := h.s.SetIdP(h.ctx(), h.admin, "okta", idp, directory.Changes{}, true)
			h.must(err)
			secret := h.newcomer(says("sub-1", "ada@x.test"))
			h.must(change())
			if in, err := h.choose(secret, team.ID); !directory.Is(err, directory.NotFound) {
				t.Errorf("%s: %+v, %v", what, in, err)
			}
			h.set("saml_subject=")
		}
	})
}
