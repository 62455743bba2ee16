package saml

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// creates lets a first login make an account.
const creates = "first_login=create"

// newcomer lets somebody come for the first time, up to the choice of a team.
func (s *site) newcomer(t *testing.T, with ...func(*message)) *browser {
	t.Helper()
	b := s.browser(t)
	m := s.message(b, "okta")
	for _, change := range with {
		change(m)
	}
	if r := b.hand(m); r.status != http.StatusSeeOther || strings.TrimPrefix(r.location(), s.base) != "/welcome" || r.who != "" {
		t.Fatalf("a first login ends with %d %s as %q: %s\nevents %s", r.status, r.location(), r.who, r.text(), s.told(t, r.id()))
	}
	return b
}

// team is the id of a team.
func (s *site) team(t *testing.T, name string) string {
	t.Helper()
	var list []struct{ ID, Name string }
	s.Show(t, &list, "team", "list")
	for _, team := range list {
		if team.Name == name {
			return team.ID
		}
	}
	t.Fatalf("there is no team %s", name)
	return ""
}

// chooses takes a team at a first login.
func (b *browser) chooses(team string) result {
	b.t.Helper()
	return b.ended(b.submit("/welcome", url.Values{"team": {team}}))
}

func TestBinding_B11_deactivated(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		b := s.signIn(t).enters(pat).b
		token := b.token()
		if status := s.bearer(t, token); status != http.StatusOK {
			t.Fatalf("/me by the token: %d", status)
		}
		began := s.browser(t)
		half := s.message(began, "okta")
		s.active(t, pat, false)
		t.Run("sessions and tokens end", func(t *testing.T) {
			if who, status := b.username(), s.bearer(t, token); who != "" || status != http.StatusUnauthorized {
				t.Errorf("signed in as %q; by the token %d", who, status)
			}
		})
		t.Run("logins are refused, also one that was begun before", func(t *testing.T) {
			s.refuses(t, refusal{code: "deactivated"}, func() result { return s.signIn(t) })
			s.refuses(t, refusal{code: "deactivated"}, func() result { return began.hand(half) })
			if s.account(t, "pat").Active {
				t.Error("the login has activated the account")
			}
		})
		t.Run("an administrator's suspension too", func(t *testing.T) {
			other := s.signIn(t, says(vic)).enters(vic).b
			s.CLI(t, "user", "deactivate", "vic")
			if who := other.username(); who != "" {
				t.Errorf("signed in as %s", who)
			}
			s.refuses(t, refusal{code: "deactivated"}, func() result { return s.signIn(t, says(vic)) })
		})
		t.Run("another provider shuts its own login alone", func(t *testing.T) {
			s.CLI(t, "user", "activate", "vic")
			s.connect(t, "other", "okta", keys().other)
			s.push(t, "other", "sam")
			s.CLI(t, "identity", "rebind", s.ids["sam"], "vic")
			from := func() result {
				b := s.browser(t)
				m := s.message(b, "other")
				is(subjectOf("sam"), "sam@x.test", "sam@x.test")(m)
				return b.hand(m)
			}
			here, there := s.signIn(t, says(vic)).enters(vic).b, from().enters(vic).b
			s.patch(t, "other", s.ids["sam"], `{"op":"replace","path":"active","value":false}`)
			s.refuses(t, refusal{code: "deactivated"}, from)
			if who := there.username(); who != "" {
				t.Errorf("its session lives, as %s", who)
			}
			if who := here.username(); who != "vic" {
				t.Errorf("the session of the other provider has ended: %q", who)
			}
			s.signIn(t, says(vic)).enters(vic)
		})
		t.Run("a User that was deleted has no twin", func(t *testing.T) {
			if p := s.scim(t, "okta", "DELETE /Users/"+s.ids[pat], ""); p.status != http.StatusNoContent {
				t.Fatalf("DELETE: %d %s", p.status, p.body)
			}
			s.refuses(t, refusal{code: "removed"}, func() result { return s.signIn(t) })
		})
		t.Run("a choice of team that is open", func(t *testing.T) {
			newcomer := s.newcomer(t, is("00unew", "new@x.test", "new@x.test"))
			p := s.scim(t, "okta", "POST /Users", `{"userName":"new@x.test","externalId":"00unew","active":false}`)
			if p.status != http.StatusCreated {
				t.Fatalf("POST: %d %s", p.status, p.body)
			}
			before := s.state(t)
			if r := newcomer.chooses(s.team(t, "eng")); r.who != "" || r.status/100 != 4 {
				t.Errorf("the choice ends with %d as %q", r.status, r.who)
			}
			if after := s.state(t); after != before {
				t.Errorf("the choice changed\n%+v to\n%+v", before, after)
			}
		})
	}, creates)
}

