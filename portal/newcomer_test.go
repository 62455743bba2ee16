package portal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

const newcomerCookie = "__Host-rollcall-welcome"

func TestWelcome_makes_the_account_in_the_team_that_was_chosen(t *testing.T) {
	each(t, func(h *house) {
		h.browser().get("/welcome").leads("/")
		h.browser().post("/welcome", "team="+string(h.team("open").ID)).leads("/")
		b := h.browser()
		b.cookies[newcomerCookie] = h.newcomer("00u1", "new@x.test")
		b.get("/welcome").code(200).has("The open", "okta").hasNot("The closed")
		b.get("/").leads("/login")
		b.get("/me").code(401)
		for _, team := range []string{string(h.team("closed").ID), "", "nope"} {
			b.post("/welcome", "team="+team).code(403).has("Choose one of these teams")
		}
		if h.find("new@x.test").Row != 0 {
			t.Fatal("an account was made")
		}
		secret := b.cookies[newcomerCookie]
		b.post("/welcome", "team="+string(h.team("open").ID)).leads("/me")
		if b.cookies[newcomerCookie] != "" || b.cookies[sessionCookie] == "" {
			t.Errorf("cookies %v", b.cookies)
		}
		b.get("/me").code(200).has(`"username":"new"`, `"name":"open"`, `"by":"session"`, `"connection":"okta"`, `"town-square"`)
		// A second click, and the button that leads back.
		again := h.browser()
		again.cookies[newcomerCookie] = secret
		again.post("/welcome", "team="+string(h.team("open").ID)).leads("/")
		b.cookies[newcomerCookie] = secret
		b.get("/welcome").leads("/")
		b.get("/").code(200)
		if n := len(h.sessions("new")); n != 1 {
			t.Errorf("%d sessions", n)
		}
	})
}

func TestWelcome_that_comes_to_nothing(t *testing.T) {
	each(t, func(h *house) {
		late := h.browser()
		late.cookies[newcomerCookie] = h.newcomer("00u1", "late@x.test")
		h.now.Add((directory.LoginLife + time.Second).Milliseconds())
		late.get("/welcome").leads("/")
		late.post("/welcome", "team="+string(h.team("open").ID)).leads("/")

		shut := h.browser()
		shut.cookies[newcomerCookie] = h.newcomer("00u2", "shut@x.test")
		_, err := h.s.CreateIdentity(t.Context(), h.okta(), func(i *directory.Identity) error {
			i.UserName, i.ExternalID, i.Active, i.Document, i.Search = "shut@x.test", "00u2", false, []byte("{}"), []byte("{}")
			return nil
		})
		h.must(err)
		a := shut.post("/welcome", "team="+string(h.team("open").ID)).code(403).has("Sign-in failed", "deactivated")
		if shut.cookies[newcomerCookie] != "" || shut.cookies[sessionCookie] != "" {
			t.Errorf("cookies %v", shut.cookies)
		}
		events := h.refusals()
		if len(events) != 1 || events[0].Request != a.Header().Get("X-Request-Id") || events[0].Changes["code"] != "deactivated" || events[0].Connection != "okta" {
			t.Errorf("events %+v", events)
		}
		a.has(events[0].Request)

		taken := h.browser()
		taken.cookies[newcomerCookie] = h.newcomer("00u3", "taken@x.test")
		h.localUser("taken")
		taken.post("/welcome", "team="+string(h.team("open").ID)).code(403).has("already used by another account")
	})
}

func TestSignUp_makes_an_account_and_signs_it_in(t *testing.T) {
	each(t, func(h *house) {
		open := "team=" + string(h.team("open").ID)
		for name, tt := range map[string]struct {
			fields []string
			want   int
			text   string
		}{
			"short password": {[]string{"username=new", "email=new@x.test", "password=short", open}, 400, "too short"},
			"taken username": {[]string{"username=ada", "email=new@x.test", "password=" + right, open}, 409, "taken"},
			"taken e-mail":   {[]string{"username=new", "email=ADA@x.test", "password=" + right, open}, 409, "another account has it"},
			"bad username":   {[]string{"username=New One", "email=new@x.test", "password=" + right, open}, 400, "not a username"},
			"bad e-mail":     {[]string{"username=new", "email=new", "password=" + right, open}, 400, "not an e-mail"},
			"a private team": {[]string{"username=new", "email=new@x.test", "password=" + right, "team=" + string(h.team("closed").ID)}, 403, "public teams"},
			"no team":        {[]string{"username=new", "email=new@x.test", "password=" + right}, 403, "public teams"},
		} {
			b := h.browser().from(fmt.Sprint("198.51.100.", len(name)))
			if a := b.post("/signup", tt.fields...); a.Code != tt.want || !strings.Contains(a.Body.String(), tt.text) || strings.Contains(a.Body.String(), right) {
				t.Errorf("%s: status %d, want %d and %q: %s", name, a.Code, tt.want, tt.text, a.Body)
			}
			if len(b.cookies) != 0 {
				t.Errorf("%s: cookies %v", name, b.cookies)
			}
		}
		b := h.browser()
		b.get("/signup").code(200).has("The open").hasNot("The closed")
		b.post("/signup", "username=new", "email=new@x.test", "password="+right, open).leads("/")
		b.get("/me").code(200).has(`"username":"new"`, `"admin":false`, `"name":"open"`, `"off-topic"`)
		b.get("/signup").leads("/")
		h.browser().signIn("new@x.test", right).leads("/")
		var accounts []directory.Account
		h.view(func(tx *store.Tx) (err error) { accounts, err = tx.Accounts(0, 10); return err })
		if len(accounts) != 2 {
			t.Errorf("%d accounts", len(accounts))
		}
	})
}

func TestSignUp_of_many_from_one_address_is_refused(t *testing.T) {
	each(t, func(h *house) {
		for range 10 {
			h.browser().post("/signup", "username=x", "password=short").code(400)
		}
		h.browser().post("/signup", "username=x", "password=short").code(429)
		h.browser().from("198.51.100.1").post("/signup", "username=x", "password=short").code(400)
	})
}
