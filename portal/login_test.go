package portal_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

const sessionCookie = "__Host-rollcall"

// Case 31 of the attacks on sessions: what the cookies are, and that each login makes a new one.
func TestLogin_makes_a_new_session_in_a_cookie_for_tls_alone(t *testing.T) {
	each(t, func(h *house) {
		b := h.browser()
		b.get("/login").code(200)
		if len(b.cookies) != 0 {
			t.Errorf("cookies before anybody signed in: %v", b.cookies)
		}
		b.cookies[sessionCookie] = "planted"
		b.signIn("ada", right).leads("/")
		c := b.set[sessionCookie]
		if c == nil || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge <= 0 || c.Value == "planted" || len(c.Value) < 43 {
			t.Fatalf("the cookie is %+v", c)
		}
		b.get("/").code(200).has("ada@x.test")
		b.signIn("ada", right).leads("/")
		if b.cookies[sessionCookie] == c.Value {
			t.Error("the second login has the same session")
		}
		if n := len(h.sessions("ada")); n != 1 {
			t.Errorf("%d sessions, want the first one ended", n)
		}
		old := h.browser()
		old.cookies[sessionCookie] = c.Value
		old.get("/").leads("/login")
		old.get("/me").code(401)
		// The name without the prefix, which anybody could set, is no cookie of ours.
		old.cookies = map[string]string{"rollcall": b.cookies[sessionCookie]}
		old.get("/me").code(401)
	})
}

func TestLogin_without_tls_has_cookies_without_a_prefix(t *testing.T) {
	each(t, func(h *house) {
		h.door.BaseURL = ""
		h.serve()
		b := h.browser()
		b.signIn("ada", right).leads("/")
		c := b.set["rollcall"]
		if c == nil || c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
			t.Fatalf("the cookie is %+v", c)
		}
		b.get("/me").code(200)
	})
}

func TestLogin_leads_back_to_a_path_of_ours(t *testing.T) {
	each(t, func(h *house) {
		for sent, want := range map[string]string{
			"/saml/okta/test": "/saml/okta/test", "/me?x=1": "/me?x=1", "": "/", "//evil.test": "/", `/\evil.test`: "/", "https://evil.test/": "/", "javascript:alert(1)": "/",
			"/\r\nSet-Cookie: x=1": "/", "/" + strings.Repeat("x", 4000): "/", "evil.test": "/", "/\t/evil.test": "/",
		} {
			h.browser().post("/login", "name=ada", "password="+right, "return="+sent).leads(want)
		}
		h.browser().get("/login?return=%2Fsaml%2Fokta%2Ftest").code(200).has(`name="return" value="/saml/okta/test"`)
		h.browser().get("/login?return=//evil.test").code(200).hasNot("evil")
		b := h.browser()
		b.signIn("ada", right)
		b.get("/login?return=/me").leads("/me")
	})
}

func TestLogin_offers_the_connections_that_sign_people_in(t *testing.T) {
	each(t, func(h *house) {
		h.browser().get("/login").code(200).hasNot("Sign in with")
		okta := h.okta()
		idp := directory.IdP{EntityID: "https://idp.test", SignInURL: "https://idp.test/sso", Certificates: []string{"AA=="}}
		_, err := h.s.SetIdP(t.Context(), okta, "okta", idp, directory.Changes{}, false)
		h.must(err)
		h.browser().get("/login?return=/me%3Fx=1").code(200).has(`href="/saml/okta/login?return=%2Fme%3Fx%3D1"`, "Sign in with okta")
		h.browser().get("/login").code(200).has(`href="/saml/okta/login"`)
		_, err = h.s.EnableConnection(t.Context(), admin, "okta", false)
		h.must(err)
		h.browser().get("/login").code(200).hasNot("Sign in with")
	})
}

// Case 34: whoever is not let in learns no more than that.
func TestLogin_refused_is_one_page_and_one_event(t *testing.T) {
	each(t, func(h *house) {
		_, err := h.s.CreateUser(t.Context(), admin, provision.LocalUser{Username: "nopassword", Email: "nopassword@x.test"})
		h.must(err)
		h.localUser("shut")
		_, err = h.s.SuspendAccount(t.Context(), admin, "shut")
		h.must(err)
		var first string
		for n, tt := range []struct{ name, password, code string }{
			{"ada", "wrong password", "wrong_password"},
			{"nobody-secret-typed", "wrong password", "unknown_account"},
			{"nopassword", right, "no_password"},
			{"shut", right, "deactivated"},
			{"shut", "wrong password", "wrong_password"},
			{"", "", "unknown_account"},
		} {
			b := h.browser().from(fmt.Sprint("198.51.100.", n))
			a := b.signIn(tt.name, tt.password).code(403).has("The name or the password is wrong.").hasNot("wrong password", right)
			if len(b.cookies) != 0 {
				t.Errorf("%s: cookies %v", tt.name, b.cookies)
			}
			text := strings.ReplaceAll(a.Body.String(), fmt.Sprintf("value=%q", tt.name), `value=""`)
			if first == "" {
				first = text
			}
			if text != first {
				t.Errorf("%s: another page: %s", tt.name, text)
			}
			events := h.refusals()
			if len(events) != n+1 {
				t.Fatalf("%s: %d events, want %d", tt.name, len(events), n+1)
			}
			e := events[n]
			if e.Changes["code"] != tt.code || e.Request != a.Header().Get("X-Request-Id") || e.Actor != "person" || strings.Contains(fmt.Sprint(e), "secret-typed") {
				t.Errorf("%s: the event is %+v", tt.name, e)
			}
			if want := string(h.find(tt.name).ID); e.Object != want {
				t.Errorf("%s: the event is about %q, want %q", tt.name, e.Object, want)
			}
		}
	})
}

