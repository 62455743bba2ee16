package provision

import (
	"context"
	"time"

	"github.com/rollcall-id/rollcall/directory"
)

// SuspendAccount deactivates an account until LiftSuspension, whatever its IdP says. Errors: NotFound; Conflict for the last administrator who
// can sign in without an IdP.
func (s *Service) SuspendAccount(ctx context.Context, actor directory.Actor, name string) (directory.Account, error) {
	return s.changeActivity(ctx, actor, name, "account.suspend", func(a *directory.Account) { a.Suspended = true })
}

// LiftSuspension ends a suspension and opens an account that was closed when its identity was removed. The account stays
// deactivated while its IdP says that it is. Errors: NotFound.
func (s *Service) LiftSuspension(ctx context.Context, actor directory.Actor, name string) (directory.Account, error) {
	return s.changeActivity(ctx, actor, name, "account.activate", func(a *directory.Account) {
		a.Suspended = false
		a.Closed = time.Time{}
	})
}

// changeActivity changes what decides whether an account is active, and lets that follow.
func (s *Service) changeActivity(ctx context.Context, actor directory.Actor, name, action string, edit func(*directory.Account)) (directory.Account, error) {
	return s.changeAccount(ctx, actor, name, action, func(c *change, a *directory.Account, changes directory.Changes) error {
		before := *a
		edit(a)
		manager, err := c.manager(a.Row)
		if err != nil {
			return err
		}
		a.Settle(manager)
		return c.putAccount(&before, a, changes)
	})
}

// changeAccount is a change of what only administrators say of an account. One that notes nothing writes nothing.
func (s *Service) changeAccount(ctx context.Context, actor directory.Actor, name, action string, edit func(*change, *directory.Account, directory.Changes) error) (directory.Account, error) {
	var a directory.Account
	err := s.update(ctx, actor, func(c *change) error {
		if err := c.HoldAdministrators(); err != nil {
			return err
		}
		found, err := c.FindAccount(name)
		if err != nil {
			return err
		}
		if a, err = c.HoldAccount(found.Row); err != nil {
			return err
		}
		changes := directory.Changes{}
		if err := c.guarded(func() error { return edit(c, &a, changes) }); err != nil || len(changes) == 0 {
			return err
		}
		return c.event(action, string(a.ID), changes)
	})
	return a, err
}

// guarded runs fn, which an administrator asked for, and refuses it when it takes away the last administrator who can come in
// without an identity provider. The administrators must be held. Errors: Conflict.
func (c *change) guarded(fn func() error) error {
	before, err := c.BreakGlass()
	if err != nil {
		return err
	}
	if err := fn(); err != nil || before == 0 {
		return err
	}
	after, err := c.BreakGlass()
	if err == nil && after == 0 {
		err = directory.Errorf(directory.Conflict, "account",
			"this is the last administrator who can sign in without an identity provider: make another one first, by rollcall user create --system-admin")
	}
	return err
}

// manager returns the identity that manages an account, nil when none does.
func (c *change) manager(account directory.Row) (*directory.Identity, error) {
	identities, err := c.IdentitiesOf(account)
	if err != nil || len(identities) == 0 || !identities[0].Manages {
		return nil, err
	}
	return &identities[0], nil
}

// holdPerson holds the identities that are bound to an account, then the account, and returns all as they are now.
func (c *change) holdPerson(account directory.Row) (a directory.Account, identities []directory.Identity, err error) {
	if identities, err = c.IdentitiesOf(account); err != nil {
		return a, nil, err
	}
	for _, i := range identities {
		if _, err := c.HoldIdentity(i.Connection, i.ID); err != nil && !directory.Is(err, directory.NotFound) {
			return a, nil, err
		}
	}
	if a, err = c.HoldAccount(account); err != nil {
		return a, nil, err
	}
	identities, err = c.IdentitiesOf(account)
	return a, identities, err
}

// RemoveAccount removes an account with all that is its own, and its identities: nothing of the person remains but the events.
// With force it does so while an IdP still says that the person is active.
//
// Errors: NotFound; Conflict while an identity of the account is active, unless force, and for the last administrator who can sign in
// without an IdP.
func (s *Service) RemoveAccount(ctx context.Context, actor directory.Actor, name string, force bool) (directory.Account, error) {
	var a directory.Account
	err := s.update(ctx, actor, func(c *change) error {
		err := c.HoldAdministrators()
		if err != nil {
			return err
		}
		if a, err = c.FindAccount(name); err != nil {
			return err
		}
		identities, err := c.IdentitiesOf(a.Row)
		if err != nil {
			return err
		}
		for n := range identities {
			if err := c.holdWithGroups(&identities[n]); err != nil {
				return err
			}
		}
		for _, i := range identities {
			if i.Active && !force {
				return directory.Errorf(directory.Conflict, "account", "%s is still active in its identity provider: deactivate it there, or use --force", a.Username)
			}
		}
		for _, i := range identities {
			if err := c.removeIdentity(&i); err != nil {
				return err
			}
		}
		if err := c.guarded(func() error { return c.Tx.RemoveAccount(a.Row) }); err != nil {
			return err
		}
		return c.event("account.remove", string(a.ID), directory.Changes{"username": [2]any{a.Username, nil}})
	})
	return a, err
}
