package provision

import (
	"context"
	"slices"
	"time"

	"github.com/rollcall-id/rollcall/directory"
)

// shut ends everything by which a person of an account is signed in.
func (c *change) shut(account directory.Row, changes directory.Changes) error {
	n, err := c.RemoveSessionsOf(account)
	if err != nil {
		return err
	}
	changes.Count("sessions_ended", n)
	n, err = c.RemovePersonalTokensOf(account)
	changes.Count("tokens_ended", n)
	return err
}

// evict ends everything by which people came into an account that nobody managed so far: who made it, with the e-mail of another
// perhaps, need not be the person whom the connection means.
func (c *change) evict(account directory.Row, changes directory.Changes) error {
	if err := c.PutPassword(account, ""); err != nil {
		return err
	}
	return c.shut(account, changes)
}

// endSessionsBy ends the sessions into which an identity led.
func (c *change) endSessionsBy(i *directory.Identity, changes directory.Changes) error {
	n, err := c.RemoveSessionsBy(i.Row)
	changes.Count("sessions_ended", n)
	return err
}

// OpenSession signs in the person of an account whom a password proved, and returns what the browser holds from now on. proved is the
// hash that the password was held against, and rehashed a better one of the same password, or empty.
//
// Errors: *directory.Denial for an account that is not active, that a connection manages, or that has another password by now.
func (s *Service) OpenSession(ctx context.Context, actor directory.Actor, account directory.Row, proved, rehashed, agent string) (secret string, err error) {
	secret = NewSecret("")
	err = s.update(ctx, actor, func(c *change) error {
		a, err := c.HoldAccount(account)
		if err != nil {
			return err
		}
		manager, err := c.manager(account)
		if err != nil {
			return err
		}
		hash, err := c.Password(account)
		switch {
		case err != nil:
			return err
		case !a.Active:
			return &directory.Denial{Code: directory.Deactivated, Detail: "the password is right, and the account is deactivated"}
		case manager != nil:
			return &directory.Denial{Code: directory.Managed, Detail: "a connection manages the account: its people sign in there"}
		case hash != proved: // or a new password would not shut out who has the old one, and be overwritten
			return &directory.Denial{Code: directory.WrongPassword, Detail: "the password was changed in the same moment"}
		}
		if rehashed != "" {
			if err := c.PutPassword(account, rehashed); err != nil {
				return err
			}
		}
		return c.addSession(&directory.Session{Account: account, Agent: agent}, secret, &a, directory.Changes{})
	})
	return secret, err
}

// EndSession signs an account out of one of its browsers, and returns the session that it was; account is zero where it may be
// anybody's. Errors: NotFound, also for a session of another account.
func (s *Service) EndSession(ctx context.Context, actor directory.Actor, account directory.Row, id directory.SessionID) (directory.Session, error) {
	var gone directory.Session
	err := s.update(ctx, actor, func(c *change) (err error) {
		if gone, err = c.SessionByID(id); err != nil {
			return err
		}
		if account != 0 && gone.Account != account {
			return directory.Errorf(directory.NotFound, "", "there is no session %s", id)
		}
		return c.endSessions(gone.Account, gone)
	})
	return gone, err
}

