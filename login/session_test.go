package login_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

// session signs in an account and returns the secret.
func (h *house) session(a directory.Account) string {
	h.Helper()
	secret, err := h.s.OpenSession(h.Context(), admin, a.Row, h.stored(a), "", "test")
	if err != nil {
		h.Fatal(err)
	}
	return secret
}

// person asserts whom a request with a session and an Authorization header is of; nobody for an empty name.
func (h *house) person(session, authorization, want string) login.Person {
	h.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	if session != "" {
		r.AddCookie(&http.Cookie{Name: "__Host-rollcall", Value: session})
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	p, err := h.login.Person(r, login.Cookies{Secure: true})
	if p.Account.Username != want || (err == nil) != (want != "") || err != nil && !directory.Is(err, directory.Unauthenticated) {
		h.Errorf("session %.8q, %.12q: %q, %v, want %q", session, authorization, p.Account.Username, err, want)
	}
	return p
}

func TestPerson_by_session_and_by_token(t *testing.T) {
	each(t, func(h *house) {
		ada := h.localUser("ada", hashOf(h.T, right))
		secret := h.session(ada)
		_, token, err := h.s.CreatePersonalToken(h.Context(), admin, ada.Row, "", "cron")
		if err != nil {
			h.Fatal(err)
		}
		if p := h.person(secret, "", "ada"); p.Session.Row == 0 || p.Token.Row != 0 {
			h.Errorf("by session: %+v", p)
		}
		if p := h.person("", "bearer  "+token, "ada"); p.Session.Row != 0 || p.Token.Row == 0 {
			h.Errorf("by token: %+v", p)
		}
		for _, wrong := range []string{"", "x", secret[1:], secret + "x", provision.HashToken(secret), token} {
			h.person(wrong, "", "")
		}
		for _, wrong := range []string{"Bearer " + secret, "Bearer " + token[1:], "Bearer " + token + "x", token, "Basic " + token, "Bearer", "Bearer rcp_\x00"} {
			h.person("", wrong, "")
		}
		h.person(secret, "Bearer wrong", "") // what was said on purpose counts
		two := httptest.NewRequest("GET", "/", nil)
		two.AddCookie(&http.Cookie{Name: "__Host-rollcall", Value: secret})
		two.AddCookie(&http.Cookie{Name: "__Host-rollcall", Value: "planted"})
		if _, err := h.login.Person(two, login.Cookies{Secure: true}); err == nil {
			h.Error("of two cookies one was taken")
		}
		if _, err := h.s.SuspendAccount(h.Context(), admin, "ada"); err != nil {
			h.Fatal(err)
		}
		h.person(secret, "", "")
		h.person("", "Bearer "+token, "")
		// Deactivation removes both; one that were left behind would open nothing either.
		err = h.db.Update(h.Context(), func(tx *store.Tx) error {
			now := tx.Now()
			if err := tx.AddSession(&directory.Session{
				ID: "s", Hash: provision.HashToken("left"), Account: ada.Row, Created: now, Used: now, Expires: now.Add(time.Hour),
			}); err != nil {
				return err
			}
			return tx.AddPersonalToken(&directory.PersonalToken{ID: "t", Hash: provision.HashToken("rcp_left"), Account: ada.Row, Created: now})
		})
		if err != nil {
			h.Fatal(err)
		}
		h.person("left", "", "")
		h.person("", "Bearer rcp_left", "")
	})
}

func TestPerson_use_is_noted_and_keeps_a_session_alive(t *testing.T) {
	each(t, func(h *house) {
		ada := h.localUser("ada", hashOf(h.T, right))
		secret := h.session(ada)
		_, token, err := h.s.CreatePersonalToken(h.Context(), admin, ada.Row, "", "cron")
		if err != nil {
			h.Fatal(err)
		}
		if first := h.person("", "Bearer "+token, "ada").Token.Used; !first.IsZero() {
			h.Errorf("used %v", first)
		}
		begin := h.db.Now()
		h.now.Add((directory.SessionTouch - time.Second).Milliseconds())
		h.person(secret, "", "ada")
		if used := h.person(secret, "", "ada").Session.Used; !used.Equal(begin) {
			h.Errorf("a use is written down after %v", used.Sub(begin))
		}
		h.now.Add((2 * time.Second).Milliseconds())
		h.person(secret, "", "ada")
		if used := h.person(secret, "", "ada").Session.Used; !used.Equal(h.db.Now()) {
			h.Errorf("used %v, now %v", used, h.db.Now())
		}
		for range 4 {
			h.now.Add((directory.SessionIdle - time.Hour).Milliseconds())
			h.person(secret, "", "ada")
		}
		h.now.Add(directory.SessionIdle.Milliseconds())
		h.person(secret, "", "")
		h.person("", "Bearer "+token, "ada") // a token has no age
	})
}

func TestCookies_are_as_safe_as_the_way_to_us(t *testing.T) {
	for name, tt := range map[string]struct {
		base   string
		cookie login.Cookie
		want   string
	}{
		"session":               {"https://x.test", login.SessionCookie, "__Host-rollcall=v; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax"},
		"login":                 {"https://x.test", login.LoginCookie, "__Host-rollcall-login=v; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=None"},
		"newcomer":              {"https://x.test", login.NewcomerCookie, "__Host-rollcall-welcome=v; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax"},
		"again":                 {"https://x.test", login.AgainCookie, "__Host-rollcall-again=v; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=None"},
		"session without TLS":   {"http://x.test", login.SessionCookie, "rollcall=v; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"},
		"login without TLS":     {"", login.LoginCookie, "rollcall-login=v; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"},
		"newcomer without TLS":  {"", login.NewcomerCookie, "rollcall-welcome=v; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"},
		"the guard without TLS": {"", login.AgainCookie, "rollcall-again=v; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"},
	} {
		w := httptest.NewRecorder()
		login.CookiesFor(tt.base).Set(w, tt.cookie, "v")
		if got := w.Header().Get("Set-Cookie"); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
