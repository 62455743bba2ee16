package provision

import (
	"context"

	"github.com/rollcall-id/rollcall/directory"
)

// LocalUser is an account that no connection manages.
type LocalUser struct {
	Username string
	Email    string
	Hash     string // of the password; empty for none
	Admin    bool
}

// check refuses what cannot be an account. Errors: Invalid.
func (u *LocalUser) check() error {
	if u.Username == "" || directory.Username(u.Username) != u.Username {
		return directory.Errorf(directory.Invalid, "username", "%q is not a username: use up to %d of a-z, 0-9, . _ and -", u.Username, directory.MaxUsername)
	}
	if !directory.IsEmail(u.Email) {
		return directory.Errorf(directory.Invalid, "email", "%q is not an e-mail address", u.Email)
	}
	return nil
}

// CreateUser makes an account that no connection manages. Errors: Invalid; Conflict when username or e-mail is taken.
func (s *Service) CreateUser(ctx context.Context, actor directory.Actor, u LocalUser) (directory.Account, error) {
	var a directory.Account
	if err := u.check(); err != nil {
		return a, err
	}
	err := s.update(ctx, actor, func(c *change) (err error) {
		if err := c.HoldAdministrators(); err != nil {
			return err
		}
		a, err = c.addLocal(&u)
		return err
	})
	return a, err
}

// addLocal makes a local account and its event.
func (c *change) addLocal(u *LocalUser) (directory.Account, error) {
	a := directory.Account{
		ID: directory.NewID[directory.AccountID](c.Now()), Username: u.Username, Email: u.Email, Admin: u.Admin, Created: c.Now(), Modified: c.Now(),
	}
	a.Settle(nil)
	holder, err := c.EmailHolder(a.Email)
	if err != nil {
		return a, err
	}
	if holder != 0 {
		return a, directory.Errorf(directory.Conflict, "email", "another account has it")
	}
	if err := c.ReleaseUsername(a.Username, c.Now().Add(-directory.UsernameHold).UnixMilli()); err != nil {
		return a, err
	}
	if err := c.AddAccount(&a); err != nil {
		return a, err
	}
	if err := c.PutPassword(a.Row, u.Hash); err != nil {
		return a, err
	}
	return a, c.event("account.create", string(a.ID), directory.Changes{
		"username": [2]any{nil, a.Username}, "email": [2]any{nil, a.Email}, "admin": [2]any{nil, a.Admin},
	})
}

// SignUp makes a local account for a person who asks for one, in a public team, and signs it in. It returns what the browser holds
// from now on.
//
// Errors: Invalid; Forbidden for a team that is not public; Conflict when username or e-mail is taken.
func (s *Service) SignUp(ctx context.Context, actor directory.Actor, u LocalUser, team directory.TeamID, agent string) (secret string, err error) {
	if err := u.check(); err != nil {
		return "", err
	}
	if u.Admin || u.Hash == "" {
		return "", directory.Errorf(directory.Invalid, "password", "is missing")
	}
	secret = NewSecret("")
	err = s.update(ctx, actor, func(c *change) error {
		t, err := c.publicTeam(team)
		if err != nil {
			return err
		}
		a, err := c.addLocal(&u)
		if err != nil {
			return err
		}
		if err := c.AddByHand(a.Row, t.Row, directory.RoleMember); err != nil {
			return err
		}
		changes := directory.Changes{"team": [2]any{nil, t.Name}}
		if err := c.settle([]directory.Row{a.Row}, changes); err != nil {
			return err
		}
		return c.addSession(&directory.Session{Account: a.Row, Agent: agent}, secret, &a, changes)
	})
	return secret, err
}

// SetPassword gives an account another password, of which it gets the hash, and ends its sessions; an empty hash takes it away.
//
// Errors: NotFound; Conflict for an account that a connection manages, and when that shuts out the last administrator who can sign in
// without an IdP.
func (s *Service) SetPassword(ctx context.Context, actor directory.Actor, name, hash string) (directory.Account, error) {
	return s.changeAccount(ctx, actor, name, "account.password", func(c *change, a *directory.Account, changes directory.Changes) error {
		manager, err := c.manager(a.Row)
		if err != nil {
			return err
		}
		if manager != nil && hash != "" {
			return directory.Errorf(directory.Conflict, "account", "a connection manages %s: its people sign in there", a.Username)
		}
		changes["password"] = hash != ""
		if err := c.PutPassword(a.Row, hash); err != nil {
			return err
		}
		return c.shut(a.Row, changes)
	})
}

// SetAdmin makes an account a system administrator, or takes that away.
//
// Errors: NotFound; Conflict for the last administrator who can sign in without an IdP.
func (s *Service) SetAdmin(ctx context.Context, actor directory.Actor, name string, admin bool) (directory.Account, error) {
	return s.changeAccount(ctx, actor, name, "account.admin", func(c *change, a *directory.Account, changes directory.Changes) error {
		if a.Admin == admin {
			return nil
		}
		before := *a
		changes.Set("admin", a.Admin, admin)
		a.Admin = admin
		if err := c.RemoveAdoptions(a.Row); err != nil { // nobody takes over an administrator's account but by name
			return err
		}
		return c.putAccount(&before, a, changes)
	})
}