// endSessions ends sessions of an account, with one event.
func (c *change) endSessions(account directory.Row, sessions ...directory.Session) error {
	a, err := c.HoldAccount(account)
	if err != nil {
		return err
	}
	changes := directory.Changes{}
	for _, s := range sessions {
		n, err := c.RemoveSessions(s.Row)
		if err != nil {
			return err
		}
		if n > 0 {
			changes.Add("sessions", string(s.ID))
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return c.event("session.end", string(a.ID), changes)
}

// EndSessions signs an account out of all its browsers but the one given, empty for none. Errors: NotFound.
func (s *Service) EndSessions(ctx context.Context, actor directory.Actor, account directory.Row, but directory.SessionID) (n int, err error) {
	err = s.update(ctx, actor, func(c *change) error {
		all, err := c.Sessions(account, 0, maxSessions)
		if err != nil {
			return err
		}
		var ended []directory.Session
		for _, one := range all {
			if one.ID != but {
				ended = append(ended, one)
			}
		}
		n = len(ended)
		return c.endSessions(account, ended...)
	})
	return n, err
}

const maxSessions = 10_000

// EndNamedSessions ends the sessions in which the identity provider of the actor's connection calls the person so, as it asks by
// the message of that id, which counts once; with indexes only those. It returns how many it ended.
//
// Errors: Conflict for a message that was used before.
func (s *Service) EndNamedSessions(ctx context.Context, actor directory.Actor, message string, expires time.Time, name directory.LogoutName, indexes []string) (n int, err error) {
	err = s.update(ctx, actor, func(c *change) error {
		n = 0
		isNew, err := c.See(actor.Connection, message, expires)
		if err != nil {
			return err
		}
		if !isNew {
			return errReplay
		}
		found, err := c.NamedSessions(actor.Connection, name.Value)
		if err != nil {
			return err
		}
		for _, one := range found {
			if !sameName(one.Name, name) || len(indexes) > 0 && !slices.Contains(indexes, one.Name.Index) {
				continue
			}
			if err := c.endSessions(one.Account, one); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// sameName compares two names but for their index. A qualifier that is left out is any.
func sameName(a, b directory.LogoutName) bool {
	same := func(x, y string) bool { return x == y || x == "" || y == "" }
	return a.Value == b.Value && same(a.Format, b.Format) && same(a.Qualifier, b.Qualifier) && same(a.SPQualifier, b.SPQualifier)
}

// TouchSession notes that a session is used now. One that is gone is none the worse.
func (s *Service) TouchSession(ctx context.Context, row directory.Row) error {
	return s.update(ctx, directory.Actor{}, func(c *change) error { return c.Tx.TouchSession(row) })
}

// TouchPersonalToken notes that a personal token is used now.
func (s *Service) TouchPersonalToken(ctx context.Context, row directory.Row) error {
	return s.update(ctx, directory.Actor{}, func(c *change) error { return c.Tx.TouchPersonalToken(row) })
}

const (
	maxPersonalTokens = 100
	maxDescription    = 100
)

// CreatePersonalToken makes a token of an account and returns it with the secret, which is kept nowhere and shown once. by is the
// session that asks, empty for none: a token must not outlive what ended it in the same moment.
//
// Errors: Invalid for a description that is no name; Limit; NotFound for a session that is gone; *directory.Denial for an account that
// is not active.
func (s *Service) CreatePersonalToken(ctx context.Context, actor directory.Actor, account directory.Row, by directory.SessionID, description string) (directory.PersonalToken, string, error) {
	var t directory.PersonalToken
	secret := NewSecret("rcp_")
	if err := directory.CheckName("description", description); err != nil {
		return t, "", err
	}
	if len(description) > maxDescription {
		return t, "", directory.Errorf(directory.Invalid, "description", "has more than %d bytes", maxDescription)
	}
	err := s.update(ctx, actor, func(c *change) error {
		a, err := c.HoldAccount(account)
		if err != nil {
			return err
		}
		if !a.Active {
			return &directory.Denial{Code: directory.Deactivated, Detail: "the account is deactivated"}
		}
		if by != "" {
			if _, err := c.SessionByID(by); err != nil {
				return err
			}
		}
		have, err := c.PersonalTokens(account)
		if err != nil {
			return err
		}
		if len(have) >= maxPersonalTokens {
			return directory.Errorf(directory.Limit, "", "there are %d tokens: revoke one first", maxPersonalTokens)
		}
		t = directory.PersonalToken{
			ID: directory.NewID[directory.TokenID](c.Now()), Hash: HashToken(secret), Account: account, Description: description, Created: c.Now(),
		}
		if err := c.AddPersonalToken(&t); err != nil {
			return err
		}
		return c.event("personal_token.create", string(a.ID), directory.Changes{"token": string(t.ID), "description": description})
	})
	return t, secret, err
}

// RevokePersonalToken ends a token of an account. Errors: NotFound.
func (s *Service) RevokePersonalToken(ctx context.Context, actor directory.Actor, account directory.Row, id directory.TokenID) error {
	return s.update(ctx, actor, func(c *change) error {
		a, err := c.HoldAccount(account)
		if err != nil {
			return err
		}
		if err := c.RemovePersonalToken(account, id); err != nil {
			return err
		}
		return c.event("personal_token.revoke", string(a.ID), directory.Changes{"token": string(id)})
	})
}

// sweptAtOnce is how many of each kind of what has expired go in one transaction.
const sweptAtOnce = 500

// sweep removes what has expired.
func (s *Service) sweep(ctx context.Context) error {
	for more := true; more; {
		err := s.update(ctx, directory.Actor{Name: "rollcall"}, func(c *change) (err error) {
			more, err = c.Sweep(sweptAtOnce)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