var tokenPattern = regexp.MustCompile(`rcp_[A-Za-z0-9_-]{20,}`)

// token makes a personal token of whoever is signed in.
func (b *browser) token() string {
	b.t.Helper()
	p := b.submit("/tokens", url.Values{"description": {"script"}})
	token := tokenPattern.FindString(p.body)
	if token == "" {
		b.t.Fatalf("POST /tokens: %d %s", p.status, p.text())
	}
	return token
}

// bearer is the status of /me by a personal token.
func (s *site) bearer(t *testing.T, token string) int {
	t.Helper()
	b := s.browser(t)
	req := b.request(http.MethodGet, "/me", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	return b.do(req, own).status
}

func TestBinding_B12_active_again(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		b := s.signIn(t).enters(pat).b
		token := b.token()
		was := s.account(t, "pat")
		s.active(t, pat, false)
		s.refuses(t, refusal{code: "deactivated"}, func() result { return s.signIn(t) })
		s.active(t, pat, true)
		if who, status := b.username(), s.bearer(t, token); who != "" || status != http.StatusUnauthorized {
			t.Errorf("the session or the token of before lives again: %q, %d", who, status)
		}
		s.signIn(t).enters(pat)
		if now := s.account(t, "pat"); fmt.Sprint(now) != fmt.Sprint(was) {
			t.Errorf("the account is %+v and was %+v", now, was)
		}
	})
}

func TestBinding_B13_address_and_name_change(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		r := s.newcomer(t, is("00unew", "new@x.test", "new@x.test")).chooses(s.team(t, "eng"))
		if r.who != "new" {
			t.Fatalf("the person is %q: %d %s", r.who, r.status, r.text())
		}
		was := s.account(t, "new")
		s.signIn(t, func(m *message) {
			m.subject = "00unew"
			m.attributes = attribute("email", "newer@x.test") + attribute("userName", "newer@x.test") + attribute("firstName", "Newer") + attribute("lastName", "Name")
		})
		now := s.account(t, was.ID)
		if now.Email != "newer@x.test" || now.FirstName != "Newer" || now.LastName != "Name" || !slices.Equal(now.subjects(), was.subjects()) {
			t.Errorf("the account is %+v and was %+v", now, was)
		}
		t.Run("to the address of another the login goes on without it", func(t *testing.T) {
			r := s.signIn(t, is("00unew", vic.address(), "newer@x.test"))
			if r.status != http.StatusSeeOther || r.who == "" {
				t.Fatalf("the login ends with %d %s", r.status, r.text())
			}
			if a := s.account(t, was.ID); a.Email != "newer@x.test" || s.account(t, "vic").Email != vic.address() {
				t.Errorf("the account is %+v", a)
			}
		})
		t.Run("to the userName of another the login goes on without it", func(t *testing.T) {
			r := s.signIn(t, is("00unew", "newer@x.test", vic.address()))
			if r.status != http.StatusSeeOther || r.who == "" {
				t.Fatalf("the login ends with %d %s", r.status, r.text())
			}
			if a := s.account(t, "vic"); !slices.Equal(a.subjects(), []string{""}) {
				t.Errorf("the victim's account is %+v", a)
			}
		})
		t.Run("what SCIM has written stays", func(t *testing.T) {
			r := s.signIn(t, func(m *message) {
				m.attributes = attribute("email", "flapping@x.test") + attribute("firstName", "Flapping") + attribute("lastName", "Flapping")
			}).enters(pat)
			if a := s.account(t, r.who); a.Email != pat.address() || a.FirstName != "pat" {
				t.Errorf("the account is %+v", a)
			}
		})
	}, creates)
}

