package portal_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
)

func TestHome_shows_where_a_person_is_signed_in_and_ends_it(t *testing.T) {
	each(t, func(h *house) {
		bo := h.browser()
		h.localUser("bo")
		bo.signIn("bo", right)
		foreign := string(h.sessions("bo")[0].ID)
		var all []*browser
		for range 4 {
			b := h.browser()
			b.signIn("ada", right)
			all = append(all, b)
		}
		page := all[0].get("/").code(200).has("ada@x.test", "this one", "Browser &lt;i&gt;1", "password").hasNot(foreign)
		ids := regexp.MustCompile(`name="id" value="([a-z0-9]{26})"`).FindAllStringSubmatch(page.Body.String(), -1)
		if len(ids) != 3 {
			t.Fatalf("%d other sessions: %s", len(ids), page.Body)
		}
		all[0].post("/sessions/revoke", "id="+foreign).code(404)
		all[0].post("/sessions/revoke", "id=").code(404)
		bo.get("/").code(200)
		second := string(h.sessions("ada")[1].ID)
		all[0].post("/sessions/revoke", "id="+second).leads("/")
		all[1].get("/").leads("/login")
		all[2].get("/").code(200)
		all[0].post("/sessions/revoke", "all=1").leads("/")
		all[2].get("/").leads("/login")
		all[3].get("/me").code(401)
		all[0].get("/").code(200)
		bo.get("/").code(200)
		all[0].post("/sessions/revoke", "id="+string(h.sessions("ada")[0].ID)).leads("/login")
		all[0].get("/").leads("/login")
		if all[0].cookies[sessionCookie] != "" {
			t.Error("the cookie is still there")
		}
		h.browser().post("/sessions/revoke", "all=1").leads("/login")
	})
}

func TestTokens_are_shown_once_and_speak_for_their_person(t *testing.T) {
	each(t, func(h *house) {
		b := h.browser()
		b.signIn("ada", right)
		b.post("/tokens", "description=").code(400)
		made := b.post("/tokens", "description=night job").code(200)
		secret := regexp.MustCompile(`rcp_[A-Za-z0-9_-]{43}`).FindString(made.Body.String())
		if secret == "" {
			t.Fatalf("no secret in %s", made.Body)
		}
		page := b.get("/").code(200).has("night job", "never").hasNot(secret)
		program := h.browser().with("Authorization", "Bearer "+secret)
		program.get("/me").code(200).has(`"username":"ada"`, `"by":"token"`, `"connection":""`, `"teams":[]`)
		b.get("/").code(200).hasNot(">never<")
		// A token opens no page, and makes no other.
		program.get("/").leads("/login")
		program.post("/tokens", "description=x").leads("/login")
		program.post("/logout").leads("/login?signed_out=1")

		bo := h.browser()
		h.localUser("bo")
		bo.signIn("bo", right)
		id := regexp.MustCompile(`/tokens/revoke"><input type="hidden" name="id" value="([a-z0-9]{26})"`).FindStringSubmatch(page.Body.String())[1]
		bo.post("/tokens/revoke", "id="+id).code(404)
		bo.post("/tokens/revoke", "id=x").code(404)
		program.get("/me").code(200)
		b.post("/tokens/revoke", "id="+id).leads("/")
		program.get("/me").code(401).has("personal token")
	})
}

func TestMe_tells_nobody_else(t *testing.T) {
	each(t, func(h *house) {
		a := h.browser().get("/me").code(401)
		if !strings.HasPrefix(a.Header().Get("WWW-Authenticate"), "Bearer") || a.Header().Get("Content-Type") != "application/json" {
			t.Errorf("headers %v", a.Header())
		}
		stale := h.browser()
		stale.cookies[sessionCookie] = "stale"
		for range 30 { // a cookie that has had its time is no attack
			stale.get("/me").code(401)
		}
		_, token, err := h.s.CreateToken(t.Context(), admin, "okta", 0)
		h.must(err)
		guess := h.browser().from("198.51.100.1")
		for _, wrong := range []string{
			"Bearer rcp_wrong", "Bearer " + token, "Basic YWRhOng=", "rcp_wrong", "Bearer", "Bearer rcp_" + strings.Repeat("x", 100_000), "Bearer rcp_'", "bearer rcp_\xff", "x", "y",
		} {
			guess.with("Authorization", wrong).get("/me").code(401)
		}
		guess.with("Authorization", "Bearer rcp_wrong").get("/me").code(429)
		_, secret, err := h.s.CreatePersonalToken(t.Context(), admin, h.account("ada").Row, "", "x")
		h.must(err)
		guess.with("Authorization", "bearer "+secret).get("/me").code(200) // never in the way of a right one
		_, err = h.s.SetAdmin(t.Context(), directory.Actor{Name: "test"}, "ada", true)
		h.must(err)
		guess.with("Authorization", "Bearer "+secret).get("/me").code(200).has(`"admin":true`)
	})
}
