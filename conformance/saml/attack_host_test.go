package saml

import (
	"net/http"
	"testing"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// Without --base-url the request says what we are called. Whoever runs another service provider at the same identity provider could
// let us take for ours what was said to it, by calling us as it is called.
func TestAttack_35_answer_to_another_service_by_its_name(t *testing.T) {
	for _, kind := range harness.Databases(t) {
		t.Run(kind, func(t *testing.T) {
			s := open(t, kind, "")
			s.connect(t, "okta", "okta", keys().good)
			s.push(t, "okta", pat)
			s.signIn(t).enters(pat)
			here := s.base
			defer func() { s.base = here }()
			s.base = "http://evil.example.test"
			b := s.browser(t)
			if p := b.get("/saml/okta/login"); p.status == http.StatusSeeOther {
				t.Errorf("a login begins in the name of %s", s.base)
				if r := b.hand(s.answer("okta", asked(t, p.location()))); r.who != "" {
					t.Errorf("what was said to %s signs in %s", s.base, r.who)
				}
			}
			if p := b.get("/saml/okta/metadata"); p.status == http.StatusOK {
				t.Errorf("our metadata is in the name of %s", s.base)
			}
		})
	}
}
