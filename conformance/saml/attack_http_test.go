package saml

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// elsewhere are addresses that a login must not lead to.
var elsewhere = []string{
	"https://evil.example.test/", "//evil.example.test", `/\evil.example.test`, `\\evil.example.test`, "javascript:alert(1)", "data:text/html,x",
	"/\t/evil.example.test", "/%2f/evil.example.test\r\nSet-Cookie: evil=1", "http:evil.example.test", "/../..//evil.example.test", " //evil.example.test",
	"https://chat.example.test.evil.test/", "https://chat.example.test@evil.test/",
}

func TestAttack_23_relay_state(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		b := s.browser(t)
		m := s.answer("okta", b.begin("okta", "/tokens?x=1"))
		if r := b.hand(m).enters(pat); r.location() != "/tokens?x=1" {
			t.Errorf("the login leads to %q, want to where the person wanted to go", r.location())
		}
		for _, text := range append(slices.Clone(elsewhere), strings.Repeat("a", 4096), "\x00", s.browser(t).begin("okta", "/tokens").relay) {
			t.Run("RelayState "+fmt.Sprintf("%.40q", text), func(t *testing.T) {
				r := s.signIn(t, func(m *message) { m.relay = text })
				if r.status == http.StatusSeeOther && (r.location() != "/" || r.header.Get("Set-Cookie") == "") || r.status != http.StatusSeeOther && r.who != "" || r.status >= 500 {
					t.Errorf("the login ends with %d %q as %q", r.status, r.location(), r.who)
				}
			})
		}
		for _, text := range elsewhere {
			t.Run("return="+text, func(t *testing.T) {
				b := s.browser(t)
				p := b.get("/saml/okta/login?return=" + url.QueryEscape(text))
				if p.status == http.StatusBadRequest {
					return
				}
				r := b.hand(s.answer("okta", asked(t, p.location()))).enters(pat)
				if at := r.location(); !strings.HasPrefix(at, "/") || strings.HasPrefix(at, "//") || strings.ContainsAny(at, "\\\r\n\t") {
					t.Errorf("the login leads to %q", at)
				}
			})
		}
		t.Run("a RelayState says nothing", func(t *testing.T) {
			relay := s.browser(t).begin("okta", "/tokens").relay
			if strings.Contains(relay, "tokens") || len(relay) > 80 || len(relay) < 20 || url.QueryEscape(relay) != relay {
				t.Errorf("RelayState is %q, want a token", relay)
			}
		})
	})
}

func TestAttack_25_cookies(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		b := s.signIn(t).enters(pat).b
		want := map[string]http.SameSite{s.cookie(""): http.SameSiteLaxMode, s.cookie("login"): http.SameSiteNoneMode}
		b.wantCookies(t, want, true)
		t.Run("sign-out from another site", func(t *testing.T) {
			if p := b.do(b.request(http.MethodPost, "/logout", url.Values{}), cross); p.status < 400 {
				t.Errorf("the answer is %d", p.status)
			}
			if b.username() != string(pat) {
				t.Error("another site has signed the person out")
			}
		})
		t.Run("the ACS without the cookie of the login", func(t *testing.T) {
			s.refuses(t, refusal{code: "other_browser"}, func() result {
				b := s.browser(t)
				m := s.message(b, "okta")
				delete(b.cookies, s.cookie("login"))
				return b.hand(m)
			})
		})
		t.Run("two cookies of the login", func(t *testing.T) {
			b := s.browser(t)
			m := s.message(b, "okta")
			req := b.request(http.MethodPost, "/saml/okta/acs", form(m.xml(t), m.relay))
			req.AddCookie(&http.Cookie{Name: s.cookie("login"), Value: "evil"})
			s.refuses(t, refusal{code: "other_browser"}, func() result { return b.ended(b.do(req, cross)) })
		})
	})
	for _, kind := range harness.Databases(t) {
		t.Run(kind+" without TLS", func(t *testing.T) {
			s := open(t, kind, "")
			s.connect(t, "okta", "okta", keys().good)
			s.push(t, "okta", pat)
			b := s.browser(t)
			m := s.message(b, "okta")
			values := form(m.xml(t), m.relay)
			p := b.do(b.request(http.MethodPost, "/saml/okta/acs", values), cross)
			if p.status != http.StatusOK || !strings.Contains(p.body, "again=1") || !p.closed() {
				t.Fatalf("without the cookie, which is Lax, the ACS answers %d with %s\n%s", p.status, p.header, p.text())
			}
			if got := inputs(p.body); got.Get("SAMLResponse") != values.Get("SAMLResponse") || got.Get("RelayState") != values.Get("RelayState") {
				t.Errorf("the page posts %v", got)
			}
			b.ended(b.again(p)).enters(pat)
			b.wantCookies(t, map[string]http.SameSite{"rollcall": http.SameSiteLaxMode, "rollcall-login": http.SameSiteLaxMode}, false)
			t.Run("the page is shown once", func(t *testing.T) {
				other := s.browser(t)
				stolen := s.message(s.browser(t), "okta")
				s.refuses(t, refusal{code: "other_browser"}, func() result { return other.hand(stolen) })
			})
			t.Run("the page holds what was posted as text", func(t *testing.T) {
				p := b.do(b.request(http.MethodPost, "/saml/okta/acs", url.Values{"SAMLResponse": {encode("x")}, "RelayState": {`"><script>alert(1)</script>`}}), cross)
				if strings.Contains(p.body, "<script>alert") {
					t.Errorf("the page is\n%s", p.text())
				}
			})
		})
	}
}

