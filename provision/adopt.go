package provision

import (
	"context"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

// Adoption is one account in a plan to let a connection adopt accounts.
type Adoption struct {
	Account directory.Account
	Key     string // what an identity of the connection must have to adopt it
	Bound   directory.IdentityID
	Problem string // why it cannot be adopted; empty when it can
}

// Match says by what a connection's identities recognise the accounts that they may adopt.
type Match string

const (
	MatchEmail      Match = "email"      // the account's e-mail is the identity's
	MatchUsername   Match = "username"   // the account's username is what the connection's template makes
	MatchUserName   Match = "userName"   // the identity of the connection left has the same userName
	MatchExternalID Match = "externalId" // the identity of the connection left has the same externalId
)

// Adopt lets a connection adopt every account that no connection manages: its next identity that matches is bound to the
// account and manages it. An identity that is there already and bound to nothing is bound at once. With dryRun it only says
// what it would do.
//
// Errors: NotFound for the connection; Invalid for a match other than email and username.
func (s *Service) Adopt(ctx context.Context, actor directory.Actor, connection string, match Match, dryRun bool) ([]Adoption, error) {
	if match != MatchEmail && match != MatchUsername {
		return nil, directory.Errorf(directory.Invalid, "match", "%q is not possible: use email or username", match)
	}
	return s.allow(ctx, actor, connection, match, dryRun, func(c *change, a *directory.Account, identities []directory.Identity) (string, bool) {
		if len(identities) > 0 && identities[0].Manages {
			return "", false
		}
		if match == MatchEmail {
			return directory.Key(a.Email), true
		}
		return directory.Key(a.Username), true
	})
}

// MigrateConnection lets the connection to adopt every account that from manages. The identities of from stay bound to their
// accounts and manage them until the connection to has pushed the person.
//
// Errors: NotFound for a connection; Invalid for a match other than externalId, userName and email.
func (s *Service) MigrateConnection(ctx context.Context, actor directory.Actor, from, to string, match Match, dryRun bool) ([]Adoption, error) {
	if match != MatchEmail && match != MatchUserName && match != MatchExternalID {
		return nil, directory.Errorf(directory.Invalid, "match", "%q is not possible: use externalId, userName or email", match)
	}
	var left directory.Connection
	if err := s.DB.View(ctx, func(tx *store.Tx) (err error) { left, err = tx.Connection(from); return err }); err != nil {
		return nil, err
	}
	return s.allow(ctx, actor, to, match, dryRun, func(c *change, a *directory.Account, identities []directory.Identity) (string, bool) {
		if len(identities) == 0 || !identities[0].Manages || identities[0].Connection != left.Row {
			return "", false
		}
		switch i := identities[0]; match {
		case MatchExternalID:
			return i.ExternalID, true
		case MatchUserName:
			return directory.Key(i.UserName), true
		}
		return directory.Key(a.Email), true
	})
}

// allow walks all accounts and lets the connection adopt those that choose returns a key for.
func (s *Service) allow(ctx context.Context, actor directory.Actor, connection string, match Match, dryRun bool,
	choose func(*change, *directory.Account, []directory.Identity) (key string, ok bool),
) (plan []Adoption, err error) {
	var after directory.Row
	for {
		var page []Adoption
		last := after
		piece := func(c *change) error {
			page, last = nil, after
			conn, err := c.Connection(connection)
			if err != nil {
				return err
			}
			accounts, err := c.Accounts(after, 100)
			if err != nil {
				return err
			}
			for _, a := range accounts {
				last = a.Row
				identities, err := c.IdentitiesOf(a.Row)
				if err != nil {
					return err
				}
				key, ok := choose(c, &a, identities)
				if !ok {
					continue
				}
				adoption, err := c.allowOne(&conn, a, match, key, dryRun)
				if err != nil {
					return err
				}
				page = append(page, adoption)
			}
			return nil
		}
		if dryRun {
			err = s.DB.View(ctx, func(tx *store.Tx) error { return piece(&change{Tx: tx, s: s, actor: actor}) })
		} else {
			err = s.update(ctx, actor, piece)
		}
		if err != nil || last == after {
			return plan, err
		}
		plan, after = append(plan, page...), last
	}
}

func (c *change) allowOne(conn *directory.Connection, a directory.Account, match Match, key string, dryRun bool) (Adoption, error) {
	adoption := Adoption{Account: a, Key: key}
	if key == "" {
		adoption.Problem = "has no " + string(match)
		return adoption, nil
	}
	i, found, err := c.unbound(conn, match, key)
	if err != nil {
		return adoption, err
	}
	if found {
		adoption.Bound = i.ID
	}
	if dryRun {
		return adoption, nil
	}
	if found {
		return adoption, c.bind(i, a.Row, "identity.adopt", directory.Changes{})
	}
	added, err := c.AddAdoption(conn.Row, a.Row, string(match), key)
	if err != nil || !added {
		return adoption, err
	}
	return adoption, c.event("account.adoptable", string(a.ID), directory.Changes{"connection": conn.Name, "match": string(match)})
}

// unbound returns the identity of the connection that has the key and is bound to nothing.
func (c *change) unbound(conn *directory.Connection, match Match, key string) (*directory.Identity, bool, error) {
	all, err := c.UnboundIdentities(conn.Row)
	if err != nil {
		return nil, false, err
	}
	for _, i := range all {
		has := map[Match]string{
			MatchEmail: directory.Key(wantedEmail(&i)), MatchUsername: directory.Key(conn.ExpandUsername(&i)),
			MatchUserName: directory.Key(i.UserName), MatchExternalID: i.ExternalID,
		}
		if has[match] == key {
			return &i, true, nil
		}
	}
	return nil, false, nil
}

// BindIdentity binds an identity that is bound to nothing to the account of that id, username or e-mail. It manages the account
// if no other does.
//
// Errors: NotFound; Conflict when the identity is bound.
func (s *Service) BindIdentity(ctx context.Context, actor directory.Actor, id directory.IdentityID, account string) error {
	return s.changeBinding(ctx, actor, id, func(c *change, i *directory.Identity) error {
		if i.Account != 0 {
			return directory.Errorf(directory.Conflict, "identity", "it is bound to an account: use rebind")
		}
		a, err := c.FindAccount(account)
		if err != nil {
			return err
		}
		return c.bind(i, a.Row, "identity.bind", directory.Changes{})
	})
}

// RebindIdentity moves an identity to another account. The account that it managed is closed and its e-mail free.
//
// Errors: NotFound; Conflict when the identity is bound to that account already.
func (s *Service) RebindIdentity(ctx context.Context, actor directory.Actor, id directory.IdentityID, account string) error {
	return s.changeBinding(ctx, actor, id, func(c *change, i *directory.Identity) error {
		a, err := c.FindAccount(account)
		if err != nil {
			return err
		}
		if i.Account == a.Row {
			return directory.Errorf(directory.Conflict, "identity", "it is bound to %s already", a.Username)
		}
		changes := directory.Changes{}
		if i.Account != 0 {
			old := *i
			i.Account, i.Manages = 0, false
			i.Version++
			if err := c.PutIdentity(i); err != nil {
				return err
			}
			if err := c.leaveAccount(&old, changes); err != nil {
				return err
			}
		}
		return c.bind(i, a.Row, "identity.rebind", changes)
	})
}

// UnbindIdentity parts an identity from its account, which stays as it is and is managed by nobody.
//
// Errors: NotFound; Conflict when the identity is bound to nothing.
func (s *Service) UnbindIdentity(ctx context.Context, actor directory.Actor, id directory.IdentityID) error {
	return s.changeBinding(ctx, actor, id, func(c *change, i *directory.Identity) error {
		if i.Account == 0 {
			return directory.Errorf(directory.Conflict, "identity", "it is bound to no account")
		}
		before, err := c.HoldAccount(i.Account)
		if err != nil {
			return err
		}
		managed := i.Manages
		i.Account, i.Manages = 0, false
		i.Version++
		if err := c.PutIdentity(i); err != nil {
			return err
		}
		a := before
		if managed && !a.Active { // the IdP had deactivated it: it stays so
			a.Suspended = true
		}
		changes := directory.Changes{"account": [2]any{string(a.ID), nil}}
		if err := c.putAccount(&before, &a, changes); err != nil {
			return err
		}
		if err := c.settle([]directory.Row{a.Row}, changes); err != nil {
			return err
		}
		return c.event("identity.unbind", string(i.ID), changes)
	})
}

func (s *Service) changeBinding(ctx context.Context, actor directory.Actor, id directory.IdentityID, fn func(*change, *directory.Identity) error) error {
	return s.update(ctx, actor, func(c *change) error {
		i, err := c.IdentityByID(id)
		if err != nil {
			return err
		}
		if _, _, err := c.HoldIdentity(i.Connection, id); err != nil {
			return err
		}
		if i, err = c.IdentityByID(id); err != nil {
			return err
		}
		return fn(c, &i)
	})
}

// bind binds an unbound identity to an account and lets it manage the account unless another does.
func (c *change) bind(i *directory.Identity, account directory.Row, action string, changes directory.Changes) error {
	manager, err := c.manager(account)
	if err != nil {
		return err
	}
	i.Account, i.Manages = account, manager == nil
	i.Version++
	if err := c.PutIdentity(i); err != nil {
		return err
	}
	changes["manages"] = i.Manages
	if i.Manages {
		if err := c.project(nil, i, changes); err != nil {
			return err
		}
		if err := c.RemoveAdoptions(account); err != nil {
			return err
		}
	}
	if err := c.settle([]directory.Row{account}, changes); err != nil {
		return err
	}
	return c.event(action, string(i.ID), changes)
}

// ResolveConflict ends a conflict. With adopt the claimant may have what it claims: the connection's next push of that person is
// bound to the account. Without, the conflict is forgotten until it happens again.
//
// Errors: NotFound; Invalid when adopt is set and the conflict is not about an account's e-mail or userName.
func (s *Service) ResolveConflict(ctx context.Context, actor directory.Actor, id directory.ConflictID, adopt bool) error {
	return s.update(ctx, actor, func(c *change) error {
		all, err := c.Conflicts()
		if err != nil {
			return err
		}
		for _, k := range all {
			if k.ID != id {
				continue
			}
			if adopt && (k.Field != "email" || k.Account == 0) {
				return directory.Errorf(directory.Invalid, "conflict", "only a claim on the e-mail of an account can be granted: remove or rename the other User, or dismiss the conflict")
			}
			if adopt {
				if _, err := c.AddAdoption(k.Connection, k.Account, string(MatchEmail), directory.Key(k.Value)); err != nil {
					return err
				}
			}
			if err := c.RemoveConflict(id); err != nil {
				return err
			}
			return c.event("conflict.resolve", string(id), directory.Changes{"adopt": adopt, "field": k.Field, "value": k.Value})
		}
		return directory.Errorf(directory.NotFound, "", "there is no conflict %s", id)
	})
}
