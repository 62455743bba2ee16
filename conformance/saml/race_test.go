package saml

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// The people of the race, each of whom one goroutine lets in and shuts out, round after round.
const racers = 16

func TestRace_login_against_deactivation(t *testing.T) {
	for _, kind := range harness.Databases(t) {
		t.Run(kind, func(t *testing.T) {
			rounds := 10_000
			if kind == "postgres" { // whose every round takes twice as long
				rounds = 2_000
			}
			if testing.Short() {
				rounds = 400
			}
			s := open(t, kind, "https://chat.example.test", "--log-level", "warn", "--rate-limit", "100000", "--rate-burst", "100000")
			s.connect(t, "okta", "okta", keys().good)
			var people [racers]person
			for i := range people {
				people[i] = person(fmt.Sprintf("racer%d", i))
				s.push(t, "okta", people[i])
			}
			var r race
			begin := time.Now()
			harness.Parallel(racers, func(i int) {
				id := s.ids[people[i]]
				for n := range rounds / racers {
					if !r.round(t, s, people[i], id, n) {
						return
					}
				}
			})
			t.Logf("%d logins were refused, and of %d the session was ended, in %v", r.refused.Load(), r.ended.Load(), time.Since(begin).Round(time.Millisecond))
			if sum := r.refused.Load() + r.ended.Load(); sum != int64(rounds/racers*racers) || r.refused.Load() == 0 || r.ended.Load() == 0 {
				t.Errorf("%d rounds came to an end, want %d, and both orders in them", sum, rounds)
			}
			if left := s.sessions(t); len(left) != 0 {
				t.Errorf("%d sessions are left", len(left))
			}
		})
	}
}

// race counts how its rounds ended.
type race struct{ refused, ended atomic.Int64 }

// round lets somebody sign in and be deactivated at once, and asserts that no session lives when both are answered, nor when the
// person is active again. The login begins a little sooner, by more and more in each fifty rounds.
func (r *race) round(t *testing.T, s *site, p person, id string, n int) bool {
	b := s.browser(t)
	m := s.message(b, "okta")
	m.subject = subjectOf(p)
	req := b.request(http.MethodPost, "/saml/okta/acs", form(m.xml(t), m.relay))
	var in page
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		in, failed = b.try(req, cross)
	}()
	time.Sleep(time.Duration(n%50) * 100 * time.Microsecond)
	off, err := s.tryScim("okta", "PATCH /Users/"+id, activity(false))
	<-done
	if err != nil || failed != nil || off.status != http.StatusOK {
		t.Errorf("the deactivation ends with %d %v, the login with %v", off.status, err, failed)
		return false
	}
	switch {
	case in.status == http.StatusSeeOther && b.cookies[s.cookie("")] != nil:
		r.ended.Add(1)
	case in.status == http.StatusForbidden && strings.Contains(in.body, "deactivated") && b.cookies[s.cookie("")] == nil:
		r.refused.Add(1)
	default:
		t.Errorf("the login ends with %d %s", in.status, in.text())
		return false
	}
	if p, err := b.try(b.request(http.MethodGet, "/me", nil), own); err != nil || p.status != http.StatusUnauthorized {
		t.Errorf("a session lives after the deactivation was answered: %d %v", p.status, err)
		return false
	}
	if on, err := s.tryScim("okta", "PATCH /Users/"+id, activity(true)); err != nil || on.status != http.StatusOK {
		t.Errorf("the activation ends with %d %v", on.status, err)
		return false
	}
	if n%10 != 0 { // the rest of the time is better spent on more rounds
		return true
	}
	if p, err := b.try(b.request(http.MethodGet, "/me", nil), own); err != nil || p.status != http.StatusUnauthorized {
		t.Errorf("a session lives again after the activation: %d %v", p.status, err)
		return false
	}
	return true
}

func activity(active bool) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":%t}]}`, active)
}
