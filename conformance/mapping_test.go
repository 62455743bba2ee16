package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// mapped runs a suite with a connection of this preset and the places of world.
func mapped(t *testing.T, preset string, suite func(c *idp)) {
	t.Helper()
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "okta", preset)
		s.world(t, "okta")
		suite(c)
	})
}

func TestMapping_usernames(t *testing.T) {
	mapped(t, "", func(c *idp) {
		for _, u := range []struct{ sent, username string }{
			{"jsmith@x.test", "jsmith"},
			{"jsmith@y.test", "jsmith2"},
			{"JSmith@z.test", "jsmith3"},
			{"Pat.O'Neil+home@x.test", "pat.o-neil-home"},
			{"no_address-1", "no_address-1"},
		} {
			id := c.user(u.sent)
			if got := c.accountOf(id).Username; got != u.username {
				c.t.Errorf("userName %q makes the username %q, want %q", u.sent, got, u.username)
			}
		}
		if n := len(c.accountOf(c.user(strings.Repeat("l", 80) + "@x.test")).Username); n > 64 || n == 0 {
			c.t.Errorf("the username has %d characters, want 64 at most", n)
		}
		second := c.accountOf(c.user(strings.Repeat("l", 80) + "@y.test")).Username
		if len(second) > 64 || !strings.HasSuffix(second, "2") {
			c.t.Errorf("the second long username is %q", second)
		}
	})
}

// accountOf is the account of the identity with this SCIM id.
func (c *idp) accountOf(id string) account {
	c.t.Helper()
	var list []struct{ ID, Account string }
	c.Show(c.t, &list, "identity", "list")
	for _, i := range list {
		if i.ID == id {
			return c.account(c.t, i.Account)
		}
	}
	c.t.Fatalf("identity list does not have %s", id)
	return account{}
}

func TestMapping_username_changes_only_with_its_inputs(t *testing.T) {
	mapped(t, "", func(c *idp) {
		c.send("POST /Users", `{"userName":"jsmith@x.test"}`).code(201)
		c.run(
			step{
				name: "the second", send: "POST /Users", body: `{"userName":"jsmith@y.test"}`, status: 201, save: "second",
				real: "jsmith2 jsmith@y.test active",
			},
			step{
				name: "a PUT keeps the number", send: "PUT /Users/{second}", body: `{"userName":"jsmith@y.test","title":"T"}`,
				status: 200, real: "jsmith2 jsmith@y.test active",
			},
			step{
				name: "only another domain", send: "PUT /Users/{second}", body: `{"userName":"jsmith@y2.test","title":"T"}`,
				status: 200, real: "jsmith2 jsmith@y2.test active",
			},
			step{
				name: "another name", send: "PUT /Users/{second}", body: `{"userName":"joan@y.test","title":"T"}`,
				status: 200, real: "joan joan@y.test active",
			},
		)
	})
}

func TestMapping_reserved_usernames(t *testing.T) {
	mapped(t, "", func(c *idp) {
		for _, word := range []string{"all", "channel", "here"} {
			a := c.send("POST /Users", `{"userName":"`+word+`@x.test"}`)
			if a.status != 201 && a.status != 400 {
				a.errorf("want it refused, or another username")
			}
			if r := c.Try("user", "show", word, "--json"); r.Code == 0 {
				c.t.Errorf("there is an account %q, which would mention everybody", word)
			}
		}
	})
}

func TestMapping_emails(t *testing.T) {
	mapped(t, "", func(c *idp) {
		c.run(
			step{
				name: "the primary", send: "POST /Users", status: 201, real: "a prim@x.test active",
				body: `{"userName":"a@x.test","emails":[{"value":"w@x.test","type":"work"},{"value":"prim@x.test","type":"home","primary":true}]}`,
			},
			step{
				name: "else work", send: "POST /Users", status: 201, real: "b w@x.test active",
				body: `{"userName":"b@x.test","emails":[{"value":"h@x.test","type":"home"},{"value":"w@x.test","type":"work"}]}`,
			},
			step{
				name: "else userName", send: "POST /Users", status: 201, real: "c c@x.test active",
				body: `{"userName":"c@x.test","emails":[{"value":"h2@x.test","type":"home"}]}`,
			},
			step{name: "else none", send: "POST /Users", status: 201, body: `{"userName":"d"}`, save: "d"},
		)
		d := c.account(c.t, "d")
		if d.Email != d.ID+"@users.invalid" && d.Email != c.names["d"]+"@users.invalid" {
			c.t.Errorf("the address of an account without one is %q", d.Email)
		}
	})
}