// closed reports whether a page has a policy that lets nothing of others run, and is kept by nobody.
func (p page) closed() bool {
	policy := p.header.Get("Content-Security-Policy")
	return strings.Contains(policy, "default-src 'none'") && !strings.Contains(policy, "'unsafe-inline'") &&
		strings.Contains(p.header.Get("Cache-Control"), "no-store") && strings.Contains(policy, "frame-ancestors 'none'")
}

// wantCookies asserts that a browser was given these cookies, and how.
func (b *browser) wantCookies(t *testing.T, want map[string]http.SameSite, tls bool) {
	t.Helper()
	if len(b.refused) > 0 {
		t.Errorf("browsers refuse %v", b.refused)
	}
	given := map[string]bool{}
	for _, c := range b.set {
		if given[c.Name] = true; c.MaxAge < 0 && c.Value == "" {
			continue // taken away
		}
		sameSite, known := want[c.Name]
		if !known || c.SameSite != sameSite || c.Path != "/" || c.Domain != "" || !c.HttpOnly || c.Secure != tls {
			t.Errorf("a cookie is set as %v", c)
		}
		if len(c.Value) < 22 {
			t.Errorf("the value of a cookie is short: %v", c)
		}
	}
	for name := range want {
		if !given[name] {
			t.Errorf("no cookie %s was set", name)
		}
	}
}

