package saml

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// sessions are the ids of all sessions.
func (s *site) sessions(t *testing.T) []string {
	t.Helper()
	return strings.Fields(s.state(t).sessions)
}

// fresh is a browser that holds the same cookies.
func (b *browser) fresh() *browser {
	other := b.s.browser(b.t)
	for name, c := range b.cookies {
		other.cookies[name] = c
	}
	return other
}

func TestAttack_10_replay(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		again := func(name, code string, with func(m *message), attack func(t *testing.T, b *browser, m *message) result) {
			t.Run(name, func(t *testing.T) {
				b := s.browser(t)
				m := s.message(b, "okta")
				with(m)
				before := b.fresh() // with the cookie of the login, which a success takes away
				b.hand(m).enters(pat)
				s.refuses(t, refusal{code: code}, func() result { return attack(t, before, m) })
			})
		}
		same := func(*message) {}
		post := func(b *browser, xml, relay string) result { return b.ended(b.deliver("okta", form(xml, relay))) }
		again("the same response in the same browser", "unknown_request", same, func(_ *testing.T, b *browser, m *message) result { return post(b, m.finished, m.relay) })
		again("the same response in another browser", "unknown_request", same, func(t *testing.T, _ *browser, m *message) result {
			return post(s.browser(t), m.finished, m.relay)
		})
		again("the same response in a browser that began a login", "unknown_request", same, func(t *testing.T, _ *browser, m *message) result {
			b := s.browser(t)
			return post(b, m.finished, b.begin("okta", "").relay)
		})
		again("the same assertion in another response", "unknown_request", same, func(_ *testing.T, b *browser, m *message) result {
			return post(b, strings.Replace(m.finished, m.response, newID(), 1), m.relay)
		})
		again("the same assertion in a response to another request", "in_response_to", same, func(t *testing.T, _ *browser, m *message) result {
			b := s.browser(t)
			r := b.begin("okta", "")
			return post(b, strings.Replace(m.finished, m.request, r.id, 1), r.relay)
		})
		again("another assertion for the same request", "unknown_request", same, func(t *testing.T, b *browser, m *message) result {
			m.id, m.response = newID(), newID()
			return post(b, m.xml(t), m.relay)
		})
		again("an assertion of the same ID for another request", "replay", same, func(t *testing.T, _ *browser, m *message) result {
			b := s.browser(t)
			other := s.message(b, "okta")
			other.id = m.id
			return post(b, other.xml(t), other.relay)
		})
		t.Run("many posts at once make one session", func(t *testing.T) { s.rush(t, func(*message) {}) })
		t.Run("many assertions for one request at once make one session", func(t *testing.T) {
			s.rush(t, func(m *message) { m.id, m.response = newID(), newID() })
		})
	})
}

// rush posts answers to one request at once, each changed by vary, and asserts that one counts.
func (s *site) rush(t *testing.T, vary func(m *message)) {
	t.Helper()
	b := s.browser(t)
	m := s.message(b, "okta")
	before := s.sessions(t)
	const posts = 8
	bodies, browsers := make([]url.Values, posts), make([]*browser, posts)
	for i := range posts {
		vary(m)
		bodies[i], browsers[i] = form(m.xml(t), m.relay), b.fresh()
	}
	var in, out atomic.Int32
	harness.Parallel(posts, func(i int) {
		p, err := browsers[i].try(browsers[i].request(http.MethodPost, "/saml/okta/acs", bodies[i]), cross)
		switch {
		case err == nil && p.status == http.StatusSeeOther && p.location() == "/":
			in.Add(1)
		case err == nil && p.status == http.StatusForbidden:
			out.Add(1)
		default:
			t.Errorf("a post ends with %d %s, %v", p.status, p.location(), err)
		}
	})
	if in.Load() != 1 || out.Load() != posts-1 {
		t.Errorf("%d posts sign in and %d are refused, want 1 and %d", in.Load(), out.Load(), posts-1)
	}
	if made := len(s.sessions(t)) - len(before); made != 1 {
		t.Errorf("%d sessions were made, want 1", made)
	}
}