func TestMapping_address_of_another_account(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		a, b := s.idp(t, "a", ""), s.idp(t, "b", "")
		a.users("pat")
		b.send("POST /Users", `{"userName":"sam@x.test","emails":[{"value":"pat@x.test"}]}`).code(201)
		b.real("sam sam@x.test active")
		b.send("POST /Users", `{"userName":"kim@x.test","emails":[{"value":"Pat@x.test","primary":true}]}`).fails(409, "uniqueness")
		b.real("kim gone\nsam sam@x.test active")
		a.real("pat pat@x.test active")
		id := b.send(`GET /Users?filter=userName eq "sam@x.test"`, "").text("Resources/0/id")
		before := len(s.events(t, ""))
		b.patch("/Users/"+id, `{"op":"add","path":"emails","value":[{"value":"pat@x.test","type":"work","primary":true}]},
			{"op":"add","path":"name.givenName","value":"Sam"}`).code(200).want(`emails/type=work/primary true`)
		b.real("sam sam@x.test active")
		if s.account(t, "sam").FirstName != "Sam" {
			t.Error("the rest of the update was skipped with the address")
		}
		if len(s.events(t, "")) <= before {
			t.Error("no event tells of the skipped address")
		}
		var conflicts []struct{ Connection, Field, Value string }
		s.Show(t, &conflicts, "conflict", "list")
		if len(conflicts) == 0 || conflicts[0].Connection != "b" {
			t.Errorf("the conflicts are %+v, want one of b", conflicts)
		}
	})
}

func TestMapping_links(t *testing.T) {
	mapped(t, "", func(c *idp) {
		c.users("pat", "sam")
		c.run(
			step{
				name: "a link made before its group", send: "POST /Groups", status: 201, save: "eng",
				body: `{"displayName":"Engineering","members":[{"value":"{pat}"}]}`,
				real: "pat pat@x.test active\neng: link: okta \"Engineering\"",
			},
			step{
				name: "a link to a channel brings its team", send: "POST /Groups", status: 201, save: "backend",
				body: `{"displayName":"Backend","members":[{"value":"{sam}"}]}`,
				real: "sam sam@x.test active\neng: link: okta \"Backend\"\neng/backend: link: okta \"Backend\"",
			},
			step{
				name: "two reasons", send: "PATCH /Groups/{eng}", status: 200,
				body: `{"Operations":[{"op":"add","path":"members","value":[{"value":"{sam}"}]}]}`,
				real: `sam sam@x.test active
					eng: link: okta "Backend"; link: okta "Engineering"
					eng/backend: link: okta "Backend"`,
			},
			step{
				name: "the last reason of the channel ends", send: "PUT /Groups/{backend}", status: 200,
				body: `{"displayName":"Backend","members":[]}`, real: "sam sam@x.test active\neng: link: okta \"Engineering\"",
			},
			step{
				name: "the last reason of the team ends", send: "DELETE /Groups/{eng}", status: 204,
				real: "sam sam@x.test active\npat pat@x.test active",
			},
		)
		c.group("Late", "pat", "sam")
		c.CLI(c.t, "link", "create", "--connection", "okta", "--group", "Late", "--team", "ops", "--role", "admin")
		c.real("pat pat@x.test active\nops admin: link: okta \"Late\"")
		c.group("Ops", "pat")
		c.real("pat pat@x.test active\nops admin: link: okta \"Late\"; link: okta \"Ops\"")
		c.CLI(c.t, "link", "delete", c.linkID("Late"))
		c.real("pat pat@x.test active\nops: link: okta \"Ops\"\nsam sam@x.test active")
	})
}

// linkID is the id of the link of a group.
func (c *idp) linkID(group string) string {
	c.t.Helper()
	var list []struct{ ID, Connection, Group, Team, Channel, Role string }
	c.Show(c.t, &list, "link", "list")
	for _, l := range list {
		if l.Group == group && l.Connection == c.connection {
			return l.ID
		}
	}
	c.t.Fatalf("link list is %+v, want a link of %q", list, group)
	return ""
}

