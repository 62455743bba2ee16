package saml

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// account is what `user show --json` tells.
type account struct {
	ID         string
	Username   string
	Email      string
	FirstName  string `json:"first_name"`
	LastName   string `json:"last_name"`
	Active     bool
	Admin      bool
	Identities []struct {
		ID         string
		Connection string
		UserName   string `json:"user_name"`
		ExternalID string `json:"external_id"`
		Subject    string
		Active     bool
	}
	Teams []struct {
		Name, Role string
		Channels   []struct{ Name string }
	}
}

func (s *site) account(t *testing.T, name string) (a account) {
	t.Helper()
	s.Show(t, &a, "user", "show", name)
	return a
}

// subjects are those of an account's identities.
func (a account) subjects() (list []string) {
	for _, i := range a.Identities {
		list = append(list, i.Subject)
	}
	return list
}

// is makes a message about somebody of whom the site may know nothing.
func is(subject, email, userName string) func(*message) {
	return func(m *message) {
		m.subject = subject
		m.attributes = attribute("email", email) + attribute("userName", userName) + attribute("firstName", "New") + attribute("lastName", "Comer")
	}
}

func TestBinding_B01_address_of_the_victim(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.signIn(t, says(vic)).enters(vic)
		s.newcomer(t, is("00unew", "new@x.test", "new@x.test"))
		before := s.account(t, "vic")
		for name, email := range map[string]string{"the same": vic.address(), "in capitals": strings.ToUpper(vic.address())} {
			t.Run(name, func(t *testing.T) {
				s.refuses(t, refusal{code: "address_taken"}, func() result { return s.signIn(t, is("00uevil", email, "evil@x.test")) })
			})
		}
		if after := s.account(t, "vic"); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("the victim's account is %+v and was %+v", after, before)
		}
	}, creates)
}

func TestBinding_B02_name_of_the_victim(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.signIn(t, says(vic)).enters(vic)
		for name, userName := range map[string]string{"the same": vic.address(), "in capitals": strings.ToUpper(vic.address())} {
			t.Run(name, func(t *testing.T) {
				s.refuses(t, refusal{code: "address_taken"}, func() result { return s.signIn(t, is("00uevil", "evil@x.test", userName)) })
			})
		}
		t.Run("the name in the chat", func(t *testing.T) {
			r := s.newcomer(t, is("00uother", "other@y.test", "vic@y.test")).chooses(s.team(t, "eng"))
			if r.who == "vic" || r.who == "" {
				t.Errorf("the person is %q", r.who)
			}
			if a := s.account(t, "vic"); !slices.Equal(a.subjects(), []string{subjectOf(vic)}) {
				t.Errorf("the victim's account is %+v", a)
			}
		})
	}, creates)
}

func TestBinding_B03_same_subject_of_another_provider(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.signIn(t, says(vic)).enters(vic)
		s.connect(t, "other", "okta", keys().other)
		from := func(t *testing.T, with func(*message)) result {
			b := s.browser(t)
			m := s.message(b, "other")
			with(m)
			return b.hand(m)
		}
		s.refuses(t, refusal{code: "not_provisioned"}, func() result { return from(t, says(vic)) })
		s.CLI(t, "connection", "set", "other", creates)
		s.refuses(t, refusal{code: "address_taken"}, func() result { return from(t, is(subjectOf(vic), vic.address(), vic.address())) })
		if r := from(t, is(subjectOf(vic), "evil@x.test", "evil@x.test")); r.who != "" || !strings.HasSuffix(r.location(), "/welcome") {
			t.Errorf("the login ends with %d %s as %q", r.status, r.location(), r.who)
		} else if r := r.b.chooses(s.team(t, "eng")); r.who == "vic" || r.who == "" {
			t.Errorf("the person of the other provider is %q", r.who)
		}
		if a := s.account(t, "vic"); !slices.Equal(a.subjects(), []string{subjectOf(vic)}) {
			t.Errorf("the victim's account is %+v", a)
		}
	})
}