func TestAttack_30_http(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		for _, tt := range []struct {
			name   string
			status int
			send   func(b *browser, values url.Values) *http.Request
		}{
			{"GET", 405, func(b *browser, values url.Values) *http.Request {
				return b.request(http.MethodGet, "/saml/okta/acs?"+values.Encode(), nil)
			}},
			{"PUT", 405, func(b *browser, values url.Values) *http.Request {
				return b.request(http.MethodPut, "/saml/okta/acs", values)
			}},
			{"the fields in the query", 400, func(b *browser, values url.Values) *http.Request {
				return b.request(http.MethodPost, "/saml/okta/acs?"+values.Encode(), url.Values{})
			}},
			{"a field in the query too", 400, func(b *browser, values url.Values) *http.Request {
				return b.request(http.MethodPost, "/saml/okta/acs?SAMLResponse=x", values)
			}},
			{"an artifact", 400, body("SAMLart", "AAQAAMh48/1oXIM+sDo7Dh2qMp1HM4IF5DaRNmDj6RdUmllwn9jJHyEgIi8=")},
			{"a request too", 400, body("SAMLRequest", "x")},
			{"a second response", 400, body("SAMLResponse", "x")},
			{"a second RelayState", 400, body("RelayState", "x")},
			{"a field that nobody asked for twice", 400, func(b *browser, values url.Values) *http.Request {
				return typed(b, "application/x-www-form-urlencoded", values.Encode()+"&SAMLResponse=x&SAMLResponse=y")
			}},
			{"a second response by a name that is escaped", 400, func(b *browser, values url.Values) *http.Request {
				return typed(b, "application/x-www-form-urlencoded", values.Encode()+"&%53AMLResponse="+url.QueryEscape(values.Get("SAMLResponse")))
			}},
			{"no response", 400, func(b *browser, values url.Values) *http.Request {
				return typed(b, "application/x-www-form-urlencoded", "RelayState="+url.QueryEscape(values.Get("RelayState")))
			}},
			{"an empty body", 400, func(b *browser, _ url.Values) *http.Request {
				return typed(b, "application/x-www-form-urlencoded", "")
			}},
			{"an empty response", 400, func(b *browser, _ url.Values) *http.Request {
				return typed(b, "application/x-www-form-urlencoded", "SAMLResponse=")
			}},
			{"no content type", 415, func(b *browser, values url.Values) *http.Request { return typed(b, "", values.Encode()) }},
			{"text/plain", 415, func(b *browser, values url.Values) *http.Request { return typed(b, "text/plain", values.Encode()) }},
			{"JSON", 415, func(b *browser, values url.Values) *http.Request {
				return typed(b, "application/json", `{"SAMLResponse":"`+values.Get("SAMLResponse")+`"}`)
			}},
			{"multipart", 415, func(b *browser, values url.Values) *http.Request {
				return typed(b, "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"SAMLResponse\"\r\n\r\n"+values.Get("SAMLResponse")+"\r\n--x--\r\n")
			}},
			{"XML", 415, func(b *browser, _ url.Values) *http.Request { return typed(b, "application/xml", "<x/>") }},
			{"escapes that are none", 400, func(b *browser, _ url.Values) *http.Request {
				return typed(b, "application/x-www-form-urlencoded", "SAMLResponse=%zz")
			}},
			{"another path below", 404, func(b *browser, values url.Values) *http.Request {
				return b.request(http.MethodPost, "/saml/okta/acs/x", values)
			}},
			{"a connection that is none", 404, func(b *browser, values url.Values) *http.Request {
				return b.request(http.MethodPost, "/saml/nobody/acs", values)
			}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				s.signIn(t).enters(pat)
				s.rejects(t, tt.status, func() result {
					b := s.browser(t)
					m := s.message(b, "okta")
					return b.ended(b.do(tt.send(b, form(m.xml(t), m.relay)), cross))
				})
			})
		}
		text := func(change func(string) string) func(*message) {
			return func(m *message) {
				m.form = func(v url.Values) { v.Set("SAMLResponse", change(v.Get("SAMLResponse"))) }
			}
		}
		s.accepted(t, map[string]func(*message){
			"lines of 76 characters": text(func(s string) string { return broken(s, "\r\n") }),
		})
		for name, change := range map[string]func(string) string{
			"spaces in base64":      func(s string) string { return s[:8] + " " + s[8:] },
			"tabs in base64":        func(s string) string { return s[:8] + "\t" + s[8:] },
			"base64 of URLs":        func(s string) string { return strings.NewReplacer("+", "-", "/", "_").Replace(s + "+/") },
			"no padding":            func(s string) string { return strings.TrimRight(s+"====", "=") + "=" },
			"something behind it":   func(s string) string { return s + "!" },
			"base64 twice":          encode,
			"XML without base64":    func(string) string { return "<samlp:Response/>" },
			"bytes that are no XML": func(string) string { return encode("\x00\xff\xfe") },
		} {
			t.Run(name, func(t *testing.T) {
				s.rejects(t, 0, func() result { return s.signIn(t, text(change)) })
			})
		}
	})
}

// rejects asserts that what is no login at all changes nothing and fails nothing; a status of zero is any of 4xx.
func (s *site) rejects(t *testing.T, status int, attack func() result) {
	t.Helper()
	before := s.state(t)
	r := attack()
	if r.status != status && (status != 0 || r.status/100 != 4) {
		t.Errorf("status %d %s, want %d\n%s", r.status, r.location(), status, r.text())
	}
	if r.who != "" {
		t.Errorf("signed in as %s", r.who)
	}
	if after := s.state(t); after != before {
		t.Errorf("it changed\n%+v to\n%+v", before, after)
	}
	if list := s.eventsOf(t, r.id()); len(list) > 1 {
		t.Errorf("the events are %+v, want one at most", list)
	}
}