func TestAttack_11_answers_to_other_requests(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.connect(t, "other", "okta", keys().other)
		foreign := func(t *testing.T) begun { return s.browser(t).begin("okta", "") }
		s.variants(t, []variant{
			{name: "a request that nobody made", code: "unknown_request", forge: func(m *message) { m.request = newID() }},
			{name: "a request of another browser", code: "other_browser", forge: func(m *message) { m.request = foreign(t).id }},
			{name: "a request of another browser, with its RelayState", code: "other_browser", forge: func(m *message) {
				r := foreign(t)
				m.request, m.relay = r.id, r.relay
			}},
			{name: "a request of another connection", code: "unknown_request", forge: func(m *message) { m.request = s.browser(t).begin("other", "").id }},
			{name: "the response answers, and the confirmation another request", code: "in_response_to", forge: before(reform(`(<saml:SubjectConfirmationData[^>]*InResponseTo=")[^"]*`, `${1}_evil`))},
			{name: "the confirmation answers, and the response another request", code: "unknown_request", forge: before(swap(`InResponseTo="`, `InResponseTo="_evil`))},
			{name: "an empty InResponseTo in the confirmation", code: "in_response_to", forge: before(reform(`(<saml:SubjectConfirmationData[^>]*InResponseTo=")[^"]*`, `$1`))},
		})
		t.Run("a request of the same browser at another connection", func(t *testing.T) {
			b := s.browser(t)
			other := b.begin("other", "")
			m := s.message(b, "okta")
			m.request = other.id
			s.refuses(t, refusal{code: "unknown_request"}, func() result { return b.hand(m) })
		})
		t.Run("of two requests of one browser the older one counts, or nobody is in", func(t *testing.T) {
			b := s.browser(t)
			first := s.message(b, "okta")
			_ = s.message(b, "okta")
			r := b.hand(first)
			if r.who != "" && r.who != string(pat) || r.status >= 500 {
				t.Errorf("the login ends with %d as %q", r.status, r.who)
			}
		})
		t.Run("a request whose time is over", func(t *testing.T) {
			b := s.browser(t)
			m := s.message(b, "okta")
			s.age(t, m.request)
			s.refuses(t, refusal{code: "unknown_request"}, func() result { return b.hand(m) })
		})
	})
}

func TestAttack_12_responses_that_nobody_asked_for(t *testing.T) {
	unsolicited := func(s *site, b *browser) *message {
		m := s.message(b, "okta")
		m.request, m.relay = "", ""
		return m
	}
	attacked(t, func(t *testing.T, s *site) {
		s.signIn(t).enters(pat)
		t.Run("the browser is sent to our own login, once", func(t *testing.T) {
			b := s.browser(t)
			m := unsolicited(s, s.browser(t))
			r := b.hand(m)
			if r.status != http.StatusSeeOther || !strings.HasSuffix(strings.TrimPrefix(r.location(), s.base), "/saml/okta/login") || r.who != "" {
				t.Fatalf("the answer is %d %s, signed in as %q", r.status, r.location(), r.who)
			}
			path := strings.TrimPrefix(r.location(), s.base)
			if p := b.get(path); p.status != http.StatusSeeOther || !strings.HasPrefix(p.location(), idpOrigin) {
				t.Fatalf("our login answers %d %s", p.status, p.location())
			}
			s.refuses(t, refusal{code: "unsolicited"}, func() result { return b.hand(unsolicited(s, s.browser(t))) })
		})
		t.Run("a loop ends for a browser that does not follow", func(t *testing.T) {
			b := s.browser(t)
			b.hand(unsolicited(s, s.browser(t)))
			s.refuses(t, refusal{code: "unsolicited"}, func() result { return b.hand(unsolicited(s, s.browser(t))) })
		})
		t.Run("after that our own login counts", func(t *testing.T) {
			b := s.browser(t)
			b.hand(unsolicited(s, s.browser(t)))
			b.hand(s.message(b, "okta")).enters(pat)
		})
		t.Run("where they are taken", func(t *testing.T) {
			s.settings(t, "saml_idp_initiated=true")
			takes := func(t *testing.T, change func(m *message)) result {
				m := unsolicited(s, s.browser(t))
				if change != nil {
					change(m)
				}
				return s.browser(t).hand(m)
			}
			r := takes(t, nil).enters(pat)
			if r.location() != "/" {
				t.Errorf("it leads to %q", r.location())
			}
			for _, relay := range []string{"https://evil.example.test/", "//evil.example.test", "/sessions", "javascript:alert(1)"} {
				if r := takes(t, func(m *message) { m.relay = relay }); r.status == http.StatusSeeOther && r.location() != "/" {
					t.Errorf("RelayState %q leads to %q", relay, r.location())
				}
			}
			refused := map[string]func(*message){
				"an answer to a request that nobody made": func(m *message) { m.request = newID() },
				"an answer to a request of another":       func(m *message) { m.request = s.browser(t).begin("okta", "").id },
				"an empty InResponseTo":                   before(swap("<samlp:Response ", `<samlp:Response InResponseTo="" `)),
				"InResponseTo in the confirmation alone":  before(swap("<saml:SubjectConfirmationData", `<saml:SubjectConfirmationData InResponseTo="_x"`)),
				"InResponseTo of the response alone":      before(swap("<samlp:Response ", `<samlp:Response InResponseTo="_x" `)),
			}
			for name, change := range refused {
				t.Run(name, func(t *testing.T) {
					s.refuses(t, refusal{}, func() result { return takes(t, change) })
				})
			}
			t.Run("a replay", func(t *testing.T) {
				m := unsolicited(s, s.browser(t))
				s.browser(t).hand(m).enters(pat)
				s.refuses(t, refusal{code: "replay"}, func() result { return s.browser(t).ended(s.browser(t).deliver("okta", form(m.finished, ""))) })
			})
		})
	})
}