func TestMapping_link_follows_and_sleeps(t *testing.T) {
	mapped(t, "", func(c *idp) {
		awake := func() bool {
			var list []struct {
				Group string
				Awake bool
			}
			c.Show(c.t, &list, "link", "list")
			for _, l := range list {
				if l.Group == "Engineering" || l.Group == "Engineers" {
					return l.Awake
				}
			}
			c.t.Fatalf("the links are %+v", list)
			return false
		}
		c.users("pat")
		in := func(group string) string { return "pat pat@x.test active\neng: link: okta \"" + group + "\"" }
		if awake() {
			c.t.Error("the link is awake and has no group")
		}
		c.group("Engineering", "pat")
		c.real(in("Engineering"))
		if !awake() {
			c.t.Error("the link sleeps and has a group")
		}
		c.patch("/Groups/{Engineering}", `{"op":"replace","path":"displayName","value":"Engineers"}`).code(200)
		c.real(in("Engineers"))
		c.send("DELETE /Groups/{Engineering}", "").code(204)
		c.real("pat pat@x.test active")
		if awake() {
			c.t.Error("the link is awake and its group is deleted")
		}
		c.group("Engineers", "pat")
		c.real(in("Engineers"))
		if !awake() {
			c.t.Error("the link sleeps and has a group again")
		}
	})
}

func TestMapping_rules(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "okta", "")
		c.users("pat", "sam")
		c.group("chat-eng-backend", "pat")
		s.CLI(t, "rule", "create", "--connection", "okta", "--pattern", "chat-{team}-{channel}", "--team", "{team}", "--channel",
			"{channel}", "--create")
		in := "pat pat@x.test active\neng: rule: okta \"chat-eng-backend\"\neng/backend: rule: okta \"chat-eng-backend\""
		c.real(in)
		c.group("chat-eng-back-end", "sam")
		c.real(`sam sam@x.test active
			eng: rule: okta "chat-eng-back-end"
			eng/back-end: rule: okta "chat-eng-back-end"`)
		c.group("no-match", "sam")
		var channels []struct{ Name, Type, Team string }
		s.Show(t, &channels, "channel", "list", "--team", "eng")
		types := map[string]string{}
		for _, ch := range channels {
			types[ch.Name] = ch.Type
		}
		if types["backend"] != "P" || types["back-end"] != "P" {
			t.Errorf("the channels of the rule are %+v, want them private", channels)
		}
		if out := s.CLI(t, "rule", "test", "chat-eng-back-end"); !strings.Contains(out, "eng") || !strings.Contains(out, "back-end") {
			t.Errorf("rule test says %q", out)
		}
		before := len(s.events(t, ""))
		c.patch("/Groups/{chat-eng-backend}", `{"op":"replace","path":"displayName","value":"other"}`).code(200)
		c.real(strings.ReplaceAll(in, "chat-eng-backend", "other"))
		if len(s.events(t, "")) <= before {
			t.Error("no event tells that the group left its rule")
		}
		if r := s.Try("rule", "create", "--connection", "okta", "--pattern", "a-{team}", "--team", "{team}", "--role", "admin"); r.Code == 0 {
			t.Error("a rule grants admin")
		}
	})
}

func TestMapping_rule_without_create_waits_for_the_place(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "okta", "")
		c.users("pat")
		s.CLI(t, "rule", "create", "--connection", "okta", "--pattern", "chat-{team}", "--team", "{team}")
		c.group("chat-nowhere", "pat")
		c.real("pat pat@x.test active")
		s.CLI(t, "team", "create", "--name", "eng", "--display-name", "Engineering")
		c.group("chat-eng", "pat")
		c.real("pat pat@x.test active\neng: rule: okta \"chat-eng\"")
	})
}

func TestMapping_nested_groups(t *testing.T) {
	mapped(t, "", func(c *idp) {
		c.users("pat")
		c.group("L5", "pat")
		for i := 4; i >= 1; i-- {
			c.group(fmt.Sprintf("L%d", i), fmt.Sprintf("L%d", i+1))
		}
		in, out := "pat pat@x.test active\neng: link: okta \"Engineering\"", "pat pat@x.test active"
		c.group("Engineering", "L1")
		c.real(in)
		c.unchanged(func() {
			for _, request := range []struct{ send, body string }{
				{"PATCH /Groups/{L5}", `{"Operations":[{"op":"add","path":"members","value":[{"value":"{Engineering}"}]}]}`},
				{"PATCH /Groups/{L3}", `{"Operations":[{"op":"add","path":"members","value":[{"value":"{L3}"}]}]}`},
				{"PUT /Groups/{L4}", `{"displayName":"L4","members":[{"value":"{L2}"}]}`},
			} {
				if a := c.send(request.send, request.body); a.status != 400 && a.status != 409 {
					a.errorf("a cycle: status %d, want it refused", a.status)
				}
			}
		})
		c.real(in)
		c.patch("/Groups/{L3}", `{"op":"remove","path":"members[value eq \"{L4}\"]"}`).code(200)
		c.real(out)
		c.patch("/Groups/{L3}", `{"op":"add","path":"members","value":[{"value":"{L4}"}]}`).code(200)
		c.real(in)
		c.send("DELETE /Groups/{L2}", "").code(204)
		c.real(out)
	})
}