func body(field, value string) func(*browser, url.Values) *http.Request {
	return func(b *browser, values url.Values) *http.Request {
		values.Add(field, value)
		return b.request(http.MethodPost, "/saml/okta/acs", values)
	}
}

// typed is a POST to the ACS of a body of any type.
func typed(b *browser, contentType, text string) *http.Request {
	req, err := http.NewRequest(http.MethodPost, b.s.URL+"/saml/okta/acs", strings.NewReader(text))
	if err != nil {
		b.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

func broken(text, end string) string {
	var lines []string
	for part := range slices.Chunk([]byte(text), 76) {
		lines = append(lines, string(part))
	}
	return strings.Join(lines, end)
}

func TestAttack_33_secrets_and_escaping(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		const canary = "canary7f3a"
		markup := `&lt;script&gt;` + canary + `&lt;/script&gt;`
		loud := func(m *message) { m.attributes += attribute("note", markup) }
		good := s.signIn(t, loud).enters(pat)
		secrets := []string{canary, "<ds:SignatureValue>"}
		for _, c := range good.b.set {
			if c.Value != "" {
				secrets = append(secrets, c.Value)
			}
		}
		var sent string
		s.refuses(t, refusal{code: "signature"}, func() result {
			return s.signIn(t, loud, func(m *message) {
				m.signs.by = keys().evil
				m.form = func(v url.Values) { sent = v.Get("SAMLResponse") }
			})
		})
		secrets = append(secrets, sent, sent[:60], sent[200:260])
		for _, secret := range secrets {
			if where := s.holds(t, secret); len(where) > 0 {
				t.Errorf("%.60q stands in the %v", secret, where)
			}
		}
		t.Run("the page of a test login escapes what was asserted", func(t *testing.T) {
			b := s.administrator(t)
			p := b.get("/saml/okta/test")
			if p.status != http.StatusSeeOther {
				t.Fatalf("a test login: %d %s", p.status, p.text())
			}
			before := s.state(t)
			m := s.answer("okta", asked(t, p.location()))
			loud(m)
			m.subject = subjectOf(vic)
			shown := b.deliver("okta", form(m.xml(t), m.relay))
			if shown.status != http.StatusOK || !strings.Contains(shown.body, canary) || strings.Contains(shown.body, "<script>"+canary) || !shown.closed() {
				t.Errorf("the page is %d %v\n%s", shown.status, shown.header, shown.text())
			}
			if after := s.state(t); after != before {
				t.Errorf("a test login changed\n%+v to\n%+v", before, after)
			}
			if where := s.holds(t, canary); len(where) > 0 {
				t.Errorf("what was asserted stands in the %v", where)
			}
		})
		t.Run("a test login is for administrators", func(t *testing.T) {
			for name, b := range map[string]*browser{"nobody": s.browser(t), "a person": s.signIn(t).enters(pat).b} {
				if p := b.get("/saml/okta/test"); p.status != http.StatusForbidden && p.status != http.StatusUnauthorized && !strings.Contains(p.location(), "/login") {
					t.Errorf("%s gets %d %s", name, p.status, p.location())
				}
			}
		})
	})
}

// administrator is a browser where a local system administrator is signed in.
func (s *site) administrator(t *testing.T) *browser {
	t.Helper()
	const secret = "correct horse battery staple"
	if r := s.Input(secret+"\n", "user", "create", "--email", "root@x.test", "--username", "root", "--system-admin", "--password-stdin"); r.Code != 0 {
		t.Fatalf("user create: %+v", r)
	}
	b := s.browser(t)
	p := b.submit("/login", url.Values{"name": {"root"}, "password": {secret}})
	if p.status != http.StatusSeeOther || b.username() != "root" {
		t.Fatalf("the administrator's login: %d %s", p.status, p.text())
	}
	return b
}
