package conformance

import (
	"fmt"
	"strings"
	"testing"
)

const (
	off = `{"op":"replace","path":"active","value":false}`
	on  = `{"op":"replace","path":"active","value":true}`
)

func TestAccount_suspension_is_the_administrators(t *testing.T) {
	mapped(t, "okta", func(c *idp) {
		c.users("pat")
		c.group("Engineering", "pat")
		in := "pat pat@x.test active\neng: link: okta \"Engineering\""
		c.CLI(c.t, "user", "deactivate", "pat")
		c.real("pat pat@x.test suspended")
		c.send("GET /Users/{pat}", "").code(200).want("active true")
		c.patch("/Users/{pat}", on).code(200).want("active true")
		c.real("pat pat@x.test suspended")
		c.putBack("/Users/{pat}", func(m map[string]any) { m["title"] = "T" }).code(200).want("active true")
		c.real("pat pat@x.test suspended")
		c.patch("/Users/{pat}", off).code(200).want("active false")
		c.patch("/Users/{pat}", on).code(200).want("active true")
		c.real("pat pat@x.test suspended")
		c.CLI(c.t, "user", "activate", "pat")
		c.real(in)
		c.patch("/Users/{pat}", off).code(200)
		_ = c.Try("user", "activate", "pat") // lifts a suspension, which there is none of, and not what the IdP said
		c.real("pat pat@x.test inactive")
		c.patch("/Users/{pat}", on).code(200)
		c.real(in)
	})
}

func TestAccount_memberships_come_back_as_the_connection_says(t *testing.T) {
	for setting, back := range map[string]bool{"always": true, "30d": true, "never": false} {
		t.Run(setting, func(t *testing.T) {
			mapped(t, "", func(c *idp) {
				c.CLI(c.t, "connection", "set", "okta", "restore_memberships="+setting)
				c.users("pat")
				c.group("Engineering", "pat")
				c.group("Ops", "pat")
				c.patch("/Users/{pat}", off).code(200)
				c.patch("/Groups/{Ops}", `{"op":"remove","path":"members[value eq \"{pat}\"]"}`).code(200)
				before := len(c.events(c.t, ""))
				c.patch("/Users/{pat}", on).code(200)
				want := "pat pat@x.test active"
				if back {
					want += "\neng: link: okta \"Engineering\""
				}
				c.real(want)
				if len(c.events(c.t, "")) <= before {
					c.t.Error("no event tells what came back")
				}
			})
		})
	}
}

func TestAccount_additions_while_inactive(t *testing.T) {
	mapped(t, "entra", func(c *idp) {
		c.users("pat")
		c.patch("/Users/{pat}", off).code(200)
		c.group("Engineering", "pat")
		c.real("pat pat@x.test inactive")
		c.patch("/Users/{pat}", on).code(200)
		c.real("pat pat@x.test active\neng: link: okta \"Engineering\"")
	})
}

func TestAccount_deleted_and_created_again(t *testing.T) {
	for _, preset := range []struct {
		name string
		same bool
	}{{"okta", true}, {"entra-objectid", true}, {"entra", false}, {"", false}} {
		t.Run("preset "+preset.name, func(t *testing.T) {
			mapped(t, preset.name, func(c *idp) {
				body := `{"userName":"pat@x.test","externalId":"e1","active":true}`
				c.names["pat"] = c.send("POST /Users", body).code(201).id()
				old := c.account(c.t, "pat")
				c.send("DELETE /Users/{pat}", "").code(204)
				if a := c.account(c.t, old.ID); a.Active || a.Email == "pat@x.test" || len(a.Identities) != 0 || a.Username != "pat" {
					c.t.Errorf("after DELETE the account is %+v, want it shut, its address free and its username kept", a)
				}
				again := c.send("POST /Users", body).code(201).id()
				if again == c.names["pat"] {
					c.t.Error("an id came back")
				}
				c.send("GET /Users/{pat}", "").code(404)
				now := c.account(c.t, "pat@x.test")
				switch {
				case preset.same && (now.ID != old.ID || now.Username != "pat"):
					c.t.Errorf("the account is %s %s, want the old one %s", now.Username, now.ID, old.ID)
				case !preset.same && (now.ID == old.ID || now.Username != "pat2"):
					c.t.Errorf("the account is %s %s, want a new one, pat2", now.Username, now.ID)
				}
				c.real(now.Username + " pat@x.test active")
			})
		})
	}
}