func TestBinding_B14_nobody_pushed_the_person(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.signIn(t).enters(pat)
		s.refuses(t, refusal{code: "not_provisioned"}, func() result { return s.signIn(t, is("00unew", "new@x.test", "new@x.test")) })
		s.refuses(t, refusal{code: "not_provisioned"}, func() result { return s.signIn(t, is("00unew", vic.address(), vic.address())) })
	})
}

func TestBinding_B15_choice_of_a_team(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.CLI(t, "team", "create", "--name", "secret", "--display-name", "Secret", "--private")
		eng, secret := s.team(t, "eng"), s.team(t, "secret")
		person := func(n int) func(*message) {
			name := fmt.Sprintf("new%d", n)
			return is("00u"+name, name+"@x.test", name+"@x.test")
		}
		t.Run("only public teams are offered", func(t *testing.T) {
			p := s.newcomer(t, person(0)).get("/welcome")
			if p.status != http.StatusOK || !strings.Contains(p.body, eng) || strings.Contains(p.body, secret) || strings.Contains(p.body, "Secret") || !p.closed() {
				t.Errorf("the page is %d %v: %s", p.status, p.header, p.text())
			}
		})
		t.Run("another team is refused, and costs nothing", func(t *testing.T) {
			b := s.newcomer(t, person(1))
			before := s.state(t)
			for name, team := range map[string]string{"private": secret, "unknown": strings.Repeat("z", 26), "by its name": "eng", "none": "", "a path": "../" + eng} {
				if r := b.chooses(team); r.status != http.StatusForbidden && r.status != http.StatusBadRequest || r.who != "" {
					t.Errorf("%s: %d as %q", name, r.status, r.who)
				}
			}
			if after := s.state(t); after != before {
				t.Errorf("it changed\n%+v to\n%+v", before, after)
			}
			if r := b.chooses(eng); r.who != "new1" {
				t.Errorf("the choice ends with %d as %q: %s", r.status, r.who, r.text())
			}
			a := s.account(t, "new1")
			if len(a.Teams) != 1 || a.Teams[0].Name != "eng" || a.Teams[0].Role != "member" || len(a.Teams[0].Channels) != 2 {
				t.Errorf("the account is %+v", a)
			}
		})
		t.Run("a second choice makes no second account", func(t *testing.T) {
			b := s.newcomer(t, person(2))
			old := b.fresh()
			b.chooses(eng)
			before := s.state(t)
			if r := old.chooses(eng); r.who != "" {
				t.Errorf("the old cookie signs in as %q", r.who)
			}
			if after := s.state(t); after != before {
				t.Errorf("it changed\n%+v to\n%+v", before, after)
			}
		})
		t.Run("many choices at once make one account", func(t *testing.T) {
			b := s.newcomer(t, person(3))
			const posts = 8
			browsers := make([]*browser, posts)
			for i := range posts {
				browsers[i] = b.fresh()
			}
			before := len(s.sessions(t))
			harness.Parallel(posts, func(i int) {
				if p, err := browsers[i].try(browsers[i].request(http.MethodPost, "/welcome", url.Values{"team": {eng}}), own); err != nil || p.status >= 500 {
					t.Errorf("%d %s, %v", p.status, p.text(), err)
				}
			})
			if made := len(s.sessions(t)) - before; made != 1 {
				t.Errorf("%d sessions were made", made)
			}
			if r := s.Try("user", "show", "new32"); r.Code == 0 {
				t.Error("a second account was made")
			}
		})
		t.Run("two browsers of one person make one account", func(t *testing.T) {
			a, b := s.newcomer(t, person(4)), s.newcomer(t, person(4))
			if first, second := a.chooses(eng), b.chooses(eng); first.who != "new4" || second.who != "new4" {
				t.Errorf("they are %q and %q", first.who, second.who)
			}
		})
		t.Run("another browser, or another site, chooses nothing", func(t *testing.T) {
			b := s.newcomer(t, person(5))
			if r := s.browser(t).chooses(eng); r.who != "" {
				t.Errorf("another browser is signed in as %q", r.who)
			}
			if p := b.do(b.request(http.MethodPost, "/welcome", url.Values{"team": {eng}}), cross); p.status/100 == 2 || b.username() != "" {
				t.Errorf("another site has chosen: %d", p.status)
			}
			if r := b.chooses(eng); r.who != "new5" {
				t.Errorf("the choice ends with %d as %q", r.status, r.who)
			}
		})
		t.Run("the cookie of a choice is no session", func(t *testing.T) {
			b := s.newcomer(t, person(6))
			c := b.cookies[s.cookie("welcome")]
			if c == nil {
				t.Fatalf("the cookies are %v", b.cookies)
			}
			b.cookies[s.cookie("")] = &http.Cookie{Name: s.cookie(""), Value: c.Value}
			if who := b.username(); who != "" {
				t.Errorf("signed in as %s", who)
			}
		})
	}, creates)
}

