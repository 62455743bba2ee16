package login

import (
	"context"
	"net/http"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
)

// PersonalPrefix is how the secrets of personal tokens begin.
const PersonalPrefix = "rcp_"

// Person is who sent a request, by a session or by a personal token.
type Person struct {
	Account directory.Account
	Session directory.Session       // zero for a token; what Name and Agent say is not read
	Token   directory.PersonalToken // zero for a session
}

// Person finds the person whose session a request's cookie holds, or whose personal token stands in its Authorization header. It
// counts only while the account is active at this moment.
//
// Errors: *Refused.
func (s *Service) Person(r *http.Request, c Cookies) (Person, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, secret, _ := strings.Cut(header, " ")
		if secret = strings.TrimSpace(secret); !strings.EqualFold(scheme, "Bearer") || !strings.HasPrefix(secret, PersonalPrefix) || len(secret) > maxToken {
			return Person{}, &Refused{Reason: "no personal token"}
		}
		return s.byToken(r.Context(), secret)
	}
	secret := c.Get(r, SessionCookie)
	if secret == "" || len(secret) > maxToken {
		return Person{}, &Refused{Reason: "no session"}
	}
	return s.bySession(r.Context(), secret)
}

func (s *Service) bySession(ctx context.Context, secret string) (p Person, err error) {
	// Only hashes are compared, by an index: how long that takes says nothing of a session.
	p.Session, p.Account, err = s.DB.Session(ctx, provision.HashToken(secret))
	now := s.DB.Now()
	switch {
	case directory.Is(err, directory.NotFound):
		return Person{}, &Refused{Reason: "unknown session"}
	case err != nil:
		return Person{}, err
	case !p.Account.Active:
		return Person{}, &Refused{Reason: "the account is deactivated"}
	case !p.Session.Valid(now):
		return Person{}, &Refused{Reason: "expired session"}
	}
	if now.Sub(p.Session.Used) > directory.SessionTouch {
		s.noted(s.Provision.TouchSession(ctx, p.Session.Row))
	}
	return p, nil
}

func (s *Service) byToken(ctx context.Context, secret string) (p Person, err error) {
	p.Token, p.Account, err = s.DB.PersonalToken(ctx, provision.HashToken(secret))
	switch {
	case directory.Is(err, directory.NotFound):
		return Person{}, &Refused{Reason: "unknown personal token"}
	case err != nil:
		return Person{}, err
	case !p.Account.Active:
		return Person{}, &Refused{Reason: "the account is deactivated"}
	}
	if s.DB.Now().Sub(p.Token.Used) > directory.SessionTouch {
		s.noted(s.Provision.TouchPersonalToken(ctx, p.Token.Row))
	}
	return p, nil
}

// Replace gives a browser a new session, and ends the one that it had: a secret that somebody may have planted there, or seen, opens
// nothing from then on. before is the one that it had when the login began, where that is known; its cookie tells of another.
func (s *Service) Replace(w http.ResponseWriter, r *http.Request, c Cookies, actor directory.Actor, secret string, before directory.SessionID) {
	if old, err := s.Person(r, c); err == nil && old.Session.ID != "" {
		before = old.Session.ID
	}
	if before != "" {
		if _, err := s.Provision.EndSession(r.Context(), actor, 0, before); err != nil && !directory.Is(err, directory.NotFound) {
			s.Log.Warn("the former session of a browser goes on", "error", err)
		}
	}
	c.Set(w, SessionCookie, secret)
}

// noted logs why a use could not be noted. The credential counts all the same: on a full disk people can still read.
func (s *Service) noted(err error) {
	if err != nil {
		s.Log.Warn("the use of a session or personal token is not noted", "error", err)
	}
}
