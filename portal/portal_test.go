package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
)

// posts are all paths that change something, with a form that would.
func (h *house) posts() map[string]string {
	return map[string]string{
		"/login": "name=ada&password=" + url.QueryEscape(right), "/logout": "", "/sessions/revoke": "all=1", "/tokens": "description=cron",
		"/tokens/revoke": "id=" + strings.Repeat("0", 26), "/welcome": "team=" + string(h.team("open").ID),
		"/signup": "username=eve&email=eve@x.test&password=" + url.QueryEscape(right) + "&team=" + string(h.team("open").ID),
	}
}

// Case 32: a form of another site does nothing.
func TestPortal_forms_of_other_sites_do_nothing(t *testing.T) {
	each(t, func(h *house) {
		b, other := h.browser(), h.browser()
		b.signIn("ada", right)
		other.signIn("ada", right)
		b.cookies["__Host-rollcall-welcome"] = h.newcomer("00u1", "new@x.test")
		for path, form := range h.posts() {
			for name, sent := range map[string]*browser{
				"cross-site":           b.with("Sec-Fetch-Site", "cross-site"),
				"same-site":            b.with("Sec-Fetch-Site", "same-site"),
				"a foreign origin":     b.with("Sec-Fetch-Site", "").with("Origin", "https://evil.test"),
				"an origin of none":    b.with("Sec-Fetch-Site", "").with("Origin", "null"),
				"another port":         b.with("Sec-Fetch-Site", "").with("Origin", base+":8443"),
				"a suffix of ours":     b.with("Sec-Fetch-Site", "").with("Origin", base+".evil.test"),
				"both, which disagree": b.with("Sec-Fetch-Site", "cross-site").with("Origin", "https://evil.test"),
			} {
				a := sent.send(http.MethodPost, path, form).code(403).has("came from another site")
				if len(a.Result().Cookies()) != 0 {
					t.Errorf("%s, %s: it sets cookies", path, name)
				}
			}
		}
		if n := len(h.sessions("ada")); n != 2 {
			t.Errorf("%d sessions", n)
		}
		if h.find("eve").Row != 0 || h.find("new@x.test").Row != 0 || len(h.refusals()) != 0 {
			t.Error("something was done")
		}
		// The same forms, from here.
		for _, sent := range []*browser{b, b.with("Sec-Fetch-Site", "").with("Origin", base), b.with("Sec-Fetch-Site", "none")} {
			sent.post("/tokens", "description=cron").code(200)
		}
	})
}

func TestPortal_methods_and_paths(t *testing.T) {
	each(t, func(h *house) {
		for path, allow := range map[string]string{
			"/": "GET, HEAD", "/login": "GET, HEAD POST", "/logout": "POST", "/signup": "GET, HEAD POST", "/welcome": "GET, HEAD POST", "/me": "GET, HEAD",
			"/sessions/revoke": "POST", "/tokens": "POST", "/tokens/revoke": "POST",
		} {
			for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"} {
				a := h.browser().send(method, path, "").code(405)
				if got := strings.Join(a.Header().Values("Allow"), " "); got != allow {
					t.Errorf("%s allows %q, want %q", path, got, allow)
				}
			}
		}
		for _, path := range []string{"/nothing", "/login/", "//login", "/Login", "/login%2f", "/tokens/x", "/%2e%2e/login", "/favicon.ico", "/sessions"} {
			h.browser().get(path).code(404).hasNot("alert")
		}
		if a := h.browser().send(http.MethodHead, "/login", "").code(200); a.Header().Get("Content-Security-Policy") == "" {
			t.Error("HEAD is another answer")
		}
		h.door.SignUp = false
		h.serve()
		h.browser().get("/signup").code(404)
		h.browser().send(http.MethodPost, "/signup", h.posts()["/signup"]).code(404)
		h.browser().get("/login").hasNot("/signup")
	})
}

func TestPortal_takes_a_form_that_reads_one_way(t *testing.T) {
	each(t, func(h *house) {
		b := h.browser()
		good := "name=ada&password=" + url.QueryEscape(right)
		for name, tt := range map[string]struct {
			target, body, kind string
			want               int
		}{
			"good":             {"/login", good, "application/x-www-form-urlencoded; charset=UTF-8", 303},
			"JSON":             {"/login", `{"name":"ada"}`, "application/json", 415},
			"text":             {"/login", good, "text/plain", 415},
			"multipart":        {"/login", good, "multipart/form-data; boundary=x", 415},
			"no type":          {"/login", good, " ", 415},
			"a field twice":    {"/login", good + "&name=bo", "application/x-www-form-urlencoded", 400},
			"another field":    {"/login", good + "&admin=true", "application/x-www-form-urlencoded", 400},
			"in the query too": {"/login?name=bo", good, "application/x-www-form-urlencoded", 400},
			"no form":          {"/login", "%zz", "application/x-www-form-urlencoded", 400},
			"too large":        {"/login", good + "&return=" + strings.Repeat("x", 64<<10), "application/x-www-form-urlencoded", 413},
		} {
			if a := b.with("Content-Type", tt.kind).send(http.MethodPost, tt.target, tt.body); a.Code != tt.want {
				t.Errorf("%s: status %d, want %d", name, a.Code, tt.want)
			}
		}
		b.with("Content-Encoding", "gzip").send(http.MethodPost, "/login", good).code(415)
	})
}