func TestAccount_deleted_and_another_externalId(t *testing.T) {
	mapped(t, "okta", func(c *idp) {
		c.names["pat"] = c.send("POST /Users", `{"userName":"pat@x.test","externalId":"e1"}`).code(201).id()
		old := c.account(c.t, "pat").ID
		c.send("DELETE /Users/{pat}", "").code(204)
		c.send("POST /Users", `{"userName":"pat@x.test","externalId":"e2"}`).code(201)
		if c.account(c.t, "pat@x.test").ID == old {
			c.t.Error("another externalId came back to the account")
		}
		c.real("pat2 pat@x.test active")
	})
}

func TestAccount_externalId_may_change(t *testing.T) {
	mapped(t, "okta", func(c *idp) {
		c.users("pat")
		before := c.account(c.t, "pat")
		c.patch("/Users/{pat}", `{"op":"replace","path":"externalId","value":"e2"}`).code(200).want(`externalId "e2"`)
		after := c.account(c.t, "pat")
		if after.ID != before.ID || after.Identities[0].ExternalID != "e2" || after.Identities[0].Subject != "" {
			c.t.Errorf("the account is %+v", after)
		}
		for _, e := range c.events(c.t, c.names["pat"]) {
			if strings.Contains(fmt.Sprint(e.Changes), "e2") {
				return
			}
		}
		c.t.Errorf("no event tells of the new externalId: %+v", c.events(c.t, c.names["pat"]))
	})
}

func TestAccount_events(t *testing.T) {
	mapped(t, "okta", func(c *idp) {
		c.users("pat")
		c.patch("/Users/{pat}", `{"op":"replace","path":"displayName","value":"Pat Lee"},`+off).code(200)
		list := c.events(c.t, c.names["pat"])
		if len(list) != 2 {
			c.t.Fatalf("the events of the identity are %+v, want two", list)
		}
		for _, e := range list {
			if e.Connection != "okta" || e.Token == "" || e.RequestID == "" || e.Time == "" || e.Action == "" || e.Actor == "" {
				c.t.Errorf("an event is %+v", e)
			}
			if e.Token == c.token {
				c.t.Error("an event holds a token")
			}
		}
		if text := fmt.Sprint(list[1].Changes); !strings.Contains(text, "active") || !strings.Contains(text, "Pat Lee") {
			c.t.Errorf("the changes are %s, want what changed from what to what", text)
		}
	})
}

// unmanaged makes an account that no connection manages, and gives its id.
func (s *server) unmanaged(t *testing.T) string {
	t.Helper()
	old := s.idp(t, "old", "")
	old.users("pat")
	s.CLI(t, "identity", "unbind", old.names["pat"])
	return s.account(t, "pat").ID
}

func TestAccount_adopt(t *testing.T) {
	for _, match := range []string{"email", "username"} {
		t.Run(match, func(t *testing.T) {
			each(t, func(t *testing.T, s *server) {
				was := s.unmanaged(t)
				c := s.idp(t, "okta", "okta")
				body := `{"userName":"pat@x.test","externalId":"e1","active":true}`
				c.send("POST /Users", body).fails(409, "uniqueness")
				adopt := []string{"adopt", "--connection", "okta", "--match", match}
				if dry := s.CLI(t, append(adopt, "--dry-run")...); !strings.Contains(dry, "pat") {
					t.Errorf("adopt --dry-run says %q, want the account", dry)
				}
				c.send("POST /Users", body).fails(409, "uniqueness")
				s.CLI(t, adopt...)
				c.send("POST /Users", body).code(201)
				if now := s.account(t, "pat"); now.ID != was || len(now.Identities) != 1 || now.Identities[0].Connection != "okta" {
					t.Errorf("the account is %+v, want %s with an identity of okta", now, was)
				}
				c.real("pat pat@x.test active")
				c.send("POST /Users", body).fails(409, "uniqueness")
			})
		})
	}
}