func TestBinding_B04_external_ids_are_values(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		victim := s.account(t, "vic")
		ids := []string{
			"1", "0", "-1", "admin", "root", "null", "true", "{}", "' or 1=1 --", s.ids[vic], victim.ID, "vic", "../vic", "%00", "00uVIC9xY", "OOuvic9xY",
			"00u\u0475ic9xY", "00uvic9xY\u200b", "\uff10\uff10uvic9xY", "e\u0301", "\u00e9",
		}
		for i, id := range ids {
			t.Run(fmt.Sprintf("%q", id), func(t *testing.T) {
				name := fmt.Sprintf("p%d", i)
				p := s.scim(t, "okta", "POST /Users", fmt.Sprintf(`{"userName":"%s@x.test","externalId":%q,"active":true}`, name, id))
				if p.status != http.StatusCreated {
					t.Fatalf("POST: %d %s", p.status, p.body)
				}
				if r := s.signIn(t, is(escape(id), name+"@x.test", name+"@x.test")); r.who != name {
					t.Errorf("the login ends with %d as %q, want %s\nevents %s", r.status, r.who, name, s.told(t, r.id()))
				}
			})
		}
		for name, id := range map[string]string{
			"of 1 KB": strings.Repeat("a", 1024), "whitespace before": " x", "whitespace behind": "x ", "a line": "x\ny", "whitespace alone": " ",
		} {
			t.Run(name, func(t *testing.T) {
				p := s.scim(t, "okta", "POST /Users", fmt.Sprintf(`{"userName":"odd-%d@x.test","externalId":%s,"active":true}`, len(id)+int(id[0]), quote(id)))
				if p.status >= 500 {
					t.Errorf("POST: %d %s", p.status, p.body)
				}
				s.refuses(t, refusal{}, func() result {
					return s.signIn(t, is(strings.ReplaceAll(id, "\n", "&#10;"), "odd@x.test", "odd@x.test"))
				})
			})
		}
		if after := s.account(t, "vic"); fmt.Sprint(after) != fmt.Sprint(victim) {
			t.Errorf("the victim's account is %+v and was %+v", after, victim)
		}
	})
}

// escape makes text of a value.
func escape(value string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", "'", "&apos;").Replace(value)
}

