package provision

import (
	"cmp"
	"context"
	"errors"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

// Edit changes an identity. It may run twice, so it touches nothing but its argument, of which it sets UserName, ExternalID,
// Active, Profile, Document and Search.
type Edit func(*directory.Identity) error

// CreateIdentity makes an identity and its account. Where an inactive identity of the connection is the same person it is
// re-activated instead: the one with the same externalId or, when neither has one, with the same userName. One that a login made is
// completed, by its externalId.
//
// Errors: what edit returns; Invalid; Conflict when userName, externalId or e-mail is taken, of which the cases that an
// administrator has to decide are recorded.
func (s *Service) CreateIdentity(ctx context.Context, actor directory.Actor, edit Edit) (directory.Identity, error) {
	now := s.DB.Now()
	fresh := directory.Identity{
		ID: directory.NewID[directory.IdentityID](now), Connection: actor.Connection, Version: 1, Active: true, Created: now, Modified: now,
	}
	if err := editAndCheck(&fresh, edit); err != nil {
		return fresh, err
	}
	var made directory.Identity
	err := s.update(ctx, actor, func(c *change) error {
		claimants, err := c.Claimants(actor.Connection, fresh.ExternalID, fresh.UserName)
		if err != nil {
			return err
		}
		if len(claimants) == 0 {
			made = fresh
			err := c.apply(nil, &made, nil)
			if _, disputed := errors.AsType[*dispute](err); !disputed {
				return err
			}
			// Who has the e-mail may be this very identity, made by the same request a moment ago.
			again, err2 := c.Claimants(actor.Connection, fresh.ExternalID, fresh.UserName)
			if err2 != nil || len(again) == 0 {
				return cmp.Or(err2, err)
			}
			claimants = again
		}
		before, err := c.samePerson(claimants, &fresh)
		if err != nil {
			return err
		}
		if err := c.holdWithGroups(&before); err != nil {
			return err
		}
		if before, err = c.samePerson([]directory.Identity{before}, &fresh); err != nil { // as it is now
			return err
		}
		made = before
		made.UserName, made.ExternalID, made.Active = fresh.UserName, fresh.ExternalID, fresh.Active
		made.Profile, made.Document, made.Search = fresh.Profile, fresh.Document, fresh.Search
		made.ByLogin = false
		return c.apply(&before, &made, nil)
	})
	return made, err
}

// samePerson returns the identity that a new one is, inactive or made by a login, or the Conflict.
func (c *change) samePerson(claimants []directory.Identity, fresh *directory.Identity) (directory.Identity, error) {
	for _, i := range claimants {
		if i.ExternalID == fresh.ExternalID && (!i.Active || i.ByLogin) && (i.ExternalID != "" || len(claimants) == 1) {
			return i, nil
		}
	}
	for _, i := range claimants {
		if i.ExternalID == fresh.ExternalID && i.ExternalID != "" {
			return i, directory.Errorf(directory.Conflict, "externalId", "there is a User with this externalId already")
		}
	}
	holder := claimants[0]
	if holder.Active && (holder.ExternalID == "" || fresh.ExternalID == "") {
		return holder, directory.Errorf(directory.Conflict, "userName", "another User has it")
	}
	return holder, &dispute{directory.OpenConflict{
		Connection: fresh.Connection, Field: "userName", Value: fresh.UserName, ExternalID: fresh.ExternalID, Account: holder.Account,
		Detail: "another User of the connection has this userName under another externalId",
	}}
}

// UpdateIdentity changes an identity. ifMatch is the version that the caller has seen, or zero for any. An edit that changes
// nothing writes nothing.
//
// Errors: what edit returns; NotFound; Stale; Invalid; Conflict when the new userName or externalId is taken.
func (s *Service) UpdateIdentity(ctx context.Context, actor directory.Actor, id directory.IdentityID, ifMatch int64, edit Edit) (directory.Identity, error) {
	var before, after directory.Identity
	read := func(tx *store.Tx) (err error) {
		before, err = tx.Identity(actor.Connection, id)
		after = before
		return err
	}
	if err := s.DB.ViewOne(ctx, read); err != nil {
		return before, err
	}
	if err := editAndCheck(&after, edit); err != nil {
		return before, err
	}
	if ifMatch != 0 && ifMatch != before.Version {
		return before, stale(before.Version)
	}
	if after.SameContent(&before) {
		return before, nil
	}
	after.ByLogin = false
	differ, err := directory.Diff(before.Document, after.Document) // here, and not while others wait
	if err != nil {
		return before, err
	}
	err = s.update(ctx, actor, func(c *change) error {
		if after.Active && !before.Active {
			if err := c.holdGroupsOf(before.Row); err != nil {
				return err
			}
		}
		version, err := c.HoldIdentity(actor.Connection, id)
		if err != nil {
			return err
		}
		if ifMatch != 0 && ifMatch != version {
			return stale(version)
		}
		if version != before.Version {
			if err := read(c.Tx); err != nil {
				return err
			}
			if err := editAndCheck(&after, edit); err != nil {
				return err
			}
			after.ByLogin = false
			differ = nil
		}
		stored := after
		if err := c.apply(&before, &stored, differ); err != nil {
			return err
		}
		after = stored
		return nil
	})
	return after, err
}

func editAndCheck(i *directory.Identity, edit Edit) error {
	if err := edit(i); err != nil {
		return err
	}
	return i.Validate()
}

func stale(version int64) error {
	return directory.Errorf(directory.Stale, "version", "the resource has changed; its version is now %d", version)
}

// RemoveIdentity removes an identity. The account that it managed is closed, its e-mail is free at once, its username after
// directory.UsernameHold.
//
// Errors: NotFound; Stale.
func (s *Service) RemoveIdentity(ctx context.Context, actor directory.Actor, id directory.IdentityID, ifMatch int64) error {
	return s.update(ctx, actor, func(c *change) error {
		i, err := c.Identity(actor.Connection, id)
		if err != nil {
			return err
		}
		if err := c.holdWithGroups(&i); err != nil {
			return err
		}
		if ifMatch != 0 && ifMatch != i.Version {
			return stale(i.Version)
		}
		return c.removeIdentity(&i)
	})
}

// holdGroupsOf holds the groups that an identity is in. They come before the identity.
func (c *change) holdGroupsOf(identity directory.Row) error {
	groups, err := c.GroupsWith(identity)
	if err != nil || len(groups) == 0 {
		return err
	}
	return c.HoldGroups(groups)
}

// holdWithGroups holds the groups that an identity is in, then the identity, and reads it again.
func (c *change) holdWithGroups(i *directory.Identity) error {
	if err := c.holdGroupsOf(i.Row); err != nil {
		return err
	}
	if _, err := c.HoldIdentity(i.Connection, i.ID); err != nil {
		return err
	}
	now, err := c.Identity(i.Connection, i.ID)
	*i = now
	return err
}

func (c *change) removeIdentity(i *directory.Identity) error {
	changes := directory.Changes{"userName": [2]any{i.UserName, nil}, "externalId": [2]any{i.ExternalID, nil}}
	if _, err := c.DropMemberEverywhere(i.Row); err != nil {
		return err
	}
	if err := c.Tx.RemoveIdentity(i); err != nil {
		return err
	}
	if i.Account != 0 {
		if _, err := c.leaveAccount(i, changes); err != nil {
			return err
		}
	}
	return c.event("identity.remove", string(i.ID), changes)
}

// leaveAccount closes the account that i managed, after i is gone or bound elsewhere, settles its memberships and
// returns it.
func (c *change) leaveAccount(i *directory.Identity, changes directory.Changes) (directory.Account, error) {
	a, err := c.HoldAccount(i.Account)
	if err != nil {
		return a, err
	}
	if i.Manages {
		before := a
		a.Closed, a.Email = c.Now(), directory.Unmailable(a.ID)
		a.Settle(nil)
		if err := c.putAccount(&before, &a, changes); err != nil {
			return a, err
		}
	}
	return a, c.settle([]directory.Row{a.Row}, changes)
}