func TestAccount_conflict_resolved_by_an_administrator(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		was := s.unmanaged(t)
		c := s.idp(t, "okta", "okta")
		body := `{"userName":"patricia@x.test","externalId":"e1","emails":[{"value":"pat@x.test","primary":true}]}`
		c.send("POST /Users", body).fails(409, "uniqueness")
		c.send("POST /Users", body).fails(409, "uniqueness")
		var conflicts []struct{ ID, Connection, Field, Value, Account string }
		s.Show(t, &conflicts, "conflict", "list")
		if len(conflicts) != 1 || conflicts[0].Connection != "okta" || conflicts[0].Field != "email" || conflicts[0].Value != "pat@x.test" {
			t.Fatalf("the conflicts are %+v, want one about the address", conflicts)
		}
		s.CLI(t, "conflict", "resolve", conflicts[0].ID, "--adopt")
		c.send("POST /Users", body).code(201)
		if now := s.account(t, "pat@x.test"); now.ID != was {
			t.Errorf("the account is %s, want %s", now.ID, was)
		}
		s.Show(t, &conflicts, "conflict", "list")
		if len(conflicts) != 0 {
			t.Errorf("the conflicts are %+v, want none", conflicts)
		}
	})
}

func TestAccount_rebind(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "entra", "entra")
		s.world(t, "entra")
		old := c.user("pat@x.test")
		was := s.account(t, "pat").ID
		c.send("DELETE /Users/"+old, "").code(204)
		again := c.user("pat@x.test")
		c.group("Engineering", "pat")
		c.real("pat2 pat@x.test active" + inEngineering)
		s.CLI(t, "identity", "rebind", again, "pat")
		now := s.account(t, was)
		if !now.Active || len(now.Identities) != 1 || now.Identities[0].ID != again || len(now.Teams) != 1 {
			t.Errorf("after the rebind the old account is %+v, want it managed by the identity", now)
		}
		if other := s.account(t, "pat2"); other.Active || len(other.Identities) != 0 || len(other.Teams) != 0 {
			t.Errorf("after the rebind the account that it left is %+v, want it closed", other)
		}
		c.patch("/Users/"+again, off).code(200)
		if s.account(t, was).Active {
			t.Error("the identity does not manage the account that it was moved to")
		}
	})
}

func TestAccount_migrate(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		from, to := s.idp(t, "okta", "okta"), s.idp(t, "entra", "entra")
		from.users("pat")
		was := s.account(t, "pat").ID
		migrate := []string{"connection", "migrate", "--from", "okta", "--to", "entra", "--match", "email"}
		body := `{"userName":"pat@x.test","externalId":"e1"}`
		if dry := s.CLI(t, append(migrate, "--dry-run")...); !strings.Contains(dry, "pat") {
			t.Errorf("connection migrate --dry-run says %q, want the account", dry)
		}
		to.send("POST /Users", body).fails(409, "uniqueness")
		s.CLI(t, migrate...)
		id := to.send("POST /Users", body).code(201).id()
		if now := s.account(t, "pat"); now.ID != was || !now.Active {
			t.Errorf("the account is %+v, want %s", now, was)
		}
		to.patch("/Users/"+id, off).code(200)
		to.real("pat pat@x.test inactive")
		from.patch("/Users/{pat}", on)
		to.real("pat pat@x.test inactive")
	})
}

func TestAccount_connection_that_manages_active_accounts_stays(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "okta", "okta")
		c.users("pat")
		if r := s.Try("connection", "delete", "okta", "--confirm"); r.Code != 1 || r.Stderr == "" {
			t.Errorf("connection delete: %+v, want exit 1", r)
		}
		s.CLI(t, "connection", "disable", "okta")
		c.real("pat pat@x.test active")
		if a := c.send("GET /Users", ""); a.status != 401 && a.status != 403 {
			a.errorf("a disabled connection: want 401 or 403")
		}
		s.CLI(t, "connection", "enable", "okta")
		c.send("GET /Users", "").code(200)
	})
}

func TestAccount_delete(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "okta", "okta")
		c.users("pat", "sam")
		if r := s.Try("user", "delete", "pat"); r.Code != 2 {
			t.Errorf("user delete without --confirm: %+v, want exit 2", r)
		}
		if r := s.Try("user", "delete", "pat", "--confirm"); r.Code != 1 {
			t.Errorf("user delete while the identity is active: %+v, want exit 1", r)
		}
		c.real("pat pat@x.test active")
		c.patch("/Users/{pat}", off).code(200)
		s.CLI(t, "user", "delete", "pat", "--confirm")
		c.real("pat gone\nsam sam@x.test active")
		s.CLI(t, "user", "delete", "sam", "--confirm", "--force")
		c.real("sam gone")
	})
}