// find is the account of a name, or nothing.
func (h *house) find(name string) (a directory.Account) {
	_ = h.db.View(h.Context(), func(tx *store.Tx) (err error) { a, err = tx.FindAccount(name); return err })
	return a
}

func TestLogin_guesses_are_few(t *testing.T) {
	each(t, func(h *house) {
		h.localUser("bo")
		// Ten names from one address.
		b := h.browser().from("198.51.100.1")
		for n := range 10 {
			b.signIn(fmt.Sprint("name", n), "wrong password").code(403)
		}
		a := b.signIn("bo", right).code(429).has("Too many failed attempts")
		if a.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		if n := len(h.refusals()); n != 10 {
			t.Errorf("%d events", n)
		}
		// One name from ten addresses; the eleventh is not looked at, though it is right.
		for n := range 10 {
			h.browser().from(fmt.Sprint("203.0.113.", n)).signIn("bo", "wrong password").code(403)
		}
		h.browser().from("203.0.113.99").signIn("bo", right).code(429)
		h.browser().from("203.0.113.98").signIn("ada", right).leads("/")
		// What was right costs nothing.
		for range 25 {
			h.browser().from("203.0.113.97").signIn("ada", right).leads("/")
		}
	})
}

// Nobody elsewhere shuts out who comes from where he always comes from.
func TestLogin_from_a_known_address_goes_on_under_attack(t *testing.T) {
	each(t, func(h *house) {
		h.browser().signIn("ada", right).leads("/")
		for n := range 30 {
			h.browser().from(fmt.Sprint("203.0.113.", n)).signIn("ada", "wrong password")
		}
		h.browser().from("203.0.113.99").signIn("ada", right).code(429)
		h.browser().signIn("ADA", right).leads("/")
		for n := range 10 { // others at that address, who guess
			h.browser().signIn(fmt.Sprint("name", n), "wrong password").code(403)
		}
		h.browser().signIn("name11", "wrong password").code(429)
		h.browser().signIn("ada", right).leads("/")
		for range 10 { // and there the tries are few too
			h.browser().signIn("ada", "wrong password").code(403)
		}
		h.browser().signIn("ada", right).code(429)
	})
}

func TestLogout_ends_the_session_here_and_there(t *testing.T) {
	each(t, func(h *house) {
		b := h.browser()
		b.signIn("ada", right)
		b.get("/logout").code(405)
		secret := b.cookies[sessionCookie]
		b.post("/logout").leads("/login?signed_out=1")
		if len(b.cookies) != 0 || len(h.sessions("ada")) != 0 {
			t.Errorf("cookies %v, sessions %v", b.cookies, h.sessions("ada"))
		}
		b.cookies[sessionCookie] = secret
		b.get("/").leads("/login")
		b.get("/login?signed_out=1").code(200).has("You are signed out.")
		b.get("/login").code(200).hasNot("You are signed out.")
		b.post("/logout").leads("/login?signed_out=1")

		var asked []string
		answer, fail := "https://idp.test/slo?SAMLRequest=x&RelayState=y", error(nil)
		h.door.SignOut = func(_ context.Context, base string, s *directory.Session) (string, error) {
			asked = append(asked, base+" "+string(s.ID))
			return answer, fail
		}
		h.serve()
		b.signIn("ada", right)
		id := h.sessions("ada")[0].ID
		b.post("/logout").code(200).has(`content="0; url=https://idp.test/slo?SAMLRequest=x&amp;RelayState=y"`)
		if len(asked) != 1 || asked[0] != base+" "+string(id) || len(h.sessions("ada")) != 0 {
			t.Errorf("asked %v", asked)
		}
		b.signIn("ada", right)
		answer, fail = "", errors.New("out of reach")
		b.post("/logout").leads("/login?signed_out=1")
		if len(h.sessions("ada")) != 0 {
			t.Error("the session goes on")
		}
	})
}