func TestMapping_default_channels(t *testing.T) {
	mapped(t, "", func(c *idp) {
		c.users("pat")
		c.group("Engineering", "pat")
		a := c.account(c.t, "pat")
		if len(a.Teams) != 1 || len(a.Teams[0].Channels) != 2 {
			c.t.Fatalf("the account is in %+v", a.Teams)
		}
		for _, ch := range a.Teams[0].Channels {
			if ch.Name != "town-square" && ch.Name != "off-topic" || ch.Role != "member" || fmt.Sprint(ch.Reasons) != "[default channel]" {
				c.t.Errorf("the account is in %+v", ch)
			}
		}
		c.send("DELETE /Groups/{Engineering}", "").code(204)
		if a := c.account(c.t, "pat"); len(a.Teams) != 0 {
			c.t.Errorf("after its last reason the account is in %+v", a.Teams)
		}
	})
}

func TestMapping_default_channels_of_the_configuration(t *testing.T) {
	for _, kind := range harness.Databases(t) {
		t.Run(kind, func(t *testing.T) {
			s := prepare(t, kind)
			s.Serve(t, "--default-channels", "news")
			c := s.idp(t, "okta", "")
			s.world(t, "okta")
			s.CLI(t, "channel", "create", "--team", "eng", "--name", "news", "--display-name", "News")
			c.users("pat")
			c.group("Engineering", "pat")
			c.group("Ops", "pat")
			c.real(`pat pat@x.test active
				eng: link: okta "Engineering"
				eng/news: default channel
				ops: link: okta "Ops"`)
		})
	}
}

func TestMapping_username_template(t *testing.T) {
	mapped(t, "", func(c *idp) {
		c.CLI(c.t, "connection", "set", "okta", "username_template={first_name}.{last_name}")
		c.run(
			step{
				name: "by the template", send: "POST /Users", status: 201, save: "pat", real: "pat.lee 77@x.test active",
				body: `{"userName":"77@x.test","name":{"givenName":"Pat","familyName":"Lee"}}`,
			},
			step{
				name: "its inputs stay", send: "PATCH /Users/{pat}", status: 200, real: "pat.lee 78@x.test active",
				body: `{"Operations":[{"op":"replace","path":"userName","value":"78@x.test"}]}`,
			},
			step{
				name: "its inputs change", send: "PATCH /Users/{pat}", status: 200, real: "pat.leigh 78@x.test active",
				body: `{"Operations":[{"op":"replace","path":"name.familyName","value":"Leigh"}]}`,
			},
		)
	})
}

func TestMapping_link_in_another_case(t *testing.T) {
	mapped(t, "", func(c *idp) {
		c.users("pat")
		c.group("OPS", "pat")
		if a := c.account(c.t, "pat"); len(a.Teams) != 1 || a.Teams[0].Name != "ops" {
			c.t.Errorf("the account is in %+v, want the team that Ops is linked to", a.Teams)
		}
	})
}

func TestMapping_two_connections_never_see_each_other(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		a, b := s.idp(t, "a", ""), s.idp(t, "b", "")
		s.world(t, "a")
		a.users("pat")
		a.group("Engineering", "pat")
		b.users("sam")
		b.names["bEng"] = b.send("POST /Groups", `{"displayName":"Engineering","externalId":"x","members":[{"value":"{sam}"}]}`).code(201).id()
		a.real("pat pat@x.test active\neng: link: a \"Engineering\"")
		b.real("sam sam@x.test active")
		for _, list := range []string{"/Users", "/Groups", "/Users?filter=userName pr or id pr", `/Groups?filter=displayName eq "Engineering"`} {
			a.send("GET "+list, "").code(200).want("totalResults 1")
			b.send("GET "+list, "").code(200).want("totalResults 1")
		}
		b.send(`GET /Users?filter=userName eq "pat@x.test"`, "").code(200).want("totalResults 0")
		b.send("POST /Users", `{"userName":"kim@x.test","externalId":"ext-pat@x.test"}`).code(201)
		b.send("POST /Users", `{"userName":"pat@x.test","emails":[{"value":"pat@y.test","primary":true}]}`).code(201)
		b.real("pat2 pat@y.test active")
		a.real("pat pat@x.test active\neng: link: a \"Engineering\"")
	})
}