func TestBinding_B20_provider_gone_meanwhile(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.signIn(t).enters(pat)
		t.Run("disabled", func(t *testing.T) {
			b := s.browser(t)
			m := s.message(b, "okta")
			s.CLI(t, "connection", "disable", "okta")
			s.rejects(t, 0, func() result { return b.hand(m) })
			s.rejects(t, 0, func() result { return b.ended(b.get("/saml/okta/login")) })
			s.CLI(t, "connection", "enable", "okta")
			s.signIn(t).enters(pat)
		})
		t.Run("another provider now", func(t *testing.T) {
			b := s.browser(t)
			m := s.message(b, "okta")
			s.imports(t, "okta", provider{entity: idpOrigin + "/new", pair: keys().next}.metadata(), "--force")
			s.refuses(t, refusal{}, func() result { return b.hand(m) })
		})
		t.Run("deleted", func(t *testing.T) {
			s.connect(t, "other", "okta", keys().other)
			b := s.browser(t)
			m := s.message(b, "other")
			s.CLI(t, "connection", "delete", "other", "--confirm")
			s.rejects(t, http.StatusNotFound, func() result { return b.hand(m) })
		})
	})
}

func TestBinding_B22_another_subject_for_all(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.settings(t, byNameID)
		s.settings(t, "saml_subject=id") // nobody has signed in yet
		s.signIn(t).enters(pat)
		for _, setting := range []string{byNameID, "saml_subject=email"} {
			if r := s.Try("connection", "set", "okta", setting); r.Code == 0 || !strings.Contains(r.Stderr, "saml forget") {
				t.Errorf("connection set %s: %+v, want it refused", setting, r)
			}
		}
		s.signIn(t).enters(pat)
		s.CLI(t, "saml", "forget", "--connection", "okta", "--confirm")
		s.settings(t, byNameID)
		s.signIn(t, before(cut(`<saml:AttributeStatement>.*</saml:AttributeStatement>`))).enters(pat)
	})
}

