package provision_test

import (
	"fmt"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

func TestUsername_is_numbered_and_kept_when_the_same_update_comes_again(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.create(person{userName: "jsmith@a.test", externalID: "1"})
		second := h.create(person{userName: "jsmith@b.test", externalID: "2"})
		third := h.create(person{userName: "JSmith@c.test", externalID: "3"})
		for want, i := range map[string]directory.Identity{"jsmith2": second, "jsmith3": third} {
			if got := h.accountOf(i).Username; got != want {
				t.Errorf("%s is %s, want %s", i.UserName, got, want)
			}
		}
		for n := range 3 {
			h.put(second.ID, person{userName: "jsmith@b.test", externalID: "2", first: fmt.Sprint("Jo", n)})
			if got := h.accountOf(second).Username; got != "jsmith2" {
				t.Fatalf("after update %d it is %s", n, got)
			}
		}
		h.put(second.ID, person{userName: "jsmith@other.test", externalID: "2"})
		if got := h.accountOf(second).Username; got != "jsmith2" {
			t.Errorf("after a change that the template does not see it is %s", got)
		}
		h.put(second.ID, person{userName: "jones@b.test", externalID: "2"})
		if got := h.accountOf(second).Username; got != "jones" {
			t.Errorf("after a change of the name it is %s", got)
		}
	})
}

func TestUsername_that_thousands_share_costs_a_few_look_ups_and_stays_in_64_characters(t *testing.T) {
	each(t, "okta", func(h *house) {
		long := "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl-and-more"
		for n := range 12 {
			i := h.create(person{userName: fmt.Sprintf("%s@%d.test", long, n), externalID: fmt.Sprint(n)})
			want := long[:64]
			if n > 0 {
				want = long[:64-len(fmt.Sprint(n+1))] + fmt.Sprint(n+1)
			}
			if got := h.accountOf(i).Username; got != want {
				t.Errorf("number %d is %s, want %s", n, got, want)
			}
		}
	})
}

func TestUsername_follows_the_template_of_the_connection(t *testing.T) {
	each(t, "entra", func(h *house) {
		h.set("username_template={first_name}.{last_name}")
		i := h.create(person{userName: "u1@x.test", externalID: "1", first: "Jo", last: "Smith"})
		if got := h.accountOf(i).Username; got != "jo.smith" {
			t.Errorf("it is %s", got)
		}
		h.put(i.ID, person{userName: "u1@x.test", externalID: "1", first: "Jo", last: "Jones"})
		if got := h.accountOf(i).Username; got != "jo.jones" {
			t.Errorf("after a marriage it is %s", got)
		}
		h.set("username_template={external_id}")
		h.put(i.ID, person{userName: "u2@x.test", externalID: "1", first: "Jo", last: "Jones"})
		if got := h.accountOf(i).Username; got != "jo.jones" {
			t.Errorf("after a change of what the new template does not see it is %s", got)
		}
	})
}

func TestEmail_is_the_one_sent_else_the_userName_else_none_that_is_mailed(t *testing.T) {
	each(t, "okta", func(h *house) {
		for n, c := range []struct {
			p    person
			want string
		}{
			{person{userName: "a@x.test", email: "b@x.test"}, "b@x.test"},
			{person{userName: "c@x.test"}, "c@x.test"},
			{person{userName: "d@x.test", email: "no address"}, "d@x.test"},
			{person{userName: "e"}, ""},
			{person{userName: "f", email: "f\x00@x.test"}, ""},
		} {
			c.p.externalID = fmt.Sprint(n)
			a := h.accountOf(h.create(c.p))
			if c.want == "" {
				c.want = string(a.ID) + "@users.invalid"
			}
			if a.Email != c.want {
				t.Errorf("%+v has %s, want %s", c.p, a.Email, c.want)
			}
		}
	})
}

func TestEmail_of_someone_else_refuses_a_creation_and_is_a_conflict_once(t *testing.T) {
	each(t, "okta", func(h *house) {
		owner := h.create(person{userName: "owner", externalID: "1", email: "Jo@x.test"})
		events := len(h.events())
		for range 3 {
			_, err := h.s.CreateIdentity(h.ctx(), h.okta, person{userName: "thief", externalID: "2", email: "jo@X.test"}.edit())
			h.fails(err, directory.Conflict, `email: someone else has it`)
		}
		k := h.conflicts()
		if len(k) != 1 || k[0].Field != "email" || k[0].Value != "jo@X.test" || k[0].ExternalID != "2" || k[0].Account != owner.Account || k[0].ConnName != "okta" {
			t.Errorf("conflicts: %+v", k)
		}
		h.view(func(tx *store.Tx) error {
			if _, err := tx.FindAccount("thief"); kindOf(err) != directory.NotFound {
				t.Errorf("there is an account: %v", err)
			}
			return nil
		})
		if now := h.events(); len(now) != events+1 || now[events].Action != "conflict.open" {
			t.Errorf("events: %v", h.actions())
		}
		if a := h.accountOf(owner); a.Email != "Jo@x.test" {
			t.Errorf("the owner has %s", a.Email)
		}
	})
}

func TestEmail_of_someone_else_is_skipped_in_an_update_that_goes_on(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.create(person{userName: "owner", externalID: "1", email: "jo@x.test"})
		i := h.create(person{userName: "thief", externalID: "2", email: "thief@x.test"})
		i = h.put(i.ID, person{userName: "thief", externalID: "2", email: "jo@x.test", first: "Jo"})
		if a := h.accountOf(i); a.Email != "thief@x.test" || a.FirstName != "Jo" || i.Profile.Email != "jo@x.test" || i.Version != 2 {
			t.Errorf("account %+v, identity %+v", a, i)
		}
		if k := h.conflicts(); len(k) != 1 || k[0].Field != "email" || k[0].ExternalID != "2" {
			t.Errorf("conflicts: %+v", k)
		}
		last := h.events(string(i.ID))
		if got := last[len(last)-1].Changes["account.email_refused"]; got != "jo@x.test" {
			t.Errorf("the event says %v", last[len(last)-1].Changes)
		}
		h.put(i.ID, person{userName: "thief", externalID: "2", inactive: true})
		if h.accountOf(i).Active {
			t.Error("a deactivation with it was refused")
		}
	})
}