func TestAttack_24_login_of_somebody_else(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.signIn(t).enters(pat)
		stolen := func(t *testing.T) *message { return s.message(s.browser(t), "okta") }
		t.Run("the attacker's own response in the victim's browser", func(t *testing.T) {
			s.refuses(t, refusal{code: "other_browser"}, func() result { return s.browser(t).hand(stolen(t)) })
		})
		t.Run("in the browser of a victim who began a login", func(t *testing.T) {
			b := s.browser(t)
			b.begin("okta", "")
			s.refuses(t, refusal{code: "other_browser"}, func() result { return b.hand(stolen(t)) })
		})
		t.Run("in the browser of a victim who is signed in", func(t *testing.T) {
			b := s.signIn(t, func(m *message) { m.subject = subjectOf(vic) }).enters(vic).b
			if r := b.hand(stolen(t)); r.status != http.StatusForbidden || r.who != string(vic) {
				t.Errorf("the victim's browser ends with %d as %q", r.status, r.who)
			}
		})
		t.Run("a session that the attacker chose", func(t *testing.T) {
			b := s.browser(t)
			chosen := &http.Cookie{Name: s.cookie(""), Value: strings.Repeat("A", 43), SameSite: http.SameSiteLaxMode}
			b.cookies[chosen.Name] = chosen
			m := s.message(b, "okta")
			b.hand(m).enters(pat)
			if b.cookies[chosen.Name].Value == chosen.Value {
				t.Error("the session has the secret that the attacker chose")
			}
		})
		t.Run("a login makes a new session", func(t *testing.T) {
			b := s.signIn(t).enters(pat).b
			old := b.fresh()
			b.hand(s.message(b, "okta")).enters(pat)
			if b.cookies[s.cookie("")].Value == old.cookies[s.cookie("")].Value {
				t.Error("the session has the secret of before")
			}
			if who := old.username(); who != "" {
				t.Errorf("the former session goes on, as %q", who)
			}
		})
		t.Run("the cookie of a login is worth nothing after it", func(t *testing.T) {
			b := s.browser(t)
			m := s.message(b, "okta")
			old := b.fresh()
			b.hand(m).enters(pat)
			s.refuses(t, refusal{code: "unknown_request"}, func() result { return old.ended(old.deliver("okta", form(m.finished, m.relay))) })
		})
	})
}

func TestAttack_34_mix_up(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.connect(t, "other", "okta", keys().other)
		s.push(t, "other", "eve")
		other := s.idps["other"]
		t.Run("each connection has names of its own", func(t *testing.T) {
			a, b := s.browser(t).begin("okta", ""), s.browser(t).begin("other", "")
			if a.acs == b.acs || a.issuer == b.issuer {
				t.Errorf("two connections are called %+v and %+v", a, b)
			}
		})
		s.variants(t, []variant{
			{name: "the other provider answers our request to this one", code: "issuer_mismatch", forge: func(m *message) { m.idp, m.signs.by = other, other.pair }},
			{name: "the other provider calls itself this one", code: "signature", forge: func(m *message) { m.signs.by = other.pair }},
			{name: "this provider answers in the name of the other", code: "issuer_mismatch", forge: func(m *message) { m.idp.entity = other.entity }},
			{name: "the answer is posted to the other connection", code: "unknown_request", forge: func(m *message) { m.connection = "other" }},
			{name: "the answer of the other provider is posted to the other connection", code: "unknown_request", forge: func(m *message) {
				m.connection, m.idp, m.signs.by = "other", other, other.pair
			}},
			{name: "the audience is the other connection", code: "audience_mismatch", forge: func(m *message) { m.audience = s.browser(t).begin("other", "").issuer }},
			{name: "the recipient is the other connection", code: "destination_mismatch", forge: func(m *message) { m.acs = s.browser(t).begin("other", "").acs }},
		})
		t.Run("the whole answer to a request at the other one, for this one", func(t *testing.T) {
			b := s.browser(t)
			r := b.begin("okta", "")
			m := s.answer("other", r)
			m.acs, m.audience = strings.Replace(r.acs, "okta", "other", 1), strings.Replace(r.issuer, "okta", "other", 1)
			s.refuses(t, refusal{code: "unknown_request"}, func() result { return b.hand(m) })
		})
		t.Run("a connection that was disabled meanwhile", func(t *testing.T) {
			b := s.browser(t)
			m := s.message(b, "okta")
			s.CLI(t, "connection", "disable", "okta")
			defer s.CLI(t, "connection", "enable", "okta")
			s.rejects(t, 0, func() result { return b.hand(m) })
		})
	})
}