// quote is a string of JSON.
func quote(s string) string {
	return `"` + strings.NewReplacer(`"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

func TestBinding_B05_SCIM_with_the_address_of_a_local_administrator(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		root := s.administrator(t)
		before := s.account(t, "root")
		p := s.scim(t, "okta", "POST /Users", `{"userName":"evil@x.test","externalId":"00uevil","emails":[{"value":"root@x.test","primary":true}],"active":true}`)
		if p.status != http.StatusConflict || p.value("scimType") != "uniqueness" {
			t.Errorf("POST: %d %s", p.status, p.body)
		}
		var conflicts []struct{ Field, Value string }
		s.Show(t, &conflicts, "conflict", "list")
		if len(conflicts) != 1 || conflicts[0].Value != "root@x.test" {
			t.Errorf("the conflicts are %+v", conflicts)
		}
		s.refuses(t, refusal{}, func() result { return s.signIn(t, is("00uevil", "root@x.test", "root@x.test")) })
		s.settings(t, creates)
		s.refuses(t, refusal{code: "address_taken"}, func() result { return s.signIn(t, is("00uevil", "root@x.test", "evil@x.test")) })
		if after := s.account(t, "root"); fmt.Sprint(after) != fmt.Sprint(before) || root.username() != "root" {
			t.Errorf("the administrator is %+v and was %+v", after, before)
		}
	})
}

func TestBinding_B06_SCIM_changes_the_address(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		b := s.signIn(t).enters(pat).b
		was := s.account(t, "pat")
		s.patch(t, "okta", s.ids[pat], `{"op":"replace","path":"emails","value":[{"value":"pat.lee@x.test","primary":true}]},{"op":"replace","path":"roles","value":[{"value":"admin"}]}`)
		now := s.account(t, "pat")
		if now.Email != "pat.lee@x.test" || now.ID != was.ID || now.Admin || !slices.Equal(now.subjects(), was.subjects()) {
			t.Errorf("the account is %+v and was %+v", now, was)
		}
		if b.username() != "pat" {
			t.Error("the session has ended")
		}
		told := false
		for _, e := range s.events(t, "--object", s.ids[pat]) {
			told = told || strings.Contains(fmt.Sprint(e.Changes), "pat.lee@x.test")
		}
		if !told {
			t.Error("no event tells of the address")
		}
		s.signIn(t).enters(pat)
		if again := s.account(t, "pat"); again.Email != "pat.lee@x.test" {
			t.Errorf("after a login the address is %s, want SCIM's", again.Email)
		}
	})
}

func TestBinding_B07_SCIM_changes_the_external_id(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.signIn(t).enters(pat)
		was := s.account(t, "pat")
		s.patch(t, "okta", s.ids[pat], `{"op":"replace","path":"externalId","value":"00uchanged"}`)
		now := s.account(t, "pat")
		if now.Identities[0].ExternalID != "00uchanged" || now.Identities[0].Subject != subjectOf(pat) || now.ID != was.ID {
			t.Errorf("the account is %+v", now)
		}
		s.signIn(t).enters(pat)
		s.refuses(t, refusal{code: "subject_differs"}, func() result { return s.signIn(t, func(m *message) { m.subject = "00uchanged" }) })
		t.Run("before anybody has signed in it may change too", func(t *testing.T) {
			s.patch(t, "okta", s.ids[vic], `{"op":"replace","path":"externalId","value":"00uvic2"}`)
			s.refuses(t, refusal{code: "not_provisioned"}, func() result { return s.signIn(t, says(vic)) })
			s.signIn(t, func(m *message) { m.subject = "00uvic2" }).enters(vic)
		})
	})
}

func TestBinding_B08_first_logins_at_once(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		const logins = 8
		accounts := s.account(t, "pat").ID
		browsers, forms := make([]*browser, logins), make([]url.Values, logins)
		for i := range logins {
			browsers[i] = s.browser(t)
			m := s.message(browsers[i], "okta")
			forms[i] = form(m.xml(t), m.relay)
		}
		var in atomic.Int32
		harness.Parallel(logins, func(i int) {
			p, err := browsers[i].try(browsers[i].request(http.MethodPost, "/saml/okta/acs", forms[i]), cross)
			if err != nil || p.status != http.StatusSeeOther {
				t.Errorf("a first login ends with %d %s, %v", p.status, p.text(), err)
				return
			}
			in.Add(1)
		})
		a := s.account(t, "pat")
		if in.Load() != logins || a.ID != accounts || !slices.Equal(a.subjects(), []string{subjectOf(pat)}) {
			t.Errorf("%d signed in; the account is %+v", in.Load(), a)
		}
		bound := 0
		for _, e := range s.events(t) {
			if e.Action == "login.succeed" && strings.Contains(fmt.Sprint(e.Changes), "subject:") {
				bound++
			}
		}
		if bound != 1 {
			t.Errorf("%d events tell of the binding, want 1", bound)
		}
	})
}

func TestBinding_B09_another_subject_later(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.signIn(t, says(vic)).enters(vic)
		s.patch(t, "okta", s.ids[vic], `{"op":"replace","path":"externalId","value":"00uevil"}`)
		for name, with := range map[string]func(*message){
			"by the new external id": is("00uevil", "evil@x.test", "evil@x.test"), "with the address of the User": is("00uevil", vic.address(), vic.address()),
		} {
			t.Run(name, func(t *testing.T) {
				s.refuses(t, refusal{code: "subject_differs"}, func() result { return s.signIn(t, with) })
			})
		}
		s.signIn(t, says(vic)).enters(vic)
	}, creates)
}

func TestBinding_B10_two_Users_of_one_external_id(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		post := func(connection, name string) page {
			return s.scim(t, connection, "POST /Users", fmt.Sprintf(`{"userName":"%s@x.test","externalId":%q,"active":true}`, name, subjectOf(vic)))
		}
		if p := post("okta", "evil"); p.status != http.StatusConflict || p.value("scimType") != "uniqueness" {
			t.Errorf("POST: %d %s", p.status, p.body)
		}
		s.connect(t, "other", "okta", keys().other)
		if p := post("other", "twin"); p.status != http.StatusCreated {
			t.Errorf("POST of another connection: %d %s", p.status, p.body)
		}
		s.signIn(t, says(vic)).enters(vic)
	})
}

func TestBinding_B21_response_at_another_connection(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.connect(t, "other", "okta", keys().other)
		s.push(t, "other", "eve")
		s.refuses(t, refusal{}, func() result { return s.signIn(t, func(m *message) { m.connection = "other" }) })
		t.Run("of a request there", func(t *testing.T) {
			b := s.browser(t)
			m := s.answer("okta", b.begin("other", ""))
			m.connection = "other"
			s.refuses(t, refusal{}, func() result { return b.hand(m) })
		})
		s.signIn(t).enters(pat)
	})
}