const hostile = `"><script>alert(1)</script>`

// Case 33: what others wrote is inert on every page, and every page has the policy.
func TestPortal_pages_run_nothing(t *testing.T) {
	each(t, func(h *house) {
		in, err := h.signIn("00u1", "eve@x.test")
		h.must(err)
		newcomer := h.browser()
		newcomer.cookies["__Host-rollcall-welcome"] = in.Secret
		b := h.browser().with("User-Agent", hostile)
		_, err = h.s.CreateIdentity(t.Context(), h.okta(), func(i *directory.Identity) error {
			i.UserName, i.ExternalID, i.Active, i.Document, i.Search = hostile, "1", true, []byte("{}"), []byte("{}")
			i.Profile = directory.Profile{Email: "evil@x.test", FirstName: hostile, LastName: hostile, Nickname: hostile}
			return nil
		})
		h.must(err)
		evil, err := h.signIn("1", hostile)
		h.must(err)
		b.cookies[sessionCookie] = evil.Secret
		pages := map[string]*answer{
			"home":            b.get("/").code(200).has("&lt;script&gt;"),
			"token":           b.post("/tokens", "description="+hostile).code(200).has("&lt;script&gt;"),
			"home with token": b.get("/").code(200),
			"login":           h.browser().get("/login?return=" + url.QueryEscape("/"+hostile)).code(200),
			"wrong password":  h.browser().signIn(hostile, hostile).code(403),
			"sign-up":         h.browser().get("/signup").code(200).has("The open &lt;b&gt;"),
			"sign-up again":   h.browser().post("/signup", "username="+hostile, "email="+hostile, "password="+right, "team="+hostile).code(400),
			"welcome":         newcomer.get("/welcome").code(200).has("The open &lt;b&gt;"),
			"no team":         newcomer.post("/welcome", "team="+hostile).code(403),
			"not found":       h.browser().get("/" + url.PathEscape(hostile)).code(404),
			"no method":       h.browser().send("PUT", "/login", "").code(405),
			"cross-site":      b.with("Sec-Fetch-Site", "cross-site").post("/logout").code(403),
			"no session":      b.post("/sessions/revoke", "id="+hostile).code(404),
		}
		for name, a := range pages {
			if text := a.Body.String(); strings.Contains(text, "<script") || strings.Contains(text, "<b>") || strings.Contains(text, "<i>") {
				t.Errorf("%s: %s", name, text)
			}
			csp := a.Header().Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'sha256-"} {
				if !strings.Contains(csp, want) {
					t.Errorf("%s: the policy is %q", name, csp)
				}
			}
			if strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src") || a.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s: headers %v", name, a.Header())
			}
		}
		if a := b.get("/me").code(200); a.Header().Get("Content-Type") != "application/json" || a.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("headers of /me: %v", a.Header())
		}
	})
}

// What every door is closed by: the account is not active.
func TestPortal_nothing_opens_after_deactivation(t *testing.T) {
	each(t, func(h *house) {
		i, err := h.s.CreateIdentity(t.Context(), h.okta(), func(i *directory.Identity) error {
			i.UserName, i.ExternalID, i.Active, i.Document, i.Search = "jo@x.test", "00u1", true, []byte(`{"active":true}`), []byte("{}")
			return nil
		})
		h.must(err)
		in, err := h.signIn("00u1", "jo@x.test")
		h.must(err)
		_, token, err := h.s.CreatePersonalToken(t.Context(), admin, i.Account, "", "cron")
		h.must(err)
		b, program, local := h.browser(), h.browser().with("Authorization", "Bearer "+token), h.browser()
		b.cookies[sessionCookie] = in.Secret
		local.signIn("ada", right)
		b.get("/").code(200)
		program.get("/me").code(200)
		local.get("/").code(200)
		_, err = h.s.UpdateIdentity(t.Context(), h.okta(), i.ID, 0, func(i *directory.Identity) error {
			i.Active, i.Document = false, []byte(`{"active":false}`)
			return nil
		})
		h.must(err)
		_, err = h.s.SuspendAccount(t.Context(), admin, "ada")
		h.must(err)
		b.get("/").leads("/login")
		b.get("/me").code(401)
		b.post("/tokens", "description=cron").leads("/login")
		program.get("/me").code(401)
		local.get("/").leads("/login")
		local.get("/me").code(401)
		h.browser().signIn("ada", right).code(403)
		if n := len(h.sessions("ada")) + len(h.sessions("jo")); n != 0 {
			t.Errorf("%d sessions", n)
		}
		_, err = h.s.LiftSuspension(t.Context(), admin, "ada")
		h.must(err)
		local.get("/").leads("/login")
		h.browser().signIn("ada", right).leads("/")
		if _, _, err := h.db.PersonalToken(t.Context(), provision.HashToken(token)); !directory.Is(err, directory.NotFound) {
			t.Errorf("the token: %v", err)
		}
	})
}