func TestBinding_B23_roles(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		claims := func(m *message) {
			for _, name := range []string{
				"role", "roles", "groups", "admin", "isAdmin", "system_admin", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
			} {
				m.attributes += attribute(name, "admin", "system_admin", "true", "eng")
			}
		}
		s.signIn(t, claims).enters(pat)
		r := s.newcomer(t, is("00unew", "new@x.test", "new@x.test"), claims).chooses(s.team(t, "eng"))
		for _, name := range []string{"pat", r.who} {
			a := s.account(t, name)
			if a.Admin || len(a.Teams) > 0 && a.Teams[0].Role != "member" {
				t.Errorf("the account is %+v", a)
			}
		}
		if p := r.b.get("/saml/okta/test"); p.status != http.StatusForbidden {
			t.Errorf("a test login by a person: %d", p.status)
		}
		root := s.administrator(t)
		for _, args := range [][]string{{"user", "deactivate", "root"}, {"user", "admin", "root", "--revoke"}, {"user", "delete", "root", "--confirm", "--force"}} {
			if r := s.Try(args...); r.Code == 0 {
				t.Errorf("rollcall %s: %+v, want it refused", strings.Join(args, " "), r)
			}
		}
		if root.username() != "root" || !s.account(t, "root").Active {
			t.Error("the last administrator is gone")
		}
		t.Run("whom a provider manages it can always shut", func(t *testing.T) {
			s.CLI(t, "user", "admin", "pat")
			b := s.signIn(t).enters(pat).b
			s.active(t, pat, false)
			if who := b.username(); who != "" || s.account(t, "pat").Active {
				t.Errorf("signed in as %q", who)
			}
		})
	}, creates)
}

func TestBinding_B24_users_of_others(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.administrator(t)
		s.connect(t, "other", "okta", keys().other)
		s.push(t, "other", "eve")
		eve := s.ids["eve"]
		for _, request := range []string{
			"GET /Users/" + eve, "PATCH /Users/" + eve, "PUT /Users/" + eve, "DELETE /Users/" + eve, "GET /Users/" + s.account(t, "root").ID, "DELETE /Users/" + s.account(t, "root").ID,
		} {
			body := ""
			if strings.HasPrefix(request, "P") {
				body = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"userName":"eve@x.test","Operations":[{"op":"replace","path":"active","value":false}]}`
			}
			if p := s.scim(t, "okta", request, body); p.status != http.StatusNotFound {
				t.Errorf("%s: %d %s", request, p.status, p.body)
			}
		}
		if p := s.scim(t, "okta", "GET /Users?count=200", ""); strings.Contains(p.body, "eve@") || strings.Contains(p.body, "root@") {
			t.Errorf("the list holds others: %s", p.body)
		}
		for _, name := range []string{"eve", "root"} {
			if !s.account(t, name).Active {
				t.Errorf("%s was shut", name)
			}
		}
	})
}

func TestBinding_B25_hired_again(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.signIn(t).enters(pat)
		was := s.account(t, "pat")
		t.Run("while the old User is there, nobody gets it", func(t *testing.T) {
			s.active(t, pat, false)
			p := s.scim(t, "okta", "POST /Users", fmt.Sprintf(`{"userName":%q,"externalId":"00uagain","active":true}`, pat.address()))
			if p.status != http.StatusConflict {
				t.Errorf("POST: %d %s", p.status, p.body)
			}
			s.refuses(t, refusal{code: "address_taken"}, func() result { return s.signIn(t, is("00uagain", pat.address(), pat.address())) })
		})
		t.Run("when it was deleted, a new account", func(t *testing.T) {
			if p := s.scim(t, "okta", "DELETE /Users/"+s.ids[pat], ""); p.status != http.StatusNoContent {
				t.Fatalf("DELETE: %d %s", p.status, p.body)
			}
			r := s.newcomer(t, is("00uagain", pat.address(), pat.address())).chooses(s.team(t, "eng"))
			if now := s.account(t, r.who); r.who == "" || now.ID == was.ID || now.Email != pat.address() {
				t.Errorf("the person is %q, %+v", r.who, now)
			}
			if old := s.account(t, was.ID); old.Active || old.Email == pat.address() {
				t.Errorf("the old account is %+v", old)
			}
			s.refuses(t, refusal{}, func() result { return s.signIn(t) })
		})
	}, creates)
}
